use std::collections::VecDeque;

use geometry::{Map, Point2, Pose2, Vector2, angle_difference};

use crate::actor::{Actor, ActorClass};
use crate::network::Network;
use crate::random::Random;
use crate::scenario::Manners;

/// How one driver drives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    pub speed_factor: f64,
    pub headway_s: f64,
    pub acceleration: f64,
    pub comfort: f64,
    pub aggressiveness: f64,
    /// Cruising speed of who does not go by the limit, m/s.
    pub top_speed: f64,
}

impl Habits {
    pub fn random(class: ActorClass, manners: &Manners, random: &mut Random) -> Self {
        let spread = random.normal(0.0, 0.06).clamp(-0.15, 0.15);
        let (acceleration, top_speed) = match class {
            ActorClass::Truck => (1.0, 22.0),
            ActorClass::Cyclist => (0.9, random.uniform(3.8, 6.0)),
            _ => (random.uniform(1.4, 2.2), 40.0),
        };
        Self {
            speed_factor: manners.speed_factor * (1.0 + spread),
            headway_s: (manners.headway_s * random.uniform(0.85, 1.2)).max(0.8),
            acceleration,
            comfort: 2.0,
            aggressiveness: (manners.aggressiveness + random.uniform(-0.2, 0.2)).clamp(0.0, 1.0),
            top_speed,
        }
    }
}

/// A car, lorry or cyclist that follows lanes.
#[derive(Debug, Clone)]
pub(crate) struct Driver {
    pub actor: Actor,
    pub habits: Habits,
    /// The lane of its centre, and where on it.
    pub lane: usize,
    pub s: f64,
    /// Offset from the lane's centre, m, left positive; its rate; where it is wanted.
    pub d: f64,
    pub d_rate: f64,
    pub d_target: f64,
    /// Lanes it came from, newest last, and lanes it will take.
    pub behind: Vec<usize>,
    pub ahead: VecDeque<usize>,
    pub speed: f64,
    pub acceleration: f64,
    /// For how long it has stood, s.
    pub waiting_s: f64,
    /// When it came to a junction's edge.
    pub arrived_s: Option<f64>,
    /// Junction lanes it may enter.
    pub granted: Vec<usize>,
    /// The junction lane that it may roll into to wait there.
    pub waits_inside: Option<usize>,
    /// Until then it feels its way past who stands across its way and waits for it too, s.
    pub squeezes_until_s: f64,
    /// The lane that it is leaving sideways.
    pub leaving: Option<usize>,
    /// The stop sign it has stopped at: lane and arc length.
    pub stopped_at: Option<(usize, f64)>,
    /// No lane change before this time.
    pub settled_until_s: f64,
    pub random: Random,
}

impl Driver {
    pub fn new(actor: Actor, habits: Habits, lane: usize, s: f64, random: Random) -> Self {
        Self {
            actor,
            habits,
            lane,
            s,
            d: 0.0,
            d_rate: 0.0,
            d_target: 0.0,
            behind: Vec::new(),
            ahead: VecDeque::new(),
            speed: 0.0,
            acceleration: 0.0,
            waiting_s: 0.0,
            arrived_s: None,
            granted: Vec::new(),
            waits_inside: None,
            squeezes_until_s: f64::NEG_INFINITY,
            leaving: None,
            stopped_at: None,
            settled_until_s: 0.0,
            random,
        }
    }

    pub fn half(&self) -> f64 {
        self.actor.length / 2.0
    }

    /// Puts the driver on a lane, without a past.
    pub fn place(&mut self, network: &Network, lane: usize, s: f64, speed: f64) {
        (self.lane, self.s, self.speed, self.acceleration) = (lane, s, speed, 0.0);
        (self.d, self.d_rate) = (self.d_target, 0.0);
        (self.waiting_s, self.arrived_s, self.stopped_at, self.leaving) = (0.0, None, None, None);
        self.behind = network.lanes[lane].predecessors.iter().take(1).copied().collect();
        self.ahead.clear();
        self.granted.clear();
        self.waits_inside = None;
        self.plan(network);
        self.pose(network, 0.0);
    }

    /// Chooses lanes until 150 m ahead are known.
    pub fn plan(&mut self, network: &Network) {
        let mut known = network.lanes[self.lane].length - self.s;
        known += self.ahead.iter().map(|&l| network.lanes[l].length).sum::<f64>();
        while known < 150.0 && self.ahead.len() < 40 {
            let last = self.ahead.back().copied().unwrap_or(self.lane);
            let next = &network.lanes[last].successors;
            if next.is_empty() {
                break;
            }
            let next = next[self.random.index(next.len())];
            known += network.lanes[next].length;
            self.ahead.push_back(next);
        }
    }

    /// The lanes from the one before the present on, with the distance from the front bumper to their start, m.
    pub fn path(&self, network: &Network, horizon: f64) -> Vec<(usize, f64)> {
        let mut start = -self.s - self.half();
        let mut path = Vec::with_capacity(8);
        let mut before = start;
        for &lane in self.behind.iter().rev() {
            before -= network.lanes[lane].length;
            path.insert(0, (lane, before));
        }
        path.push((self.lane, start));
        start += network.lanes[self.lane].length;
        for &lane in &self.ahead {
            if start > horizon {
                break;
            }
            path.push((lane, start));
            start += network.lanes[lane].length;
        }
        path
    }

