//! The node on a bench: hand-made roads, a stand-in network, and the shipped model where ONNX Runtime is found.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use geometry::{Map, Point2, Polyline};
use inference::LoadOptions;
use msgs::autoware_perception_msgs::msg::{ObjectClassification, PredictedObjects, TrackedObject, TrackedObjects};
use msgs::nav_msgs::msg::Odometry;
use node::{Definition, Event, Input, Level, Node, Output, Outputs, Ports, Qos, Status, Time};
use road_map::{Boundary, Lane, LaneId, LaneKind, Turn};
use trajectory_predictor::features::{AGENTS, Features};
use trajectory_predictor::forecast::STEPS;
use trajectory_predictor::path::SLOTS;
use trajectory_predictor::road::Road;
use trajectory_predictor::{Answer, Network, OnnxNetwork, Parameters, TrajectoryPredictor};

/// Says: on as you are, the first way likeliest; or what it was made to say.
struct StandIn(f32);

impl Network for StandIn {
    fn run(&mut self, features: &Features) -> Result<Answer, String> {
        assert!(features.paths.iter().chain(&features.history).chain(&features.state).all(|n| n.is_finite()));
        let logits = [2.0, 1.0, 0.0, 0.0, 0.0, 0.0].repeat(AGENTS);
        Ok(Answer { motion: vec![self.0; AGENTS * SLOTS * STEPS * 2], logits })
    }
}

fn lane(id: i64, points: Vec<Point2<Map>>, successors: &[i64], turn: Turn) -> Lane {
    let center = Polyline::new(points).unwrap();
    let side = |d: f64| center.arc_lengths().iter().map(|&s| center.offset_at(s, d)).collect();
    Lane {
        id: LaneId(id),
        kind: LaneKind::Driving,
        left: side(1.75),
        right: side(-1.75),
        elevation: vec![0.0; center.points().len()],
        center,
        speed_limit_mps: 13.9,
        successors: successors.iter().map(|&s| LaneId(s)).collect(),
        predecessors: Vec::new(),
        left_neighbor: None,
        right_neighbor: None,
        left_boundary: Boundary::Solid,
        right_boundary: Boundary::Solid,
        junction: (turn != Turn::Straight).then_some(1),
        turn,
        stop_lines: Vec::new(),
        conflicts: Vec::new(),
        source: format!("test lane {id}"),
    }
}

/// A road east to x = 50 m that goes on straight, or turns left with a radius of 12 m.
fn road() -> Road {
    let east = |from: i32, to: i32| (from..=to).map(|i| Point2::new(f64::from(i) * 2.0, 0.0)).collect::<Vec<_>>();
    let turn = (0..=12)
        .map(|i| f64::from(i) / 12.0 * std::f64::consts::FRAC_PI_2)
        .map(|a| Point2::new(50.0 + 12.0 * a.sin(), 12.0 - 12.0 * a.cos()))
        .collect();
    let north = (6..=60).map(|i| Point2::new(62.0, f64::from(i) * 2.0)).collect();
    let lanes = [
        lane(1, east(0, 25), &[2, 3], Turn::Straight),
        lane(2, east(25, 100), &[], Turn::Straight),
        lane(3, turn, &[4], Turn::Left),
        lane(4, north, &[], Turn::Straight),
    ];
    Road::new(lanes.iter(), &[])
}

struct Bench {
    node: TrajectoryPredictor,
    objects: Input<TrackedObjects>,
    odometry: Input<Odometry>,
    predicted: Output<PredictedObjects>,
    status: Option<Status>,
}

fn parameters() -> Parameters {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../params/trajectory_predictor.param.yaml");
    node::Parameters::from_file(&path, TrajectoryPredictor::NAME).unwrap().parse(TrajectoryPredictor::NAME).unwrap()
}

impl Bench {
    fn new(network: Box<dyn Network>) -> Self {
        let vehicle = vehicle::Vehicle::default();
        let node =
            TrajectoryPredictor::with_network(parameters(), &mut Ports::default(), vehicle, road(), network).unwrap();
        let mut handles = Ports::default();
        Self {
            node,
            objects: handles.input("~/input/objects", Qos::reliable(1)),
            odometry: handles.input("~/input/kinematic_state", Qos::reliable(1)),
            predicted: handles.output("~/output/objects", Qos::reliable(1)),
            status: None,
        }
    }

