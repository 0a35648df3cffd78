use std::f64::consts::PI;
use std::sync::Arc;

use geometry::{Map, OrientedBox, Point2, Pose2, Vector2};

use super::clutter;
use super::gardens::front_gardens;
use super::ground::{Ground, GroundKind};
use super::scene::{Instance, Scene, SweepMotion};
use crate::actor::{Actor, ActorClass};
use crate::random::Random;

/// A scene with its truth, for making training data.
#[derive(Debug, Clone)]
pub struct TrainingScene {
    /// What the sensor sees.
    pub scene: Scene,
    /// Truth for all road users in it, at the end of the sweep.
    pub actors: Vec<Actor>,
    /// `base_link` of the recording car at the end of the sweep.
    pub ego: Pose2<Map>,
    /// Speed of the recording car, m/s.
    pub ego_speed_mps: f64,
}

impl TrainingScene {
    /// The motion of a sensor mounted `forward_m` ahead of `base_link` at `height_m`, over one sweep of `period_s`.
    pub fn sweep(&self, forward_m: f64, height_m: f64, period_s: f64) -> SweepMotion {
        let ahead = self.ego.forward();
        let pose = |back_s: f64| {
            let place = self.ego.position + ahead * (forward_m - back_s * self.ego_speed_mps);
            let z = self.scene.ground.height(place.x, place.y) + height_m;
            SweepMotion::still([place.x, place.y, z], self.ego.yaw, 0.0).poses[0]
        };
        SweepMotion { poses: vec![pose(period_s), pose(0.0)], end_s: 0.0 }
    }
}

/// What already stands somewhere, so that nothing else is put there.
struct Occupied(Vec<OrientedBox<Map>>);

impl Occupied {
    fn take(&mut self, footprint: OrientedBox<Map>, margin: f64) -> bool {
        let wide = footprint.inflated(margin);
        if self.0.iter().any(|other| other.overlaps(&wide)) {
            return false;
        }
        self.0.push(footprint);
        true
    }
}

/// A street of its own for each seed: one to three lanes each way, traffic, parked cars, people, houses, trees.
///
/// Road users stand or move in every plausible place and heading around the recording car; nothing overlaps.
pub fn random_scene(seed: u64) -> TrainingScene {
    street(seed, false)
}

/// As [`random_scene`], in a street with narrow pavements and front gardens: walls, hedges, shrubs and trees stand close to
/// parked cars, and are as long and as high as they.
pub fn residential_scene(seed: u64) -> TrainingScene {
    street(seed, true)
}

