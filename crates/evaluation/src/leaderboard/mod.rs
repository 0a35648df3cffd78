//! A drive judged as CARLA's leaderboard judges it.
//!
//! [`Judge`] is given what the world was at each tick ([`Observation`]) and finds the infractions by the rules of the
//! criteria in `scenario_runner` (0.9.16, `srunner/scenariomanager/scenarioatomics/atomic_criteria.py`) that
//! `leaderboard/scenarios/route_scenario.py` puts together. [`Version::score`] turns them into a driving score by the
//! formulas of `leaderboard/utils/statistics_manager.py` in each of its three releases, [`Version::sum`] many routes into
//! one record. Everything here is in CARLA's frame: x forward, y to the right, z up, m and degrees.
//!
//! Two criteria of the leaderboard belong to its scenarios (yielding to emergency vehicles, scenario time-outs): they are
//! counted where somebody reports them, and the judge itself never does.

mod collision;
mod infraction;
mod judge;
mod lanes;
mod observation;
mod pace;
mod page;
mod progress;
mod red_light;
mod route;
mod score;
mod stop_sign;
mod sum;

pub use infraction::{Infraction, InfractionKind};
pub use judge::{End, Judge, RouteOutcome};
pub use observation::{Actor, Collision, EgoLane, Light, LightState, NearLane, Observation, Place, StopSign, World};
pub use page::section;
pub use route::{RoutePoint, ScoredRoute, TooShort};
pub use score::{RouteScore, Version};
pub use sum::Sum;
