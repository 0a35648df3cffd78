use std::f64::consts::{PI, TAU};

use geometry::{Map, Point2, Pose2, Vector2, angle_difference};
use road_map::LaneKind;

use crate::actor::Actor;
use crate::network::Network;
use crate::random::Random;
use crate::signals::{SignalColor, Signals};

/// What a person on foot is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Walk {
    /// Along a walkway: its index, arc length, direction.
    Stroll { way: usize, s: f64, direction: f64 },
    /// Straight to a place, then on with what comes after.
    Go { to: Point2<Map>, then: Next },
    /// Waiting to cross: crosswalk, from its start or its end, since when.
    Wait { crosswalk: usize, from_start: bool, since_s: f64 },
    /// On a crosswalk: how far along its path, and which way.
    Cross { crosswalk: usize, u: f64, direction: f64 },
}

/// What comes after a straight walk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Next {
    Wait { crosswalk: usize, from_start: bool },
    Stroll { way: usize },
}

/// Where people walk: the middle of a sidewalk, or beside the road where there is none.
#[derive(Debug, Clone)]
pub(crate) struct Walkway {
    pub lane: usize,
    pub offset: f64,
    /// Half of the width to walk in, m.
    pub half: f64,
    /// Ends of crosswalks near it: arc length, crosswalk, whether its start.
    pub crossings: Vec<(f64, usize, bool)>,
}

/// Walkways of a map.
pub(crate) fn walkways(network: &Network) -> Vec<Walkway> {
    let has_pavement = network.lanes.iter().any(|l| l.lane.kind == LaneKind::Sidewalk);
    let mut ways = Vec::new();
    for (index, net) in network.lanes.iter().enumerate() {
        let (left, right) = network.half_widths(index, net.length / 2.0);
        let (offset, half) = match net.lane.kind {
            LaneKind::Sidewalk if left + right > 0.8 => (0.0, ((left + right) / 2.0 - 0.45).max(0.1)),
            LaneKind::Driving if !has_pavement && net.right.is_none() => (-right - 2.0, 0.6),
            _ => continue,
        };
        if net.lane.junction.is_some() || net.length < 15.0 {
            continue;
        }
        let mut crossings = Vec::new();
        for (number, crosswalk) in network.crosswalks.iter().enumerate() {
            let path = &crosswalk.path;
            for (from_start, end) in [(true, path.pose_at(0.0).position), (false, path.pose_at(path.length()).position)]
            {
                let projection = net.lane.center.project(end);
                let on_way = projection.foot.position + projection.foot.forward().perpendicular() * offset;
                if on_way.distance(end) < 6.0 {
                    crossings.push((projection.s, number, from_start));
                }
            }
        }
        ways.push(Walkway { lane: index, offset, half, crossings });
    }
    ways
}

/// A person on foot.
#[derive(Debug, Clone)]
pub(crate) struct Walker {
    pub actor: Actor,
    pub walk: Walk,
    pub pace: f64,
    /// Offset from the walkway's middle, m.
    pub aside: f64,
    pub random: Random,
}

/// What walkers can see.
pub(crate) struct Surroundings<'a> {
    pub network: &'a Network,
    pub ways: &'a [Walkway],
    pub signals: &'a Signals,
    pub now_s: f64,
    /// Vehicles, the ego car among them: place, velocity, half length.
    pub vehicles: &'a [(Point2<Map>, Vector2<Map>, f64)],
    /// Parked cars and other things to walk around.
    pub obstacles: &'a [(Pose2<Map>, f64, f64)],
    pub jaywalk_interval_s: f64,
}

impl Surroundings<'_> {
    /// The place itself, or the nearest one outside of what stands there.
    fn beside_obstacles(&self, place: Point2<Map>) -> Point2<Map> {
        let mut place = place;
        for (pose, length, width) in self.obstacles {
            let local: Point2<geometry::BaseLink> = pose.inverse_transform(place);
            let (x, y) = (length / 2.0 + 0.5 - local.x.abs(), width / 2.0 + 0.5 - local.y.abs());
            if x > 0.0 && y > 0.0 {
                let out = if x < y { (x * local.x.signum(), 0.0) } else { (0.0, y * local.y.signum()) };
                place = place + pose.rotate(Vector2::<geometry::BaseLink>::new(out.0, out.1));
            }
        }
        place
    }
}

impl Walker {
    /// Place on a crosswalk, direction, and whether on the road (false: waiting to step on it).
    pub fn on_crosswalk(&self, number: usize) -> Option<(f64, f64, bool)> {
        match self.walk {
            Walk::Cross { crosswalk, u, direction } if crosswalk == number => Some((u, direction, true)),
            Walk::Wait { crosswalk, from_start, .. } if crosswalk == number => {
                Some((0.0, if from_start { 1.0 } else { -1.0 }, false))
            }
            _ => None,
        }
    }