    fn send(&mut self, t: f64, frame: &str, objects: Vec<TrackedObject>) -> Option<Arc<PredictedObjects>> {
        let mut odometry = Odometry::default();
        odometry.header.frame_id = "map".into();
        odometry.header.stamp = Time::from_seconds(t).into();
        odometry.pose.pose.orientation.w = 1.0;
        odometry.pose.pose.position.x = -20.0;
        let mut outputs = Outputs::default();
        self.node.on_event(&Event::from_message(Time::from_seconds(t), self.odometry, odometry), &mut outputs);
        let mut message = TrackedObjects::default();
        message.header.frame_id = frame.into();
        message.header.stamp = Time::from_seconds(t).into();
        message.objects = objects;
        self.node.on_event(&Event::from_message(Time::from_seconds(t), self.objects, message), &mut outputs);
        self.status = outputs.take_status().or(self.status.take());
        outputs.take(self.predicted)
    }
}

fn tracked(id: u8, x: f64, y: f64, speed: f64, label: u8) -> TrackedObject {
    let mut object = TrackedObject { existence_probability: 0.9, ..Default::default() };
    object.object_id.uuid[15] = id;
    object.classification = vec![ObjectClassification { label, probability: 1.0 }];
    let kinematics = &mut object.kinematics;
    kinematics.pose_with_covariance.pose.position.x = x;
    kinematics.pose_with_covariance.pose.position.y = y;
    kinematics.pose_with_covariance.pose.orientation.w = 1.0;
    kinematics.twist_with_covariance.twist.linear.x = speed;
    kinematics.is_stationary = speed == 0.0;
    let size = if label == ObjectClassification::PEDESTRIAN { [0.6, 0.6, 1.7] } else { [4.5, 1.9, 1.5] };
    object.shape.dimensions.x = size[0];
    object.shape.dimensions.y = size[1];
    object.shape.dimensions.z = size[2];
    object
}

fn assert_sound(predicted: &PredictedObjects) {
    for object in &predicted.objects {
        let paths = &object.kinematics.predicted_paths;
        let total: f32 = paths.iter().map(|p| p.confidence).sum();
        assert!((total - 1.0).abs() < 1e-4, "probabilities sum to {total}");
        for path in paths {
            assert_eq!(path.path.len(), STEPS + 1);
            assert_eq!((path.time_step.sec, path.time_step.nanosec), (0, 500_000_000));
            assert!(path.path.iter().all(|p| p.position.x.is_finite() && p.position.y.is_finite()));
            assert!(path.path.iter().all(|p| (p.orientation.z.hypot(p.orientation.w) - 1.0).abs() < 1e-9));
        }
    }
}

#[test]
fn a_car_before_a_fork_gets_a_future_along_each_branch() {
    let mut bench = Bench::new(Box::new(StandIn(0.0)));
    let predicted = bench.send(1.0, "map", vec![tracked(1, 40.0, 0.3, 10.0, ObjectClassification::CAR)]).unwrap();
    assert_sound(&predicted);
    let ends: Vec<_> =
        predicted.objects[0].kinematics.predicted_paths.iter().map(|p| p.path[STEPS].position.clone()).collect();
    assert!(ends.iter().any(|e| (e.x - 90.0).abs() < 0.5 && e.y.abs() < 0.2), "{ends:?}");
    assert!(ends.iter().any(|e| (e.x - 62.0).abs() < 0.5 && e.y > 25.0), "{ends:?}");
    let turning =
        predicted.objects[0].kinematics.predicted_paths.iter().find(|p| p.path[STEPS].position.y > 25.0).unwrap();
    let heading = 2.0 * turning.path[STEPS].orientation.z.atan2(turning.path[STEPS].orientation.w);
    assert!((heading - std::f64::consts::FRAC_PI_2).abs() < 0.1);
    assert_eq!(bench.status.unwrap().level, Level::Ok);
}

#[test]
fn agents_beyond_the_batch_get_a_constant_speed_future_and_the_status_says_so() {
    let mut bench = Bench::new(Box::new(StandIn(0.0)));
    let objects = (0..40).map(|i| tracked(i, f64::from(i) * 7.0, 0.0, 5.0, ObjectClassification::CAR)).collect();
    let predicted = bench.send(1.0, "map", objects).unwrap();
    assert_sound(&predicted);
    assert_eq!(predicted.objects.len(), 40);
    // The sixth is the last of those in the batch before the fork: 35 m along at 5 m/s reaches both branches.
    assert!(predicted.objects[5].kinematics.predicted_paths.len() > 1);
    assert_eq!(predicted.objects[39].kinematics.predicted_paths.len(), 1);
    let status = bench.status.unwrap();
    assert!(status.level == Level::Warn && status.message.contains("8 objects beyond the batch"), "{status:?}");
}

