//! The stack and the stand-in for CARLA as processes over DDS, an independent peer (PyPI `cyclonedds`) as witness: the
//! topics are as the contract says, the car drives as it does in our own simulator, and what befalls a server is waited
//! for with the reason told. Needs a Python with `cyclonedds` and `rosbags` (`make test` has one).
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use ferrodrive::stack::Stack;
use middleware::{Lockstep, Tap, Topic};
use msgs::nav_msgs::msg::Odometry;
use node::{Shared, Time};
use road_map::{LaneGraph, RouteOptions};
use serde_json::{Value, json};
use simulation::{Place, Scenario};
use support::{LOOPBACK, Launch, Peer, Running, folder, python, share};

/// For tuning, not for reporting.
const SEED: &str = "2001";
/// Simulated time that is driven, s.
const DRIVEN_S: f64 = 20.0;
/// A frame waits for its command for as long as the machine takes: what is driven then does not depend on how fast it is.
const PATIENT_WORLD: &str = "--scenario smoke --seed 2001 --wait-limit 60";

/// Ten processes at a time are enough for a machine.
fn alone() -> MutexGuard<'static, ()> {
    static DRIVING: Mutex<()> = Mutex::new(());
    DRIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn map() -> PathBuf {
    share().join("maps/town.xodr")
}

/// The bridge's parameters with its waits by the wall clock so long that a slow machine needs none of them.
fn patient_bridge(folder: &std::path::Path) -> String {
    let shipped = std::fs::read_to_string(share().join("params/carla_bridge.param.yaml")).unwrap();
    let patient = shipped.replace("answer_limit_s: 0.5 ", "answer_limit_s: 10.0 ");
    let patient = patient.replace("idle_answer_s: 0.05 ", "idle_answer_s: 1.0 ");
    assert_eq!(patient.matches("10.0 ").count() - shipped.matches("10.0 ").count(), 1);
    assert_ne!(patient.matches("idle_answer_s: 1.0 ").count(), 0);
    let file = folder.join("carla_bridge.param.yaml");
    std::fs::write(&file, patient).unwrap();
    format!("bridge_params:={}", file.display())
}

/// Where a car was: time, s, x, y, m, and speed, m/s.
struct Track(Vec<[f64; 4]>);

impl Track {
    fn of(told: &Value) -> Self {
        let row = |row: &Value| std::array::from_fn(|n| row[n].as_f64().unwrap());
        Self(told["track"].as_array().unwrap().iter().map(row).collect())
    }

    fn length(&self) -> f64 {
        self.0.windows(2).map(|pair| (pair[1][1] - pair[0][1]).hypot(pair[1][2] - pair[0][2])).sum()
    }

    /// The largest distance of a place of this track from the places of another one, m.
    fn aside_of(&self, other: &Self) -> f64 {
        let nearest =
            |at: &[f64; 4]| other.0.iter().map(|of| (at[1] - of[1]).hypot(at[2] - of[2])).fold(f64::INFINITY, f64::min);
        self.0.iter().map(nearest).fold(0.0, f64::max)
    }
}

impl Tap for Track {
    fn on_message(&mut self, _: Time, topic: &Topic, message: &Shared) -> ControlFlow<()> {
        if topic.name == "/simulation/ground_truth/odometry"
            && let Some(odometry) = message.as_any().downcast_ref::<Odometry>()
        {
            let at = &odometry.pose.pose.position;
            self.0.push([Time::from(&odometry.header.stamp).seconds(), at.x, at.y, odometry.twist.twist.linear.x]);
        }
        ControlFlow::Continue(())
    }
}

