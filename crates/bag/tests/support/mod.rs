//! What the tests of recordings share.
#![allow(dead_code, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bag::{Digest, Reader, RecordedMessage, Recorder, Selection, WriteOptions};
use msgs::sensor_msgs::msg::PointCloud2;
use msgs::std_msgs::msg::String as Text;
use node::{Qos, Shared, Time};

/// An empty folder of this test.
pub fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ferrodrive_bag_{}_{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub fn text(data: &str) -> Shared {
    Arc::new(Text { data: data.into() })
}

pub fn cloud(points: u32) -> PointCloud2 {
    let data = (0..points * 16).map(|i| (i * 7 % 251) as u8).collect();
    PointCloud2 { height: 1, width: points, point_step: 16, row_step: points * 16, data, ..PointCloud2::default() }
}

/// 100 texts 10 ms apart and 10 point clouds between them, from 1 s on.
pub fn messages() -> Vec<(&'static str, Time, Shared, Qos)> {
    let mut all = Vec::new();
    for i in 0..100_i64 {
        let time = 1_000_000_000 + i * 10_000_000;
        all.push(("/chatter", Time(time), text(&format!("message {i}")), Qos::transient_local()));
        if i % 10 == 0 {
            let message: Shared = Arc::new(cloud(1000 + i as u32));
            all.push(("/points", Time(time + 1), message, Qos::sensor_data()));
        }
    }
    all
}

pub fn write(path: &Path, options: WriteOptions) {
    let mut recorder = Recorder::with_options(path, options).unwrap();
    for (topic, time, message, qos) in messages() {
        recorder.record(topic, time, &message, qos).unwrap();
    }
    recorder.finish().unwrap();
}

/// Reads everything; every problem is in the second part.
pub fn read(path: &Path) -> (Vec<RecordedMessage>, Vec<String>) {
    let reader = Reader::open(path).unwrap();
    let mut problems = reader.warnings().to_vec();
    let mut messages = Vec::new();
    for item in reader.messages(&Selection::default()).unwrap() {
        match item {
            Ok(message) => messages.push(message),
            Err(error) => problems.push(error.to_string()),
        }
    }
    (messages, problems)
}

pub fn digest(messages: &[RecordedMessage]) -> String {
    let mut digest = Digest::default();
    for message in messages {
        digest.add(&message.topic.name, &message.topic.type_name, message.time, &message.cdr);
    }
    digest.hex()
}

pub fn expected_digest() -> String {
    let mut digest = Digest::default();
    for (topic, time, message, _) in messages() {
        let mut cdr = Vec::new();
        message.as_ref().encode(&mut cdr).unwrap();
        digest.add(topic, message.as_ref().type_name(), time, &cdr);
    }
    digest.hex()
}

/// Runs Python with rosbags; `None` where the environment has none.
pub fn python(script: &str, arguments: &[&str]) -> Option<String> {
    let Ok(python) = std::env::var("FERRODRIVE_PYTHON") else {
        println!("skipped: FERRODRIVE_PYTHON names no Python with rosbags");
        return None;
    };
    let output = Command::new(python).args(["-c", script]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}
