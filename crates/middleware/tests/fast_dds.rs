//! An independent peer on Fast DDS, by far the most used middleware of ROS 2 and CARLA's, against endpoints of ours: what
//! arrives, and what is said where nothing can. Services and the graph are `fast_dds_nodes.rs`'.
#![allow(missing_docs)]

mod fast_dds_peer;

use std::process::Command;
use std::time::{Duration, Instant};

use dds::{Durability, History, Liveliness, Participant, Qos, Range, Reader, Reliability, Sample, Settings};
use fast_dds_peer::{FastDds, bytes, hex};
use middleware::ros::{names, type_hash_user_data};
use msgs::Message;
use msgs::sensor_msgs::msg::PointCloud2;
use msgs::std_msgs::msg::String as Text;
use serde_json::Value;

const TEXT: &str = "std_msgs::msg::dds_::String_";

fn here(domain: u32) -> Settings {
    Settings { domain, range: Range::Localhost, ..Settings::default() }
}

fn keep_all() -> Qos {
    let max_blocking = Duration::from_secs(60);
    Qos { reliability: Reliability::Reliable { max_blocking }, history: History::KeepAll, ..Qos::default() }
}

fn reader(participant: &Participant, topic: &str, qos: &Qos) -> Reader {
    participant.reader(topic, TEXT, qos, std::sync::Arc::default()).unwrap()
}

fn text(data: &str) -> Vec<u8> {
    msgs::to_cdr(&Text { data: data.into() }).unwrap()
}

fn waited<T>(what: &str, mut get: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(got) = get() {
            return got;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{what}: not within 60 s");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn taken(reader: &Reader) -> Sample {
    waited("a sample", || reader.take().unwrap())
}

fn cloud() -> PointCloud2 {
    let mut cloud = PointCloud2 { height: 1, width: 93_750, point_step: 16, is_dense: true, ..PointCloud2::default() };
    cloud.header.frame_id = "lidar_top".into();
    cloud.data = (0..1_500_000).map(|n| (7 * n % 251) as u8).collect();
    cloud
}

fn signal(name: &str, pid: u32) {
    let done = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(done.success(), "kill -{name} {pid}");
}

/// Texts and a point cloud of 1.5 MB there and back, both qualities of service.
fn exchange(settings: &Settings, range: &str) {
    let Some(mut peer) = FastDds::start(settings.domain, range) else { return };
    let participant = Participant::new(settings, b"").unwrap();
    let clouds = names::type_name(PointCloud2::TYPE_NAME);
    let cloud = cloud();
    for (word, reliability) in [
        ("reliable", Reliability::Reliable { max_blocking: Duration::from_secs(10) }),
        ("best_effort", Reliability::BestEffort),
    ] {
        let qos = Qos { reliability, ..Qos::default() };
        for (topic, type_name, cdrs) in [
            ("text", TEXT, ["", "é", "twelve chars"].map(text).to_vec()),
            ("cloud", clouds.as_str(), vec![msgs::to_cdr(&cloud).unwrap()]),
        ] {
            let (out, back) = (format!("rt/{topic}_{word}_out"), format!("rt/{topic}_{word}_back"));
            let writer = participant.writer(&out, type_name, &qos).unwrap();
            let reader = participant.reader(&back, type_name, &qos, std::sync::Arc::default()).unwrap();
            let (their_reader, their_writer) = (format!("reader_{topic}_{word}"), format!("writer_{topic}_{word}"));
            peer.make(&format!("reader {their_reader} {out} {type_name} {word}"));
            peer.matched(&their_reader, 1);
            peer.make(&format!("writer {their_writer} {back} {type_name} {word}"));
            peer.matched(&their_writer, 1);
            waited("both ends", || (writer.matched() == 1 && reader.matched() == 1).then_some(()));
            for cdr in cdrs {
                // What best effort loses is published again as a sensor would.
                let patience = Duration::from_millis(if word == "reliable" { 60_000 } else { 300 });
                waited(&format!("{topic}, {word}, to the peer"), || {
                    writer.write(&cdr).unwrap();
                    let is_it = |said: &Value| said["sample"] == their_reader && equal(&bytes(&said["cdr"]), &cdr);
                    peer.hears_within(patience, is_it)
                });
                waited(&format!("{topic}, {word}, from the peer"), || {
                    peer.tell(&format!("write {their_writer} {}", hex(&cdr)));
                    let end = Instant::now() + patience;
                    while Instant::now() < end {
                        if reader.take().unwrap().is_some_and(|sample| equal(&sample, &cdr)) {
                            return Some(());
                        }
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    None
                });
            }
        }
    }
}

/// Whether this came as that was sent: padding may be added, and the last byte of the header tell of it.
fn equal(came: &[u8], sent: &[u8]) -> bool {
    came.len() >= sent.len()
        && came.len() < sent.len() + 4
        && came[..3] == sent[..3]
        && came[4..sent.len()] == sent[4..]
}

#[test]
fn content_is_right_both_ways_between_processes_of_this_machine() {
    exchange(&here(120), "localhost");
}

#[test]
fn content_is_right_both_ways_on_the_loopback_interface_alone() {
    exchange(&Settings { domain: 121, localhost_only: true, ..Settings::default() }, "loopback");
}

#[test]
fn content_is_right_both_ways_on_the_network() {
    exchange(&Settings { domain: 122, ..Settings::default() }, "subnet");
}

/// A stopped reader's socket holds three of the cloud's 24 datagrams.
#[test]
fn a_best_effort_cloud_waits_for_a_reader_that_sleeps() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    if dds::ReceiveQueue::of(socket.local_addr().unwrap()).is_none() {
        println!("skipped: this system does not tell how full a socket's receive queue is (Linux with udp_diag does)");
        return;
    }
    let Some(mut peer) = FastDds::start(129, "localhost") else { return };
    let participant = Participant::new(&here(129), b"").unwrap();
    let type_name = names::type_name(PointCloud2::TYPE_NAME);
    let writer = participant
        .writer("rt/out", &type_name, &Qos { reliability: Reliability::BestEffort, ..Qos::default() })
        .unwrap();
    peer.make(&format!("reader out rt/out {type_name} best_effort - ages:1000"));
    peer.matched("out", 1);
    waited("the peer's reader", || (writer.matched() == 1).then_some(()));
    let cdr = msgs::to_cdr(&cloud()).unwrap();
    // On a busy machine it may sleep for longer than a writer waits: then that cloud is lost.
    let pid = peer.pid();
    let arrived = (0..20).any(|_| {
        signal("STOP", pid);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(10));
                signal("CONT", pid);
            });
            writer.write(&cdr).unwrap();
        });
        (0..10).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            peer.tell("tell out");
            let told = peer.hears("what came", |said| said.get("ages_ns").is_some());
            told["ages_ns"].as_array().is_some_and(|ages| !ages.is_empty())
        })
    });
    assert!(arrived, "none of 20 clouds arrived whole");
}