/// The same drive in our own simulator, in lockstep in this process; further than the other one comes.
static NATIVELY: LazyLock<Track> = LazyLock::new(|| {
    let launch = share().join("launch/drive.launch.xml");
    let mut stack = Stack::load(&share(), &launch, &BTreeMap::new(), &map()).unwrap();
    stack.set("simulator", "suite", "smoke");
    stack.set("simulator", "seed", SEED);
    let mut track = Track(Vec::new());
    let _ = Lockstep::new(stack.graph().unwrap()).unwrap().run(Time::from_seconds(DRIVEN_S + 5.0), &mut track);
    track
});

/// What the witness saw is as the contract says, and the car was driven.
fn assert_as_the_contract_says(told: &Value, contract: &str) {
    let quality = "reliable, volatile";
    assert_eq!(told["clock"], quality, "{told}");
    let mut expected =
        vec![("imu", 20.0), ("gnss", 10.0), ("lidar", 10.0), ("front/image", 10.0), ("front/camera_info", 10.0)];
    if contract == "ros-bridge" {
        expected.extend([("odometry", 20.0), ("vehicle_status", 20.0)]);
    }
    for (name, rate) in expected {
        let of = &told["sensors"][name];
        let id = name.split('/').next().unwrap();
        let frame = match (contract, id) {
            (_, "odometry" | "vehicle_status") => "map".to_owned(),
            ("native", _) => id.to_owned(),
            _ => format!("hero/{id}"),
        };
        assert_eq!(
            (of["frame_ids"][0].as_str(), of["frame_ids"].as_array().unwrap().len()),
            (Some(&*frame), 1),
            "{name}: {of}"
        );
        assert!((of["rate"].as_f64().unwrap() / rate - 1.0).abs() < 0.15, "{name}: {of}");
        assert_eq!((of["off_the_clock"].as_u64(), of["rising"].as_bool()), (Some(0), Some(true)), "{name}: {of}");
        assert_eq!(of["quality"], quality, "{name}: {of}");
    }
    assert_eq!(told["sensors"]["lidar"]["contents"][0], "x y z intensity", "{told}");
    assert_eq!(told["sensors"]["front/image"]["contents"][0], "bgra8 1152x600", "{told}");
    // The car's commands, each of a frame, and one for each.
    assert_eq!(told["misfits"], 0, "{told}");
    let count = |name: &str| told[name].as_f64().unwrap();
    assert!(count("frames") > 100.0 && count("answered") / count("frames") > 0.95, "{told}");
    assert!(count("answers") <= count("frames") + 2.0, "{told}");
    assert!(count("throttle") > 0.1 && count("steer") > 0.0, "{told}");
}

fn assert_drives_as_natively(told: &Value) {
    let (driven, natively) = (Track::of(told), &*NATIVELY);
    let until = told["time"].as_f64().unwrap();
    let same = Track(natively.0.iter().copied().filter(|at| at[0] <= until).collect());
    println!("{:.1} m over DDS, {:.1} m in our own simulator", driven.length(), same.length());
    // The same traffic and lights: what differs is when the stack is there, and how long a plan takes. That alone can be
    // an emergency stop, and so some ten metres, that the other one has not.
    let share = driven.length() / same.length();
    assert!((0.6..1.7).contains(&share), "{} and {} m: {told}", driven.length(), same.length());
    assert!(driven.aside_of(natively) < 1.5, "{} m aside: {told}", driven.aside_of(natively));
}

fn stands(told: &Value) -> bool {
    Track::of(told).0.last().is_some_and(|at| at[3].abs() < 0.05)
}

