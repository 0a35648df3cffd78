use std::collections::BTreeMap;

use approx::assert_relative_eq;
use serde::Deserialize;

use super::*;

/// Routes, and what the leaderboard's own `statistics_manager.py` makes of them in each release; written by
/// `tests/leaderboard_oracle.py`.
const ORACLE: &str = include_str!("../../tests/leaderboard_oracle.json");

#[derive(Deserialize)]
struct Oracle {
    cases: Vec<Case>,
    releases: BTreeMap<String, Answer>,
}

#[derive(Deserialize)]
struct Case {
    length_m: f64,
    completion: f64,
    infractions: Vec<(InfractionKind, Option<f64>, Option<f64>)>,
}

#[derive(Deserialize)]
struct Answer {
    routes: Vec<(String, f64, f64, f64)>,
    mean: BTreeMap<String, f64>,
    std: BTreeMap<String, f64>,
    infractions: BTreeMap<String, f64>,
    status: String,
}

fn infraction(kind: InfractionKind, percentage: Option<f64>, distance_m: Option<f64>) -> Infraction {
    Infraction { percentage, distance_m, ..Infraction::new(kind, 1.0, kind.name().into()) }
}

fn outcome(case: &Case, index: usize) -> RouteOutcome {
    let has = |kind| case.infractions.iter().any(|(k, _, _)| *k == kind);
    let end = match () {
        () if has(InfractionKind::RouteDev) => End::Deviated,
        () if has(InfractionKind::VehicleBlocked) => End::Blocked,
        () if has(InfractionKind::RouteTimeout) => End::TimedOut,
        () => End::Reached,
    };
    RouteOutcome {
        route_id: format!("RouteScenario_{index}"),
        length_m: case.length_m,
        completion: case.completion,
        infractions: case.infractions.iter().map(|(kind, p, d)| infraction(*kind, *p, *d)).collect(),
        end,
        duration_game_s: 1.0,
        duration_system_s: 2.0,
    }
}

#[test]
fn scores_are_those_of_the_leaderboards_own_statistics() {
    let oracle: Oracle = serde_json::from_str(ORACLE).unwrap();
    assert_eq!(oracle.releases.len(), Version::ALL.len());
    for (release, answer) in &oracle.releases {
        let version: Version = release.parse().unwrap();
        let routes: Vec<RouteScore> =
            oracle.cases.iter().enumerate().map(|(n, case)| version.score(&outcome(case, n))).collect();
        for (ours, (status, route, penalty, composed)) in routes.iter().zip(&answer.routes) {
            assert_eq!(&ours.status, status, "{release}");
            assert_relative_eq!(ours.score_route, route, epsilon = 1e-9);
            assert_relative_eq!(ours.score_penalty, penalty, epsilon = 1e-9);
            assert_relative_eq!(ours.score_composed, composed, epsilon = 1e-9);
        }
        let count = routes.len();
        let sum = version.sum(routes, count);
        assert_eq!(sum.status, answer.status, "{release}");
        let pairs = |s: crate::leaderboard::sum::Scores| {
            [("score_composed", s.score_composed), ("score_route", s.score_route), ("score_penalty", s.score_penalty)]
        };
        for (key, value) in pairs(sum.scores_mean) {
            assert_relative_eq!(value, answer.mean[key], epsilon = 1e-9);
        }
        for (key, value) in pairs(sum.scores_std_dev) {
            assert_relative_eq!(value, answer.std[key], epsilon = 1e-9);
        }
        assert_eq!(
            sum.infractions.keys().collect::<Vec<_>>(),
            answer.infractions.keys().collect::<Vec<_>>(),
            "{release}"
        );
        for (key, value) in &sum.infractions {
            assert_relative_eq!(*value, answer.infractions[key], epsilon = 1e-9);
        }
    }
}

#[test]
fn a_red_light_and_a_touched_car_worked_by_hand() {
    let found =
        [infraction(InfractionKind::RedLight, None, None), infraction(InfractionKind::CollisionsVehicle, None, None)];
    assert_relative_eq!(Version::V1_0.penalty(&found), 0.7 * 0.6);
    assert_relative_eq!(Version::V2_0.penalty(&found), 0.42);
    assert_relative_eq!(Version::V2_1.penalty(&found), 1.0 / (1.0 + 0.4 + 0.7));
}

#[test]
fn driving_beside_the_lanes_takes_its_share_in_every_release() {
    let found = [infraction(InfractionKind::OutsideRouteLanes, Some(25.0), Some(50.0))];
    for version in Version::ALL {
        assert_relative_eq!(version.penalty(&found), 0.75);
    }
}

#[test]
fn slowness_counts_from_the_second_release_on() {
    let found = [infraction(InfractionKind::MinSpeedInfractions, Some(50.0), None)];
    assert_relative_eq!(Version::V1_0.penalty(&found), 1.0);
    assert_relative_eq!(Version::V2_0.penalty(&found), 1.0 - 0.3 * 0.5);
    assert_relative_eq!(Version::V2_1.penalty(&found), 1.0 / 1.2);
}

#[test]
fn routes_that_never_began_lower_the_mean() {
    let case = Case { length_m: 100.0, completion: 100.0, infractions: Vec::new() };
    let sum = Version::V2_1.sum(vec![Version::V2_1.score(&outcome(&case, 0))], 4);
    assert_relative_eq!(sum.scores_mean.score_composed, 25.0);
    assert_eq!(sum.status, "Failed");
}

#[test]
fn no_route_at_all_scores_nothing() {
    let sum = Version::V2_1.sum(Vec::new(), 0);
    assert_eq!(sum.scores_mean.score_composed, 0.0);
    assert!(sum.infractions.values().all(|rate| *rate == 0.0 && rate.is_sign_positive()));
}

#[test]
fn a_release_that_is_none_is_refused() {
    assert_eq!(
        "3".parse::<Version>().unwrap_err(),
        "expected a release of CARLA's leaderboard (1.0, 2.0 or 2.1), got `3`"
    );
}
