//! All criteria together.

use serde::{Deserialize, Serialize};

use super::collision::Collisions;
use super::infraction::Infraction;
use super::lanes::OutsideLanes;
use super::observation::{Observation, World};
use super::pace::Pace;
use super::progress::{Blocked, Completion, Deviation, Timeout};
use super::red_light::RedLights;
use super::route::ScoredRoute;
use super::stop_sign::StopSigns;

/// Why a route ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The goal is reached.
    Reached,
    /// The ego left the route.
    Deviated,
    /// The ego stood for too long.
    Blocked,
    /// Time was up.
    TimedOut,
    /// Somebody ended it.
    Stopped,
}

/// What a route came to, before it is scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteOutcome {
    /// Name of the route.
    pub route_id: String,
    /// Length, m.
    pub length_m: f64,
    /// Share driven, 0..=100 %.
    pub completion: f64,
    /// In order of time.
    pub infractions: Vec<Infraction>,
    /// Why it ended.
    pub end: End,
    /// Simulated time, s.
    pub duration_game_s: f64,
    /// Wall time, s.
    pub duration_system_s: f64,
}

/// Judges one route, tick by tick.
pub struct Judge {
    route: ScoredRoute,
    world: World,
    infractions: Vec<Infraction>,
    end: Option<End>,
    times: Option<(f64, f64)>,
    completion: Completion,
    collisions: Collisions,
    lanes: OutsideLanes,
    red_lights: RedLights,
    stops: StopSigns,
    pace: Pace,
    deviation: Deviation,
    blocked: Blocked,
    timeout: Timeout,
}

impl Judge {
    /// For a route in a world.
    pub fn new(route: ScoredRoute, world: World) -> Self {
        Self {
            route,
            world,
            infractions: Vec::new(),
            end: None,
            times: None,
            completion: Completion::default(),
            collisions: Collisions::default(),
            lanes: OutsideLanes::default(),
            red_lights: RedLights::default(),
            stops: StopSigns::default(),
            pace: Pace::default(),
            deviation: Deviation::new(),
            blocked: Blocked::default(),
            timeout: Timeout::new(),
        }
    }

    /// Takes the world at a tick. Gives why the route ended, once it has; what comes later changes nothing.
    pub fn observe(&mut self, now: &Observation) -> Option<End> {
        // A place that is no number can be neither on nor off the route.
        let sound = [now.time, now.ego.x, now.ego.y, now.ego.z, now.ego.yaw, now.speed()].iter().all(|v| v.is_finite());
        if self.end.is_some() || !sound {
            return self.end;
        }
        self.times = Some((self.times.map_or(now.time, |(began, _)| began), now.time));
        self.completion.update(&self.route, now);
        self.lanes.update(&self.route, now);
        self.collisions.update(now, &mut self.infractions);
        self.red_lights.update(&self.world, now, &mut self.infractions);
        self.stops.update(&self.world, now, &mut self.infractions);
        self.pace.update(&self.route, now, &mut self.infractions);
        let endings = [
            (self.deviation.update(&self.route, now), End::Deviated),
            (self.blocked.update(now), End::Blocked),
            (self.timeout.update(&self.route, now), End::TimedOut),
        ];
        self.end = self.completion.reached.then_some(End::Reached);
        for (infraction, end) in endings {
            if let Some(infraction) = infraction {
                self.infractions.push(infraction);
                self.end.get_or_insert(end);
            }
        }
        self.end
    }

    /// Share of the route driven so far, %.
    pub fn completion(&self) -> f64 {
        self.completion.percentage
    }

    /// What was found so far; driving beside the lanes and the last checkpoint's speed come with [`Judge::finish`].
    pub fn infractions(&self) -> &[Infraction] {
        &self.infractions
    }

    /// What the route came to.
    pub fn finish(mut self, route_id: String, duration_system_s: f64) -> RouteOutcome {
        let (began, now) = self.times.unwrap_or((0.0, 0.0));
        self.lanes.finish(&mut self.infractions);
        self.pace.finish(&self.route, now, &mut self.infractions);
        self.infractions.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
        RouteOutcome {
            route_id,
            length_m: self.route.length_m(),
            completion: self.completion.percentage,
            infractions: self.infractions,
            end: self.end.unwrap_or(End::Stopped),
            duration_game_s: now - began,
            duration_system_s,
        }
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