#[test]
fn the_native_contract_drives_and_what_befalls_a_server_is_waited_for() {
    let Some(python) = python() else { return };
    let _alone = alone();
    const DOMAIN: u32 = 121;
    let folder = folder("carla_native");
    let map = format!("map_path:={}", map().display());
    let mut launch = Launch::start(&["launch/carla.launch.xml", &map, &patient_bridge(&folder)], DOMAIN);
    let mut peer = Peer::start(&python, "carla_peer.py", "native", DOMAIN);
    assert_eq!(peer.asked("nodes")["missing"].as_array().map(Vec::len), Some(0));
    let simulate = || Running::unheard(&format!("simulate --as carla-native {PATIENT_WORLD}"), &share(), DOMAIN);
    let world = simulate();
    let told = peer.asked(&format!("drive {DRIVEN_S}"));
    assert_as_the_contract_says(&told, "native");
    assert_drives_as_natively(&told);

    // Paused.
    world.signal("-STOP");
    launch.wait_for(&["[carla_bridge-", "the world stands at"]);
    world.signal("-CONT");
    launch.wait_for(&["[carla_bridge-", "INFO", "ok"]);

    // Killed and started again: time goes back, and all begin anew.
    drop(world);
    launch.wait_for(&["[carla_bridge-", "the world stands at"]);
    let _world = simulate();
    launch.wait_for(&["[localizer-", "begins anew"]);
    launch.wait_for(&["[carla_bridge-", "INFO", "ok"]);
    let told = peer.asked(&format!("drive {}", DRIVEN_S / 2.0));
    assert!(Track::of(&told).length() > 10.0, "{told}");

    // A second server: the brake holds until it is gone, and nobody begins anew.
    let from = launch.heard.len();
    let second = Running::unheard("simulate --as carla-native --seed 2001 --free-running", &share(), DOMAIN);
    launch.wait_for(&["[carla_bridge-", "two senders on /clock"]);
    drop(second);
    launch.wait_for(&["[carla_bridge-", "INFO", "ok"]);
    let anew: Vec<&String> = launch.heard[from..].iter().filter(|line| line.contains("begins anew")).collect();
    assert!(anew.is_empty(), "{anew:#?}");
    let told = peer.asked("drive +3");
    assert!(told["answered"].as_f64().unwrap() / told["frames"].as_f64().unwrap() > 0.95, "{told}");
    peer.end();
}

#[test]
fn the_contract_of_carla_ros_bridge_drives_on_the_map_that_it_publishes() {
    let Some(python) = python() else { return };
    let _alone = alone();
    const DOMAIN: u32 = 122;
    let folder = folder("carla_ros_bridge");
    let mut peer = Peer::start(&python, "carla_peer.py", "ros-bridge", DOMAIN);
    // It stands until the whole stack is there, with the map in the topic that the stack waits for.
    let command = format!("simulate --as carla-ros-bridge --paused {PATIENT_WORLD}");
    let _world = Running::unheard(&command, &share(), DOMAIN);
    let bridge = patient_bridge(&folder);
    let mut launch = Launch::start(&["launch/carla.launch.xml", "map_path:=topic:/carla/map", &bridge], DOMAIN);
    assert_eq!(peer.asked("nodes")["missing"].as_array().map(Vec::len), Some(0));
    assert_eq!(peer.asked("play")["done"], "play");
    let told = peer.asked(&format!("drive {DRIVEN_S}"));
    assert_as_the_contract_says(&told, "ros-bridge");
    let text = std::fs::metadata(map()).unwrap().len();
    for (topic, of) in told["latched"].as_object().unwrap() {
        assert_eq!(of["quality"], "reliable, transient local", "{topic}: {told}");
        assert!(of["size"].as_u64() >= Some(if topic == "/carla/map" { text } else { 1 }), "{topic}: {told}");
    }
    assert_drives_as_natively(&told);

    peer.asked("pause");
    launch.wait_for(&["[carla_bridge-", "the world stands at"]);
    peer.asked("play");
    launch.wait_for(&["[carla_bridge-", "INFO", "ok"]);
    let told = peer.asked(&format!("drive {}", told["time"].as_f64().unwrap() + 3.0));
    assert!(!stands(&told) || told["throttle"].as_f64() > Some(0.0), "{told}");
    peer.end();
}

