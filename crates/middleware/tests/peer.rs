//! An independent DDS peer that behaves as a ROS 2 node, against nodes on the live driver. Needs a Python with
//! `cyclonedds` (`make test` has one); over loopback, without multicast.
#![allow(missing_docs)]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{CLOUD_BYTES, Statuses, run_nodes};
use dds::{DdsError, History, Participant, Reliability, Settings};
use middleware::ros::names;
use msgs::Message;
use msgs::sensor_msgs::msg::PointCloud2;
use msgs::std_msgs::msg::String as Text;
use serde_json::{Value, json};

fn settings(domain: u32) -> Settings {
    Settings { domain, localhost_only: true, ..Settings::default() }
}

struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

impl Peer {
    /// `None` where there is no Python for it.
    fn start(mode: &str, domain: u32) -> Option<Self> {
        let Ok(python) = std::env::var("FERRODRIVE_PYTHON") else {
            println!("skipped: FERRODRIVE_PYTHON names no Python with `cyclonedds`");
            return None;
        };
        let config = "<CycloneDDS><Domain><General><Interfaces><NetworkInterface address=\"127.0.0.1\" multicast=\"false\"/>\
                      </Interfaces><AllowMulticast>false</AllowMulticast></General><Discovery><ParticipantIndex>auto\
                      </ParticipantIndex><Peers><Peer address=\"127.0.0.1\"/></Peers></Discovery></Domain></CycloneDDS>";
        let mut child = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer.py"))
            .args([mode, &domain.to_string()])
            .env("PEER_CONFIG", config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Some(Self { stdin: child.stdin.take(), child, lines })
    }

    /// What it says next.
    fn says(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the peer said `{line}`"))
    }

    fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the nodes while `check` talks with the peer.
fn with_nodes(mode: &str, domain: u32, check: impl FnOnce(&mut Peer) + Send + 'static) -> Option<Statuses> {
    with_nodes_and_qos(mode, domain, &json!({}), check)
}

/// `overrides`: of the relay's quality of service.
fn with_nodes_and_qos(
    mode: &str,
    domain: u32,
    overrides: &Value,
    check: impl FnOnce(&mut Peer) + Send + 'static,
) -> Option<Statuses> {
    let mut peer = Peer::start(mode, domain)?;
    Some(run_nodes(&settings(domain), overrides, move || {
        check(&mut peer);
        peer.end();
    }))
}

#[test]
fn the_peer_finds_nodes_topics_types_and_hashes_in_the_graph() {
    with_nodes("graph", 101, |peer| {
        let lidar = peer.says();
        let relay = peer.says();
        assert_eq!((relay["node"].as_str(), relay["namespace"].as_str()), (Some("relay"), Some("/left")), "{relay}");
        let hash = format!("typehash={};", Text::TYPE_HASH);
        assert_eq!(relay["reads"]["rt/left/text"], json!(["std_msgs::msg::dds_::String_", hash]));
        assert_eq!(relay["writes"]["rt/echo"], json!(["std_msgs::msg::dds_::String_", hash]));
        let request = &relay["reads"]["rq/left/relay/get_parametersRequest"];
        assert_eq!(request[0], "rcl_interfaces::srv::dds_::GetParameters_Request_", "{relay}");
        assert!(request[1].as_str().unwrap().starts_with("serviceid="), "{request}");
        for topic in ["rt/diagnostics", "rt/parameter_events", "rt/left/relay/transition_event"] {
            assert!(relay["writes"].get(topic).is_some(), "{topic} in {relay}");
        }
        assert_eq!((lidar["node"].as_str(), lidar["namespace"].as_str()), (Some("lidar"), Some("/")));
        let hash = format!("typehash={};", PointCloud2::TYPE_HASH);
        assert_eq!(lidar["writes"]["rt/cloud"], json!(["sensor_msgs::msg::dds_::PointCloud2_", hash]));
        let enclaves = peer.says();
        assert!(enclaves["enclaves"].as_array().unwrap().contains(&json!("enclave=/;")), "{enclaves}");
    });
}

#[test]
fn a_heartbeat_goes_where_a_remap_sends_it() {
    with_nodes("heartbeats", 117, |peer| {
        assert_eq!(peer.says(), json!({"rt/diagnostics": ["left/relay"], "rt/fleet/diagnostics": ["lidar"]}));
    });
}

#[test]
fn a_publishers_quality_of_service_is_what_overrides_say_and_old_messages_reach_no_late_joiner() {
    let offered = json!({"/echo": {"publisher": {
        "durability": "transient_local", "depth": 3, "deadline": 5_000_000_000_u64, "lifespan": 2_000_000_000,
        "liveliness": "manual_by_topic", "liveliness_lease_duration": 9_000_000_000_u64,
    }}});
    with_nodes_and_qos("offered", 118, &offered, |peer| {
        let offer = json!({
            "reliable": true, "transient_local": true, "kept": 3, "deadline_ns": 5_000_000_000_u64,
            "lifespan_ns": 2_000_000_000, "by_topic": true, "lease_ns": 9_000_000_000_u64,
        });
        assert_eq!(peer.says(), offer);
        // Of three sent before it, then of three that were too old when it came.
        assert_eq!(peer.says(), json!({"late": ["1 2.5", "2 2.5", "3 2.5"]}));
        assert_eq!(peer.says(), json!({"later": ["new"]}));
    });
    let lossy = json!({"/echo": {"publisher": {"reliability": "best_effort"}}});
    with_nodes_and_qos("lossy", 119, &lossy, |peer| assert_eq!(peer.says(), json!({"reliable": false})));
}

#[test]
fn content_is_right_both_ways() {
    let statuses = with_nodes("content", 102, |peer| {
        let cloud = peer.says();
        assert_eq!(cloud["stamp"], json!([12, 34]));
        assert_eq!(cloud["frame"], "lidar_top");
        assert_eq!(cloud["fields"], json!([["x", 4, 7, 1]]));
        assert_eq!(
            (cloud["size"].as_u64(), cloud["right"].as_bool()),
            (Some(CLOUD_BYTES as u64), Some(true)),
            "{cloud}"
        );
        assert_eq!((cloud["width"].as_u64(), cloud["dense"].as_bool()), (Some(93_750), Some(true)));
        for text in ["", "é", "twelve chars"] {
            assert_eq!(peer.says()["echo"], format!("{text} 2.5"));
        }
        std::thread::sleep(Duration::from_millis(1200));
    });
    let Some(statuses) = statuses else { return };
    let statuses = statuses.0.lock().unwrap();
    let lidar = &statuses["lidar"];
    let number = |key: &str| lidar[key].parse::<f64>().unwrap();
    assert!((5.0..=11.0).contains(&number("rate_hz")), "{lidar:?}");
    assert!(number("latency_p50_ms") > 0.0 && number("age_of_data_ms") > 0.0 && number("dropped_inputs") == 0.0);
    assert_eq!(lidar["model.m.execution_provider"], "cpu");
}

#[test]
fn parameters_are_set_only_where_it_is_safe_and_the_life_cycle_is_managed() {
    with_nodes("services", 103, |peer| {
        assert_eq!(peer.says()["values"], json!([[3, 2.5, 0], [2, 0.0, 32], [0, 0.0, 0]]));
        assert_eq!(peer.says(), json!({"many": 10_000, "right": true}), "a question and a reply of many fragments");
        let active = peer.says();
        assert_eq!(active["active"][0], false);
        assert!(active["active"][1].as_str().unwrap().contains("clean up"), "{active}");
        assert_eq!(peer.says()["configure_while_active"], false);
        assert_eq!(peer.says()["deactivate"], true);
        assert_eq!(peer.says(), json!({"echoes_while_inactive": 0, "cleanup": true}));
        let set = peer.says();
        assert_eq!((set["wild"][0].as_bool(), set["good"].as_bool()), (Some(false), Some(true)), "{set}");
        assert!(set["wild"][1].as_str().unwrap().contains("expected 0 to 10, got 99"), "{set}");
        assert_eq!(peer.says(), json!({"configure": true, "activate": true}));
        assert_eq!(peer.says()["echo"], "x 3");
    });
}

#[test]
fn clients_that_ask_before_their_reader_is_found_get_their_reply() {
    with_nodes("fresh_clients", 108, |peer| assert_eq!(peer.says(), json!({"lost": []})));
}

#[test]
fn a_client_whose_reader_is_not_found_holds_up_no_other() {
    with_nodes("slow_client", 109, |peer| {
        assert_eq!(peer.says(), json!({"quick": 2.5}));
        assert_eq!(peer.says(), json!({"slow": 2.5}));
    });
}

#[test]
fn a_missed_deadline_and_lost_liveliness_are_told_in_diagnostics() {
    let asked = json!({"/left/text": {"subscription": {
        "deadline": 200_000_000, "liveliness": "manual_by_topic", "liveliness_lease_duration": 400_000_000,
    }}});
    let statuses = with_nodes_and_qos("falls_silent", 110, &asked, |peer| assert_eq!(peer.says()["silent_s"], 3));
    let Some(statuses) = statuses else { return };
    let relay = statuses.0.lock().unwrap()["left/relay"].clone();
    assert!(relay["deadlines_missed./left/text"].parse::<u32>().unwrap() >= 3, "{relay:?}");
    assert_eq!(relay["liveliness_lost./left/text"], "1", "{relay:?}");
    let message = &relay["message"];
    assert!(message.contains("/left/text: ") && message.contains("deadlines missed since last told"), "{message}");
    assert!(message.contains("1 publishers not heard of within their lease"), "{message}");
}

#[test]
fn a_publisher_that_offers_too_little_is_told_in_diagnostics_with_both_sides_settings() {
    let asked = json!({"/left/text": {"subscription": {"deadline": 50_000_000}}});
    let statuses = with_nodes_and_qos("offers_little", 112, &asked, |peer| assert_eq!(peer.says()["matched"], 0));
    let Some(statuses) = statuses else { return };
    let relay = statuses.0.lock().unwrap()["left/relay"].clone();
    assert_eq!(relay["incompatible_qos./left/text"], "1", "{relay:?}");
    let told = "deadline: the writer offers 100ms, the reader asks for 50ms";
    assert!(relay["message"].contains(told), "{relay:?}");
}

fn keep_all() -> dds::Qos {
    let max_blocking = Duration::from_secs(60);
    dds::Qos { reliability: Reliability::Reliable { max_blocking }, history: History::KeepAll, ..dds::Qos::default() }
}

#[test]
fn a_burst_of_50000_from_the_peer_arrives_whole() {
    let type_name = names::type_name(Text::TYPE_NAME);
    let participant = Participant::new(&settings(104), b"").unwrap();
    let reader = participant.reader("rt/burst", &type_name, &keep_all(), Arc::default()).unwrap();
    let Some(mut peer) = Peer::start("burst_out", 104) else { return };
    let (mut next, mut heard) = (0, Instant::now());
    while next < 50_000 {
        assert!(heard.elapsed() < Duration::from_secs(30), "{next} came, then nothing for 30 s");
        while let Some(sample) = reader.take().unwrap() {
            assert_eq!(msgs::from_cdr::<Text>(&sample).unwrap().data.parse(), Ok(next));
            (next, heard) = (next + 1, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(peer.says()["sent"], 50_000);
    peer.end();
}

#[test]
fn a_burst_of_50000_to_the_peer_arrives_whole() {
    let type_name = names::type_name(Text::TYPE_NAME);
    let participant = Participant::new(&settings(105), b"").unwrap();
    let writer = participant.writer("rt/burst", &type_name, &keep_all()).unwrap();
    let Some(mut peer) = Peer::start("burst_in", 105) else { return };
    assert_eq!(peer.says()["ready"], true);
    let started = Instant::now();
    while writer.matched() == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "the peer's reader was not found");
        std::thread::sleep(Duration::from_millis(5));
    }
    for number in 0..50_000 {
        let text = Text { data: format!("{number:0192}") };
        writer.write(&msgs::to_cdr(&text).unwrap()).unwrap();
    }
    assert_eq!(peer.says()["received"], 50_000);
    peer.end();
}

#[test]
fn a_full_history_is_an_error_where_the_peer_stands_still() {
    let type_name = names::type_name(Text::TYPE_NAME);
    let participant = Participant::new(&settings(106), b"").unwrap();
    let max_blocking = Duration::from_millis(300);
    let qos = dds::Qos { reliability: Reliability::Reliable { max_blocking }, ..keep_all() };
    let writer = participant.writer("rt/burst", &type_name, &qos).unwrap();
    let Some(mut peer) = Peer::start("burst_in", 106) else { return };
    assert_eq!(peer.says()["ready"], true);
    while writer.matched() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let process = peer.child.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &process]).status().unwrap().success());
    let cdr = msgs::to_cdr(&Text { data: "0".repeat(60_000) }).unwrap();
    let error = (0..1000).find_map(|_| writer.write(&cdr).err());
    assert!(Command::new("kill").args(["-CONT", &process]).status().unwrap().success());
    assert!(matches!(error, Some(DdsError::HistoryFull { .. })), "{error:?}");
}

#[test]
fn what_keeps_the_peer_from_meeting_us_is_reported_with_both_sides_settings() {
    let type_name = names::type_name(Text::TYPE_NAME);
    let participant = Participant::new(&settings(107), b"").unwrap();
    let reader = participant.reader("rt/left/text", &type_name, &dds::Qos::default(), Arc::default()).unwrap();
    let Some(mut peer) = Peer::start("incompatible", 107) else { return };
    peer.says();
    let started = Instant::now();
    let told = loop {
        // Either may come first.
        match reader.incompatible().unwrap().first() {
            Some(refused) if reader.refused() > 0 => break refused.to_string(),
            _ => {}
        }
        assert!(started.elapsed() < Duration::from_secs(10), "no refusal in 10 s");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(told.contains("reliability: the writer offers best effort, the reader asks for reliable"), "{told}");
    peer.end();
}
