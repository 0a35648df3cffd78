//! What the front camera shows.

#![allow(clippy::unwrap_used, reason = "a test stops where its set-up fails")]

use std::sync::Arc;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use road_map::{LampShape, LaneGraph, SignalGroupId};
use simulation::camera::{Camera, CameraConfig, CameraFrame, Darkroom, LightHead, LitLamp};
use simulation::lidar::{Body, Ground, GroundKind, Instance, Part, Scene};
use simulation::{Fault, SensorSuite, Sky, World, smoke_scenario};

fn head(lit: LitLamp) -> LightHead {
    LightHead {
        id: 1,
        group: SignalGroupId(1),
        center: Vector3::new(40.0, -3.0, 3.4),
        facing: std::f64::consts::PI,
        size: [0.3, 0.9],
        shape: LampShape::Circle,
        lit,
        brightness: 1.0,
    }
}

fn street(things: Vec<Instance>) -> Scene {
    let ground = Arc::new(Ground::level(0.0, GroundKind::Asphalt));
    Scene { ground, fixtures: Arc::new(things), actors: Vec::new() }
}

/// From 1.45 m above the origin, along x.
fn pose() -> Isometry3<f64> {
    Isometry3::from_parts(Translation3::new(0.0, 0.0, 1.45), UnitQuaternion::identity())
}

fn take(scene: &Scene, head: LightHead, sky: Sky) -> (CameraFrame, CameraConfig) {
    let config = CameraConfig { noise: 0.0, ..CameraConfig::default() };
    (Camera::new(config).unwrap().render(scene, &[head], &pose(), &sky, (0.0, 7)), config)
}

/// The pixel that a place of the map is seen at, by the lens alone.
fn pixel(config: &CameraConfig, place: Vector3<f64>) -> [usize; 2] {
    let off = place - Vector3::new(0.0, 0.0, 1.45);
    let [x, y] = config.pinhole().project([-off.y, -off.z, off.x]).unwrap();
    [x.round() as usize, y.round() as usize]
}

fn color((frame, config): &(CameraFrame, CameraConfig), place: Vector3<f64>) -> [i32; 3] {
    let [x, y] = pixel(config, place);
    let at = (y * config.width + x) * 3;
    std::array::from_fn(|c| i32::from(frame.pixels[at + c]))
}

#[test]
fn the_lit_lamp_is_where_the_lens_sees_it_and_has_its_colour() {
    for (lit, rise) in [(LitLamp::Red, 0.3), (LitLamp::Amber, 0.0), (LitLamp::Green, -0.3)] {
        let shown = take(&street(Vec::new()), head(lit), Sky::default());
        let [r, g, b] = color(&shown, Vector3::new(40.0, -3.0, 3.4 + rise));
        match lit {
            LitLamp::Red => assert!(r > 100 && r > 2 * g, "{r} {g} {b}"),
            LitLamp::Amber => assert!(r > 100 && g > 60 && r > g && g > 2 * b, "{r} {g} {b}"),
            _ => assert!(g > 100 && g > 2 * r, "{r} {g} {b}"),
        }
        assert!(shown.0.heads[0].visible > 0.9);
    }
}

#[test]
fn from_behind_and_from_the_side_a_light_shows_its_housing_only() {
    for facing in [0.0, 1.5] {
        let turned = LightHead { facing, ..head(LitLamp::Red) };
        let shown = take(&street(Vec::new()), turned, Sky::default());
        assert!(shown.0.heads.is_empty(), "facing {facing}");
        let red = |p: &[u8]| i32::from(p[0]) > 120 && i32::from(p[0]) > 2 * i32::from(p[1]);
        assert!(!shown.0.pixels.chunks_exact(3).any(red), "facing {facing}");
    }
}

#[test]
fn what_stands_before_a_light_hides_it() {
    let wall = Body::new(vec![Part::cuboid([0.0, 2.0], [-2.0, 2.0], [0.0, 6.0], 0.4)]);
    let lorry = Instance::fixture([20.0, -1.5, 0.0], 0.0, wall);
    let shown = take(&street(vec![lorry]), head(LitLamp::Green), Sky::default());
    assert!(shown.0.heads[0].visible < 0.05, "{}", shown.0.heads[0].visible);
    let [r, g, _] = color(&shown, Vector3::new(40.0, -3.0, 3.1));
    assert!((g - r).abs() < 60, "no green before the lorry: {r} {g}");
}

