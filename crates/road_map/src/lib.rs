//! Maps as a lane graph: OpenDRIVE read into lanes with topology, right of way, signals and routing.

mod conflicts;
mod error;
mod geo;
mod index;
mod lane_graph;
mod opendrive;
mod query;
mod routing;

pub use error::MapError;
pub use geo::LocalProjection;
pub use lane_graph::*;
pub use query::LanePosition;
pub use routing::{LaneChange, Route, RouteOptions, RouteSegment};
