use std::f64::consts::PI;
use std::sync::Arc;

use geometry::{Map, Pose2, angle_difference};
use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use road_map::{LaneGraph, LaneKind};
use simulation::lidar::Ground;
use simulation::{Actor, ActorClass, Random, SensorSuite, World, drive_scenario};
use vehicle::Vehicle;

use crate::label::label;
use crate::sample::{Drive, Recorder, measured};
use crate::sensor::Sensor;

/// Moments of one world that are recorded, the time between them (s), and scans a moment.
const MOMENTS: usize = 15;
const APART_S: f64 = 2.0;
const SCANS: usize = 2;
/// The car does not corner harder than this, m/s².
const CORNERING_MPS2: f64 = 3.0;

/// Scans from cars that follow lanes of one world, among its traffic.
pub fn record(
    recorder: &mut Recorder,
    map: &Arc<LaneGraph>,
    seed: u64,
    varied: bool,
    turned: bool,
) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
    let mut random = Random::new(seed ^ 0x70_3377);
    let mut scenario = drive_scenario(map, seed, 300.0)?;
    // Everyone is on the road all over the town: the recording car is now here, now there.
    scenario.traffic.follow_ego = false;
    scenario.traffic.cars = 40 + random.index(50);
    scenario.traffic.trucks = 6 + random.index(10);
    scenario.traffic.cyclists = 15 + random.index(25);
    scenario.traffic.pedestrians = 40 + random.index(80);
    scenario.traffic.parked = 20 + random.index(50);
    scenario.traffic.obstacles = 10 + random.index(30);
    scenario.duration_s = 600.0;
    let mut suite = SensorSuite::default();
    // The world's own laser is not used: the coarsest costs least.
    (suite.lidar.beams, suite.lidar.columns) = (1, 16);
    let mut world = World::new(Arc::clone(map), Vehicle::default(), suite, scenario)?;
    let mut samples = Vec::new();
    for moment in 0..MOMENTS {
        let seconds = if moment == 0 { 4.0 } else { APART_S };
        for _ in 0..(seconds / simulation::STEP_S) as usize {
            world.step();
        }
        let (scene, things) = label(&world.scene(), world.actors());
        for _ in 0..SCANS {
            let mut sensor = Sensor::random(varied, &mut random)?;
            let Some(drive) = place(map, world.actors(), &scene.ground, turned, &mut random) else { continue };
            samples.push(recorder.sample(&scene, &things, &mut sensor, &drive, random.bits()));
        }
    }
    Ok(samples)
}

/// A car in a lane, or turned to any heading, clear of everybody, rather where others are.
fn place(map: &LaneGraph, actors: &[Actor], ground: &Ground, turned: bool, random: &mut Random) -> Option<Drive> {
    let lanes: Vec<_> = map.lanes().filter(|l| l.kind == LaneKind::Driving && l.center.length() > 4.0).collect();
    let total: f64 = lanes.iter().map(|l| l.center.length()).sum();
    let mut best: Option<(usize, Drive)> = None;
    for _ in 0..6 {
        let mut left = random.uniform(0.0, total);
        let lane = lanes.iter().find(|l| {
            left -= l.center.length();
            left < 0.0
        })?;
        let s = random.uniform(2.5, lane.center.length());
        let beside = random.normal(0.0, 0.2).clamp(-0.5, 0.5);
        let askew = random.normal(0.0, 0.02);
        let curvature = lane.center.curvature_at(s, 6.0);
        let bend = (CORNERING_MPS2 / curvature.abs().max(1e-4)).sqrt();
        let speed = if random.chance(0.25) { 0.0 } else { random.uniform(0.5, 15.0).min(bend) };
        let (pitch, roll) = (random.normal(0.0, 0.012), random.normal(0.0, 0.012));
        let heading = turned.then(|| random.uniform(-PI, PI));
        let along = |back_s: f64| -> Pose2<Map> {
            if let Some(yaw) = heading {
                let pose = Pose2 { position: lane.center.offset_at(s, beside), yaw };
                return Pose2 { position: pose.position + pose.forward() * (-back_s * speed), yaw };
            }
            let at = s - back_s * speed;
            let chord = lane.center.pose_at(at + 1.4).position - lane.center.pose_at(at - 1.4).position;
            Pose2 { position: lane.center.offset_at(at, beside), yaw: chord.angle() + askew }
        };
        let base_link = |pose: Pose2<Map>| -> Isometry3<f64> {
            let p = pose.position;
            let ahead = p + pose.forward() * 2.0;
            let z = ground.height(p.x, p.y);
            let slope = (ground.height(ahead.x, ahead.y) - z) / 2.0;
            let rotation = UnitQuaternion::from_euler_angles(roll, pitch - slope, pose.yaw);
            Isometry3::from_parts(Translation3::new(p.x, p.y, z), rotation)
        };
        let now = along(0.0);
        let footprint = Vehicle::default().footprint(now).inflated(0.3);
        if actors.iter().any(|a| a.footprint().overlaps(&footprint)) {
            continue;
        }
        let worth = |a: &Actor| if matches!(a.class, ActorClass::Cyclist | ActorClass::Pedestrian) { 2 } else { 1 };
        let near = actors.iter().filter(|a| a.pose.position.distance(now.position) < 45.0);
        let company = near.map(worth).sum::<usize>() + random.index(6);
        let yaw_rate = angle_difference(now.yaw, along(0.1).yaw) / 0.1;
        let poses = (0..=5).map(|step| base_link(along(0.1 - 0.02 * f64::from(step)))).collect();
        if best.as_ref().is_none_or(|(most, _)| company > *most) {
            best = Some((company, Drive { poses, twist: measured(speed, yaw_rate, random) }));
        }
    }
    best.map(|(_, drive)| drive)
}