    /// Whether the person is on the road or crossing it.
    pub fn is_crossing(&self) -> bool {
        matches!(self.walk, Walk::Cross { .. })
    }

    /// One step of `dt`.
    pub fn step(&mut self, around: &Surroundings<'_>, dt: f64) {
        let target = self.decide(around, dt);
        let here = self.actor.pose.position;
        let to = target - here;
        let moving = !matches!(self.walk, Walk::Wait { .. }) && to.norm() > 1e-6 && !self.is_blocked(around, to);
        let pace = if moving { self.pace } else { 0.0 };
        let direction = if to.norm() > 0.02 { to.angle() } else { self.actor.pose.yaw };
        let velocity = if moving { to * (pace.min(to.norm() / dt) / to.norm()) } else { Vector2::ZERO };
        let turn = angle_difference(direction, self.actor.pose.yaw).clamp(-3.0 * dt, 3.0 * dt);
        let yaw = if moving { geometry::normalize_angle(self.actor.pose.yaw + turn) } else { self.actor.pose.yaw };
        self.actor.yaw_rate = if moving { turn / dt } else { 0.0 };
        let position = around.beside_obstacles(here + velocity * dt);
        let velocity = (position - here) * (1.0 / dt);
        self.actor.pose = Pose2 { position, yaw };
        self.actor.velocity = velocity;
        self.actor.gait = if moving { (self.actor.gait + pace * dt * 4.2) % TAU } else { 0.3 };
        if let (Walk::Cross { crosswalk, u, direction }, true) = (self.walk, moving) {
            self.walk = Walk::Cross { crosswalk, u: u + direction * velocity.norm() * dt, direction };
        }
    }

    /// Where to walk to now.
    fn decide(&mut self, around: &Surroundings<'_>, dt: f64) -> Point2<Map> {
        let here = self.actor.pose.position;
        match self.walk {
            Walk::Stroll { way, s, direction } => self.stroll(around, way, s, direction, dt),
            Walk::Go { to, then } => {
                let blocked = around.beside_obstacles(to).distance(to) > 0.01;
                if here.distance(to) < if blocked { 3.0 } else { 0.25 } {
                    self.walk = match then {
                        Next::Wait { crosswalk, from_start } => {
                            Walk::Wait { crosswalk, from_start, since_s: around.now_s }
                        }
                        Next::Stroll { way } => {
                            let s = around.network.lanes[around.ways[way].lane].lane.center.project(here).s;
                            Walk::Stroll { way, s, direction: if self.random.chance(0.5) { 1.0 } else { -1.0 } }
                        }
                    };
                }
                to
            }
            Walk::Wait { crosswalk, from_start, since_s } => {
                if self.may_cross(around, crosswalk, around.now_s - since_s) {
                    let length = around.network.crosswalks[crosswalk].path.length();
                    let (u, direction) = if from_start { (0.0, 1.0) } else { (length, -1.0) };
                    self.walk = Walk::Cross { crosswalk, u, direction };
                }
                here
            }
            Walk::Cross { crosswalk, u, direction } => {
                let path = &around.network.crosswalks[crosswalk].path;
                let end = if direction > 0.0 { path.length() } else { 0.0 };
                let left = (end - u) * direction;
                if left < 0.1 {
                    let end = path.pose_at(end).position;
                    self.walk = match nearest_way(around, end) {
                        Some((way, to)) => Walk::Go { to, then: Next::Stroll { way } },
                        None => Walk::Wait { crosswalk, from_start: direction < 0.0, since_s: around.now_s + 10.0 },
                    };
                    return here;
                }
                path.pose_at(u + direction * left.min(0.6)).position
            }
        }
    }

    fn stroll(&mut self, around: &Surroundings<'_>, way: usize, s: f64, mut direction: f64, dt: f64) -> Point2<Map> {
        let walkway = &around.ways[way];
        let net = &around.network.lanes[walkway.lane];
        let next = s + direction * self.pace * dt;
        let crossing = walkway.crossings.iter().find(|c| (c.0 - s) * (c.0 - next) <= 0.0);
        if let Some(&(_, crosswalk, from_start)) = crossing.filter(|_| self.random.chance(0.5)) {
            let path = &around.network.crosswalks[crosswalk].path;
            let to = path.pose_at(if from_start { 0.0 } else { path.length() }).position;
            self.walk = Walk::Go { to, then: Next::Wait { crosswalk, from_start } };
            return to;
        }
        let jaywalks = around.jaywalk_interval_s > 0.0 && self.random.chance(dt / around.jaywalk_interval_s);
        let far_side = if jaywalks { self.other_side(around, walkway.lane) } else { None };
        if let Some((to, way)) = far_side {
            self.walk = Walk::Go { to, then: Next::Stroll { way } };
            return to;
        }
        if !(1.0..=net.length - 1.0).contains(&next) {
            direction = if next < net.length / 2.0 { 1.0 } else { -1.0 };
        }
        // Who walks around something lets the way wait.
        let here = self.actor.pose.position;
        let behind = (net.lane.center.project(here).s - s) * direction < -0.8;
        let next = if behind { s } else { next };
        self.walk = Walk::Stroll { way, s: next.clamp(0.0, net.length), direction };
        let mut target = net.lane.center.offset_at(next + direction * 0.6, walkway.offset + self.aside * direction);
        for (pose, length, width) in around.obstacles {
            let local: Point2<geometry::BaseLink> = pose.inverse_transform(target);
            let (reach, half) = (length / 2.0 + 2.4, width / 2.0 + 0.6);
            if local.x.abs() < reach && local.y.abs() < half {
                // Pass on the side away from the road.
                let away = pose.rotate(Vector2::<geometry::BaseLink>::new(0.0, -half - local.y));
                target = target + away;
            }
        }
        target
    }