/// A smoke drive that ends where its route has led for `length_m`, or at the end of the lane that it is on there.
fn short_drive(folder: &std::path::Path, length_m: f64) -> PathBuf {
    let graph = LaneGraph::from_file(&map(), None).unwrap();
    let whole = simulation::smoke_scenario(&graph, SEED.parse().unwrap()).unwrap();
    let (from, to) = ((whole.start.lane, whole.start.s_m), (whole.goal.lane, whole.goal.s_m));
    let mut left = length_m;
    let route = graph.shortest_route(from, to, RouteOptions::default()).unwrap();
    let goal = route.segments.iter().find_map(|segment| {
        let length = segment.to_s - segment.from_s;
        // Not within a junction.
        let ends = left <= length && graph.lane(segment.lane).is_some_and(|lane| lane.junction.is_none());
        let s_m = segment.from_s + left.clamp(0.0, length);
        left -= length;
        ends.then_some(Place { lane: segment.lane, s_m })
    });
    let file = folder.join("short.toml");
    std::fs::write(&file, toml::to_string(&Scenario { goal: goal.unwrap(), ..whole }).unwrap()).unwrap();
    file
}

/// The client's part is the fake's (`carla/tests`); time, place, topics and lanes are real.
#[test]
fn carla_up_waits_for_each_command_of_the_stack_and_scores_and_records_the_drive() {
    let Some(python) = python() else { return };
    if !std::process::Command::new(&python).args(["-c", "import carla"]).output().unwrap().status.success() {
        println!("skipped: {python} has no package `carla`, which reads the map's lanes");
        return;
    }
    let _alone = alone();
    const DOMAIN: u32 = 123;
    let folder = folder("carla_up");
    let scenario = short_drive(&folder, 90.0);
    let command = format!("simulate --as carla-ros-bridge --paused --scenario {} --wait-limit 60", scenario.display());
    let _world = Running::unheard(&command, &share(), DOMAIN);
    let stand_in = json!({"domain": DOMAIN, "role_name": "hero", "map": map()});
    let up = format!(
        "carla up --contract carla-ros-bridge --role-name hero --start 0 --goal 1 --command-limit 60 --port 21123 --out out {}",
        patient_bridge(&folder)
    );
    let up = Running::with(
        &up,
        &folder,
        DOMAIN,
        &[
            ("FERRODRIVE_CARLA_PYTHON", &python),
            ("FERRODRIVE_CARLA_WORKER", &share().join("carla/tests/stand_in_worker.py").display().to_string()),
            ("STAND_IN", &stand_in.to_string()),
            ("PEER_CONFIG", LOOPBACK),
        ],
    );
    let (_, words) = up.ended_well();
    let score: Value = serde_json::from_slice(&std::fs::read(folder.join("out/score.json")).unwrap()).unwrap();
    assert_eq!(score["scores"]["2.1"]["scores_mean"]["score_composed"], 100.0, "{words}\n{score:#}");
    let frames = &score["frames"][0];
    assert_eq!(frames["misses"], 0, "{words}\n{frames}");
    let ticks = frames["ticks"].as_u64().unwrap();
    assert!(ticks > 100, "{frames}");
    let recorded = bag::Reader::open(&folder.join("out/drive.mcap")).unwrap();
    assert_eq!(recorded.warnings(), [] as [String; 0]);
    let count =
        |name: &str| recorded.topics().iter().find(|topic| topic.topic.name == name).map_or(0, |topic| topic.messages);
    // What is before the first command and after the last frame may be there or not.
    for (topic, each) in [("/carla/hero/vehicle_control_cmd", 1), ("/carla/hero/odometry", 1), ("/carla/hero/lidar", 2)]
    {
        let whole = ticks / each;
        assert!(count(topic).abs_diff(whole) < 20 + whole / 10, "{topic}: {} of {whole}", count(topic));
    }
    let (begin, end) = recorded.times().unwrap();
    assert!((end.since(begin) - ticks as f64 * 0.05).abs() < 5.0, "{begin} to {end}, {ticks} frames");
}
