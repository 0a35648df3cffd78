//! Where road users are put: at the start, and again near the ego car when they have got far from it.

use std::sync::Arc;

use geometry::{Map, OrientedBox, Point2, Pose2, Vector2};
use road_map::LaneKind;

use super::Traffic;
use super::driver::{Driver, Habits};
use super::occupancy::Occupancy;
use super::walker::{Walk, Walker, any_heading};
use crate::actor::{Actor, ActorClass};

/// Nobody is put nearer to the ego car than this, m.
const CLEAR_OF_EGO_M: f64 = 25.0;
/// Beyond the first distance traffic may be moved; it comes back between the other two, m. The LiDAR sees to 100 m.
const FAR_M: f64 = 230.0;
const BACK_M: [f64; 2] = [125.0, 210.0];

impl Traffic {
    pub(super) fn populate(&mut self, ego: OrientedBox<Map>) {
        self.park(ego);
        let network = Arc::clone(&self.network);
        let mut standing = Occupancy::new(network.lanes.len());
        for actor in &self.standing {
            standing.enter(&network, &actor.footprint(), Vector2::ZERO, Vector2::ZERO, (actor.id, true));
        }
        self.standing_occupancy = standing;
        let lanes = self.open_lanes();
        let counts = [
            (ActorClass::Truck, self.config.trucks),
            (ActorClass::Car, self.config.cars),
            (ActorClass::Cyclist, self.config.cyclists),
        ];
        for (class, count) in counts {
            for _ in 0..count {
                self.add_driver(class, &lanes, ego);
            }
        }
        for _ in 0..self.config.pedestrians {
            self.add_walker(ego);
        }
    }

    fn next_id(&self) -> u32 {
        let ids = self.drivers.iter().map(|d| d.actor.id).chain(self.walkers.iter().map(|w| w.actor.id));
        ids.chain(self.standing.iter().map(|a| a.id)).max().unwrap_or(0) + 1
    }

    /// Driving lanes outside junctions that lead on, repeated by their length.
    fn open_lanes(&self) -> Vec<usize> {
        let open = |i: &usize| {
            let net = &self.network.lanes[*i];
            net.lane.kind == LaneKind::Driving
                && net.lane.junction.is_none()
                && !net.successors.is_empty()
                && net.length > 20.0
        };
        let weight = |i: usize| (self.network.lanes[i].length / 20.0).ceil() as usize;
        (0..self.network.lanes.len()).filter(open).flat_map(|i| std::iter::repeat_n(i, weight(i))).collect()
    }

    /// A free place for a vehicle of this length: lane and arc length.
    fn free_place(
        &mut self,
        lanes: &[usize],
        length: f64,
        accept: impl Fn(Point2<Map>) -> bool,
    ) -> Option<(usize, f64)> {
        for _ in 0..30 {
            let lane = *lanes.get(self.random.index(lanes.len()))?;
            let net = &self.network.lanes[lane];
            let s = self.random.uniform(length / 2.0 + 1.0, (net.length - length / 2.0 - 6.0).max(length / 2.0 + 2.0));
            let place = net.lane.center.pose_at(s).position;
            let clear = |other: Point2<Map>, room: f64| other.distance(place) > room;
            let free = self.drivers.iter().all(|d| clear(d.actor.pose.position, 9.0 + length / 2.0 + d.half()))
                && self.walkers.iter().all(|w| clear(w.actor.pose.position, 5.0 + length / 2.0));
            let standing = self.standing.iter().all(|a| {
                let footprint = OrientedBox::new(net.lane.center.pose_at(s), length + 6.0, 2.4);
                !footprint.overlaps(&a.footprint())
            });
            if free && standing && s < net.length && accept(place) {
                return Some((lane, s));
            }
        }
        None
    }

