//! `motion_planner`: predicted road users, route and signals in, a drivable trajectory out.
//!
//! Proposals (lateral offsets, lane changes, speeds, stops) are simulated forward against the predicted futures and
//! scored; the best one is driven. After Dauner et al. 2023, "Parting with Misconceptions about Learning-based
//! Vehicle Motion Planning".

mod corridor;
mod departures;
mod forward_simulation;
mod light_view;
mod message;
mod node;
mod parameters;
mod planner;
mod proposal;
mod proposal_path;
mod reference_path;
mod right_of_way;
mod road_user;
mod scoring;
mod traffic_rules;

pub use node::MotionPlanner;
pub use parameters::Parameters;
