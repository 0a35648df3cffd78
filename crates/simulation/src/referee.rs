use std::collections::BTreeMap;
use std::sync::Arc;

use geometry::{BaseLink, Map, OrientedBox, Point2, Pose2, Vector2, angle_difference};
use road_map::{Boundary, LaneKind, Priority, StopReason};
use vehicle::Vehicle;

use crate::actor::{Actor, ActorClass};
use crate::dynamics::EgoState;
use crate::event::{Counts, EventKind, WorldEvent};
use crate::lidar::Instance;
use crate::network::Network;
use crate::scenario::way_length;
use crate::signals::{SignalColor, Signals};

/// Within this distance of the goal, standing, the drive is complete, m.
const GOAL_RADIUS_M: f64 = 5.0;

/// How far ahead the way of the car is watched, m.
const WAY_M: f64 = 40.0;
/// A car is expected to begin braking after this time, s, and to brake this hard, m/s².
const REACTION_S: f64 = 0.5;
const FULL_BRAKING: f64 = 5.0;

/// Watches the car and writes down what it does wrong, and how far it got.
#[derive(Debug, Clone)]
pub(crate) struct Referee {
    network: Arc<Network>,
    vehicle: Vehicle,
    pub events: Vec<WorldEvent>,
    pub counts: Counts,
    /// Whom the car touches at present, and until when a parting is not believed, s.
    touching: BTreeMap<u32, f64>,
    /// Who is in the car's way, and how that began.
    in_way: BTreeMap<u32, Entry>,
    touching_fixture_until_s: f64,
    front: Point2<Map>,
    /// Lines crossed that still wait for the lane that the car takes: time, lane, whether red.
    crossed: Vec<Crossed>,
    /// When the car last stood, and where its front was.
    stood: Option<Point2<Map>>,
    route: Vec<(usize, f64)>,
    route_length: f64,
    start_s: f64,
    goal_s: f64,
    leg: usize,
    along: f64,
    pub goal_reached: bool,
    ticks: u64,
    now_s: f64,
}

/// How somebody came into the way straight ahead of the car.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Distance from the car's front, m, and the car's speed at that time, m/s.
    gap: f64,
    speed: f64,
    /// Whether the car drove straight on then, on a lane of its own.
    straight: bool,
}

#[derive(Debug, Clone, Copy)]
struct Crossed {
    place: Point2<Map>,
    lane: usize,
    reason: StopReason,
    offence: bool,
}

impl Referee {
    pub fn new(
        network: Arc<Network>,
        vehicle: Vehicle,
        way: &[usize],
        start_s: f64,
        goal_s: f64,
        ego: &EgoState,
    ) -> Self {
        let mut offset = -start_s;
        let mut route = Vec::new();
        for (k, &lane) in way.iter().enumerate() {
            route.push((lane, offset));
            let sideways = way.get(k + 1).is_some_and(|next| !network.lanes[lane].successors.contains(next));
            if !sideways {
                offset += network.lanes[lane].length;
            }
        }
        let route_length = way_length(&network, way, start_s, goal_s).max(1.0);
        Self {
            front: front(&vehicle, ego.vehicle.pose),
            network,
            vehicle,
            events: Vec::new(),
            counts: Counts::default(),
            touching: BTreeMap::new(),
            in_way: BTreeMap::new(),
            touching_fixture_until_s: -1.0,
            crossed: Vec::new(),
            stood: None,
            route,
            route_length,
            start_s,
            goal_s,
            leg: 0,
            along: 0.0,
            goal_reached: false,
            ticks: 0,
            now_s: 0.0,
        }
    }

    /// Share of the reference route that is behind the car, 0..=1.
    pub fn progress(&self) -> f64 {
        if self.goal_reached { 1.0 } else { (self.along / self.route_length).clamp(0.0, 1.0) }
    }

    /// Length of the reference route, m.
    pub fn route_length(&self) -> f64 {
        self.route_length
    }

    pub fn step(
        &mut self,
        now_s: f64,
        dt: f64,
        ego: &EgoState,
        actors: &[Actor],
        fixtures: &[Instance],
        signals: &Signals,
    ) {
        self.now_s = now_s;
        let pose = ego.vehicle.pose;
        let footprint = self.vehicle.footprint(pose);
        self.watch_way(ego, actors);
        self.contacts(now_s, ego, &footprint, actors);
        self.lines(now_s, ego, signals);
        if self.ticks.is_multiple_of(10) {
            self.fixture_contact(now_s, ego, &footprint, fixtures);
            self.follow_route(now_s, ego);
            self.road(&footprint, dt * 10.0);
        }
        self.ticks += 1;
    }