    fn add_driver(&mut self, class: ActorClass, lanes: &[usize], ego: OrientedBox<Map>) {
        let mut random = self.random.fork();
        let habits = Habits::random(class, &self.config.manners, &mut random);
        let actor = Actor::random(self.next_id(), class, Pose2::default(), 0.0, &mut random);
        let lanes: Vec<usize> = if class == ActorClass::Cyclist {
            lanes.iter().copied().filter(|l| self.network.lanes[*l].right.is_none()).collect()
        } else {
            lanes.to_vec()
        };
        let center = ego.center.position;
        let Some((lane, s)) = self.free_place(&lanes, actor.length, |p| p.distance(center) > CLEAR_OF_EGO_M) else {
            return;
        };
        let mut driver = Driver::new(actor, habits, lane, s, random);
        driver.d_target =
            if class == ActorClass::Cyclist { -(self.network.half_widths(lane, s).1 - 0.6).max(0.0) } else { 0.0 };
        let speed = (self.network.speed_at(lane, s) * 0.5).min(habits.top_speed);
        driver.place(&self.network, lane, s, speed);
        self.drivers.push(driver);
    }

    fn add_walker(&mut self, ego: OrientedBox<Map>) {
        let total: f64 = self.ways.iter().map(|w| self.network.lanes[w.lane].length).sum();
        let mut random = self.random.fork();
        for _ in 0..20 {
            let mut left = random.uniform(0.0, total);
            let length = |way: usize| self.network.lanes[self.ways[way].lane].length;
            let Some(way) = (0..self.ways.len()).find(|&w| {
                left -= length(w);
                left < 0.0
            }) else {
                return;
            };
            let (s, direction) = (random.uniform(2.0, length(way) - 2.0), if random.chance(0.5) { 1.0 } else { -1.0 });
            let aside = random.uniform(-1.0, 1.0) * self.ways[way].half;
            let center = &self.network.lanes[self.ways[way].lane].lane.center;
            let place = center.offset_at(s, self.ways[way].offset + aside * direction);
            let free = self.standing.iter().all(|a| a.footprint().inflated(0.4).distance_to_point(place) > 0.0);
            if place.distance(ego.center.position) < 12.0 || !free {
                continue;
            }
            let pose = Pose2 { position: place, yaw: any_heading(&mut random) };
            let z = self.network.elevation(self.ways[way].lane, s);
            let actor = Actor::random(self.next_id(), ActorClass::Pedestrian, pose, z, &mut random);
            let pace = random.normal(1.35, 0.2).clamp(0.8, 2.0);
            self.walkers.push(Walker { actor, walk: Walk::Stroll { way, s, direction }, pace, aside, random });
            return;
        }
    }

    /// Parked cars and obstacles at the right edge of the road, clear of junctions, crosswalks and each other.
    fn park(&mut self, ego: OrientedBox<Map>) {
        let lanes: Vec<usize> =
            self.open_lanes().into_iter().filter(|l| self.network.lanes[*l].right.is_none()).collect();
        let intrusion = self.config.manners.intrusion_m;
        let counts = [(ActorClass::Car, self.config.parked), (ActorClass::Obstacle, self.config.obstacles)];
        for (class, count) in counts {
            for _ in 0..count {
                let mut random = self.random.fork();
                for _ in 0..20 {
                    let Some(&lane) = lanes.get(random.index(lanes.len())) else { return };
                    let net = &self.network.lanes[lane];
                    if net.length < 45.0 {
                        continue;
                    }
                    let s = random.uniform(18.0, net.length - 18.0);
                    if net.crosswalks.iter().any(|(_, from, to)| (from - 14.0..to + 14.0).contains(&s)) {
                        continue;
                    }
                    let pose = net.lane.center.pose_at(s);
                    let mut actor =
                        Actor::random(self.next_id(), class, pose, self.network.elevation(lane, s), &mut random);
                    let right = self.network.half_widths(lane, s).1;
                    let bay = net
                        .lane
                        .right_neighbor
                        .and_then(|id| self.network.by_id.get(&id))
                        .filter(|i| self.network.lanes[**i].lane.kind == LaneKind::Parking);
                    let gap =
                        if intrusion > 0.0 { -intrusion * random.uniform(0.3, 1.0) } else { random.uniform(0.3, 0.6) };
                    let aside = match bay {
                        Some(&bay) => right + self.network.half_widths(bay, 1.0).0,
                        None => right + gap + actor.width / 2.0,
                    };
                    let position = net.lane.center.offset_at(s, -aside);
                    actor.pose = Pose2 { position, yaw: pose.yaw + random.normal(0.0, 0.03) };
                    let footprint = actor.footprint();
                    let clear = position.distance(ego.center.position) > CLEAR_OF_EGO_M * 0.6
                        && self.standing.iter().all(|a| !a.footprint().inflated(0.8).overlaps(&footprint))
                        && self.off_other_lanes(&footprint, lane);
                    if clear {
                        self.standing.push(actor);
                        break;
                    }
                }
            }
        }
    }

