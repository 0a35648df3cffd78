//! From infractions to a driving score.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::infraction::{Infraction, InfractionKind};
use super::judge::{End, RouteOutcome};
use super::sum::total_of;

/// Releases of the leaderboard, each with a formula of its own (branches `leaderboard-1.0`, `-2.0` and `-2.1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Version {
    /// Factors multiply; nothing is asked of the speed.
    #[serde(rename = "1.0")]
    V1_0,
    /// Factors multiply, those of 1.0 and more.
    #[serde(rename = "2.0")]
    V2_0,
    /// `1 / (1 + sum of coefficients)`.
    #[default]
    #[serde(rename = "2.1")]
    V2_1,
}

impl Version {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::V1_0, Self::V2_0, Self::V2_1];
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_0 => "1.0",
            Self::V2_0 => "2.0",
            Self::V2_1 => "2.1",
        })
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|version| version.to_string() == text)
            .ok_or_else(|| format!("expected a release of CARLA's leaderboard (1.0, 2.0 or 2.1), got `{text}`"))
    }
}

/// A route's score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteScore {
    /// Name of the route.
    pub route_id: String,
    /// `Perfect`, `Completed`, or `Failed` with a reason.
    pub status: String,
    /// Share driven, 0..=100 %.
    pub score_route: f64,
    /// 0..=1.
    pub score_penalty: f64,
    /// Their product: the driving score, 0..=100.
    pub score_composed: f64,
    /// Length, m.
    pub route_length_m: f64,
    /// Simulated time, s.
    pub duration_game_s: f64,
    /// Wall time, s.
    pub duration_system_s: f64,
    /// How many infractions there are.
    pub num_infractions: usize,
    /// Messages by kind; every kind of the release is there.
    pub infractions: BTreeMap<String, Vec<String>>,
    /// Driven outside the route's lanes, m.
    pub outside_route_lanes_m: f64,
}

impl Version {
    /// Whether this release knows the kind.
    pub fn knows(self, kind: InfractionKind) -> bool {
        let newer = matches!(
            kind,
            InfractionKind::MinSpeedInfractions
                | InfractionKind::YieldEmergencyVehicleInfractions
                | InfractionKind::ScenarioTimeouts
        );
        self != Self::V1_0 || !newer
    }

    /// Factor of a kind in 1.0 and 2.0, coefficient in 2.1; `None` for kinds that end a route, are measured in shares of it,
    /// or that the release does not know.
    pub fn weight(self, kind: InfractionKind) -> Option<f64> {
        use InfractionKind as Kind;
        let weight = match (self, kind) {
            (Self::V2_1, Kind::CollisionsPedestrian) => 1.0,
            (Self::V2_1, Kind::CollisionsVehicle) => 0.7,
            (Self::V2_1, Kind::CollisionsLayout) => 0.6,
            (Self::V2_1, Kind::StopInfraction) => 0.25,
            (
                Self::V2_1,
                Kind::RedLight
                | Kind::ScenarioTimeouts
                | Kind::YieldEmergencyVehicleInfractions
                | Kind::MinSpeedInfractions,
            ) => 0.4,
            (_, Kind::CollisionsPedestrian) => 0.5,
            (_, Kind::CollisionsVehicle) => 0.6,
            (_, Kind::CollisionsLayout) => 0.65,
            (_, Kind::RedLight) => 0.7,
            (_, Kind::StopInfraction) => 0.8,
            (
                Self::V2_0,
                Kind::ScenarioTimeouts | Kind::YieldEmergencyVehicleInfractions | Kind::MinSpeedInfractions,
            ) => 0.7,
            _ => return None,
        };
        Some(weight)
    }

    /// The penalty that infractions come to: 1 for none, 0 at worst.
    pub fn penalty<'a>(self, infractions: impl IntoIterator<Item = &'a Infraction>) -> f64 {
        let (mut factor, mut sum) = (1.0, 0.0);
        for infraction in infractions {
            let share = infraction.percentage.unwrap_or(0.0) / 100.0;
            match (infraction.kind, self.weight(infraction.kind)) {
                (InfractionKind::OutsideRouteLanes, _) => factor *= 1.0 - share,
                (InfractionKind::MinSpeedInfractions, Some(weight)) if self == Self::V2_1 => {
                    sum += weight * (1.0 - share)
                }
                (InfractionKind::MinSpeedInfractions, Some(weight)) => factor *= 1.0 - (1.0 - weight) * (1.0 - share),
                (_, Some(weight)) if self == Self::V2_1 => sum += weight,
                (_, Some(weight)) => factor *= weight,
                (_, None) => {}
            }
        }
        factor / (1.0 + sum)
    }

    /// Scores a route.
    pub fn score(self, outcome: &RouteOutcome) -> RouteScore {
        let rounded = |value: f64| if self == Self::V1_0 { value } else { (value * 1e6).round() / 1e6 };
        let known: Vec<&Infraction> = outcome.infractions.iter().filter(|i| self.knows(i.kind)).collect();
        let penalty = self.penalty(known.iter().copied());
        let mut infractions: BTreeMap<String, Vec<String>> = InfractionKind::ALL
            .into_iter()
            .filter(|kind| self.knows(*kind))
            .map(|kind| (kind.name().into(), Vec::new()))
            .collect();
        for infraction in &known {
            infractions.entry(infraction.kind.name().into()).or_default().push(infraction.message.clone());
        }
        let failure = match outcome.end {
            End::Reached | End::Stopped => "",
            End::Deviated => " - Agent deviated from the route",
            End::Blocked => " - Agent got blocked",
            End::TimedOut => " - Agent timed out",
        };
        let status = if outcome.completion < 100.0 {
            format!("Failed{failure}")
        } else if known.is_empty() && self != Self::V1_0 {
            "Perfect".into()
        } else {
            "Completed".into()
        };
        RouteScore {
            route_id: outcome.route_id.clone(),
            status,
            score_route: rounded(outcome.completion),
            score_penalty: rounded(penalty),
            score_composed: rounded((outcome.completion * penalty).max(0.0)),
            route_length_m: outcome.length_m,
            duration_game_s: outcome.duration_game_s,
            duration_system_s: outcome.duration_system_s,
            num_infractions: known.len(),
            infractions,
            outside_route_lanes_m: total_of(known.iter().filter_map(|i| i.distance_m)),
        }
    }
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
