//! Traffic: drivers along lanes, people on foot, things that stand.

mod driver;
mod lane_change;
mod occupancy;
mod right_of_way;
mod spawn;
mod walker;

use std::sync::Arc;

use geometry::{Map, OrientedBox, Point2, Pose2, Vector2, angle_difference};
use road_map::{LaneKind, StopReason};

use crate::actor::{Actor, ActorClass};
use crate::network::Network;
use crate::random::Random;
use crate::scenario::TrafficConfig;
use crate::signals::{SignalColor, Signals};
use driver::Driver;
use occupancy::{EGO, EgoView, Occupancy, Occupant};
use right_of_way::Passage;
use walker::{Surroundings, Walker, Walkway};

/// After standing this long within a junction one feels one's way past who stands across it, s.
const PATIENCE_S: f64 = 12.0;
/// Steps of the world between two decisions of drivers.
const DECIDE_EVERY: u64 = 5;

/// All road users but the ego car.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    network: Arc<Network>,
    config: TrafficConfig,
    drivers: Vec<Driver>,
    walkers: Vec<Walker>,
    standing: Vec<Actor>,
    ways: Vec<Walkway>,
    occupancy: Occupancy,
    standing_occupancy: Occupancy,
    ego: EgoView,
    random: Random,
    steps: u64,
    now_s: f64,
}

/// What all drivers see at one decision.
struct View<'a> {
    signals: &'a Signals,
    /// For each lane the drivers that are on it or will take it: index, distance from their front to its start, m.
    approach: Vec<Vec<(usize, f64)>>,
    /// Junction lanes that each driver holds.
    granted: Vec<Vec<usize>>,
    /// The junction lane in which each driver waits for a gap.
    waits_inside: Vec<Option<usize>>,
    /// Whether a red light holds each driver.
    stopped_by_signal: Vec<bool>,
}

impl Traffic {
    pub fn new(
        network: Arc<Network>,
        config: TrafficConfig,
        ego: OrientedBox<Map>,
        parked: Vec<Actor>,
        seed: u64,
    ) -> Self {
        let lanes = network.lanes.len();
        let ways = walker::walkways(&network);
        let mut traffic = Self {
            config,
            drivers: Vec::new(),
            walkers: Vec::new(),
            standing: parked,
            ways,
            occupancy: Occupancy::new(lanes),
            standing_occupancy: Occupancy::new(lanes),
            ego: EgoView::new(ego),
            random: Random::new(seed ^ 0x007a_ff1c),
            steps: 0,
            now_s: 0.0,
            network,
        };
        traffic.populate(ego);
        traffic
    }

    /// Copies the true state of everybody, by id.
    pub fn actors(&self, into: &mut Vec<Actor>) {
        into.clear();
        into.extend(self.drivers.iter().map(|d| &d.actor).chain(self.walkers.iter().map(|w| &w.actor)).cloned());
        into.extend(self.standing.iter().cloned());
        into.sort_by_key(|a| a.id);
    }

    /// Moves everybody on by `dt`; `ego` is the centre of the ego car and its speed.
    pub fn step(&mut self, dt: f64, ego: Pose2<Map>, ego_speed: f64, signals: &Signals) {
        let network = Arc::clone(&self.network);
        self.ego.waiting_s = if ego_speed < 0.3 && !self.ego.facing_red { self.ego.waiting_s + dt } else { 0.0 };
        if self.steps.is_multiple_of(DECIDE_EVERY) {
            self.ego.update(&network, ego, ego_speed, |lane, from| {
                network.lanes[lane].lane.stop_lines.iter().any(|line| match line.reason {
                    StopReason::Signal(group) => line.s > from - 1.0 && signals.state(group).color == SignalColor::Red,
                    _ => false,
                })
            });
            self.occupy();
            self.decide(signals);
        }
        if self.steps % 100 == 99 && self.config.follow_ego {
            self.bring_back(ego);
        }
        for driver in &mut self.drivers {
            driver.step(&network, dt);
        }
        self.walk(dt, signals);
        self.steps += 1;
        self.now_s += dt;
    }

    /// Enters everybody on the lanes.
    fn occupy(&mut self) {
        let network = Arc::clone(&self.network);
        self.occupancy.clear();
        self.occupancy.enter(&network, &self.ego.footprint, self.ego.velocity, Vector2::ZERO, (EGO, false));
        for driver in &self.drivers {
            let passable = driver.actor.class == ActorClass::Cyclist;
            let actor = &driver.actor;
            self.occupancy.enter(&network, &actor.footprint(), actor.velocity, Vector2::ZERO, (actor.id, passable));
        }
        for walker in &self.walkers {
            let actor = &walker.actor;
            let sweep = if walker.is_crossing() { Vector2::ZERO } else { actor.velocity * 1.5 };
            self.occupancy.enter(&network, &actor.footprint(), actor.velocity, sweep, (actor.id, false));
        }
    }

