//! How far the ego is along its route, and what ends the route: `RouteCompletionTest`, `InRouteTest`,
//! `ActorBlockedTest`, `RouteTimeoutBehavior`.

use super::infraction::{Infraction, InfractionKind};
use super::observation::Observation;
use super::route::ScoredRoute;

/// Share of the route driven, %.
#[derive(Debug, Default)]
pub(super) struct Completion {
    index: usize,
    pub percentage: f64,
    pub reached: bool,
}

impl Completion {
    const WINDOW: usize = 2;
    const GOAL_M: f64 = 10.0;
    const GOAL_PERCENT: f64 = 99.0;

    pub fn update(&mut self, route: &ScoredRoute, now: &Observation) {
        self.index = route.advance(self.index, Self::WINDOW, &now.ego);
        self.percentage = (route.way(self.index) / route.length_m() * 1e4).round() / 100.0;
        let near = route.points().last().is_some_and(|goal| goal.distance(&now.ego) < Self::GOAL_M);
        if self.percentage > Self::GOAL_PERCENT && near {
            self.reached = true;
            self.percentage = 100.0;
        }
    }
}

/// Whether the ego left the route.
#[derive(Debug)]
pub(super) struct Deviation {
    index: usize,
    outside_m: f64,
    safe: bool,
}

impl Deviation {
    const WINDOW: usize = 5;
    /// Farther is off the route, m.
    const MAX_M: f64 = 30.0;
    /// Farther counts as outside, m.
    const SAFE_M: f64 = 15.0;
    /// Of the route that may be driven outside, %.
    const MAX_PERCENT: f64 = 30.0;

    pub fn new() -> Self {
        Self { index: 0, outside_m: 0.0, safe: true }
    }

    pub fn update(&mut self, route: &ScoredRoute, now: &Observation) -> Option<Infraction> {
        let last = (self.index + Self::WINDOW).min(route.points().len() - 1);
        let (mut closest, mut distance) = (self.index, f64::INFINITY);
        for index in self.index..=last {
            let d = route.points()[index].flat_distance(&now.ego);
            if d <= distance {
                (closest, distance) = (index, d);
            }
        }
        let mut off = !(distance < Self::MAX_M);
        if !off {
            self.safe = distance < Self::SAFE_M;
        }
        if closest != self.index {
            if !self.safe {
                self.outside_m += route.way(closest) - route.way(self.index);
                off |= 100.0 * self.outside_m / route.length_m() > Self::MAX_PERCENT;
            }
            self.index = closest;
        }
        off.then(|| ending(InfractionKind::RouteDev, "Agent deviated from the route", now))
    }
}

/// Whether the ego stands for too long.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    moved_s: Option<f64>,
}

impl Blocked {
    const STANDING_MPS: f64 = 0.1;
    const MAX_S: f64 = 180.0;

    pub fn update(&mut self, now: &Observation) -> Option<Infraction> {
        let moved = *self.moved_s.get_or_insert(now.time);
        if now.speed() < Self::STANDING_MPS {
            return (now.time - moved > Self::MAX_S)
                .then(|| ending(InfractionKind::VehicleBlocked, "Agent got blocked", now));
        }
        self.moved_s = Some(now.time);
        None
    }
}

/// Time allowed: it grows with the way driven, by a tenth of the speed limit.
#[derive(Debug)]
pub(super) struct Timeout {
    index: usize,
    began_s: Option<f64>,
    allowed_s: f64,
}

impl Timeout {
    const WINDOW: usize = 3;
    const MIN_S: f64 = 300.0;
    const SHARE: f64 = 0.1;
    /// Where CARLA knows no limit.
    const DEFAULT_KMH: f64 = 30.0;

    pub fn new() -> Self {
        Self { index: 0, began_s: None, allowed_s: Self::MIN_S }
    }

    pub fn update(&mut self, route: &ScoredRoute, now: &Observation) -> Option<Infraction> {
        let began = *self.began_s.get_or_insert(now.time);
        let index = route.advance(self.index, Self::WINDOW, &now.ego);
        if index > self.index {
            let limit = if now.speed_limit > 0.0 { now.speed_limit } else { Self::DEFAULT_KMH };
            self.allowed_s += (route.way(index) - route.way(self.index)) / (limit / 3.6 * Self::SHARE);
            self.index = index;
        }
        (now.time - began > self.allowed_s)
            .then(|| Infraction::new(InfractionKind::RouteTimeout, now.time, "Route timeout.".into()))
    }
}

fn ending(kind: InfractionKind, what: &str, now: &Observation) -> Infraction {
    let at = now.ego;
    Infraction::new(kind, now.time, format!("{what} at (x={:.3}, y={:.3}, z={:.3})", at.x, at.y, at.z))
}
