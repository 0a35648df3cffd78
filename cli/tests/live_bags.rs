//! Recorder and player on the live graph, against an independent DDS peer (PyPI `cyclonedds`) and an independent reader
//! of recordings (PyPI `rosbags`); over loopback, without multicast. Without them the tests are skipped with a message.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bag::{Reader, Selection};
use msgs::autoware_vehicle_msgs::msg::VelocityReport;
use msgs::geometry_msgs::msg::PoseStamped;
use msgs::std_msgs::msg::String as Text;
use node::Time;
use serde_json::Value;
use support::{Peer, Running, folder, python, share};

/// Messages of every topic in the order of recording, without the byte that tells padding.
fn contents(path: &Path) -> BTreeMap<String, Vec<Vec<u8>>> {
    let reader = Reader::open(path).unwrap();
    assert!(reader.warnings().is_empty(), "{:?}", reader.warnings());
    let mut topics: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for message in reader.messages(&Selection::default()).unwrap() {
        let mut message = message.unwrap();
        message.cdr[3] = 0;
        topics.entry(message.topic.name.clone()).or_default().push(message.cdr);
    }
    topics
}

const ROSBAGS: &str = r#"
import collections, json, sys
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore
store = get_typestore(Stores.ROS2_JAZZY)
with Reader(sys.argv[1]) as reader:
    kinds = {c.topic: [c.msgtype, c.ext.serialization_format, len(c.ext.offered_qos_profiles)] for c in reader.connections}
    texts, raw, times = collections.defaultdict(list), {}, []
    for connection, time, data in reader.messages():
        times.append(time)
        if connection.msgtype == "std_msgs/msg/String":
            texts[connection.topic].append(store.deserialize_cdr(data, connection.msgtype).data)
        else:
            raw[connection.topic] = data.hex()
    qos = {c.topic: [c.ext.offered_qos_profiles[0].reliability.name, c.ext.offered_qos_profiles[0].durability.name] for c in reader.connections}
    print(json.dumps({"kinds": kinds, "texts": texts, "raw": raw, "qos": qos, "sorted": times == sorted(times), "first": times[0]}))
"#;

