//! The client's side of a drive in CARLA: a server's world, the ego and traffic in it, time, routes and the score.
//!
//! CARLA's client library is Python: a worker (`carla/worker.py`) does what is asked of it, one JSON line at a time, and
//! everything is decided here. Poses on this side are in CARLA's frame (y to the right, degrees) until they go to the
//! graph, which has REP-103's.

mod commands;
mod judged;
mod operator;
mod place;
mod plan;
mod protocol;
mod results;
mod route_drive;
mod routes;
mod state;
pub mod up;
mod worker;

pub use place::Start;
pub use routes::{RouteEntry, RouteFile, RouteFileError, Scenario};
pub use state::State;
pub use worker::{Worker, WorkerError};