    fn record(&mut self, time_s: f64, kind: EventKind) {
        self.events.push(WorldEvent { time_s, kind });
    }

    fn contacts(&mut self, now_s: f64, ego: &EgoState, footprint: &OrientedBox<Map>, actors: &[Actor]) {
        let velocity = ego_velocity(ego);
        for actor in actors {
            let reach = (footprint.length + actor.length) / 2.0 + 1.0;
            let near = actor.pose.position.distance(footprint.center.position) < reach;
            if !near || !footprint.overlaps(&actor.footprint()) {
                continue;
            }
            let known = self.touching.insert(actor.id, now_s + 1.0).is_some_and(|until| now_s < until);
            if known {
                continue;
            }
            let relative_speed_mps = (velocity - actor.velocity).norm();
            let (ego_caused, reason) = self.blame(ego, actor);
            self.counts.collisions += 1;
            self.counts.collisions_caused += u32::from(ego_caused);
            let (actor, class) = (actor.id, actor.class);
            self.record(
                now_s,
                EventKind::Collision { actor, class, relative_speed_mps, ego_caused, reason: reason.into() },
            );
        }
    }

    /// Notes who comes into the way straight ahead of the car, and who leaves it.
    fn watch_way(&mut self, ego: &EgoState, actors: &[Actor]) {
        let (pose, half) = (ego.vehicle.pose, self.vehicle.width_m / 2.0 + 0.1);
        for actor in actors {
            let near = actor.pose.position.distance(pose.position) < WAY_M + actor.length;
            let gap = if near { self.gap_in_way(pose, half, actor) } else { None };
            match gap {
                None => {
                    self.in_way.remove(&actor.id);
                }
                Some(gap) if !self.in_way.contains_key(&actor.id) => {
                    let straight = ego.yaw_rate_radps.abs() < 0.12 && self.keeps_way(pose);
                    self.in_way.insert(actor.id, Entry { gap, speed: ego.vehicle.speed_mps, straight });
                }
                Some(_) => {}
            }
        }
    }

    /// How far ahead of the car's front somebody reaches into the strip that it would drive straight on.
    fn gap_in_way(&self, pose: Pose2<Map>, half: f64, actor: &Actor) -> Option<f64> {
        let corners = actor.footprint().corners().map(|c| pose.inverse_transform::<BaseLink>(c));
        let fold = |f: fn(f64, f64) -> f64, get: fn(&Point2<BaseLink>) -> f64| corners.iter().map(get).reduce(f);
        let (low, high) = (fold(f64::min, |c| c.y)?, fold(f64::max, |c| c.y)?);
        let gap = fold(f64::min, |c| c.x)? - self.vehicle.front_m();
        (low < half && high > -half && (-self.vehicle.length_m()..WAY_M).contains(&gap)).then_some(gap.max(0.0))
    }

    /// Whether the car is within a lane on which it need not give way to others.
    fn keeps_way(&self, pose: Pose2<Map>) -> bool {
        self.network.matched(pose, 3.0).is_some_and(|(lane, p)| {
            let (left, right) = self.network.half_widths(lane, p.s);
            let half = self.vehicle.width_m / 2.0;
            let within = p.d + half < left + 0.2 && p.d - half > -right - 0.2;
            within && self.network.lanes[lane].conflicts.iter().all(|(_, c)| c.priority != Priority::Other)
        })
    }

    /// Whether somebody came so late into the way of a car that drove straight on in its lane that it could not stop.
    fn came_too_late(&self, actor: &Actor) -> bool {
        let on_crosswalk = || {
            self.network.crosswalks.iter().any(|c| {
                let p = c.path.project(actor.pose.position);
                p.foot.position.distance(actor.pose.position) < 2.5
            })
        };
        self.in_way.get(&actor.id).is_some_and(|entry| {
            let stops_within = entry.speed * REACTION_S + entry.speed * entry.speed / (2.0 * FULL_BRAKING);
            entry.straight && entry.gap < stops_within
        }) && !(actor.class == ActorClass::Pedestrian && on_crosswalk())
    }

