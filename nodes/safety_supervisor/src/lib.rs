//! `safety_supervisor`: the last hand on the wheel. Every command passes through it at 50 Hz, whatever else arrives.
//!
//! Commands are cut to the limits of the car. Stale or missing input, a dead node, a node in error or a collision
//! course bring a controlled stop: the steering follows the last trajectory, the brakes ramp up within the jerk limit.
//! The reason stands in the status, hence in `/diagnostics`.

pub mod collision;
mod limits;
mod node;
mod parameters;

pub use node::SafetySupervisor;
pub use parameters::Parameters;
