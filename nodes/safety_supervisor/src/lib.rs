//! `safety_supervisor`: the last hand on the wheel. Every command passes through it at 50 Hz, whatever else arrives.
//!
//! Commands are cut to the limits of the car. Stale, missing or refused input, a dead node or one in error bring a
//! controlled stop, a collision course an emergency stop: the steering follows the last good trajectory and goes
//! straight on beyond its end, the brakes ramp up within the jerk limit. The reason stands in the status, hence in
//! `/diagnostics`. While no odometry comes the place is reckoned by wheels and steering: the stop keeps to its path by it,
//! and `~/output/reckoned_pose` tells it to a localizer that comes back with the car standing. Until all input is there for the first time the car stands and waits.

pub mod collision;
mod inputs;
mod limits;
mod node;
mod parameters;
mod reckoning;
mod stopping;

pub use node::SafetySupervisor;
pub use parameters::Parameters;