#[test]
fn nan_objects_wrong_frames_and_old_stamps_are_refused() {
    let mut bench = Bench::new(Box::new(StandIn(0.0)));
    let good = tracked(1, 10.0, 0.0, 5.0, ObjectClassification::CAR);
    let mut nan = good.clone();
    nan.kinematics.twist_with_covariance.twist.linear.x = f64::NAN;
    let predicted = bench.send(1.0, "map", vec![nan, good.clone()]).unwrap();
    assert_eq!(predicted.objects.len(), 1);
    assert!(bench.status.take().unwrap().message.contains("1 objects refused"));
    assert!(bench.send(1.0, "map", vec![good.clone()]).is_none());
    assert!(bench.status.take().unwrap().message.contains("later than the last one"));
    assert!(bench.send(1.1, "base_link", vec![good]).is_none());
    assert!(bench.status.take().unwrap().message.contains("expected frame map, got `base_link`"));
    assert!(bench.send(1.2, "map", Vec::new()).unwrap().objects.is_empty());
}

#[test]
fn a_network_that_gives_nan_is_not_believed() {
    let mut bench = Bench::new(Box::new(StandIn(f32::NAN)));
    let predicted = bench.send(1.0, "map", vec![tracked(1, 10.0, 0.0, 5.0, ObjectClassification::CAR)]).unwrap();
    assert_sound(&predicted);
    assert!(bench.status.unwrap().message.contains("NaN"));
}

#[test]
fn a_missing_model_and_a_changed_one_are_refused_with_what_to_do() {
    let missing = OnnxNetwork::load(Path::new("/nowhere"), &LoadOptions::default()).err().unwrap().to_string();
    assert!(
        missing.contains("/nowhere/manifest.toml") && missing.contains("training/trajectory_predictor.sh"),
        "{missing}"
    );
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/trajectory_predictor");
    let copy = std::env::temp_dir().join(format!("ferrodrive_predictor_{}", std::process::id()));
    std::fs::create_dir_all(&copy).unwrap();
    std::fs::copy(shipped.join("manifest.toml"), copy.join("manifest.toml")).unwrap();
    for file in ["trajectory_predictor.onnx", "trajectory_predictor_int8.onnx"] {
        std::fs::write(copy.join(file), b"no model").unwrap();
    }
    let changed = OnnxNetwork::load(&copy, &LoadOptions::default()).err().unwrap().to_string();
    std::fs::remove_dir_all(&copy).unwrap();
    assert!(changed.contains("expected sha256"), "{changed}");
}

fn onnxruntime() -> Option<PathBuf> {
    let path = inference::find_library(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    if path.is_none() {
        println!("skipped: no ONNX Runtime library: run `make setup` once");
    }
    path
}

#[test]
fn the_shipped_model_gives_sane_futures_twice_the_same() {
    let Some(library) = onnxruntime() else { return };
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/trajectory_predictor");
    let options = LoadOptions { library: Some(library), ..LoadOptions::default() };
    let run = || -> Vec<PredictedObjects> {
        let mut bench = Bench::new(Box::new(OnnxNetwork::load(&model, &options).unwrap()));
        let frames = (0..25).map(|i| {
            let t = 1.0 + 0.1 * f64::from(i);
            let objects = vec![
                tracked(1, 10.0 + 8.0 * (t - 1.0), 0.0, 8.0, ObjectClassification::CAR),
                tracked(2, 30.0, -3.0, 0.0, ObjectClassification::CAR),
                tracked(3, 20.0 + 1.4 * (t - 1.0), 5.0, 1.4, ObjectClassification::PEDESTRIAN),
            ];
            PredictedObjects::clone(&bench.send(t, "map", objects).unwrap())
        });
        frames.collect()
    };
    let frames = run();
    frames.iter().for_each(assert_sound);
    let best = |i: usize| &frames[24].objects[i].kinematics.predicted_paths[0];
    let gone = |i: usize| {
        let path = &best(i).path;
        (path[STEPS].position.x - path[0].position.x).hypot(path[STEPS].position.y - path[0].position.y)
    };
    println!("in 5 s: car at 8 m/s {:.1} m, parked car {:.2} m, walker {:.1} m", gone(0), gone(1), gone(2));
    assert!((15.0..60.0).contains(&gone(0)) && gone(1) < 1.0 && (3.0..11.0).contains(&gone(2)));
    assert_eq!(frames, run());
}

#[test]
fn a_node_without_a_map_says_how_to_give_one() {
    let context = node::Context {
        vehicle: vehicle::Vehicle::default(),
        map: None,
        share: PathBuf::from("/nowhere"),
        onnxruntime: None,
    };
    let error = TrajectoryPredictor::new(parameters(), &mut Ports::default(), &context).err().unwrap().to_string();
    assert!(error.contains("needs a map"), "{error}");
    let wrong = Parameters { least_probability: f64::NAN, ..parameters() };
    let network = Box::new(StandIn(0.0));
    let refused =
        TrajectoryPredictor::with_network(wrong, &mut Ports::default(), vehicle::Vehicle::default(), road(), network);
    assert!(refused.err().unwrap().to_string().contains("least_probability"));
}