#[test]
fn bursts_of_50000_arrive_whole_both_ways() {
    const COUNT: u32 = 50_000;
    let Some(mut peer) = FastDds::start(123, "localhost") else { return };
    let participant = Participant::new(&here(123), b"").unwrap();
    let reader = reader(&participant, "rt/back", &keep_all());
    peer.make("writer back rt/back std_msgs::msg::dds_::String_ reliable,keep_all");
    peer.matched("back", 1);
    waited("the peer's writer", || (reader.matched() == 1).then_some(()));
    peer.tell(&format!("numbers back {COUNT}"));
    for next in 0..COUNT {
        assert_eq!(msgs::from_cdr::<Text>(&taken(&reader)).unwrap().data.parse(), Ok(next));
    }
    let writer = participant.writer("rt/out", TEXT, &keep_all()).unwrap();
    peer.make(&format!("reader out rt/out {TEXT} reliable,keep_all - numbers:{COUNT}"));
    peer.matched("out", 1);
    waited("the peer's reader", || (writer.matched() == 1).then_some(()));
    for number in 0..COUNT {
        writer.write(&text(&format!("{number:0192}"))).unwrap();
    }
    let told = peer.hears("the burst", |said| said.get("received").is_some() || said.get("expected").is_some());
    assert_eq!(told["received"], COUNT, "{told}");
}

#[test]
fn late_joiners_get_what_was_published_before_both_ways() {
    let Some(mut peer) = FastDds::start(124, "localhost") else { return };
    let participant = Participant::new(&here(124), b"").unwrap();
    let kept = Qos { durability: Durability::TransientLocal, history: History::KeepLast(3), ..Qos::default() };
    let writer = participant.writer("rt/out", TEXT, &kept).unwrap();
    peer.make(&format!("writer back rt/back {TEXT} reliable,transient_local,depth:3"));
    for number in 0..5 {
        writer.write(&text(&number.to_string())).unwrap();
        peer.tell(&format!("write back {}", hex(&text(&number.to_string()))));
    }
    peer.make(&format!("reader out rt/out {TEXT} reliable,transient_local"));
    let reader = reader(&participant, "rt/back", &Qos { history: History::KeepLast(10), ..kept });
    for expected in ["2", "3", "4"] {
        assert_eq!(msgs::from_cdr::<Text>(&bytes(&peer.sample("out")["cdr"])).unwrap().data, expected);
        assert_eq!(msgs::from_cdr::<Text>(&taken(&reader)).unwrap().data, expected);
    }
}

