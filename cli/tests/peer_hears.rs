//! An independent DDS peer (PyPI `cyclonedds`, types of its own) hears the stack drive as processes: every field that it
//! decodes is the one that was published, and what it hears makes sense. Needs a Python with `cyclonedds`.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use bag::{Reader, Selection};
use msgs::Message;
use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_perception_msgs::msg::{
    DetectedObjects, ObjectClassification, PredictedObjects, Shape, TrackedObjects,
};
use msgs::autoware_planning_msgs::msg::Trajectory;
use msgs::builtin_interfaces::msg::Time as Stamp;
use msgs::geometry_msgs::msg::Pose;
use node::Time;
use serde_json::Value;
use support::{Peer, Running, folder, python, share};

const DOMAIN: u32 = 116;
const DETECTED: &str = "/perception/object_recognition/detection/objects";
const TRACKED: &str = "/perception/object_recognition/tracking/objects";
const PREDICTED: &str = "/perception/object_recognition/objects";
const TRAJECTORY: &str = "/planning/trajectory";
const FOLLOWER: &str = "/control/trajectory_follower/control_cmd";
const COMMAND: &str = "/control/command/control_cmd";
/// Matched messages of a topic that say enough. The peer hears more; what either missed matches nothing.
const ENOUGH: usize = 5;

/// Numbers that are no integers as the peer writes them, bit for bit.
fn with_bits(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            Value::String(format!("f:{:016x}", number.as_f64().unwrap().to_bits()))
        }
        Value::Array(items) => items.into_iter().map(with_bits).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, with_bits(value))).collect(),
        other => other,
    }
}

/// The first field in which two messages differ.
fn difference(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            a.iter().find_map(|(name, value)| difference(&format!("{path}.{name}"), value, &b[name]))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(n, (a, b))| difference(&format!("{path}[{n}]"), a, b))
        }
        _ if ours == theirs => None,
        _ => Some(format!("{path}: published {ours}, heard {theirs}")),
    }
}

/// What a recording of the same run and the peer both have of a topic: each message that the peer heard must be one
/// that was published with its stamp. Gives those.
fn matched<M: Message>(
    recording: &Path,
    heard: &BTreeMap<String, Vec<Value>>,
    topic: &str,
    stamp: fn(&M) -> &Stamp,
) -> Vec<M> {
    let selection = Selection { topics: vec![topic.into()], ..Selection::default() };
    let mut published: BTreeMap<String, Vec<(M, Value)>> = BTreeMap::new();
    for message in Reader::open(recording).unwrap().messages(&selection).unwrap() {
        let message: M = msgs::from_cdr(&message.unwrap().cdr).unwrap();
        let fields = with_bits(serde_json::to_value(&message).unwrap());
        let key = serde_json::to_value(stamp(&message)).unwrap().to_string();
        published.entry(key).or_default().push((message, fields));
    }
    let mut both: Vec<M> = Vec::new();
    let heard = heard.get(topic).unwrap_or_else(|| panic!("{topic}: the peer heard nothing that tells"));
    for message in heard {
        let key = message.get("stamp").unwrap_or_else(|| &message["header"]["stamp"]).to_string();
        let Some(candidates) = published.get(&key) else { continue };
        match candidates.iter().find(|(_, fields)| fields == message) {
            Some((same, _)) => both.push(same.clone()),
            None => panic!("{topic}: {}", difference("", &candidates[0].1, message).unwrap()),
        }
    }
    assert!(both.len() >= ENOUGH, "{topic}: {} of {} heard were recorded", both.len(), heard.len());
    let stamps: Vec<Time> = both.iter().map(|message| Time::from(stamp(message))).collect();
    assert!(stamps.is_sorted() && stamps[0] < stamps[stamps.len() - 1], "{topic}: {stamps:?}");
    both
}

fn assert_sound(pose: &Pose) {
    let (p, q) = (&pose.position, &pose.orientation);
    let norm = (q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w).sqrt();
    assert!((norm - 1.0).abs() < 1e-3 && (p.x + p.y + p.z).is_finite(), "{pose:?}");
}

/// A road user: probabilities, a known kind, and the size of something between a child and a long truck, m.
fn assert_plausible(probability: f32, kinds: &[ObjectClassification], shape: &Shape) {
    assert!((0.0..=1.0).contains(&probability), "{probability}");
    assert!(!kinds.is_empty() && kinds.iter().all(|kind| kind.label <= 7 && (0.0..=1.0).contains(&kind.probability)));
    let size = &shape.dimensions;
    assert!([size.x, size.y, size.z].iter().all(|side| (0.05..30.0).contains(side)), "{size:?}");
}

fn assert_detected(all: &[DetectedObjects]) {
    for message in all {
        assert_eq!(message.header.frame_id, "base_link");
        for object in &message.objects {
            assert_plausible(object.existence_probability, &object.classification, &object.shape);
            let pose = &object.kinematics.pose_with_covariance.pose;
            assert_sound(pose);
            assert!(pose.position.x.hypot(pose.position.y) < 110.0, "the LiDAR sees 100 m: {pose:?}");
        }
    }
}