    /// The lane point `offset` metres ahead of the centre.
    fn lane_point(&self, network: &Network, offset: f64, d: f64) -> Point2<Map> {
        let mut s = self.s + offset;
        let mut lane = self.lane;
        if s < 0.0 {
            for &previous in self.behind.iter().rev() {
                lane = previous;
                s += network.lanes[lane].length;
                if s >= 0.0 {
                    break;
                }
            }
        } else {
            for &next in &self.ahead {
                let length = network.lanes[lane].length;
                if s <= length {
                    break;
                }
                s -= length;
                lane = next;
            }
        }
        let center = &network.lanes[lane].lane.center;
        let beyond = if s < 0.0 { s } else { (s - center.length()).max(0.0) };
        let pose = center.pose_at(s);
        pose.position + pose.forward() * beyond + pose.forward().perpendicular() * d
    }

    /// Sets the actor's pose from the lane position: both axles on their way, `dt` since the last pose.
    pub fn pose(&mut self, network: &Network, dt: f64) {
        let arm = self.actor.length * 0.29;
        let slope = if self.speed > 0.5 { (self.d_rate / self.speed).clamp(-0.3, 0.3) } else { 0.0 };
        let rear = self.lane_point(network, -arm, self.d - slope * arm);
        let front = self.lane_point(network, arm, self.d + slope * arm);
        let along = front - rear;
        let yaw = if along.norm() > 0.1 { along.angle() } else { self.actor.pose.yaw };
        self.actor.yaw_rate =
            if dt > 0.0 { (angle_difference(yaw, self.actor.pose.yaw) / dt).clamp(-2.0, 2.0) } else { 0.0 };
        let position = rear.lerp(front, 0.5);
        self.actor.pose = Pose2 { position, yaw };
        self.actor.velocity = Vector2::from_polar(self.speed, yaw);
        self.actor.z = network.elevation(self.lane, self.s);
        if self.actor.class == ActorClass::Cyclist {
            self.actor.gait = (self.actor.gait + self.speed * dt * 1.3) % std::f64::consts::TAU;
        }
    }

    /// Moves on by `dt`.
    pub fn step(&mut self, network: &Network, dt: f64) {
        let before = self.speed;
        self.speed = (self.speed + self.acceleration * dt).max(0.0);
        self.s += (before + self.speed) / 2.0 * dt;
        self.waiting_s = if self.speed < 0.3 { self.waiting_s + dt } else { 0.0 };
        let wanted = ((self.d_target - self.d) * 0.9).clamp(-1.1, 1.1);
        let wanted = wanted.clamp(-0.22 * self.speed, 0.22 * self.speed);
        self.d_rate += (wanted - self.d_rate).clamp(-1.5 * dt, 1.5 * dt);
        if self.speed < 0.05 {
            self.d_rate = 0.0;
        }
        self.d += self.d_rate * dt;
        while self.s > network.lanes[self.lane].length {
            let Some(next) = self.ahead.pop_front() else {
                self.s = network.lanes[self.lane].length;
                self.speed = 0.0;
                break;
            };
            self.s -= network.lanes[self.lane].length;
            self.behind.push(self.lane);
            if self.behind.len() > 3 {
                self.behind.remove(0);
            }
            self.lane = next;
        }
        self.pose(network, dt);
    }

    /// Moves over to a neighbouring lane: from now on it is there, off its centre.
    pub fn change_lane(&mut self, network: &Network, to: usize, now_s: f64) {
        let from = self.lane;
        let projection = network.lanes[to].lane.center.project(self.actor.pose.position);
        (self.lane, self.s, self.d) = (to, projection.s, projection.d);
        self.behind = network.lanes[to].predecessors.iter().take(1).copied().collect();
        self.ahead.clear();
        self.granted.clear();
        self.waits_inside = None;
        self.plan(network);
        self.leaving = Some(from);
        self.settled_until_s = now_s + 6.0;
    }

    /// Acceleration of the intelligent driver model towards a leader `gap` metres ahead that drives `leader` m/s.
    ///
    /// Source: Treiber, Hennecke, Helbing 2000.
    pub fn follow(&self, desired: f64, gap: f64, leader: f64) -> f64 {
        let h = &self.habits;
        let closing = self.speed - leader;
        let wish = 2.0
            + (self.speed * h.headway_s + self.speed * closing / (2.0 * (h.acceleration * h.comfort).sqrt())).max(0.0);
        let brake = (wish / gap.max(0.1)).powi(2);
        self.cruise(desired) - h.acceleration * brake
    }

    /// Acceleration on a free road.
    pub fn cruise(&self, desired: f64) -> f64 {
        let ratio = self.speed / desired.max(0.5);
        if ratio <= 1.0 {
            self.habits.acceleration * (1.0 - ratio.powi(4))
        } else {
            (-(self.speed - desired) * 1.0).max(-self.habits.comfort)
        }
    }

    /// Acceleration that ends `distance` metres ahead at standstill; hard only where it must be.
    pub fn stop_within(&self, distance: f64) -> f64 {
        if distance <= 0.3 {
            return -4.0;
        }
        let needed = self.speed * self.speed / (2.0 * distance.max(0.2));
        if needed > 0.8 * self.habits.comfort {
            -needed * 1.05
        } else {
            self.follow(self.speed.max(3.0), distance + 1.6, 0.0)
        }
    }

    /// Time to cover `distance` (m) from the present speed, accelerating up to `top` m/s.
    pub fn travel_time(&self, distance: f64, top: f64) -> f64 {
        travel_time(distance, self.speed, top, self.habits.acceleration * 0.8)
    }
}

/// Time to cover `distance` (m) from `speed`, accelerating up to `top` m/s.
pub(crate) fn travel_time(distance: f64, speed: f64, top: f64, acceleration: f64) -> f64 {
    if distance <= 0.0 {
        return 0.0;
    }
    let top = top.max(speed).max(1.0);
    let ramp = (top * top - speed * speed) / (2.0 * acceleration);
    if ramp >= distance {
        (-speed + (speed * speed + 2.0 * acceleration * distance).sqrt()) / acceleration
    } else {
        (top - speed) / acceleration + (distance - ramp) / top
    }
}
