//! Maps as a lane graph: OpenDRIVE read into lanes with topology, right of way, signals and routing.

mod index;
mod lane_graph;

pub use lane_graph::*;
