use std::sync::Arc;

use geometry::Point2;
use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use road_map::{LampShape, LaneGraph, SignalGroupId, StopReason};
use simulation::camera::{Camera, CameraConfig, HeadTruth, LightHead, LitLamp};
use simulation::{Random, SensorSuite, Sky, World, drive_scenario};
use traffic_light_recognizer::crop::{CROP_LEN, Pixels, cut};
use traffic_light_recognizer::network::SHAPES;
use traffic_light_recognizer::{Light, Sight, State};
use vehicle::Vehicle;

/// Moments of one world that are recorded, the time between them (s), and images of a moment.
const MOMENTS: usize = 20;
const APART_S: f64 = 3.0;
const IMAGES: usize = 10;
/// As far as the node looks, m.
const RANGE_M: f64 = 80.0;
/// Less of a lamp than this is not seen.
const LEAST_VISIBLE: f64 = 0.25;

/// Lights as cars on their way to them see them in one world, among its traffic.
pub fn record(map: &Arc<LaneGraph>, seed: u64, varied: bool) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
    let mut random = Random::new(seed ^ 0x011_9875);
    let mut scenario = drive_scenario(map, seed, 300.0)?;
    scenario.traffic.follow_ego = false;
    (scenario.traffic.cars, scenario.traffic.trucks) = (30 + random.index(40), 6 + random.index(14));
    scenario.duration_s = 600.0;
    let mut suite = SensorSuite::default();
    // The laser is not used: the coarsest costs least.
    (suite.lidar.beams, suite.lidar.columns) = (1, 16);
    let mount = suite.camera_mount;
    let mut world = World::new(Arc::clone(map), Vehicle::default(), suite, scenario)?;
    let mut samples = Vec::new();
    for moment in 0..MOMENTS {
        let seconds = if moment == 0 { 4.0 } else { APART_S };
        for _ in 0..(seconds / simulation::STEP_S) as usize {
            world.step();
        }
        let mut camera = Camera::new(lens(varied, &mut random))?;
        let scene = world.scene();
        for image in 0..IMAGES {
            let Some(place) = place(&world, &mut random) else { continue };
            let pose = place.pose * mount.isometry();
            let heads: Vec<LightHead> =
                world.light_heads().into_iter().map(|head| alter(head, varied, &mut random)).collect();
            let key = seed << 16 | (moment * IMAGES + image) as u64;
            let sky = sky(key, place.yaw, varied, &mut random);
            let frame = camera.render(&scene, &heads, &pose, &sky, (0.0, key));
            let guess = wrong(&place.pose, &mut random) * mount.optical_isometry();
            for truth in &frame.heads {
                samples.extend(sample(&frame.pixels, &camera, truth, &guess, &sky));
            }
        }
    }
    Ok(samples)
}

fn lens(varied: bool, random: &mut Random) -> CameraConfig {
    let own = CameraConfig::default();
    if !varied || random.chance(0.6) {
        return own;
    }
    let k1 = random.uniform(-0.16, 0.0);
    CameraConfig {
        focal_px: random.uniform(540.0, 760.0),
        distortion: [k1, k1 * k1, 0.0, 0.0, 0.0],
        noise: random.uniform(0.5, 5.0),
        ..own
    }
}

struct Place {
    pose: Isometry3<f64>,
    yaw: f64,
}

/// On a lane that leads to a light, up to 85 m before its line and not inside of anybody.
fn place(world: &World, random: &mut Random) -> Option<Place> {
    let map = world.map();
    let lines: Vec<_> = map
        .lanes()
        .flat_map(|lane| lane.stop_lines.iter().map(move |line| (lane, line)))
        .filter(|(_, line)| matches!(line.reason, StopReason::Signal(SignalGroupId(_))))
        .collect();
    for _ in 0..20 {
        let (lane, line) = *lines.get(random.index(lines.len()))?;
        let mut back = 3.7 + if random.chance(0.4) { random.uniform(0.2, 12.0) } else { random.uniform(0.2, 85.0) };
        let (mut lane, mut s) = (lane, line.s);
        while back > s {
            let before = lane.predecessors.iter().find_map(|id| map.lane(*id));
            let Some(before) = before else { break };
            back -= s;
            (lane, s) = (before, before.length());
        }
        if back > s {
            continue;
        }
        let pose = lane.pose_at(s - back);
        let aside = random.normal(0.0, 0.25).clamp(-0.7, 0.7);
        let position = pose.position + pose.forward().perpendicular() * aside;
        let yaw = pose.yaw + random.normal(0.0, 0.03);
        let ahead: Point2<_> = position + pose.forward() * 1.4;
        if world.actors().iter().any(|actor| actor.footprint().distance_to_point(ahead) < 3.0) {
            continue;
        }
        let z = world.ground_height(position);
        let slope = world.ground_height(position + pose.forward() * 2.8) - z;
        let (roll, pitch) = (random.normal(0.0, 0.008), random.normal(0.0, 0.012) - slope / 2.8);
        let turn = UnitQuaternion::from_euler_angles(roll, pitch, yaw);
        return Some(Place { pose: Isometry3::from_parts(Translation3::new(position.x, position.y, z), turn), yaw });
    }
    None
}