    /// Whether a footprint keeps off all driving lanes but one.
    fn off_other_lanes(&self, footprint: &OrientedBox<Map>, own: usize) -> bool {
        let corners = footprint.corners();
        let center = footprint.center.position;
        self.network.near(center, 8.0).iter().all(|(lane, _)| {
            if *lane == own || self.network.lanes[*lane].lane.kind != LaneKind::Driving {
                return true;
            }
            corners.iter().all(|corner| {
                let p = self.network.lanes[*lane].lane.center.project(*corner);
                let (left, right) = self.network.half_widths(*lane, p.s);
                p.d.abs() > left.max(right) + 0.2
            })
        })
    }

    /// Moves vehicles that are far from the ego car to where they will meet it, out of its sensors' sight.
    pub(super) fn bring_back(&mut self, ego: Pose2<Map>) {
        let center = ego.position;
        let network = Arc::clone(&self.network);
        let mut lanes: Option<Vec<usize>> = None;
        let mut moved = 0;
        for index in 0..self.drivers.len() {
            if self.drivers[index].actor.pose.position.distance(center) < FAR_M || moved == 3 {
                continue;
            }
            let near: &Vec<usize> = lanes.get_or_insert_with(|| {
                let reach = |l: &usize| {
                    network.lanes[*l].lane.center.project(center).foot.position.distance(center) < BACK_M[1]
                };
                self.open_lanes().into_iter().filter(reach).collect()
            });
            let near = near.clone();
            let cyclist = self.drivers[index].actor.class == ActorClass::Cyclist;
            let near: Vec<usize> = near.into_iter().filter(|l| !cyclist || network.lanes[*l].right.is_none()).collect();
            let length = self.drivers[index].actor.length;
            // Half of them ahead of the car, so that it meets them.
            let ahead = self.random.chance(0.5);
            let accept = |p: Point2<Map>| {
                let distance = p.distance(center);
                (BACK_M[0]..BACK_M[1]).contains(&distance) && (!ahead || (p - center).dot(ego.forward()) > 0.0)
            };
            if let Some((lane, s)) = self.free_place(&near, length, accept) {
                let speed = (network.speed_at(lane, s) * 0.5).min(self.drivers[index].habits.top_speed);
                self.drivers[index].place(&network, lane, s, speed);
                moved += 1;
            }
        }
        self.bring_walkers_back(center);
    }

    fn bring_walkers_back(&mut self, center: Point2<Map>) {
        let network = Arc::clone(&self.network);
        for index in 0..self.walkers.len() {
            if self.walkers[index].actor.pose.position.distance(center) < FAR_M {
                continue;
            }
            let mut random = self.random.fork();
            for _ in 0..8 {
                let way = random.index(self.ways.len());
                let Some(walkway) = self.ways.get(way) else { return };
                let net = &network.lanes[walkway.lane];
                let s = random.uniform(1.0, net.length - 1.0);
                let position = net.lane.center.offset_at(s, walkway.offset + self.walkers[index].aside);
                let free = self.standing.iter().all(|a| a.footprint().inflated(0.6).distance_to_point(position) > 0.0);
                if free && (BACK_M[0]..BACK_M[1]).contains(&position.distance(center)) {
                    let walker = &mut self.walkers[index];
                    walker.actor.pose.position = position;
                    walker.actor.z = network.elevation(walkway.lane, s);
                    walker.walk = Walk::Stroll { way, s, direction: 1.0 };
                    break;
                }
            }
        }
    }
}