    /// Who caused a contact: by who moved, where the car was struck, and whether it was where it belonged.
    fn blame(&self, ego: &EgoState, actor: &Actor) -> (bool, &'static str) {
        if ego.vehicle.speed_mps < 0.3 {
            return (false, "the car stood and was run into");
        }
        let at: Point2<BaseLink> = ego.vehicle.pose.inverse_transform(actor.pose.position);
        let corners = actor.footprint().corners().map(|c| ego.vehicle.pose.inverse_transform::<BaseLink>(c));
        let rearmost = corners.iter().map(|c| c.x).fold(f64::MAX, f64::min);
        if actor.speed_mps() < 0.3 {
            return (true, "the car drove into something that stood");
        }
        let ran = self.events.iter().rev().take(3).any(|e| {
            self.now_s - e.time_s < 6.0 && matches!(e.kind, EventKind::RedLightRun { .. } | EventKind::StopSignRun)
        });
        if rearmost > self.vehicle.front_m() - 0.6 {
            if !ran && self.came_too_late(actor) {
                return (false, "it came into the car's lane too near for the car to stop");
            }
            return (true, "the car's front struck it");
        }
        let theirs: Point2<BaseLink> =
            actor.pose.inverse_transform(self.vehicle.footprint(ego.vehicle.pose).center.position);
        let their_front = theirs.x > actor.length / 2.0 - 0.3;
        if at.x < 0.3 && their_front {
            return (false, "the car was struck from behind");
        }
        if actor.class == ActorClass::Pedestrian {
            return (true, "the car passed a person too closely");
        }
        let in_lane = self.network.matched(ego.vehicle.pose, 3.0).is_some_and(|(lane, p)| {
            let (left, right) = self.network.half_widths(lane, p.s);
            let half = self.vehicle.width_m / 2.0;
            p.d + half < left + 0.2 && p.d - half > -right - 0.2
        });
        if in_lane && !ran && their_front {
            return (false, "struck from the side while in its lane");
        }
        (true, "the car left its lane or went against a signal")
    }

    fn fixture_contact(&mut self, now_s: f64, ego: &EgoState, footprint: &OrientedBox<Map>, fixtures: &[Instance]) {
        let touched = fixtures.iter().any(|fixture| fixture.touches(footprint));
        if touched {
            if now_s >= self.touching_fixture_until_s {
                self.counts.collisions += 1;
                self.counts.collisions_caused += 1;
                self.record(now_s, EventKind::FixtureCollision { speed_mps: ego.vehicle.speed_mps });
            }
            self.touching_fixture_until_s = now_s + 1.0;
        }
    }

    /// Stop lines that the front crosses. Lines of several turns can lie on each other: the lane taken decides.
    fn lines(&mut self, now_s: f64, ego: &EgoState, signals: &Signals) {
        let pose = ego.vehicle.pose;
        let (from, to) = (self.front, front(&self.vehicle, pose));
        self.front = to;
        if ego.vehicle.speed_mps < 0.2 {
            self.stood = Some(to);
        }
        if from.distance(to) > 1e-6 {
            for (lane, _) in self.network.near(to, 6.0) {
                let net = &self.network.lanes[lane];
                for line in &net.lane.stop_lines {
                    let at = net.lane.center.pose_at(line.s);
                    let (before, after) = (at.forward().dot(from - at.position), at.forward().dot(to - at.position));
                    let aside = at.forward().cross(to - at.position).abs();
                    let aligned = angle_difference(pose.yaw, at.yaw).abs() < 0.8;
                    if !(before < 0.0 && after >= 0.0 && aside < 1.8 && aligned) {
                        continue;
                    }
                    let offence = match line.reason {
                        StopReason::Signal(group) => signals.state(group).color == SignalColor::Red,
                        StopReason::StopSign => self.stood.is_none_or(|place| place.distance(to) > 4.0),
                        _ => continue,
                    };
                    self.crossed.push(Crossed { place: to, lane, reason: line.reason, offence });
                }
            }
        }
        let due = self.crossed.first().is_some_and(|c| c.place.distance(to) > 9.0);
        if due {
            self.judge(now_s, pose);
        }
    }