fn street(seed: u64, residential: bool) -> TrainingScene {
    let mut random = Random::new(seed);
    let lanes = 1 + random.index(3);
    let lane_width = random.uniform(3.0, 3.8);
    let (mut gap, mut pavement) = (random.uniform(0.0, 3.0), random.uniform(1.5, 4.0));
    if residential {
        (gap, pavement) = (gap * 0.2, pavement * 0.6);
    }
    let curb = lanes as f64 * lane_width;
    let slope = if random.chance(0.3) { random.uniform(-0.05, 0.05) } else { 0.0 };
    let bend = random.uniform(120.0, 400.0) * 6.0;
    let corner = 140.0;
    let mut ground = Ground::sampled(Point2::new(-corner, -corner), Point2::new(corner, corner), 2.0, |p| {
        slope * bend * (p.x / bend).sin()
    });
    pave_street(&mut ground, lanes, lane_width, gap + pavement);
    let ego = Pose2::new(
        0.0,
        -lane_width * (0.5 + random.index(lanes) as f64) + random.uniform(-0.4, 0.4),
        random.normal(0.0, 0.04),
    );
    let ego_speed_mps = random.uniform(0.0, 15.0);
    let mut occupied = Occupied(vec![OrientedBox::new(Pose2::new(1.4, ego.position.y, ego.yaw), 5.2, 2.6)]);
    let mut actors = Vec::new();
    let mut place = |class: ActorClass, pose: Pose2<Map>, speed: f64, random: &mut Random, occupied: &mut Occupied| {
        let z = ground.height(pose.position.x, pose.position.y);
        let mut actor = Actor::random(actors.len() as u32 + 1, class, pose, z, random);
        if occupied.take(actor.footprint(), 0.35) {
            actor.velocity = Vector2::from_polar(speed, pose.yaw);
            actor.gait = if speed > 0.0 { random.uniform(0.0, 2.0 * PI) } else { 0.4 };
            actors.push(actor);
        }
    };
    let busy = random.uniform(0.3, 1.2);
    for _ in 0..(26.0 * busy) as usize {
        let lane = (0.5 + random.index(lanes) as f64) * lane_width;
        let (y, heading) = if random.chance(0.5) { (-lane, 0.0) } else { (lane, PI) };
        let class = if random.chance(0.17) { ActorClass::Truck } else { ActorClass::Car };
        let yaw = heading + if random.chance(0.2) { random.uniform(-0.6, 0.6) } else { random.normal(0.0, 0.03) };
        let speed = if random.chance(0.35) { 0.0 } else { random.uniform(1.0, 16.0) };
        place(
            class,
            Pose2::new(random.uniform(-95.0, 95.0), y + random.normal(0.0, 0.2), yaw),
            speed,
            &mut random,
            &mut occupied,
        );
    }
    // A side street's traffic crosses.
    let crossing = random.uniform(-60.0, 80.0);
    for _ in 0..random.index(9) {
        let heading = if random.chance(0.5) { PI / 2.0 } else { -PI / 2.0 };
        let x = crossing + heading.signum() * random.uniform(1.5, 2.0) + if random.chance(0.2) { 5.0 } else { 0.0 };
        let class = if random.chance(0.15) { ActorClass::Truck } else { ActorClass::Car };
        let pose = Pose2::new(x, random.uniform(-60.0, 60.0), heading + random.normal(0.0, 0.15));
        place(class, pose, random.uniform(0.0, 9.0), &mut random, &mut occupied);
    }
    for _ in 0..random.index(28) {
        let side = if random.chance(0.5) { 1.0 } else { -1.0 };
        let heading = if random.chance(0.85) == (side < 0.0) { 0.0 } else { PI };
        let yaw = heading + if random.chance(0.1) { PI / 2.0 } else { random.normal(0.0, 0.05) };
        let class = if random.chance(0.06) { ActorClass::Truck } else { ActorClass::Car };
        place(
            class,
            Pose2::new(random.uniform(-90.0, 90.0), side * (curb + 1.1), yaw),
            0.0,
            &mut random,
            &mut occupied,
        );
    }
    for _ in 0..4 + random.index(14) {
        let side = if random.chance(0.5) { 1.0 } else { -1.0 };
        let y = side * (curb - random.uniform(-2.5, 1.5));
        let yaw = if side < 0.0 { 0.0 } else { PI } + random.normal(0.0, 0.3);
        let x = random.uniform(-70.0, 70.0) * if random.chance(0.5) { 0.5 } else { 1.0 };
        place(ActorClass::Cyclist, Pose2::new(x, y, yaw), random.uniform(0.0, 7.0), &mut random, &mut occupied);
    }
    for _ in 0..8 + random.index(26) {
        let side = if random.chance(0.5) { 1.0 } else { -1.0 };
        let y = if random.chance(0.2) {
            random.uniform(-curb, curb)
        } else {
            side * (curb + gap + random.uniform(0.2, pavement))
        };
        let yaw = random.uniform(-PI, PI);
        let x = random.uniform(-70.0, 70.0) * if random.chance(0.5) { 0.5 } else { 1.0 };
        let speed = if random.chance(0.3) { 0.0 } else { random.uniform(0.5, 2.2) };
        place(ActorClass::Pedestrian, Pose2::new(x, y, yaw), speed, &mut random, &mut occupied);
    }
    let mut fixtures = surroundings(&ground, curb + gap, pavement, &mut random, &mut occupied);
    if residential {
        fixtures.extend(front_gardens(&ground, curb + gap + pavement, &actors, &mut random));
    }
    let instances = actors.iter().map(Actor::instance).collect();
    let scene = Scene { ground: Arc::new(ground), fixtures: Arc::new(fixtures), actors: instances };
    TrainingScene { scene, actors, ego, ego_speed_mps }
}

fn rectangle(x: [f64; 2], y: [f64; 2]) -> [Point2<Map>; 4] {
    [Point2::new(x[0], y[0]), Point2::new(x[1], y[0]), Point2::new(x[1], y[1]), Point2::new(x[0], y[1])]
}

