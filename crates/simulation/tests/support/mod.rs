//! A careful driver on ground truth: what happens to it, others did.

use std::sync::Arc;

use geometry::{BaseLink, Map, OrientedBox, Point2, Polyline, angle_difference};
use road_map::{LaneGraph, LaneId, LaneKind, Priority, RouteOptions, StopReason};
use simulation::{Actor, ActorClass, Command, SignalColor, World};

/// How far it looks, m.
const SIGHT_M: f64 = 90.0;

/// Follows a way of lanes, keeps its distance, obeys signals and signs, and gives way.
pub struct CarefulDriver {
    map: Arc<LaneGraph>,
    /// Lanes from the present one on.
    way: Vec<LaneId>,
    random: u64,
    /// The stop sign at which it has stopped.
    stopped_at: Option<LaneId>,
    /// Speed it drives at most, m/s.
    pub top_speed: f64,
    /// Brakes as hard as this whatever is ahead, m/s², where set.
    pub brakes: Option<f64>,
    /// What holds it at present.
    pub reason: String,
}

impl CarefulDriver {
    /// A driver of the world's car, on the shortest way to the goal without lane changes, and on from there at random.
    pub fn new(world: &World) -> Self {
        let (start, goal) = (world.scenario().start, world.scenario().goal);
        let options = RouteOptions { lane_changes: false, ..RouteOptions::default() };
        let route = world.map().shortest_route((start.lane, start.s_m), (goal.lane, goal.s_m), options);
        let way = route.map_or(vec![start.lane], |r| r.segments.iter().map(|s| s.lane).collect());
        let random = world.scenario().seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let map = Arc::clone(world.map());
        Self { map, way, random, stopped_at: None, top_speed: 14.0, brakes: None, reason: String::new() }
    }

    /// Commands the car for the next tenth of a second and lets the time pass.
    pub fn drive(&mut self, world: &mut World) {
        for step in 0..10 {
            if step % 5 == 0 {
                let command = self.decide(world);
                world.set_command(command);
            }
            world.step();
            world.take_lidar();
        }
    }

    fn decide(&mut self, world: &World) -> Command {
        let ego = world.ego().vehicle;
        let mut s = self.advance(ego.pose.position);
        let mut points = Vec::new();
        for id in &self.way {
            let center = &self.map.lane(*id).unwrap().center;
            points.extend(center.points().iter().copied().filter(|p| points_apart(&points, *p)).collect::<Vec<_>>());
        }
        let path = Polyline::new(points).unwrap();
        s = path.project_between(ego.pose.position, (s - 5.0).max(0.0), s + 5.0).s;
        let speed = ego.speed_mps;
        let aim = ego.pose.inverse_transform::<BaseLink>(path.pose_at(s + (0.7 * speed).max(4.0)).position);
        let curvature = 2.0 * aim.y / (aim.x * aim.x + aim.y * aim.y);
        let front = s + world.vehicle().front_m();
        self.reason = "free".into();
        let mut acceleration = self.free(&path, s, speed);
        let mut limit = |value: f64, why: String, reason: &mut String| {
            if value < acceleration {
                (acceleration, *reason) = (value, why);
            }
        };
        let mut reason = std::mem::take(&mut self.reason);
        for actor in world.actors() {
            if let Some((gap, leader)) = ahead(actor, &path, front, world.vehicle().width_m) {
                limit(follow(speed, gap, leader), format!("{:?} {}", actor.class, actor.id), &mut reason);
            }
        }
        if let Some((distance, why)) = self.line(world, front - s) {
            limit(follow(speed, distance + 1.2, 0.0), why, &mut reason);
        }
        if let Some(braking) = self.brakes {
            acceleration = -braking;
        }
        self.reason = reason;
        Command {
            steering_rad: world.vehicle().steering_for_curvature(curvature),
            acceleration_mps2: acceleration.clamp(-7.0, 1.8),
            ..Command::default()
        }
    }