#[test]
fn the_first_message_to_a_reader_arrives_and_none_from_before() {
    let Some(mut peer) = FastDds::start(128, "localhost") else { return };
    let participant = Participant::new(&here(128), b"").unwrap();
    let early = reader(&participant, "rt/back", &Qos::default());
    for round in 0..10 {
        // As `ros2 topic pub --once`: the writer writes when it has found a reader, which need not have found it.
        let name = format!("writer{round}");
        peer.make(&format!("writer {name} rt/back {TEXT} reliable"));
        peer.matched(&name, 1);
        peer.tell(&format!("write {name} {}", hex(&text(&name))));
        assert_eq!(msgs::from_cdr::<Text>(&taken(&early)).unwrap().data, name);
    }
    let late = reader(&participant, "rt/back", &Qos::default());
    peer.matched("writer9", 2);
    waited("the peer's writers", || (late.matched() == 10).then_some(()));
    peer.tell(&format!("write writer9 {}", hex(&text("news"))));
    for reader in [&early, &late] {
        assert_eq!(msgs::from_cdr::<Text>(&taken(reader)).unwrap().data, "news");
    }
}

#[test]
fn ends_that_do_not_meet_are_told_on_both_sides() {
    let Some(mut peer) = FastDds::start(125, "localhost") else { return };
    let participant = Participant::new(&here(125), b"").unwrap();
    let volatile = participant.writer("rt/out", TEXT, &Qos::default()).unwrap();
    let strict = reader(&participant, "rt/back", &Qos { deadline: Some(Duration::from_millis(50)), ..Qos::default() });
    peer.make(&format!("reader out rt/out {TEXT} reliable,transient_local"));
    peer.hears("what the reader lacks", |said| said["incompatible"] == "out" && said["value"] == 2);
    peer.make(&format!("writer back rt/back {TEXT} reliable,deadline_ms:100"));
    peer.hears("what the writer lacks", |said| said["incompatible"] == "back" && said["value"] == 4);
    let told = |list: Vec<dds::Incompatibility>| list.first().map(ToString::to_string);
    let ours = waited("our writer's refusal", || told(volatile.incompatible().unwrap()));
    assert!(ours.contains("durability: the writer offers Volatile, the reader asks for TransientLocal"), "{ours}");
    let ours = waited("our reader's refusal", || told(strict.incompatible().unwrap()));
    assert!(ours.contains("deadline: the writer offers 100ms, the reader asks for 50ms"), "{ours}");
    assert_eq!((volatile.matched(), strict.matched()), (0, 0));
}

#[test]
fn missed_deadlines_and_lost_liveliness_are_noticed_both_ways() {
    let Some(mut peer) = FastDds::start(126, "localhost") else { return };
    let participant = Participant::new(&here(126), b"").unwrap();
    let promise = Qos {
        deadline: Some(Duration::from_millis(200)),
        liveliness: Liveliness::ManualByTopic,
        lease: Some(Duration::from_millis(400)),
        ..Qos::default()
    };
    let words = "reliable,deadline_ms:200,manual_ms:400";
    let writer = participant.writer("rt/out", TEXT, &promise).unwrap();
    let reader = reader(&participant, "rt/back", &promise);
    peer.make(&format!("reader out rt/out {TEXT} {words}"));
    peer.matched("out", 1);
    peer.make(&format!("writer back rt/back {TEXT} {words}"));
    peer.matched("back", 1);
    waited("both ends", || (writer.matched() == 1 && reader.matched() == 1).then_some(()));
    writer.write(&text("the last")).unwrap();
    peer.tell(&format!("write back {}", hex(&text("the last"))));
    taken(&reader);
    waited("our reader's news", || (reader.deadlines_missed() > 0 && reader.liveliness_lost() == 1).then_some(()));
    peer.hears("a missed deadline", |said| said["deadline_missed"] == "out");
    peer.hears("a silent writer", |said| said["alive"] == "out" && said["value"] == 0);
    assert!(writer.deadlines_missed() > 0);
}

#[test]
fn the_peer_sees_type_hashes_and_we_see_its() {
    let Some(mut peer) = FastDds::start(127, "localhost") else { return };
    let participant = Participant::new(&here(127), b"enclave=/;").unwrap();
    let user_data = type_hash_user_data(Text::TYPE_HASH);
    let writer = participant.writer("rt/out", TEXT, &Qos { user_data: user_data.clone(), ..Qos::default() }).unwrap();
    let guid = hex(&writer.guid().0);
    let found = peer.hears("our writer", |said| said["found"] == "writer" && said["guid"] == guid.as_str());
    assert_eq!((found["topic"].as_str(), found["type"].as_str()), (Some("rt/out"), Some(TEXT)));
    assert_eq!(bytes(&found["user_data"]), user_data);
    let theirs = peer.make(&format!("writer back rt/back {TEXT} reliable {}", hex(&user_data)));
    let seen = waited("the peer's writer", || {
        participant.known(dds::Kind::Writer).unwrap().into_iter().find(|end| hex(&end.guid.0) == theirs)
    });
    assert_eq!((seen.topic.as_str(), seen.type_name.as_str()), ("rt/back", TEXT));
    assert_eq!(seen.user_data("typehash").as_deref(), Some(Text::TYPE_HASH));
    assert_eq!(seen.guid.vendor(), dds::Vendor::FastDds);
    let enclaves = participant.known(dds::Kind::Participant).unwrap();
    let of = enclaves.iter().find(|end| end.guid == seen.participant).unwrap();
    assert_eq!(of.user_data("enclave").as_deref(), Some("/"));
}
