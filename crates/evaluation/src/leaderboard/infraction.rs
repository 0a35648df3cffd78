//! What a drive is marked down for.

use serde::{Deserialize, Serialize};

/// Kinds, named as in the leaderboard's result files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InfractionKind {
    /// Touched something that is part of the town.
    CollisionsLayout,
    /// Touched a pedestrian.
    CollisionsPedestrian,
    /// Touched a vehicle.
    CollisionsVehicle,
    /// Crossed a stop line at red.
    RedLight,
    /// Passed a stop sign without a stop.
    StopInfraction,
    /// Drove beside the route's lanes.
    OutsideRouteLanes,
    /// Was slower than the traffic.
    MinSpeedInfractions,
    /// Stood in an emergency vehicle's way; only scenarios report it.
    YieldEmergencyVehicleInfractions,
    /// Did not get through a scenario; only scenarios report it.
    ScenarioTimeouts,
    /// Left the route; ends it.
    RouteDev,
    /// Stood for too long; ends the route.
    VehicleBlocked,
    /// Took too long; ends the route.
    RouteTimeout,
}

impl InfractionKind {
    /// All, in the order of the leaderboard's result files.
    pub const ALL: [Self; 12] = [
        Self::CollisionsLayout,
        Self::CollisionsPedestrian,
        Self::CollisionsVehicle,
        Self::RedLight,
        Self::StopInfraction,
        Self::OutsideRouteLanes,
        Self::MinSpeedInfractions,
        Self::YieldEmergencyVehicleInfractions,
        Self::ScenarioTimeouts,
        Self::RouteDev,
        Self::VehicleBlocked,
        Self::RouteTimeout,
    ];

    /// The key in result files.
    pub fn name(self) -> &'static str {
        match self {
            Self::CollisionsLayout => "collisions_layout",
            Self::CollisionsPedestrian => "collisions_pedestrian",
            Self::CollisionsVehicle => "collisions_vehicle",
            Self::RedLight => "red_light",
            Self::StopInfraction => "stop_infraction",
            Self::OutsideRouteLanes => "outside_route_lanes",
            Self::MinSpeedInfractions => "min_speed_infractions",
            Self::YieldEmergencyVehicleInfractions => "yield_emergency_vehicle_infractions",
            Self::ScenarioTimeouts => "scenario_timeouts",
            Self::RouteDev => "route_dev",
            Self::VehicleBlocked => "vehicle_blocked",
            Self::RouteTimeout => "route_timeout",
        }
    }
}

/// One infraction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Infraction {
    /// What it is.
    pub kind: InfractionKind,
    /// Simulated time, s.
    pub time_s: f64,
    /// Of the driven route outside its lanes, or of the traffic's speed, %; absent where the kind has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentage: Option<f64>,
    /// Driven outside the route's lanes, m; absent where the kind has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_m: Option<f64>,
    /// In words.
    pub message: String,
}

impl Infraction {
    /// One that has neither percentage nor distance.
    pub fn new(kind: InfractionKind, time_s: f64, message: String) -> Self {
        Self { kind, time_s, percentage: None, distance_m: None, message }
    }
}