    /// Goes on to the lane that the car is on, and plans ahead. Returns the arc length on the first lane.
    fn advance(&mut self, place: Point2<Map>) -> f64 {
        loop {
            let center = &self.map.lane(self.way[0]).unwrap().center;
            let s = center.project(place).s;
            let length: f64 = self.way.iter().map(|id| self.map.lane(*id).unwrap().length()).sum();
            if length < SIGHT_M + 60.0 + s {
                let last = self.map.lane(*self.way.last().unwrap()).unwrap();
                let next: Vec<LaneId> = last.successors.clone();
                self.random =
                    self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                self.way.push(next[(self.random >> 33) as usize % next.len()]);
                continue;
            }
            if s < center.length() - 1e-6 {
                return s;
            }
            self.way.remove(0);
        }
    }

    /// Acceleration on a free road with its limits and curves.
    fn free(&self, path: &Polyline<Map>, s: f64, speed: f64) -> f64 {
        let mut desired = self.top_speed;
        let mut from = 0.0;
        for id in &self.way {
            let lane = self.map.lane(*id).unwrap();
            let distance = (from - s).max(0.0);
            if from + lane.length() > s {
                let limit = 0.95 * lane.speed_limit_mps;
                desired = desired.min((limit * limit + 3.0 * distance).sqrt());
            }
            from += lane.length();
        }
        for step in 0..40 {
            let distance = f64::from(step) * 1.5;
            let bend = path.curvature_at(s + distance, 5.0).abs();
            desired = desired.min((1.8 / bend.max(1e-3) + 3.0 * distance).sqrt());
        }
        (0.8 * (desired - speed)).clamp(-2.5, 1.6)
    }

    /// The next line or crosswalk to stop at: distance from the front, and why.
    fn line(&mut self, world: &World, reach: f64) -> Option<(f64, String)> {
        let ego = world.ego().vehicle;
        let can_stop = |x: f64, deceleration: f64| x > ego.speed_mps.powi(2) / (2.0 * deceleration) - 0.3;
        let mut start = -self.map.lane(self.way[0]).unwrap().center.project(ego.pose.position).s - reach;
        let mut line_at: Option<f64> = None;
        for id in self.way.clone() {
            if start > 60.0 {
                break;
            }
            let lane = self.map.lane(id).unwrap();
            for line in &lane.stop_lines {
                let x = start + line.s;
                if x < -1.0 {
                    continue;
                }
                match line.reason {
                    StopReason::Signal(group) => {
                        let stop = match world.signal_states()[&group].color {
                            SignalColor::Red => can_stop(x, 6.0),
                            SignalColor::Yellow => can_stop(x, 3.0),
                            SignalColor::Green => false,
                        };
                        if stop {
                            return Some((x, "signal".into()));
                        }
                    }
                    StopReason::StopSign => {
                        if ego.speed_mps < 0.15 && x < 3.0 {
                            self.stopped_at = Some(id);
                        }
                        if self.stopped_at != Some(id) {
                            return Some((x, "stop sign".into()));
                        }
                    }
                    StopReason::Crosswalk(number) => {
                        if can_stop(x, 3.5) && self.people(world, number) {
                            return Some((x, "people".into()));
                        }
                        continue;
                    }
                    StopReason::Yield => {}
                }
                line_at = Some(x);
            }
            if !lane.conflicts.is_empty() && start > -1.0 {
                let hold = line_at.filter(|x| start - x < 20.0).unwrap_or(start - 0.5);
                let blocker = lane.conflicts.iter().find_map(|c| self.blocker(world, id, c));
                if let (true, Some(actor)) = (can_stop(hold, 4.0), blocker) {
                    return Some((hold, format!("gives way to {actor}")));
                }
            }
            start += lane.length();
        }
        None
    }

    fn people(&self, world: &World, crosswalk: usize) -> bool {
        let path = &self.map.crosswalks[crosswalk].path;
        world.actors().iter().filter(|a| a.class == ActorClass::Pedestrian).any(|a| {
            let p = path.project(a.pose.position);
            let off = p.foot.position.distance(a.pose.position);
            let crossing = off < 2.5 && (0.5..path.length() - 0.5).contains(&p.s);
            let comes = off < 1.5 && (a.velocity.norm() < 0.1 || a.velocity.dot(p.foot.forward()).abs() > 0.7);
            crossing || comes && self.map.crosswalks[crosswalk].signal.is_none()
        })
    }

