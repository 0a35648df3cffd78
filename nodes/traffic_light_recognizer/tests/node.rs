//! The node as a driver sees it: images of the simulator's camera in, states of lights out.

#![allow(clippy::unwrap_used, reason = "a test stops where its set-up fails")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use msgs::autoware_perception_msgs::msg::{TrafficLightElement as Element, TrafficLightGroupArray};
use msgs::geometry_msgs::msg::TransformStamped;
use msgs::nav_msgs::msg::Odometry;
use msgs::sensor_msgs::msg::{CameraInfo, Image};
use msgs::tf2_msgs::msg::TFMessage;
use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use node::{Context, Definition, Event, Level, Node, Outputs, Parameters, Ports, Status, Time};
use road_map::{Lane, LaneGraph, LaneKind, SignalGroupId, StopReason};
use simulation::camera::{Camera, CameraConfig, LightHead, LitLamp};
use simulation::lidar::{Ground, GroundKind, Scene};
use simulation::{SensorSuite, Sky};
use traffic_light_recognizer::{Network, Reading, State, TrafficLightRecognizer};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn town() -> Arc<LaneGraph> {
    Arc::new(LaneGraph::from_opendrive_file(&root().join("maps/town.xodr")).unwrap())
}

fn parameters() -> traffic_light_recognizer::Parameters {
    let file = root().join("params/traffic_light_recognizer.param.yaml");
    Parameters::from_file(&file, "traffic_light_recognizer").unwrap().parse("traffic_light_recognizer").unwrap()
}

/// Says by the mean of a piece which colour there is most of: enough for lights that stand alone.
struct ByColor;

impl Network for ByColor {
    fn read(&mut self, crops: &[f32], count: usize) -> Result<Vec<Reading>, String> {
        let piece = traffic_light_recognizer::crop::CROP_LEN;
        let read = |crop: &[f32]| {
            let (mut red, mut green) = (0.0f32, 0.0f32);
            for i in 0..piece / 3 {
                red = red.max(crop[i] - crop[piece / 3 + i]);
                green = green.max(crop[piece / 3 + i] - crop[i]);
            }
            let mut states = [0.0; 6];
            states[if red > 0.25 {
                0
            } else if green > 0.25 {
                2
            } else {
                4
            }] = 9.0;
            Reading::new(&states, &[1.0, 0.0, 0.0, 0.0])
        };
        Ok(crops.chunks_exact(piece).take(count).map(read).collect())
    }