    /// Whether it is safe and allowed to step on the crosswalk.
    fn may_cross(&self, around: &Surroundings<'_>, crosswalk: usize, waited_s: f64) -> bool {
        let crossing = &around.network.crosswalks[crosswalk];
        let time = crossing.path.length() / self.pace;
        if waited_s < 0.8 {
            return false;
        }
        if let Some(group) = crossing.signal {
            let state = around.signals.state(group);
            let enough = state.remaining_s > time.min(9.0) + 1.0;
            if state.color != SignalColor::Red || !enough {
                return false;
            }
        }
        let middle = crossing.path.pose_at(crossing.path.length() / 2.0).position;
        let half = crossing.path.length() / 2.0;
        around.vehicles.iter().all(|(place, velocity, length)| {
            let speed = velocity.norm();
            let gap = middle.distance(*place) - half - length;
            let comes = (middle - *place).dot(*velocity) > 0.0;
            // Standing, leaving, or far enough to stop without effort.
            speed < 0.8 || !comes && gap > 1.0 || gap > 60.0 || gap > speed * 2.0 + speed * speed / 3.0
        })
    }

    /// A place on the far side of the road, if nobody comes.
    fn other_side(&self, around: &Surroundings<'_>, lane: usize) -> Option<(Point2<Map>, usize)> {
        let here = self.actor.pose.position;
        let quiet = around.vehicles.iter().all(|(place, velocity, _)| {
            place.distance(here) > 75.0 || (velocity.norm() < 0.1 && place.distance(here) > 12.0)
        });
        if !quiet {
            return None;
        }
        let mut best: Option<(f64, Point2<Map>, usize)> = None;
        for (number, way) in around.ways.iter().enumerate().filter(|(_, way)| way.lane != lane) {
            let projection = around.network.lanes[way.lane].lane.center.project(here);
            let to = projection.foot.position + projection.foot.forward().perpendicular() * way.offset;
            let distance = to.distance(here);
            if (6.0..18.0).contains(&distance) && best.is_none_or(|(least, ..)| distance < least) {
                best = Some((distance, to, number));
            }
        }
        best.map(|(_, to, way)| (to, way))
    }

    /// Whether a vehicle stands or comes right in the way.
    fn is_blocked(&self, around: &Surroundings<'_>, to: Vector2<Map>) -> bool {
        let here = self.actor.pose.position;
        let ahead = to * (1.0 / to.norm());
        around.vehicles.iter().any(|(place, velocity, half)| {
            let offset = *place - here;
            if offset.norm() > 12.0 {
                return false;
            }
            let along = if velocity.norm() > 0.1 { velocity.angle() } else { f64::NAN };
            let soon = offset + *velocity * 0.7;
            let reach = half + 0.6;
            let in_way =
                |o: Vector2<Map>| o.dot(ahead) > 0.0 && o.dot(ahead) < reach + 0.4 && o.cross(ahead).abs() < reach;
            let beside =
                along.is_finite() && (along - ahead.angle()).sin().abs() < 0.5 && offset.cross(ahead).abs() > 1.4;
            (in_way(offset) || in_way(soon)) && !beside
        })
    }
}

/// The walkway nearest to a place, and the point on it.
fn nearest_way(around: &Surroundings<'_>, place: Point2<Map>) -> Option<(usize, Point2<Map>)> {
    let mut best: Option<(f64, usize, Point2<Map>)> = None;
    for (number, way) in around.ways.iter().enumerate() {
        let projection = around.network.lanes[way.lane].lane.center.project(place);
        let to = projection.foot.position + projection.foot.forward().perpendicular() * way.offset;
        let distance = to.distance(place);
        if distance < 20.0 && best.is_none_or(|(least, ..)| distance < least) {
            best = Some((distance, number, to));
        }
    }
    best.map(|(_, way, to)| (way, to))
}

/// A heading drawn evenly from the circle.
pub(crate) fn any_heading(random: &mut Random) -> f64 {
    random.uniform(-PI, PI)
}
