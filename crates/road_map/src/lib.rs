//! Maps as a lane graph: OpenDRIVE read into lanes with topology, right of way, signals and routing.

mod index;
mod lane_graph;
mod parts;

pub use lane_graph::*;
