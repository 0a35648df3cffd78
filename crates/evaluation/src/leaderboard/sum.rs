//! Many routes in one record: `compute_global_statistics`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::infraction::InfractionKind;
use super::score::{RouteScore, Version};

/// A score's three parts.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Scores {
    /// Driving score, 0..=100.
    pub score_composed: f64,
    /// Share of the routes driven, 0..=100 %.
    pub score_route: f64,
    /// Penalty, 0..=1.
    pub score_penalty: f64,
}

impl Scores {
    fn of(route: &RouteScore) -> Self {
        Self {
            score_composed: route.score_composed,
            score_route: route.score_route,
            score_penalty: route.score_penalty,
        }
    }

    fn each(self, f: impl Fn(f64) -> f64) -> Self {
        Self {
            score_composed: f(self.score_composed),
            score_route: f(self.score_route),
            score_penalty: f(self.score_penalty),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            score_composed: self.score_composed + other.score_composed,
            score_route: self.score_route + other.score_route,
            score_penalty: self.score_penalty + other.score_penalty,
        }
    }
}

/// What routes come to together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    /// The release whose formulas were used.
    pub leaderboard: Version,
    /// `Perfect`, `Completed` or `Failed`: the worst of the routes.
    pub status: String,
    /// Means over all routes that were to be driven.
    pub scores_mean: Scores,
    /// Standard deviations, of samples; 0 for one route.
    pub scores_std_dev: Scores,
    /// By kind: how many per driven km (in 1.0: the sum of each route's rate); `outside_route_lanes` is in km in 2.0 and 2.1.
    pub infractions: BTreeMap<String, f64>,
    /// All routes, m.
    pub total_length_m: f64,
    /// Simulated time, s.
    pub duration_game_s: f64,
    /// Wall time, s.
    pub duration_system_s: f64,
    /// Each route.
    pub routes: Vec<RouteScore>,
}

impl Version {
    /// Sums routes up. `total_routes`: how many were to be driven; those that never began count as 0.
    pub fn sum(self, routes: Vec<RouteScore>, total_routes: usize) -> Sum {
        let total = total_routes.max(routes.len()).max(1) as f64;
        let digits = |value: f64, digits: i32| {
            let scale = 10_f64.powi(digits);
            if self == Self::V1_0 { value } else { (value * scale).round() / scale }
        };
        let added = routes.iter().map(Scores::of).fold(Scores::default(), Scores::plus);
        let mean = added.each(|value| digits(value / total, 6));
        let squares = routes.iter().fold(Scores::default(), |sum, route| {
            let difference = Scores::of(route).plus(mean.each(|value| -value));
            sum.plus(difference.each(|value| value * value))
        });
        let deviation = if total > 1.0 {
            squares.each(|value| digits((value / (total - 1.0)).sqrt(), 3))
        } else {
            Scores::default()
        };
        let all = |f: fn(&RouteScore) -> f64| total_of(routes.iter().map(f));
        let failed = routes.len() < total_routes || routes.iter().any(|route| route.status.starts_with("Failed"));
        let perfect = routes.iter().all(|route| route.status == "Perfect");
        let status = match (failed, perfect) {
            (true, _) => "Failed",
            (false, true) => "Perfect",
            (false, false) => "Completed",
        };
        Sum {
            leaderboard: self,
            status: status.into(),
            scores_mean: mean,
            scores_std_dev: deviation,
            infractions: self.rates(&routes).into_iter().map(|(kind, rate)| (kind, digits(rate, 3))).collect(),
            total_length_m: all(|route| route.route_length_m),
            duration_game_s: all(|route| route.duration_game_s),
            duration_system_s: all(|route| route.duration_system_s),
            routes,
        }
    }

    fn rates(self, routes: &[RouteScore]) -> BTreeMap<String, f64> {
        let driven = |route: &RouteScore| route.route_length_m / 1000.0 * route.score_route / 100.0;
        let count = |route: &RouteScore, kind: InfractionKind| {
            route.infractions.get(kind.name()).map_or(0.0, |found| found.len() as f64)
        };
        let kilometres = routes.iter().map(driven).sum::<f64>().max(0.001);
        let rate = |kind: InfractionKind| match (self, kind) {
            // Infractions of a car that has not moved are left out.
            (Self::V1_0, _) => {
                total_of(routes.iter().filter(|r| driven(r) > 0.0).map(|route| count(route, kind) / driven(route)))
            }
            (_, InfractionKind::OutsideRouteLanes) => {
                total_of(routes.iter().map(|route| route.outside_route_lanes_m / 1000.0))
            }
            _ => total_of(routes.iter().map(|route| count(route, kind))) / kilometres,
        };
        InfractionKind::ALL
            .into_iter()
            .filter(|kind| self.knows(*kind))
            .map(|kind| (kind.name().into(), rate(kind)))
            .collect()
    }
}

/// A sum that is 0 for nothing: the standard library's is -0, which JSON shows.
pub(super) fn total_of(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |sum, value| sum + value)
}