#[test]
fn rosbags_reads_what_was_recorded_of_a_peer() {
    let Some(python) = python() else { return };
    for (domain, options, signal) in [
        (121, "--all --compression none --max-bag-size 20000", "-INT"),
        (
            122,
            "--regex . --exclude-topics /none --storage sqlite3 --compression-mode message --compression-format zstd",
            "-TERM",
        ),
    ] {
        let cwd = folder(&format!("record_{domain}"));
        let mut peer = Peer::start(&python, "bag_peer.py", "publish", domain);
        peer.says();
        let recorder = Running::ferrodrive(&format!("bag record -o out {options}"), &cwd, domain);
        assert_eq!(peer.says()["plain_is_heard"], false);
        recorder.signal(signal);
        let (said, told) = recorder.ended_well();
        peer.end();
        assert!(said.contains("messages on 4 topics written to out"), "{said}");
        assert!(told.contains("/plain: type `Plain` is no ROS 2 message type"), "{told}");
        assert!(told.contains("/odd: the definition of odd_msgs/msg/Odd is not known here"), "{told}");

        let output = Command::new(&python).args(["-c", ROSBAGS]).arg(cwd.join("out")).output().unwrap();
        let found: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(found["kinds"]["/left/chatter"], serde_json::json!(["std_msgs/msg/String", "cdr", 1]));
        assert_eq!(found["kinds"]["/odd"][0], "odd_msgs/msg/Odd");
        assert_eq!(found["qos"]["/latched"], serde_json::json!(["RELIABLE", "TRANSIENT_LOCAL"]));
        assert_eq!(found["qos"]["/lossy"], serde_json::json!(["BEST_EFFORT", "VOLATILE"]));
        let chatter: Vec<String> = (0..500).map(|n| format!("{n} {}", "x".repeat(n))).collect();
        assert_eq!(found["texts"]["/left/chatter"], serde_json::json!(chatter));
        assert_eq!(found["texts"]["/latched"], serde_json::json!(["latched 2", "latched 3", "latched 4"]));
        assert_eq!(found["raw"]["/odd"], "00010000f9ffffffffffffff");
        let lossy: Vec<&str> = found["texts"]["/lossy"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let mut sent = (0..500).map(|n| format!("lossy {n}"));
        assert!(!lossy.is_empty() && lossy.iter().all(|text| sent.any(|sent| sent == *text)), "{lossy:?}");
        assert!(found["first"].as_i64().unwrap() > 1_500_000_000_000_000_000, "the machine's clock");
        let files = std::fs::read_dir(cwd.join("out")).unwrap().count();
        assert_eq!(files > 3, options.contains("max-bag-size"), "{files} files");
    }
}

#[test]
fn a_peer_gets_what_is_played_in_order_with_the_clock() {
    let Some(python) = python() else { return };
    let cwd = folder("play");
    let (velocity, goal) = ("/vehicle/status/velocity_status", "/planning/mission_planning/goal");
    // The peer asks for transient local, which was not recorded of this topic.
    std::fs::write(cwd.join("qos.yaml"), "/ego/velocity: {durability: transient_local, depth: 1000}\n").unwrap();
    let mut peer = Peer::start(&python, "bag_peer.py", "listen", 123);
    peer.says();
    let player = Running::ferrodrive(
        &format!(
            "bag play bags/town_drive --rate 4 --clock 50 --topics {velocity} {goal} --remap {velocity}:=/ego/velocity \
             --qos-overrides qos.yaml --delay 1"
        ),
        &cwd,
        123,
    );
    let heard = peer.says();
    let (said, _) = player.ended_well();
    peer.end();
    assert!(said.contains("701 messages on 2 topics played"), "{said}");

    let recorded = contents(&share().join("bags/town_drive"));
    let velocities: Vec<Value> = recorded[velocity]
        .iter()
        .map(|cdr| msgs::from_cdr::<VelocityReport>(cdr).unwrap())
        .map(|v| serde_json::json!([Time::from(&v.header.stamp).0, f64::from(v.longitudinal_velocity)]))
        .collect();
    assert_eq!(heard["velocities"], Value::from(velocities));
    let goal = msgs::from_cdr::<PoseStamped>(&recorded[goal][0]).unwrap().pose.position;
    assert_eq!(heard["goals"], serde_json::json!([[goal.x, goal.y]]));
    let clocks: Vec<i64> = heard["clocks"].as_array().unwrap().iter().filter_map(Value::as_i64).collect();
    let (start, end) = Reader::open(&share().join("bags/town_drive")).unwrap().times().unwrap();
    assert!(clocks.len() > 1 && clocks.is_sorted() && clocks[0] >= start.0, "{clocks:?}");
    assert!(clocks.last().is_some_and(|last| (start.0 + 1..=end.0).contains(last)), "{clocks:?}");
}

#[test]
fn a_recording_of_what_is_played_holds_the_same_messages() {
    let page = std::fs::read_to_string(share().join("docs/replay.md")).unwrap();
    let command = |start: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix("$ ferrodrive ").filter(|c| c.starts_with(start)));
        line.unwrap_or_else(|| panic!("docs/replay.md shows no `{start}`")).to_owned()
    };
    let cwd = folder("again");
    let recorder = Running::ferrodrive(&command("bag record "), &cwd, 124);
    let player = Running::ferrodrive(&command("bag play "), &cwd, 124);
    let (played, _) = player.ended_well();
    recorder.signal("-INT");
    let (recorded, _) = recorder.ended_well();
    assert!(played.contains("6006 messages on 18 topics played"), "{played}");
    assert!(recorded.contains("on 19 topics written to again"), "{recorded}");
    let (first, mut second) = (contents(&share().join("bags/town_drive")), contents(&cwd.join("again")));
    second.remove("/clock");
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (topic, messages) in &first {
        if topic.starts_with("/sensing/") {
            // Best effort: some may be lost, none may be changed or come out of order.
            let mut sent = messages.iter();
            assert!(second[topic].iter().all(|message| sent.any(|sent| sent == message)), "{topic}");
        } else {
            assert!(second[topic] == *messages, "{topic}: {} of {}", second[topic].len(), messages.len());
        }
    }
    let times = Reader::open(&cwd.join("again")).unwrap().times().unwrap();
    assert!(times.1 <= Time(14_010_000_000), "the times are those of /clock: {times:?}");
}

#[test]
fn topics_that_appear_while_recording_are_recorded_as_is_asked_for() {
    let Some(python) = python() else { return };
    let cwd = folder("late");
    std::fs::write(cwd.join("qos.yaml"), "/asked_otherwise: {durability: volatile, history: keep_all}\n").unwrap();
    let mut peer = Peer::start(&python, "bag_peer.py", "appear_late", 126);
    peer.says();
    let recorder = Running::ferrodrive("bag record -o out --all --qos-overrides qos.yaml", &cwd, 126);
    assert_eq!(peer.says()["transient_local"], serde_json::json!({"rt/late": true, "rt/asked_otherwise": false}));
    recorder.signal("-INT");
    recorder.ended_well();
    peer.end();
    let recorded = contents(&cwd.join("out"));
    let texts = |topic: &str| -> Vec<String> {
        recorded[topic].iter().map(|cdr| msgs::from_cdr::<Text>(cdr).unwrap().data).collect()
    };
    let sent: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(texts("/early"), ["first", "last"]);
    let kept = (0..5).map(|number| format!("latched {number}"));
    assert_eq!(texts("/late"), kept.chain(sent.clone()).collect::<Vec<_>>());
    assert_eq!(texts("/asked_otherwise"), sent, "what was sent before was not asked for");
}