fn assert_tracked(all: &[TrackedObjects]) {
    let mut seen: BTreeMap<[u8; 16], usize> = BTreeMap::new();
    for message in all {
        assert_eq!(message.header.frame_id, "map");
        for object in &message.objects {
            assert_plausible(object.existence_probability, &object.classification, &object.shape);
            assert_sound(&object.kinematics.pose_with_covariance.pose);
            let speed = &object.kinematics.twist_with_covariance.twist.linear;
            assert!(speed.x.hypot(speed.y) < 40.0, "{speed:?} m/s");
            *seen.entry(object.object_id.uuid).or_default() += 1;
        }
    }
    assert!(seen.values().any(|count| *count >= ENOUGH), "nothing keeps its identity: {seen:?}");
}

fn assert_predicted(all: &[PredictedObjects]) {
    let mut futures = 0;
    for message in all {
        assert_eq!(message.header.frame_id, "map");
        for object in &message.objects {
            assert_plausible(object.existence_probability, &object.classification, &object.shape);
            let paths = &object.kinematics.predicted_paths;
            let confidence: f32 = paths.iter().map(|path| path.confidence).sum();
            assert!(paths.is_empty() || (0.0..=1.01).contains(&confidence), "{confidence}");
            for path in paths {
                let step_s = f64::from(path.time_step.sec) + f64::from(path.time_step.nanosec) * 1e-9;
                assert!((0.01..=1.0).contains(&step_s) && path.path.len() > 1, "{step_s} s, {}", path.path.len());
                path.path.iter().for_each(assert_sound);
                for pair in path.path.windows(2) {
                    let (a, b) = (&pair[0].position, &pair[1].position);
                    assert!((b.x - a.x).hypot(b.y - a.y) < 40.0 * step_s, "{pair:?} in {step_s} s");
                }
                futures += 1;
            }
        }
    }
    assert!(futures > 0);
}

fn assert_trajectories(all: &[Trajectory]) {
    for message in all {
        assert_eq!(message.header.frame_id, "map");
        let time = |n: usize| {
            let from_start = &message.points[n].time_from_start;
            f64::from(from_start.sec) + f64::from(from_start.nanosec) * 1e-9
        };
        let speed = |n: usize| f64::from(message.points[n].longitudinal_velocity_mps);
        message.points.iter().for_each(|point| assert_sound(&point.pose));
        for n in 1..message.points.len() {
            let (a, b) = (&message.points[n - 1].pose.position, &message.points[n].pose.position);
            let (took_s, went_m) = (time(n) - time(n - 1), (b.x - a.x).hypot(b.y - a.y));
            assert!(took_s > 0.0 && (-0.01..20.0).contains(&speed(n)), "{took_s} s, {} m/s", speed(n));
            // Speed is metres a second.
            let expected = took_s * (speed(n - 1) + speed(n)) / 2.0;
            assert!((went_m - expected).abs() < 0.1 + 0.2 * expected, "{went_m} m of {expected} m at {n}");
        }
    }
}

fn assert_commands(all: &[Control]) {
    for command in all {
        let (lateral, longitudinal) = (&command.lateral, &command.longitudinal);
        assert!(lateral.steering_tire_angle.abs() <= 0.7, "{lateral:?}");
        assert!((-9.0..4.0).contains(&longitudinal.acceleration), "{longitudinal:?}");
        assert!((1.0..20.0).contains(&longitudinal.velocity) && longitudinal.is_defined_acceleration);
        assert!(Time::from(&command.control_time) >= Time::from(&command.stamp), "{command:?}");
    }
    let distinct =
        |of: fn(&Control) -> f32| all.iter().map(|c| of(c).to_bits()).collect::<std::collections::BTreeSet<_>>();
    assert!(distinct(|c| c.lateral.steering_tire_angle).len() > 1, "it steers");
    assert!(distinct(|c| c.longitudinal.acceleration).len() > 1, "it accelerates");
}

#[test]
fn a_peer_hears_objects_trajectory_and_control_as_they_were_published() {
    let Some(python) = python() else { return };
    let cwd = folder("peer_hears");
    let mut peer = Peer::start(&python, "hear_peer.py", "hear", DOMAIN);
    peer.says();
    let topics = [DETECTED, TRACKED, PREDICTED, TRAJECTORY, FOLLOWER, COMMAND].join(" ");
    let recorder = Running::ferrodrive(&format!("bag record -o out --topics {topics}"), &cwd, DOMAIN);
    let stack = Running::unheard("launch launch/drive.launch.xml", &share(), DOMAIN);
    let mut heard: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    loop {
        let mut told = peer.says();
        let Some(topic) = told["topic"].as_str().map(str::to_owned) else { break };
        heard.entry(topic).or_default().push(told["message"].take());
    }
    peer.end();
    recorder.signal("-INT");
    recorder.ended_well();
    stack.signal("-INT");
    stack.ended_well();

    let recording = cwd.join("out");
    assert_detected(&matched(&recording, &heard, DETECTED, |m: &DetectedObjects| &m.header.stamp));
    assert_tracked(&matched(&recording, &heard, TRACKED, |m: &TrackedObjects| &m.header.stamp));
    assert_predicted(&matched(&recording, &heard, PREDICTED, |m: &PredictedObjects| &m.header.stamp));
    assert_trajectories(&matched(&recording, &heard, TRAJECTORY, |m: &Trajectory| &m.header.stamp));
    assert_commands(&matched(&recording, &heard, FOLLOWER, |m: &Control| &m.stamp));
    assert_commands(&matched(&recording, &heard, COMMAND, |m: &Control| &m.stamp));
    std::fs::remove_dir_all(cwd).unwrap();
}
