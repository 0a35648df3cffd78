//! The node as a driver sees it.

#![allow(clippy::unwrap_used, reason = "a test stops where its set-up fails")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use msgs::autoware_control_msgs::msg::Control;
use node::{Context, Definition, Event, EventKind, Node, Outputs, Parameters, Ports, Time};
use simulator::Simulator;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn parameters() -> Parameters {
    Parameters::from_file(&root().join("params/simulator.param.yaml"), "simulator").unwrap()
}

fn context() -> Option<Context> {
    let data = std::env::var_os("FERRODRIVE_TEST_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let path = data.join("opendrive/Town01.xodr");
    if !path.exists() {
        println!("skipped: {} is missing", path.display());
        return None;
    }
    let map = road_map::LaneGraph::from_opendrive_file(&path).unwrap();
    let vehicle = Parameters::from_file(&root().join("params/vehicle_info.param.yaml"), "vehicle").unwrap();
    let vehicle = vehicle.parse("vehicle").unwrap();
    Some(Context { vehicle, map: Some(Arc::new(map)), share: root(), onnxruntime: None })
}

/// Runs the node for a number of 10 ms ticks; counts messages for each output.
fn run(simulator: &mut Simulator, ports: &Ports, ticks: i64, from: i64, accelerate: bool) -> Vec<(String, usize)> {
    run_heard(simulator, ports, ticks, from, accelerate, &[])
}

/// The same while somebody hears these outputs, by index.
fn run_heard(
    simulator: &mut Simulator,
    ports: &Ports,
    ticks: i64,
    from: i64,
    accelerate: bool,
    heard: &[usize],
) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = ports.outputs().iter().map(|o| (o.name.clone(), 0)).collect();
    for tick in from + 1..=from + ticks {
        let now = Time(tick * 10_000_000);
        let mut outputs = Outputs::default();
        outputs.set_heard(heard.iter().copied());
        if accelerate {
            let mut control = Control { stamp: now.to_message(), ..Control::default() };
            control.longitudinal.acceleration = 1.0;
            simulator.on_event(&Event { now, kind: EventKind::Message(0, Arc::new(control)) }, &mut outputs);
        }
        simulator.on_event(&Event { now, kind: EventKind::Timer(0) }, &mut outputs);
        for published in outputs.take_published() {
            counts[published.output].1 += 1;
        }
    }
    counts
}

#[test]
fn every_sensor_comes_at_its_rate_and_every_topic_has_a_name() {
    let Some(context) = context() else { return };
    let mut ports = Ports::default();
    let mut simulator = Simulator::new(parameters().parse("simulator").unwrap(), &mut ports, &context).unwrap();
    let counts = run(&mut simulator, &ports, 200, 0, false);
    let count = |name: &str| counts.iter().find(|(n, _)| n.ends_with(name)).map(|(_, c)| *c);
    for (name, expected) in [
        ("output/pointcloud", 20),
        ("output/imu", 200),
        ("output/gnss", 20),
        ("velocity_status", 100),
        ("steering_status", 100),
        ("output/clock", 200),
        ("v2i_traffic_signals", 20),
        ("tf_static", 1),
        ("output/goal", 1),
        ("initial_pose", 3),
        ("ground_truth/odometry", 100),
        ("ground_truth/objects", 20),
    ] {
        assert_eq!(count(name), Some(expected), "{name}");
    }
}

#[test]
fn images_are_drawn_only_where_somebody_reads_them() {
    let Some(context) = context() else { return };
    let mut ports = Ports::default();
    let mut simulator = Simulator::new(parameters().parse("simulator").unwrap(), &mut ports, &context).unwrap();
    let image = ports.outputs().iter().position(|o| o.name == "~/output/image").unwrap();
    let info = ports.outputs().iter().position(|o| o.name == "~/output/camera_info").unwrap();
    // The tenth exposure of the first second is out 30 ms after it.
    let unheard = run(&mut simulator, &ports, 103, 0, false);
    assert_eq!((unheard[image].1, unheard[info].1), (0, 10));
    let heard = run_heard(&mut simulator, &ports, 100, 103, false, &[image]);
    assert_eq!((heard[image].1, heard[info].1), (10, 10));
}

#[test]
fn the_car_obeys_commands_and_brakes_when_they_stop() {
    let Some(context) = context() else { return };
    let mut ports = Ports::default();
    let mut simulator = Simulator::new(parameters().parse("simulator").unwrap(), &mut ports, &context).unwrap();
    run(&mut simulator, &ports, 300, 0, true);
    assert!(simulator.world().ego().vehicle.speed_mps > 1.5);
    run(&mut simulator, &ports, 300, 300, false);
    assert_eq!(simulator.world().ego().vehicle.speed_mps, 0.0);
}

#[test]
fn bad_parameters_name_the_key() {
    let mut unknown = parameters();
    unknown.set("speed_of_light", "3");
    let error = unknown.parse::<simulator::Parameters>("simulator").unwrap_err().to_string();
    assert!(error.contains("speed_of_light"), "{error}");
    let Some(context) = context() else { return };
    let mut slow = parameters();
    slow.set("command_timeout_s", "60.0");
    let parsed = slow.parse("simulator").unwrap();
    let error = Simulator::new(parsed, &mut Ports::default(), &context).err().unwrap().to_string();
    assert!(error.contains("command_timeout_s") && error.contains("60"), "{error}");
    let mut lost = parameters();
    lost.set("scenario", "no/such/scenario.toml");
    let error = Simulator::new(lost.parse("simulator").unwrap(), &mut Ports::default(), &context).err().unwrap();
    assert!(error.to_string().contains("no/such/scenario.toml"), "{error}");
}