#[test]
fn a_peer_gets_a_part_again_and_again_at_another_rate() {
    let Some(python) = python() else { return };
    let cwd = folder("loop");
    let topic = "/vehicle/status/velocity_status";
    let mut peer = Peer::start(&python, "bag_peer.py", "count", 127);
    peer.says();
    let (rate, hertz, offset_s) = (5.0, 100.0, 13.5);
    let player = Running::ferrodrive(
        &format!(
            "bag play bags/town_drive --loop --rate {rate} --clock {hertz} --start-offset {offset_s} --topics {topic} \
             --wait-for-subscribers"
        ),
        &cwd,
        127,
    );
    let heard = peer.says();
    player.signal("-INT");
    player.ended_well();
    peer.end();

    let reader = Reader::open(&share().join("bags/town_drive")).unwrap();
    let (start, end) = reader.times().unwrap();
    let from = start + Duration::from_secs_f64(offset_s);
    let selection = Selection { topics: vec![topic.into()], ..Selection::default() };
    let part: Vec<i64> = reader
        .messages(&selection)
        .unwrap()
        .map(Result::unwrap)
        .filter(|message| message.time >= from)
        .map(|message| Time::from(&msgs::from_cdr::<VelocityReport>(&message.cdr).unwrap().header.stamp).0)
        .collect();
    let numbers = |what: &str| heard[what].as_array().unwrap().iter().filter_map(Value::as_i64).collect::<Vec<_>>();
    let (velocities, clocks) = (numbers("velocities"), numbers("clocks"));
    assert!((20..30).contains(&part.len()), "half a second of 50 Hz: {}", part.len());
    let expected: Vec<i64> = part.iter().copied().cycle().take(velocities.len()).collect();
    assert_eq!(velocities, expected, "every message of the part in order, then anew");

    assert_eq!(clocks[0], from.0);
    assert!(clocks.iter().all(|clock| (from.0..=end.0).contains(clock)), "{clocks:?}");
    let passes: Vec<&[i64]> = clocks.chunk_by(|a, b| a <= b).collect();
    let whole = velocities.len() / part.len();
    // The peer takes the one a moment before the other.
    assert!(
        whole >= 2 && (whole - 1..=whole + 1).contains(&passes.len()) && passes.len() > 1,
        "{} passes of the clock, {whole} of messages",
        passes.len()
    );
    // The slower a machine, the fewer: what comes due meanwhile is left out.
    let most = (end - from).as_secs_f64() / rate * hertz + 2.0;
    for pass in &passes {
        let told = pass.iter().filter(|clock| **clock > from.0).count();
        assert!(told as f64 <= most, "{told} times in a pass, at most {most} at {rate} times the speed");
    }
}

#[test]
fn what_cannot_be_done_is_refused_before_it_begins() {
    let cwd = folder("refused");
    std::fs::create_dir(cwd.join("there")).unwrap();
    std::fs::write(cwd.join("there.mcap"), "kept").unwrap();
    std::fs::write(cwd.join("qos.yaml"), "/a: {reliability: sometimes}").unwrap();
    for (command, expected) in [
        ("bag record -o x", "--all"),
        ("bag record -o there --all", "there is there already"),
        ("bag record -o there.mcap --all", "there.mcap is there already"),
        ("bag record -o x --all --storage sqlite3 --compression lz4", "file-zstd"),
        ("bag record -o x.mcap --all --max-bag-size 1000", "cannot be split"),
        ("bag record -o x --all --qos-overrides qos.yaml", "sometimes"),
        ("bag record -o x --regex (", "regex"),
        ("bag record -o x a//b", "a//b"),
        ("bag play nowhere", "nowhere"),
        ("bag play bags/town_drive --topics /none", "no topic /none"),
        ("bag play bags/town_drive --remap /none:=/a", "no topic /none"),
        ("bag play bags/town_drive --rate 0", "from 0.001 to 1000"),
        ("bag play bags/town_drive --rate NaN", "from 0.001 to 1000"),
        ("bag play bags/town_drive --start-offset 99", "behind the end"),
        ("bag play bags/town_drive --remap /tf_static:=/diagnostics", "both played as /diagnostics"),
        ("bag play bags/town_drive --exclude-regex .", "no topic that is chosen"),
    ] {
        let output = Running::ferrodrive(command, &cwd, 125).end();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {told}");
        assert!(told.contains(expected) && !told.contains("panicked"), "{command}: {told}");
        assert!(!cwd.join("x").exists(), "{command} wrote");
    }
    assert_eq!(std::fs::read_to_string(cwd.join("there.mcap")).unwrap(), "kept");
}
