//! Recordings read back as they were written, damage is told, and rosbags reads them.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use bag::{Reader, Recorder, Sink};
use msgs::sensor_msgs::msg::PointCloud2;
use msgs::std_msgs::msg::String as Text;
use node::{Qos, Shared, Time};

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("ferrodrive_bag_{}_{name}.mcap", std::process::id()))
}

fn text(data: &str) -> Shared {
    Arc::new(Text { data: data.into() })
}

fn cloud(points: u32) -> PointCloud2 {
    let data = (0..points * 16).map(|i| (i * 7 % 251) as u8).collect();
    PointCloud2 { height: 1, width: points, point_step: 16, row_step: points * 16, data, ..PointCloud2::default() }
}

/// 200 texts and 20 point clouds; gives the digest.
fn record(path: Option<&PathBuf>) -> String {
    let mut sink = Sink::new(path.map(|path| Recorder::create(path).unwrap()));
    for i in 0..200_i64 {
        sink.record("/chatter", Time(i * 10), &text(&format!("message {i}")), Qos::reliable(1)).unwrap();
        if i % 10 == 0 {
            let message: Shared = Arc::new(cloud(3000 + i as u32));
            sink.record("/points", Time(i * 10), &message, Qos::sensor_data()).unwrap();
        }
    }
    assert_eq!(sink.messages(), 220);
    sink.finish().unwrap()
}

#[test]
fn reads_back_what_was_recorded() {
    let path = file("round_trip");
    record(Some(&path));
    let reader = Reader::open(&path).unwrap();
    let topics = reader.topics().unwrap();
    assert_eq!(topics.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["/chatter", "/points"]);
    assert_eq!(topics[1].type_name, "sensor_msgs/msg/PointCloud2");
    assert_eq!(topics[1].type_hash.as_deref(), Some(<PointCloud2 as msgs::Message>::TYPE_HASH));
    let messages: Vec<_> = reader.messages().unwrap().map(Result::unwrap).collect();
    assert_eq!(messages.len(), 220);
    let clouds: Vec<_> = messages.iter().filter(|m| m.topic == "/points").collect();
    assert_eq!(clouds.len(), 20);
    for (i, message) in clouds.iter().enumerate() {
        assert_eq!(message.time, Time(i as i64 * 100));
        assert_eq!(msgs::from_cdr::<PointCloud2>(&message.cdr).unwrap(), cloud(3000 + i as u32 * 10));
    }
}

#[test]
fn digest_is_the_same_with_and_without_a_recording() {
    assert_eq!(record(Some(&file("digest"))), record(None));
}

#[test]
fn two_recordings_of_the_same_run_are_the_same_file() {
    let (a, b) = (file("same_a"), file("same_b"));
    record(Some(&a));
    record(Some(&b));
    assert!(std::fs::read(&a).unwrap() == std::fs::read(&b).unwrap());
}

#[test]
fn undigested_messages_are_recorded_and_leave_the_digest_alone() {
    let path = file("undigested");
    let mut sink = Sink::new(Some(Recorder::create(&path).unwrap()));
    sink.record_undigested("/latency", Time(1), &text("3 ms"), Qos::reliable(1)).unwrap();
    assert_eq!(sink.finish().unwrap(), Sink::default().finish().unwrap());
    assert_eq!(Reader::open(&path).unwrap().messages().unwrap().count(), 1);
}

#[test]
fn refuses_a_second_type_on_a_topic_and_times_before_the_epoch() {
    let mut recorder = Recorder::create(&file("refused")).unwrap();
    recorder.record("/a", Time(0), &text("x"), Qos::reliable(1)).unwrap();
    let other: Shared = Arc::new(cloud(1));
    let error = recorder.record("/a", Time(1), &other, Qos::reliable(1)).unwrap_err().to_string();
    assert!(error.contains("/a") && error.contains("PointCloud2"), "{error}");
    let error = recorder.record("/a", Time(-5), &text("x"), Qos::reliable(1)).unwrap_err().to_string();
    assert!(error.contains("-5 ns"), "{error}");
}

#[test]
fn cut_and_damaged_files_give_clear_errors_and_never_panic() {
    let path = file("damaged");
    record(Some(&path));
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(whole.len() / 40 + 1) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let Ok(reader) = Reader::open(&path) else { continue };
        assert!(reader.topics().is_err(), "index of a file cut at {length} was believed");
        let _ = reader.messages().map(|messages| messages.count());
    }
    for position in (8..whole.len()).step_by(whole.len() / 60 + 1) {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x5a;
        std::fs::write(&path, &damaged).unwrap();
        if let Ok(reader) = Reader::open(&path) {
            let _ = reader.topics();
            let _ = reader.messages().map(|messages| messages.count());
        }
    }
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let items: Vec<_> = Reader::open(&path).unwrap().messages().unwrap().collect();
    let (last, before) = items.split_last().unwrap();
    assert!(last.is_err() && before.iter().all(Result::is_ok), "one error, after the whole messages");
    std::fs::write(&path, b"no recording at all").unwrap();
    let error = Reader::open(&path).unwrap_err().to_string();
    assert!(error.contains("no MCAP file"), "{error}");
}

const ROSBAGS_READER: &str = "
import sys
from pathlib import Path
from rosbags.highlevel import AnyReader
reader = AnyReader([Path(sys.argv[1])])
with reader:
    texts = clouds = 0
    for connection, time, raw in reader.messages():
        message = reader.deserialize(raw, connection.msgtype)
        if connection.topic == '/chatter':
            assert message.data == f'message {time // 10}', message
            texts += 1
        else:
            assert len(message.data) == message.row_step, message
            clouds += 1
assert (texts, clouds) == (200, 20), (texts, clouds)
";

#[test]
fn rosbags_reads_the_recording() {
    let Ok(python) = std::env::var("FERRODRIVE_PYTHON") else {
        println!("skipped: FERRODRIVE_PYTHON names no Python with rosbags");
        return;
    };
    let path = file("rosbags");
    record(Some(&path));
    let output = Command::new(python).args(["-c", ROSBAGS_READER]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