    /// The driver's leader along its path: gap and speed.
    fn leader(&self, driver: &Driver, path: &[(usize, f64)]) -> Option<(f64, f64)> {
        let half = driver.actor.width / 2.0 + 0.2;
        let mut nearest: Option<(f64, f64)> = None;
        for &(lane, start) in path {
            for occupant in self.occupancy.on(lane).iter().chain(self.standing_occupancy.on(lane)) {
                let gap = start + occupant.s - occupant.half;
                let ahead = gap + occupant.half + driver.half();
                let behind = ahead < 0.0 || (ahead == 0.0 && occupant.id < driver.actor.id);
                if occupant.id == driver.actor.id || behind || nearest.is_some_and(|(least, _)| gap >= least) {
                    continue;
                }
                if self.now_s < driver.squeezes_until_s && self.stands_across(driver, occupant.id) {
                    continue;
                }
                let near = gap < 3.0 + driver.speed;
                let (low, high) = if near {
                    (driver.d.min(driver.d_target), driver.d.max(driver.d_target))
                } else {
                    (driver.d_target, driver.d_target)
                };
                // Who cycles is passed with room to spare, or followed.
                let half = half + if occupant.passable && occupant.speed > 0.3 { 0.45 } else { 0.0 };
                if occupant.low < high + half && occupant.high > low - half {
                    nearest = Some((gap, occupant.speed));
                }
            }
        }
        self.left_behind(driver).filter(|(gap, _)| nearest.is_none_or(|(least, _)| *gap < least)).or(nearest)
    }

    /// Whether a vehicle stands across the driver's way: two that do so to each other would stand for ever.
    fn stands_across(&self, driver: &Driver, id: u32) -> bool {
        let turned = |d: &Driver| angle_difference(d.actor.pose.yaw, driver.actor.pose.yaw).abs() > 0.35;
        self.drivers.iter().any(|d| d.actor.id == id && d.waiting_s > PATIENCE_S && turned(d))
    }

