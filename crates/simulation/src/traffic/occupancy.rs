use std::collections::BTreeMap;

use geometry::{Map, OrientedBox, Pose2, Vector2, angle_difference};
use road_map::LaneKind;

use crate::network::Network;

/// Who is meant by an occupant of id 0.
pub(crate) const EGO: u32 = 0;

/// Something that covers a part of a lane, in the lane's coordinates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occupant {
    pub id: u32,
    /// Arc length of its centre, m; beyond the ends where it only reaches into the lane.
    pub s: f64,
    /// Half its extent along the lane, m.
    pub half: f64,
    /// Its right edge, m, left positive.
    pub low: f64,
    /// Its left edge, m.
    pub high: f64,
    /// Speed along the lane, m/s.
    pub speed: f64,
    /// Whether one may pass it within the lane: cyclists and things that stand.
    pub passable: bool,
}

/// Who is on which lane.
#[derive(Debug, Clone, Default)]
pub(crate) struct Occupancy {
    lanes: Vec<Vec<Occupant>>,
}

impl Occupancy {
    pub fn new(lanes: usize) -> Self {
        Self { lanes: vec![Vec::new(); lanes] }
    }

    pub fn clear(&mut self) {
        self.lanes.iter_mut().for_each(Vec::clear);
    }

    pub fn on(&self, lane: usize) -> &[Occupant] {
        &self.lanes[lane]
    }

    /// Enters a footprint on every driving lane that it reaches into. `sweep` (m) widens it to where it is going.
    pub fn enter(
        &mut self,
        network: &Network,
        footprint: &OrientedBox<Map>,
        velocity: Vector2<Map>,
        sweep: Vector2<Map>,
        occupant: (u32, bool),
    ) {
        let center = footprint.center;
        let size = footprint.length.hypot(footprint.width) / 2.0;
        for (lane, projection) in network.near(center.position, size + 3.5) {
            if network.lanes[lane].lane.kind != LaneKind::Driving {
                continue;
            }
            let axis = projection.foot.forward();
            let off = center.position - projection.foot.position;
            let turn = angle_difference(center.yaw, projection.foot.yaw);
            let (sin, cos) = (turn.sin().abs(), turn.cos().abs());
            let half = (footprint.length * cos + footprint.width * sin) / 2.0;
            let across = (footprint.length * sin + footprint.width * cos) / 2.0;
            let (beyond, aside) = (off.dot(axis), axis.cross(off));
            if beyond.abs() > half {
                continue;
            }
            let shift = axis.cross(sweep);
            let (low, high) = (aside - across + shift.min(0.0), aside + across + shift.max(0.0));
            let (left, right) = network.half_widths(lane, projection.s);
            if low < left - 0.05 && high > 0.05 - right {
                let s = projection.s + beyond;
                let (id, passable) = occupant;
                self.lanes[lane].push(Occupant { id, s, half, low, high, speed: velocity.dot(axis), passable });
            }
        }
    }
}

/// The car under test as traffic sees it: a vehicle whose plans nobody knows.
#[derive(Debug, Clone)]
pub(crate) struct EgoView {
    pub footprint: OrientedBox<Map>,
    pub velocity: Vector2<Map>,
    pub speed: f64,
    pub length: f64,
    /// Lanes that it may drive next, with the distance from its front to their start, m; negative where it is on them.
    pub reach: BTreeMap<usize, f64>,
    /// Whether a red light stands between it and what is ahead.
    pub facing_red: bool,
    /// For how long it has stood, s.
    pub waiting_s: f64,
}

impl EgoView {
    pub fn new(footprint: OrientedBox<Map>) -> Self {
        let length = footprint.length;
        let (velocity, reach) = (Vector2::ZERO, BTreeMap::new());
        Self { footprint, velocity, speed: 0.0, length, reach, facing_red: false, waiting_s: 0.0 }
    }

    /// Looks where the car is and can go. `is_red` tells of a lane's stop lines beyond an arc length.
    pub fn update(&mut self, network: &Network, pose: Pose2<Map>, speed: f64, is_red: impl Fn(usize, f64) -> bool) {
        self.footprint.center = pose;
        self.velocity = Vector2::from_polar(speed, pose.yaw);
        self.speed = speed;
        self.reach.clear();
        self.facing_red = false;
        let mut open: Vec<(usize, f64)> = Vec::new();
        for (lane, projection) in network.near(pose.position, 8.0) {
            let aligned = angle_difference(pose.yaw, projection.foot.yaw).abs() < 0.9;
            if network.lanes[lane].lane.kind == LaneKind::Driving && aligned && projection.d.abs() < 1.8 {
                let front = projection.s + self.length / 2.0;
                self.facing_red |= is_red(lane, front);
                open.push((lane, -front));
            }
        }
        while let Some((lane, distance)) = open.pop() {
            if self.reach.get(&lane).is_some_and(|known| *known <= distance) {
                continue;
            }
            self.reach.insert(lane, distance);
            let after = distance + network.lanes[lane].length;
            if after < 70.0 {
                open.extend(network.lanes[lane].successors.iter().map(|&next| (next, after)));
            }
        }
    }
}
