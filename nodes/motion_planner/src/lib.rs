//! `motion_planner`: predicted road users, route and signals in, a drivable trajectory out.
//!
//! Proposals (lateral offsets, lane changes, speeds, stops) are simulated forward against the predicted futures and
//! scored; the best one is driven. A network may propose more, which go through the same scoring. After Dauner et al. 2023, "Parting with Misconceptions about Learning-based
//! Vehicle Motion Planning".

mod corridor;
mod departures;
pub mod features;
mod forward_simulation;
mod laid;
mod learner;
mod light_view;
mod message;
mod network;
mod node;
mod parameters;
mod planner;
mod proposal;
mod proposal_path;
mod reference_path;
mod right_of_way;
mod road_user;
mod scoring;
mod track;
mod traffic_rules;
mod trial;

pub use network::{MODES, Network, OnnxNetwork, STEP_S, STEPS};
pub use node::MotionPlanner;
pub use parameters::Parameters;