fn pave_street(ground: &mut Ground, lanes: usize, lane_width: f64, verge: f64) {
    let (all, curb) = ([-140.0, 140.0], lanes as f64 * lane_width);
    ground.pave(&rectangle(all, [-curb - verge, curb + verge]), GroundKind::Pavement, &[GroundKind::Verge]);
    ground.pave(&rectangle(all, [-curb, curb]), GroundKind::Asphalt, &[GroundKind::Pavement]);
    for line in 0..=2 * lanes {
        let y = -curb + line as f64 * lane_width;
        let dashed = line != 0 && line != lanes && line != 2 * lanes;
        for dash in -23..23 {
            let x = f64::from(dash) * 6.0;
            let length = if dashed { 3.0 } else { 6.0 };
            ground.pave(&rectangle([x, x + length], [y - 0.07, y + 0.07]), GroundKind::Paint, &[GroundKind::Asphalt]);
        }
    }
}

/// Houses, trees, poles and small things on both sides of a street whose pavement begins at `curb`.
fn surroundings(
    ground: &Ground,
    curb: f64,
    pavement: f64,
    random: &mut Random,
    occupied: &mut Occupied,
) -> Vec<Instance> {
    let mut fixtures = Vec::new();
    let front = curb + pavement + random.uniform(0.3, 8.0);
    let built = random.uniform(0.1, 0.9);
    for side in [-1.0, 1.0] {
        let mut x = -110.0;
        while x < 110.0 {
            let length = random.uniform(7.0, 25.0);
            let depth = random.uniform(7.0, 14.0);
            if random.chance(built) {
                let pose = Pose2::new(x + length / 2.0, side * (front + depth / 2.0), random.normal(0.0, 0.02));
                let size = [length, depth, random.uniform(3.0, 14.0)];
                stand(&mut fixtures, ground, pose, size, occupied, || clutter::building(size, random));
            }
            x += length + random.uniform(0.3, 8.0);
        }
    }
    let crowd = random.uniform(0.2, 1.3);
    for _ in 0..(90.0 * crowd) as usize {
        let side = if random.chance(0.5) { 1.0 } else { -1.0 };
        let y = side * (curb + random.uniform(0.2, pavement + 12.0));
        let pose = Pose2::new(random.uniform(-100.0, 100.0), y, random.uniform(-PI, PI));
        match random.index(8) {
            0 | 1 => {
                let height = random.uniform(3.5, 12.0);
                stand(&mut fixtures, ground, pose, [0.6, 0.6, height], occupied, || clutter::tree(height, random));
            }
            2 | 3 => {
                let (height, radius) = (random.uniform(2.5, 9.0), random.uniform(0.04, 0.16));
                stand(&mut fixtures, ground, pose, [0.4, 0.4, height], occupied, || {
                    clutter::pole(height, radius, random)
                });
            }
            4 => {
                let size = [random.uniform(0.6, 6.0), random.uniform(0.5, 1.5), random.uniform(0.5, 2.0)];
                let pose = Pose2 { yaw: random.normal(0.0, 0.1), ..pose };
                stand(&mut fixtures, ground, pose, size, occupied, || clutter::bush(size, random));
            }
            5 => {
                let size = [random.uniform(3.0, 20.0), random.uniform(0.05, 0.4), random.uniform(0.7, 2.2)];
                let pose = Pose2::new(pose.position.x, side * (front - 0.2), random.normal(0.0, 0.02));
                stand(&mut fixtures, ground, pose, size, occupied, || clutter::fence(size, random));
            }
            6 => stand(&mut fixtures, ground, pose, [1.6, 0.7, 1.0], occupied, || clutter::bin(random)),
            _ => stand(&mut fixtures, ground, pose, [0.5, 0.5, 2.5], occupied, || clutter::sign(random)),
        }
    }
    fixtures
}

fn stand(
    fixtures: &mut Vec<Instance>,
    ground: &Ground,
    pose: Pose2<Map>,
    [length, width, _]: [f64; 3],
    occupied: &mut Occupied,
    body: impl FnOnce() -> Arc<super::Body>,
) {
    if occupied.take(OrientedBox::new(pose, length, width), 0.1) {
        let (x, y) = (pose.position.x, pose.position.y);
        fixtures.push(Instance::fixture([x, y, ground.height(x, y)], pose.yaw, body()));
    }
}