    /// Of the lines crossed together, the one whose lane the car has followed best counts.
    fn judge(&mut self, now_s: f64, pose: Pose2<Map>) {
        let misfit = |crossed: &Crossed| {
            let net = &self.network.lanes[crossed.lane];
            let mut best = f64::INFINITY;
            for lane in std::iter::once(crossed.lane).chain(net.successors.iter().copied()) {
                let p = self.network.lanes[lane].lane.center.project(pose.position);
                best = best
                    .min(p.foot.position.distance(pose.position) + 2.0 * angle_difference(pose.yaw, p.foot.yaw).abs());
            }
            best
        };
        let chosen = self.crossed.iter().min_by(|a, b| misfit(a).total_cmp(&misfit(b))).copied();
        self.crossed.clear();
        match chosen {
            Some(Crossed { reason: StopReason::Signal(group), offence: true, .. }) => {
                self.counts.red_lights_run += 1;
                self.record(now_s, EventKind::RedLightRun { group });
            }
            Some(Crossed { reason: StopReason::StopSign, offence: true, .. }) => {
                self.counts.stop_signs_run += 1;
                self.record(now_s, EventKind::StopSignRun);
            }
            _ => {}
        }
    }

    fn follow_route(&mut self, now_s: f64, ego: &EgoState) {
        let place = ego.vehicle.pose.position;
        let last = self.route.len() - 1;
        for leg in self.leg..=(self.leg + 2).min(last) {
            let (lane, offset) = self.route[leg];
            let center = &self.network.lanes[lane].lane.center;
            let p = center.project(place);
            // A parallel lane is as good, and ends count only from within.
            let on = p.foot.position.distance(place) < 9.0 && (leg == self.leg || p.s > 0.1);
            if on {
                let s = if leg == 0 { p.s.max(self.start_s) } else { p.s };
                let along = offset + s;
                if along > self.along && along < self.along + 40.0 {
                    (self.along, self.leg) = (along, leg);
                }
            }
        }
        if self.goal_reached {
            return;
        }
        let goal = self.network.lanes[self.route[last].0].lane.center.pose_at(self.goal_s).position;
        let arrived = goal.distance(place) < GOAL_RADIUS_M && ego.vehicle.speed_mps < 0.5;
        if self.route_length - self.along < 30.0 && (arrived || self.along >= self.route_length - 0.05) {
            self.goal_reached = true;
            self.record(now_s, EventKind::GoalReached);
        }
    }

    /// Time off the road and across solid lines.
    fn road(&mut self, footprint: &OrientedBox<Map>, dt: f64) {
        let center = footprint.center;
        let near = self.network.near(center.position, 14.0);
        let covers = |place: Point2<Map>, margin: f64| {
            near.iter().any(|(lane, _)| {
                let net = &self.network.lanes[*lane];
                if net.lane.kind == LaneKind::Sidewalk {
                    return false;
                }
                let p = net.lane.center.project(place);
                let (left, right) = self.network.half_widths(*lane, p.s);
                let along = (place - p.foot.position).dot(p.foot.forward()).abs();
                along < 1.0 && p.d < left + margin && p.d > -right - margin
            })
        };
        let in_junction = near.iter().any(|(lane, p)| {
            self.network.lanes[*lane].lane.junction.is_some() && p.foot.position.distance(center.position) < 4.0
        });
        let off = if in_junction {
            !covers(center.position, 3.0)
        } else {
            footprint.corners().into_iter().any(|corner| !covers(corner, 0.2))
        };
        if off {
            self.counts.off_road_s += dt;
        }
        if let (false, Some((lane, p))) = (in_junction, self.network.matched(center, 3.0)) {
            let net = &self.network.lanes[lane];
            let (left, right) = self.network.half_widths(lane, p.s);
            let turn = angle_difference(center.yaw, p.foot.yaw);
            let half = (footprint.width * turn.cos().abs() + footprint.length * turn.sin().abs()) / 2.0;
            let over_left = net.lane.left_boundary == Boundary::Solid && p.d + half > left + 0.15;
            let over_right = net.lane.right_boundary == Boundary::Solid && p.d - half < -right - 0.15;
            if over_left || over_right {
                self.counts.lane_departure_s += dt;
            }
        }
    }
}

fn front(vehicle: &Vehicle, pose: Pose2<Map>) -> Point2<Map> {
    pose.transform(Point2::<BaseLink>::new(vehicle.front_m(), 0.0))
}

/// Velocity of `base_link` in the map.
pub(crate) fn ego_velocity(ego: &EgoState) -> Vector2<Map> {
    ego.vehicle.pose.rotate(Vector2::<BaseLink>::new(ego.vehicle.speed_mps, ego.lateral_speed_mps))
}

#[cfg(test)]
mod tests;