    fn facts(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// A car that stands 30 m before the light of a lane, and its camera.
struct Bench {
    node: TrafficLightRecognizer,
    ports: Ports,
    camera: Camera,
    pose: Isometry3<f64>,
    group: SignalGroupId,
    map: Arc<LaneGraph>,
    tick: i64,
}

fn lane(map: &LaneGraph) -> (&Lane, f64, SignalGroupId) {
    map.lanes()
        .filter(|lane| lane.kind == LaneKind::Driving)
        .flat_map(|lane| lane.stop_lines.iter().map(move |line| (lane, line)))
        .find_map(|(lane, line)| match line.reason {
            StopReason::Signal(group) if line.s > 40.0 => Some((lane, line.s, group)),
            _ => None,
        })
        .unwrap()
}

impl Bench {
    fn new(make: impl FnOnce(&mut Ports, &Arc<LaneGraph>) -> TrafficLightRecognizer) -> Self {
        let map = town();
        let (lane, s, group) = lane(&map);
        let at = lane.pose_at(s - 34.0);
        let z = map.elevation_at(at.position);
        let turn = UnitQuaternion::from_euler_angles(0.0, 0.0, at.yaw);
        let pose = Isometry3::from_parts(Translation3::new(at.position.x, at.position.y, z), turn);
        let mut ports = Ports::default();
        let node = make(&mut ports, &map);
        let camera = Camera::new(CameraConfig::default()).unwrap();
        let mut bench = Self { node, ports, camera, pose, group, map, tick: 0 };
        bench.send("tf_static", transforms());
        bench.send("camera_info", info());
        bench
    }

    fn by_color() -> Self {
        Self::new(|ports, map| {
            TrafficLightRecognizer::with_network(parameters(), ports, map, Box::new(ByColor)).unwrap()
        })
    }

    fn send<M: msgs::Message>(
        &mut self,
        input: &str,
        message: M,
    ) -> (Option<Arc<TrafficLightGroupArray>>, Option<Status>) {
        let index = self.ports.inputs().iter().position(|port| port.name.ends_with(input)).unwrap();
        let event = Event { now: self.now(), kind: node::EventKind::Message(index, Arc::new(message)) };
        self.handle(&event)
    }

    fn handle(&mut self, event: &Event) -> (Option<Arc<TrafficLightGroupArray>>, Option<Status>) {
        let mut outputs = Outputs::default();
        self.node.on_event(event, &mut outputs);
        let signals = outputs.take_published().pop().map(|p| p.message.into_any().downcast().unwrap());
        (signals, outputs.take_status())
    }

    fn now(&self) -> Time {
        Time(self.tick * 100_000_000)
    }

    fn image(&mut self, lit: LitLamp) -> Image {
        let heads: Vec<LightHead> =
            LightHead::of_map(&self.map).into_iter().map(|head| LightHead { lit, ..head }).collect();
        let ground = Arc::new(Ground::level(self.pose.translation.z, GroundKind::Asphalt));
        let scene = Scene { ground, fixtures: Arc::default(), actors: Vec::new() };
        let pose = self.pose * SensorSuite::default().camera_mount.isometry();
        let frame = self.camera.render(&scene, &heads, &pose, &Sky::default(), (0.0, self.tick as u64));
        let config = CameraConfig::default();
        let mut image = Image {
            height: config.height as u32,
            width: config.width as u32,
            encoding: "rgb8".into(),
            step: 3 * config.width as u32,
            data: frame.pixels,
            ..Image::default()
        };
        image.header.frame_id = "camera".into();
        image.header.stamp = self.now().to_message();
        image
    }

    fn odometry(&self) -> Odometry {
        let mut odometry = Odometry::default();
        odometry.header.frame_id = "map".into();
        odometry.header.stamp = self.now().to_message();
        let (p, q) = (self.pose.translation, self.pose.rotation);
        let pose = &mut odometry.pose.pose;
        (pose.position.x, pose.position.y, pose.position.z) = (p.x, p.y, p.z);
        (pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w) = (q.i, q.j, q.k, q.w);
        odometry
    }

    /// The colour of the group ahead after an image in which every light shows this.
    fn look(&mut self, lit: LitLamp) -> u8 {
        self.tick += 1;
        let odometry = self.odometry();
        self.send("kinematic_state", odometry);
        let image = self.image(lit);
        let (signals, status) = self.send("image", image);
        let signals = signals.unwrap_or_else(|| panic!("{status:?}"));
        assert_eq!(signals.stamp, self.now().to_message(), "the image's stamp");
        let group = signals.traffic_light_groups.iter().find(|g| g.traffic_light_group_id == self.group.0).unwrap();
        group.elements[0].color
    }
}

fn transforms() -> TFMessage {
    let mount = SensorSuite::default().camera_mount.optical_isometry();
    let mut stamped = TransformStamped { child_frame_id: "camera".into(), ..TransformStamped::default() };
    stamped.header.frame_id = "base_link".into();
    let (t, q) = (mount.translation, mount.rotation);
    let to = &mut stamped.transform;
    (to.translation.x, to.translation.y, to.translation.z) = (t.x, t.y, t.z);
    (to.rotation.x, to.rotation.y, to.rotation.z, to.rotation.w) = (q.i, q.j, q.k, q.w);
    TFMessage { transforms: vec![stamped] }
}

fn info() -> CameraInfo {
    let c = CameraConfig::default();
    CameraInfo {
        width: c.width as u32,
        height: c.height as u32,
        distortion_model: "plumb_bob".into(),
        d: c.distortion.to_vec(),
        k: [c.focal_px, 0.0, c.center_x_px, 0.0, c.focal_px, c.center_y_px, 0.0, 0.0, 1.0],
        ..CameraInfo::default()
    }
}

#[test]
fn lights_are_found_where_the_map_says_and_red_comes_at_once() {
    let mut bench = Bench::by_color();
    assert_eq!(bench.look(LitLamp::Red), Element::RED);
    assert_eq!(bench.look(LitLamp::Green), Element::RED, "one image of green is not believed");
    assert_eq!(bench.look(LitLamp::Green), Element::GREEN);
    assert_eq!(bench.look(LitLamp::Red), Element::RED);
}

#[test]
fn of_unsound_images_nothing_follows_but_the_reason() {
    let mut bench = Bench::by_color();
    bench.look(LitLamp::Green);
    let good = bench.image(LitLamp::Green);
    let refuse = |bench: &mut Bench, change: fn(&mut Image)| {
        bench.tick += 1;
        let odometry = bench.odometry();
        bench.send("kinematic_state", odometry);
        let mut image = Image { data: good.data.clone(), ..good.clone() };
        image.data[0] ^= bench.tick as u8;
        image.header.stamp = bench.now().to_message();
        change(&mut image);
        let (signals, status) = bench.send("image", image);
        assert!(signals.is_none());
        let status = status.unwrap();
        assert_eq!(status.level, Level::Error);
        status.message
    };
    assert!(refuse(&mut bench, |i| i.encoding = "mono16".into()).contains("mono16"));
    assert!(refuse(&mut bench, |i| i.data.truncate(100)).contains("do not fit"));
    assert!(refuse(&mut bench, |i| i.data.fill(255)).contains("sees nothing"));
    assert!(refuse(&mut bench, |i| i.header.frame_id = "elsewhere".into()).contains("elsewhere"));
    assert!(refuse(&mut bench, |i| i.header.stamp = Time(0).to_message()).contains("later"));
    assert!(refuse(&mut bench, |i| (i.width, i.step, i.height) = (1152, 3456, 599)).contains("do not fit"));
}

#[test]
fn a_frozen_or_silent_camera_is_told() {
    let mut bench = Bench::by_color();
    bench.look(LitLamp::Green);
    let image = bench.image(LitLamp::Green);
    bench.send("image", image.clone());
    bench.tick += 1;
    let mut again = image;
    again.header.stamp = bench.now().to_message();
    let (signals, status) = bench.send("image", again);
    assert!(signals.is_none() && status.unwrap().message.contains("frozen"));
    bench.tick += 20;
    let event = Event { now: bench.now(), kind: node::EventKind::Timer(0) };
    assert!(bench.handle(&event).1.unwrap().message.contains("no image for"));
}

#[test]
fn a_camera_that_is_calibrated_by_another_model_is_refused() {
    let mut bench = Bench::by_color();
    let (_, status) =
        bench.send("camera_info", CameraInfo { distortion_model: "equidistant".into(), d: vec![0.0; 4], ..info() });
    let status = status.unwrap();
    assert!(status.level == Level::Error && status.message.contains("equidistant"), "{status:?}");
}

/// The model that is shipped, where ONNX Runtime is.
fn shipped() -> Option<Bench> {
    let Some(library) = inference::find_library(&root()) else {
        println!("skipped: ONNX Runtime is missing; `make drive` installs it");
        return None;
    };
    let context =
        Context { vehicle: vehicle::Vehicle::default(), map: Some(town()), share: root(), onnxruntime: Some(library) };
    Some(Bench::new(|ports, _| TrafficLightRecognizer::new(parameters(), ports, &context).unwrap()))
}

#[test]
fn the_shipped_model_reads_every_colour_and_an_unlit_light() {
    let Some(mut bench) = shipped() else { return };
    for (lit, color) in [
        (LitLamp::Red, Element::RED),
        (LitLamp::Green, Element::GREEN),
        (LitLamp::Amber, Element::AMBER),
        (LitLamp::Red, Element::RED),
    ] {
        bench.look(lit);
        assert_eq!(bench.look(lit), color, "{lit:?}");
    }
    // What was believed is kept for half a second.
    let colors: Vec<u8> = (0..8).map(|_| bench.look(LitLamp::None)).collect();
    assert_eq!(colors.last(), Some(&Element::UNKNOWN), "{colors:?}");
}

#[test]
fn the_measured_accuracy_reaches_what_the_manifest_asks_for() {
    let folder = root().join("models/traffic_light_recognizer");
    let manifest = inference::Manifest::read(&folder).unwrap();
    let metrics = std::fs::read_to_string(folder.join("metrics.json")).unwrap();
    let metrics: serde_json::Value = serde_json::from_str(&metrics).unwrap();
    for precision in ["fp32", "int8"] {
        let set = &metrics["precisions"][precision]["sets"]["shipped_town"];
        for (measure, least) in &manifest.least_accuracy {
            let measured = set[measure]["share"].as_f64().unwrap();
            assert!(measured >= *least, "{precision} {measure}: {measured}, at least {least}");
        }
        // The node believes green only after two images in a row.
        assert!(set["red_read_as_green"]["share"].as_f64().unwrap() <= 0.005, "{precision}: red read as green");
        assert!(metrics["precisions"][precision]["bytes"].as_u64().unwrap() < 1_000_000);
    }
}

#[test]
fn states_are_told_in_the_order_of_the_network() {
    let reading = Reading::new(&[0.0, 0.0, 3.0, 0.0, 0.0, 0.0], &[0.0, 0.0, 2.0, 1.0]);
    assert_eq!(reading.likeliest().0, State::Green);
    assert_eq!(reading.shape, road_map::LampShape::RightArrow);
    assert!((reading.states.iter().sum::<f32>() - 1.0).abs() < 1e-6);
}