fn alter(head: LightHead, varied: bool, random: &mut Random) -> LightHead {
    let lit = random.pick(&[
        (0.28, LitLamp::Red),
        (0.22, LitLamp::Amber),
        (0.32, LitLamp::Green),
        (0.1, LitLamp::None),
        (0.08, head.lit),
    ]);
    if !varied {
        return LightHead { lit, ..head };
    }
    let shape = random.pick(&[
        (0.7, LampShape::Circle),
        (0.1, LampShape::LeftArrow),
        (0.1, LampShape::RightArrow),
        (0.1, LampShape::UpArrow),
    ]);
    let height = if random.chance(0.5) { head.size[1] } else { random.uniform(0.75, 1.25) };
    let size = [height * random.uniform(0.3, 0.46), height];
    let brightness = random.uniform(0.5, 1.4);
    LightHead { lit, shape, size, brightness, ..head }
}

fn sky(key: u64, yaw: f64, varied: bool, random: &mut Random) -> Sky {
    let sky = Sky::random(key);
    if !varied || !random.chance(0.15) {
        return sky;
    }
    Sky {
        sun_azimuth_deg: yaw.to_degrees() + random.uniform(-18.0, 18.0),
        sun_elevation_deg: random.uniform(2.0, 25.0),
        clouds: random.uniform(0.0, 0.2),
    }
}

/// The pose as a localizer gives it, that knows of no nodding.
fn wrong(pose: &Isometry3<f64>, random: &mut Random) -> Isometry3<f64> {
    let off = Vector3::new(random.normal(0.0, 0.2), random.normal(0.0, 0.13), random.normal(0.0, 0.05));
    let turn = [random.normal(0.0, 0.008), random.normal(0.0, 0.009), random.normal(0.0, 0.005)];
    let turn = UnitQuaternion::from_euler_angles(turn[0], turn[1], turn[2]);
    pose * Isometry3::from_parts(Translation3::from(off), turn)
}

fn sample(data: &[u8], camera: &Camera, truth: &HeadTruth, guess: &Isometry3<f64>, sky: &Sky) -> Option<Vec<u8>> {
    let (lens, head) = (camera.lens(), &truth.head);
    let light = Light {
        id: head.id,
        groups: vec![head.group],
        center: head.center - head.normal() * 0.27,
        facing: head.facing,
        size: head.size,
        lamps: head.shape,
    };
    let sight = Sight::new(&light, lens, guess, RANGE_M)?;
    let mut crop = vec![0.0; CROP_LEN];
    cut(&Pixels { data, step: lens.size[0] * 3, size: lens.size, bgr: false }, lens, &sight, &mut crop);
    let (lit, shown) = match head.lit {
        LitLamp::Red => (0, State::Red),
        LitLamp::Amber => (1, State::Amber),
        LitLamp::Green => (2, State::Green),
        LitLamp::None => (3, State::Unlit),
    };
    let state = if truth.visible < LEAST_VISIBLE {
        State::Occluded
    } else if truth.glare > 1.0 {
        State::Glare
    } else {
        shown
    };
    let day = if sky.is_dark() { 2 } else { u8::from(sky.sun_elevation_deg < 15.0 && sky.clouds < 0.4) };
    let place = |found: Option<usize>| found.unwrap_or(0) as u8;
    let mut bytes: Vec<u8> = crop.iter().map(|v| (v * 255.0).round() as u8).collect();
    bytes.push(place(State::ALL.iter().position(|s| *s == state)));
    bytes.push(place(SHAPES.iter().position(|s| *s == head.shape)));
    bytes.extend([day, lit]);
    for value in [sight.distance_m, truth.glare, truth.visible] {
        bytes.extend((value as f32).to_le_bytes());
    }
    Some(bytes)
}