    /// The leader on the lane that the driver is leaving, while it still reaches into it.
    fn left_behind(&self, driver: &Driver) -> Option<(f64, f64)> {
        let lane = driver.leaving?;
        let at = self.network.lanes[lane].lane.center.project(driver.actor.pose.position);
        let half = driver.actor.width / 2.0 + 0.3;
        let ahead = self.occupants(lane).filter(|o| o.id != driver.actor.id && o.s > at.s);
        ahead
            .filter(|o| o.low < at.d + half && o.high > at.d - half)
            .map(|o| (o.s - o.half - at.s - driver.half(), o.speed))
            .min_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// Who is ahead on a lane that joins the driver's own, as if it drove on that: gap and speed.
    fn joining_leader(&self, index: usize, path: &[(usize, f64)], view: &View<'_>) -> Option<(f64, f64)> {
        let mut nearest: Option<(f64, f64)> = None;
        // Only who is about to enter the lane, or on it, looks at the others' places.
        for &(lane, start) in path.iter().filter(|(_, start)| *start < 3.0) {
            let net = &self.network.lanes[lane];
            let to_joint = start + net.length;
            for (other, conflict) in net.conflicts.iter().filter(|(other, _)| self.joins(lane, *other)) {
                let length = self.network.lanes[*other].length;
                let mut consider = |distance: f64, body: f64, speed: f64| {
                    let theirs = distance + length;
                    let ahead = theirs < to_joint - 0.01;
                    let touches = -distance > conflict.other_from_s - 0.5 && theirs > -body;
                    let gap = to_joint - theirs - body;
                    if ahead && touches && nearest.is_none_or(|(least, _)| gap < least) {
                        nearest = Some((gap.max(0.3), speed));
                    }
                };
                for &(rival, distance) in view.approach[*other].iter().filter(|(rival, _)| *rival != index) {
                    consider(distance, self.drivers[rival].actor.length, self.drivers[rival].speed);
                }
                if let Some(&distance) = self.ego.reach.get(other) {
                    consider(distance, self.ego.length, self.ego.speed);
                }
            }
        }
        nearest
    }

    /// Where in its lane the driver wants to be: at its side, or aside of what stands or cycles ahead.
    fn aside(&self, driver: &Driver, path: &[(usize, f64)]) -> f64 {
        let net = &self.network.lanes[driver.lane];
        let (left, right) = self.network.half_widths(driver.lane, driver.s);
        let half = driver.actor.width / 2.0;
        let home = if driver.actor.class == ActorClass::Cyclist {
            let biking = net.lane.right_neighbor.and_then(|id| self.network.by_id.get(&id));
            match biking.filter(|i| self.network.lanes[**i].lane.kind == LaneKind::Biking) {
                Some(&lane) => -right - self.network.half_widths(lane, driver.s).0,
                None => -(right - 0.6).max(0.0),
            }
        } else {
            0.0
        };
        let (mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut beside = false;
        let standing = |lane: usize| self.standing_occupancy.on(lane).iter();
        // Who cycles is not overtaken in a junction or shortly before it.
        let junction = path
            .iter()
            .find(|(lane, start)| self.network.lanes[*lane].lane.junction.is_some() && *start > -driver.actor.length)
            .map_or(f64::INFINITY, |(_, start)| *start);
        let overtakes = junction > 12.0 + 2.0 * driver.speed && net.lane.junction.is_none();
        for &(lane, start) in path.iter().filter(|(_, start)| *start < 30.0) {
            let moving = self.occupancy.on(lane).iter().filter(|o| o.passable && o.id != driver.actor.id);
            for occupant in moving.chain(standing(lane)) {
                let gap = start + occupant.s - occupant.half;
                let passed = start + occupant.s + occupant.half + driver.actor.length;
                let moves = occupant.speed.abs() > 0.5;
                if gap > 10.0 + 2.5 * driver.speed || passed < 0.0 || (moves && gap > 1.0 && !overtakes) {
                    continue;
                }
                beside |= gap < 1.0;
                let clearance = if moves { 0.8 } else { 0.5 };
                if occupant.low + occupant.high < 0.0 {
                    least = least.max(occupant.high + clearance + half);
                } else {
                    most = most.min(occupant.low - clearance - half);
                }
            }
        }
        let wish = home.max(least).min(most);
        // Out of the own lane by a hand's breadth at most, and only where nobody comes; else one follows.
        let room = if beside || !self.is_met(driver) { 0.25 } else { -0.1 };
        let fits = wish >= least && wish + half <= left + room && wish - half >= (-right - 0.25).min(home - half);
        if fits { wish } else { home }
    }

    /// Whether somebody comes towards the driver close by its lane.
    fn is_met(&self, driver: &Driver) -> bool {
        let own = &driver.actor.pose;
        let comes = |pose: &Pose2<Map>, speed: f64| {
            let off = pose.position - own.position;
            let ahead = off.dot(own.forward());
            let reach = 8.0 + 4.0 * (driver.speed + speed);
            pose.forward().dot(own.forward()) < -0.7
                && (-2.0..reach).contains(&ahead)
                && (0.0..5.5 + 0.1 * ahead.abs()).contains(&own.forward().cross(off))
        };
        comes(&self.ego.footprint.center, self.ego.speed)
            || self.drivers.iter().any(|d| comes(&d.actor.pose, d.speed) && d.actor.class != ActorClass::Cyclist)
    }

    fn decide(&mut self, signals: &Signals) {
        let network = Arc::clone(&self.network);
        let paths: Vec<Vec<(usize, f64)>> = self.drivers.iter().map(|d| d.path(&network, 100.0)).collect();
        let mut view = View {
            signals,
            approach: vec![Vec::new(); network.lanes.len()],
            granted: self.drivers.iter().map(|d| d.granted.clone()).collect(),
            waits_inside: self.drivers.iter().map(|d| d.waits_inside).collect(),
            stopped_by_signal: vec![false; self.drivers.len()],
        };
        for (index, path) in paths.iter().enumerate() {
            for &(lane, start) in path {
                view.approach[lane].push((index, start));
                let red = network.lanes[lane].lane.stop_lines.iter().any(|line| {
                    matches!(line.reason, StopReason::Signal(g) if signals.state(g).color != SignalColor::Green)
                        && (-0.6..60.0).contains(&(start + line.s))
                });
                view.stopped_by_signal[index] |= red;
            }
        }
        for (index, path) in paths.iter().enumerate() {
            let target = self.aside(&self.drivers[index], path);
            self.drivers[index].d_target = target;
            let driver = &self.drivers[index];
            let horizon = 30.0 + driver.speed * driver.speed / 3.0;
            let path: Vec<(usize, f64)> = path.iter().copied().filter(|(_, start)| *start < horizon).collect();
            let mut acceleration = driver.cruise(self.desired_speed(driver, &path));
            let leader = self.leader(driver, &path);
            if let Some((gap, speed)) = leader {
                acceleration = acceleration.min(driver.follow(driver.habits.top_speed.min(15.0), gap, speed));
            }
            let Passage { stop, granted, waits_inside } = self.must_stop(index, &path, leader, &view);
            if let Some((gap, speed)) = self.joining_leader(index, &path, &view) {
                acceleration = acceleration.min(driver.follow(driver.habits.top_speed.min(15.0), gap, speed).max(-4.0));
            }
            let line = stop.filter(|x| *x < 8.0);
            if let Some(distance) = stop {
                acceleration = acceleration.min(driver.stop_within(distance - 0.6));
            }
            let end = self.road_end(driver, &path);
            if let Some(distance) = end {
                acceleration = acceleration.min(driver.stop_within(distance - 1.0));
            }
            view.granted[index].clone_from(&granted);
            view.waits_inside[index] = waits_inside;
            let sign = self.stop_sign_reached(driver, &path);
            let now_s = self.now_s;
            let driver = &mut self.drivers[index];
            driver.acceleration = acceleration.clamp(-8.0, driver.habits.acceleration);
            (driver.granted, driver.waits_inside) = (granted, waits_inside);
            driver.arrived_s = if line.is_some() { driver.arrived_s.or(Some(now_s)) } else { None };
            if sign.is_some() {
                driver.stopped_at = sign;
            }
            driver.plan(&network);
            if driver.waiting_s > PATIENCE_S && network.lanes[driver.lane].lane.junction.is_some() {
                driver.squeezes_until_s = now_s + 4.0;
            }
            if driver.d.abs() < 0.6 {
                driver.leaving = None;
            }
            if self.steps % (10 * DECIDE_EVERY) == (index as u64 % 10) * DECIDE_EVERY {
                self.consider_lane_change(index, &path);
            }
        }
    }

    fn desired_speed(&self, driver: &Driver, path: &[(usize, f64)]) -> f64 {
        let mut desired = f64::INFINITY;
        let braking = 1.5;
        for &(lane, start) in path {
            let net = &self.network.lanes[lane];
            let from = (-start - driver.actor.length).max(0.0);
            let mut s = from;
            while s < net.length && start + s < 60.0 {
                let distance = (start + s).max(0.0);
                let allowed = self.network.speed_at(lane, s) * driver.habits.speed_factor;
                desired = desired.min((allowed * allowed + 2.0 * braking * distance).sqrt());
                s += 4.0;
            }
        }
        desired.min(driver.habits.top_speed)
    }

    /// Distance to where the driver's road ends, m.
    fn road_end(&self, driver: &Driver, path: &[(usize, f64)]) -> Option<f64> {
        let &(lane, start) = path.last()?;
        let net = &self.network.lanes[lane];
        let last = driver.ahead.back().copied().unwrap_or(driver.lane);
        (net.successors.is_empty() && last == lane).then_some(start + net.length)
    }

    /// The stop sign that the driver stands at, if it has come to a stop there.
    fn stop_sign_reached(&self, driver: &Driver, path: &[(usize, f64)]) -> Option<(usize, f64)> {
        if driver.speed > 0.3 {
            return None;
        }
        path.iter().find_map(|&(lane, start)| {
            let at = |line: &&road_map::StopLine| {
                line.reason == StopReason::StopSign && (-0.6..3.0).contains(&(start + line.s))
            };
            self.network.lanes[lane].lane.stop_lines.iter().find(at).map(|line| (lane, line.s))
        })
    }

    fn walk(&mut self, dt: f64, signals: &Signals) {
        let mut vehicles: Vec<(Point2<Map>, Vector2<Map>, f64)> =
            self.drivers.iter().map(|d| (d.actor.pose.position, d.actor.velocity, d.half())).collect();
        vehicles.push((self.ego.footprint.center.position, self.ego.velocity, self.ego.length / 2.0));
        let obstacles: Vec<(Pose2<Map>, f64, f64)> =
            self.standing.iter().map(|a| (a.pose, a.length, a.width)).collect();
        let mut near: Vec<(Point2<Map>, Vector2<Map>, f64)> = Vec::new();
        let mut beside: Vec<(Pose2<Map>, f64, f64)> = Vec::new();
        // People think at 20 Hz, in turns; in between they go on straight.
        let think = self.steps % DECIDE_EVERY;
        for (index, walker) in self.walkers.iter_mut().enumerate() {
            if index as u64 % DECIDE_EVERY != think {
                continue;
            }
            let here = walker.actor.pose.position;
            near.clear();
            near.extend(vehicles.iter().filter(|v| v.0.distance(here) < 80.0));
            beside.clear();
            beside.extend(obstacles.iter().filter(|o| o.0.position.distance(here) < 8.0));
            let around = Surroundings {
                network: &self.network,
                ways: &self.ways,
                signals,
                now_s: self.now_s,
                vehicles: &near,
                obstacles: &beside,
                jaywalk_interval_s: self.config.manners.jaywalk_interval_s,
            };
            walker.step(&around, dt * DECIDE_EVERY as f64);
        }
    }

    /// Occupants of a lane, moving and standing.
    fn occupants(&self, lane: usize) -> impl Iterator<Item = &Occupant> {
        self.occupancy.on(lane).iter().chain(self.standing_occupancy.on(lane))
    }
}