    /// Who comes on a conflicting way that goes first, too near to go before it.
    fn blocker(&self, world: &World, lane: LaneId, conflict: &road_map::Conflict) -> Option<u32> {
        let (own, other) = (self.map.lane(lane).unwrap(), self.map.lane(conflict.other).unwrap());
        if own.predecessors.iter().any(|p| other.predecessors.contains(p)) {
            return None;
        }
        let mut open = vec![(conflict.other, conflict.other_from_s, 0)];
        let mut found = None;
        while let Some((id, ahead, depth)) = open.pop() {
            let way = self.map.lane(id).unwrap();
            let red = way.stop_lines.iter().any(|l| match l.reason {
                StopReason::Signal(group) => world.signal_states()[&group].color == SignalColor::Red,
                _ => false,
            });
            for actor in world.actors().iter().filter(|a| a.class != ActorClass::Pedestrian) {
                let at = way.position_of(actor.pose.position);
                let on = at.distance < 1.6 && angle_difference(at.heading, actor.pose.yaw).abs() < 0.8;
                if !on {
                    continue;
                }
                let distance = ahead - at.s - actor.length / 2.0;
                let past = depth == 0 && at.s - actor.length / 2.0 > conflict.other_to_s + 1.0;
                let inside = depth == 0 && !past;
                let line = way.stop_lines.iter().find(|l| l.s > at.s + actor.length / 2.0 - 1.0).map(|l| l.reason);
                let waits = (red && line.is_some()) || conflict.priority == Priority::Mine && depth > 0;
                let stands = actor.speed_mps() < 0.3 && (depth > 0 || distance > 2.0);
                let late = distance / actor.speed_mps().max(3.0) > 5.5;
                let mine = conflict.priority == Priority::Mine && distance > 1.0;
                if inside && !mine && !(stands && distance > 2.0) || !past && !waits && !stands && !late && !mine {
                    found = Some(actor.id);
                }
            }
            if depth < 3 && ahead < SIGHT_M && !(red && depth > 0) {
                for before in way.predecessors.iter().filter_map(|p| self.map.lane(*p)) {
                    if before.kind == LaneKind::Driving {
                        open.push((before.id, ahead + before.length(), depth + 1));
                    }
                }
            }
        }
        found
    }
}

fn points_apart(points: &[Point2<Map>], p: Point2<Map>) -> bool {
    points.last().is_none_or(|last| last.distance(p) > 1e-3)
}

/// Acceleration of the intelligent driver model.
fn follow(speed: f64, gap: f64, leader: f64) -> f64 {
    let wish = 2.0 + (speed * 1.5 + speed * (speed - leader) / (2.0 * 3.6_f64.sqrt())).max(0.0);
    1.6 * (1.0 - (speed / 15.0).powi(4) - (wish / gap.max(0.1)).powi(2))
}

/// Gap and speed of somebody in the way now or soon, by their present velocity.
fn ahead(actor: &Actor, path: &Polyline<Map>, front: f64, width: f64) -> Option<(f64, f64)> {
    let near = path.pose_at(front).position.distance(actor.pose.position) < SIGHT_M;
    if !near {
        return None;
    }
    let mut nearest: Option<(f64, f64)> = None;
    let horizon = if actor.class == ActorClass::Pedestrian { 3 } else { 1 };
    for step in 0..=horizon {
        let shifted = actor.pose.position + actor.velocity * (f64::from(step) * 0.6);
        let pose = geometry::Pose2 { position: shifted, yaw: actor.pose.yaw };
        let corners = OrientedBox::new(pose, actor.length, actor.width).corners();
        let places: Vec<_> = corners.iter().map(|c| path.project_between(*c, front - 6.0, front + SIGHT_M)).collect();
        let (low, high) = (
            places.iter().map(|p| p.d).fold(f64::INFINITY, f64::min),
            places.iter().map(|p| p.d).fold(f64::NEG_INFINITY, f64::max),
        );
        let s = places.iter().map(|p| p.s).fold(f64::INFINITY, f64::min);
        let beside = places.iter().zip(&corners).all(|(p, c)| p.foot.position.distance(*c) > p.d.abs() + 0.5);
        let half = width / 2.0 + 0.3;
        if low < half && high > -half && s > front - 2.0 && s < front + SIGHT_M - 1.0 && !beside {
            let along = path.pose_at(s).forward().dot(actor.velocity).max(0.0);
            let gap = s - front;
            if nearest.is_none_or(|(least, _)| gap < least) {
                nearest = Some((gap, along));
            }
        }
    }
    nearest
}