#[test]
fn the_sun_blinds_who_looks_into_it_and_nobody_else() {
    let sky = |azimuth: f64| Sky { sun_azimuth_deg: azimuth, sun_elevation_deg: 4.0, clouds: 0.0 };
    let into = take(&street(Vec::new()), head(LitLamp::Green), sky(-4.0)).0;
    let away = take(&street(Vec::new()), head(LitLamp::Green), sky(176.0)).0;
    assert!(into.heads[0].glare > 1.0 && away.heads[0].glare == 0.0, "{} {}", into.heads[0].glare, away.heads[0].glare);
}

#[test]
fn night_is_dark_but_for_the_lamps() {
    let night = Sky { sun_elevation_deg: -20.0, ..Sky::default() };
    let mean = |f: &CameraFrame| f.pixels.iter().map(|v| f64::from(*v)).sum::<f64>() / f.pixels.len() as f64;
    let (dark, day) = (
        take(&street(Vec::new()), head(LitLamp::Red), night),
        take(&street(Vec::new()), head(LitLamp::Red), Sky::default()),
    );
    assert!(mean(&dark.0) < 0.5 * mean(&day.0), "{} {}", mean(&dark.0), mean(&day.0));
    assert!(color(&dark, Vector3::new(40.0, -3.0, 3.7))[0] > 200);
}

#[test]
fn a_bad_camera_is_refused_with_the_field() {
    let refuse = |config: CameraConfig| Camera::new(config).unwrap_err().to_string();
    let good = CameraConfig::default();
    assert!(refuse(CameraConfig { width: 1151, ..good }).contains("width"));
    assert!(refuse(CameraConfig { focal_px: f64::NAN, ..good }).contains("focal_px"));
    assert!(refuse(CameraConfig { distortion: [-1.0, 0.0, 0.0, 0.0, 0.0], ..good }).contains("distortion"));
}

/// A world and where its camera's shots become images.
struct Filmed {
    world: World,
    darkroom: Darkroom,
}

fn world(faults: Vec<Fault>) -> Filmed {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../maps/town.xodr");
    let map = Arc::new(LaneGraph::from_opendrive_file(std::path::Path::new(path)).unwrap());
    let scenario = simulation::Scenario { faults, ..smoke_scenario(&map, 2001).unwrap() };
    let mut suite = SensorSuite::default();
    (suite.lidar.beams, suite.lidar.columns) = (1, 16);
    let darkroom = Darkroom::new(suite.camera).unwrap();
    Filmed { world: World::new(map, vehicle::Vehicle::default(), suite, scenario).unwrap(), darkroom }
}

fn run(Filmed { world, darkroom }: &mut Filmed, steps: usize) -> Option<CameraFrame> {
    (0..steps).for_each(|_| world.step());
    assert!(world.camera_due());
    world.camera_shot().map(|shot| darkroom.develop(&shot))
}

#[test]
fn one_seed_gives_the_same_image_whether_or_not_others_were_asked_for() {
    let (mut often, mut once) = (world(Vec::new()), world(Vec::new()));
    run(&mut often, 10);
    assert_eq!(run(&mut often, 20), run(&mut once, 30));
}

#[test]
fn camera_faults_show() {
    let (from_s, until_s) = (0.15, None);
    assert!(run(&mut world(vec![Fault::CameraDead { from_s, until_s }]), 30).is_none());
    let mut frozen = world(vec![Fault::CameraFrozen { from_s, until_s }]);
    let (first, second) = (run(&mut frozen, 20).unwrap(), run(&mut frozen, 10).unwrap());
    assert!(first.pixels == second.pixels && first.stamp_s < second.stamp_s);
    let blind = run(&mut world(vec![Fault::CameraBlinded { from_s, until_s }]), 30).unwrap();
    assert!(blind.pixels.iter().all(|v| *v > 200));
}
