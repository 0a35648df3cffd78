//! Maps as a lane graph: OpenDRIVE and Lanelet2 read into lanes with topology, right of way, signals and routing.

mod conflicts;
mod error;
mod geo;
mod index;
mod lane_graph;
mod lanelet2;
mod opendrive;
mod query;
mod routing;

pub use error::MapError;
pub use geo::LocalProjection;
pub use lane_graph::*;
pub use lanelet2::Lanelet2Options;
pub use query::LanePosition;
pub use routing::{LaneChange, Route, RouteOptions, RouteSegment};
