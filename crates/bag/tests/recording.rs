//! What is recorded reads back, whole, split, selected and renamed.
#![allow(missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bag::{Compression, Reader, Recorder, Selection, Sink, Storage, WriteOptions};
use msgs::sensor_msgs::msg::PointCloud2;
use node::{Qos, Shared, Time};
use support::{cloud, digest, expected_digest, folder, messages, read, text, write};

#[test]
fn every_storage_and_compression_reads_back_with_types_and_qos() {
    let folder = folder("round_trip");
    let all = [
        (Storage::Mcap, Compression::None, "none"),
        (Storage::Mcap, Compression::Zstd, "zstd"),
        (Storage::Mcap, Compression::Lz4, "lz4"),
        (Storage::Mcap, Compression::FileZstd, "zstd (file)"),
        (Storage::Mcap, Compression::MessageZstd, "zstd (message)"),
        (Storage::Sqlite3, Compression::None, "none"),
        (Storage::Sqlite3, Compression::FileZstd, "zstd (file)"),
        (Storage::Sqlite3, Compression::MessageZstd, "zstd (message)"),
    ];
    for (index, (storage, compression, told)) in all.into_iter().enumerate() {
        let path = folder.join(format!("bag{index}"));
        write(&path, WriteOptions { storage, compression, ..WriteOptions::default() });
        let (messages, problems) = read(&path);
        assert_eq!(problems, Vec::<String>::new(), "{storage:?} {compression:?}");
        assert_eq!(digest(&messages), expected_digest(), "{storage:?} {compression:?}");
        let reader = Reader::open(&path).unwrap();
        let info = reader.info();
        assert_eq!((info.compression.as_str(), info.metadata_version, info.messages), (told, Some(9), 110));
        assert_eq!(reader.times(), Some((Time(1_000_000_000), Time(1_990_000_000))));
        let points = &reader.topics()[1];
        assert_eq!((points.topic.name.as_str(), points.messages), ("/points", 10));
        assert_eq!(points.topic.type_hash.as_deref(), Some(<PointCloud2 as msgs::Message>::TYPE_HASH));
        assert_eq!(points.topic.qos[0].to_qos(), Qos::sensor_data());
        assert!(points.topic.definition.as_ref().unwrap().text.contains("point_step"));
    }
}

#[test]
fn single_files_read_back_too() {
    let folder = folder("single");
    for (name, storage, compression) in
        [("a.mcap", Storage::Mcap, Compression::Lz4), ("a.db3", Storage::Sqlite3, Compression::None)]
    {
        write(&folder.join(name), WriteOptions { storage, compression, ..WriteOptions::default() });
        assert_eq!(digest(&read(&folder.join(name)).0), expected_digest(), "{name}");
    }
}

#[test]
fn splits_by_size_and_duration_read_as_one() {
    let folder = folder("splits");
    let by_size = WriteOptions { max_bytes: Some(50_000), ..WriteOptions::default() };
    let by_time = WriteOptions { max_duration: Some(Duration::from_millis(300)), ..WriteOptions::default() };
    for (name, options, least, most) in [("size", by_size, 2, 20), ("time", by_time, 4, 4)] {
        for storage in [Storage::Mcap, Storage::Sqlite3] {
            let path = folder.join(format!("{name}_{storage:?}"));
            let compression = Compression::None;
            // MCAP's chunks are written as a whole, so its files end at a chunk's end.
            let least = if storage == Storage::Mcap && name == "size" { 1 } else { least };
            write(&path, WriteOptions { storage, compression, ..options });
            let files = Reader::open(&path).unwrap().info().files.len();
            assert!((least..=most).contains(&files), "{name} {storage:?}: {files} files");
            let (messages, problems) = read(&path);
            assert_eq!((digest(&messages), problems), (expected_digest(), Vec::new()));
        }
    }
}

#[test]
fn topics_are_selected_renamed_and_read_from_an_offset() {
    let path = folder("selection").join("bag");
    write(&path, WriteOptions::default());
    let reader = Reader::open(&path).unwrap();
    let selection = Selection {
        topics: vec!["/points".into()],
        remaps: BTreeMap::from([("/points".into(), "/lidar".into())]),
        start_offset: Duration::from_millis(150),
        duration: Some(Duration::from_millis(400)),
    };
    let found: Vec<_> = reader.messages(&selection).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        found.iter().map(|m| m.time.0).collect::<Vec<_>>(),
        [1_200_000_001, 1_300_000_001, 1_400_000_001, 1_500_000_001]
    );
    assert!(found.iter().all(|m| m.topic.name == "/lidar"));
    let unknown = Selection { topics: vec!["/nothing".into()], ..Selection::default() };
    let error = reader.messages(&unknown).err().unwrap().to_string();
    assert!(error.contains("/nothing") && error.contains("/chatter, /points"), "{error}");
}

#[test]
fn messages_come_by_time_however_they_were_written() {
    let folder = folder("misordered");
    for (name, storage) in [("a.mcap", Storage::Mcap), ("a.db3", Storage::Sqlite3)] {
        let path = folder.join(name);
        let options = WriteOptions { storage, compression: Compression::None, ..WriteOptions::default() };
        let mut recorder = Recorder::with_options(&path, options).unwrap();
        // Large enough for several chunks, and the latest first.
        for i in (0..60).rev() {
            let message: Shared = Arc::new(cloud(4000 + i));
            recorder.record("/points", Time(i64::from(i) * 1000), &message, Qos::sensor_data()).unwrap();
        }
        recorder.finish().unwrap();
        let (messages, problems) = read(&path);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(
            messages.iter().map(|m| m.time.0).collect::<Vec<_>>(),
            (0..60).map(|i| i * 1000).collect::<Vec<_>>()
        );
        assert_eq!(msgs::from_cdr::<PointCloud2>(&messages[7].cdr).unwrap(), cloud(4007));
    }
}

fn sink(path: Option<&std::path::Path>) -> String {
    let mut sink = Sink::new(path.map(|path| Recorder::create(path).unwrap()));
    for (topic, time, message, qos) in messages() {
        sink.record(topic, time, &message, qos).unwrap();
    }
    assert_eq!(sink.messages(), 110);
    sink.finish().unwrap()
}

#[test]
fn digest_is_the_same_with_and_without_a_recording() {
    assert_eq!(sink(Some(&folder("digest").join("a.mcap"))), sink(None));
}

#[test]
fn two_recordings_of_the_same_run_are_the_same_file() {
    let folder = folder("same");
    for (storage, extension) in [(Storage::Mcap, "mcap"), (Storage::Sqlite3, "db3")] {
        let options = WriteOptions { storage, compression: Compression::None, ..WriteOptions::default() };
        let (a, b) = (folder.join(format!("a.{extension}")), folder.join(format!("b.{extension}")));
        write(&a, options);
        write(&b, options);
        assert!(std::fs::read(&a).unwrap() == std::fs::read(&b).unwrap(), "{extension}");
    }
}

#[test]
fn undigested_messages_are_recorded_and_leave_the_digest_alone() {
    let path = folder("undigested").join("a.mcap");
    let mut sink = Sink::new(Some(Recorder::create(&path).unwrap()));
    sink.record_undigested("/latency", Time(1), &text("3 ms"), Qos::reliable(1)).unwrap();
    assert_eq!(sink.finish().unwrap(), Sink::default().finish().unwrap());
    assert_eq!(read(&path).0.len(), 1);
}

#[test]
fn refuses_a_second_type_on_a_topic_and_times_before_the_epoch() {
    let mut recorder = Recorder::create(&folder("refused").join("a.mcap")).unwrap();
    recorder.record("/a", Time(0), &text("x"), Qos::reliable(1)).unwrap();
    let other: Shared = Arc::new(cloud(1));
    let error = recorder.record("/a", Time(1), &other, Qos::reliable(1)).unwrap_err().to_string();
    assert!(error.contains("/a") && error.contains("PointCloud2"), "{error}");
    let error = recorder.record("/a", Time(-5), &text("x"), Qos::reliable(1)).unwrap_err().to_string();
    assert!(error.contains("-5 ns"), "{error}");
}

#[test]
fn options_that_do_not_go_together_are_refused_with_what_does() {
    let folder = folder("options");
    let with = |storage, compression| WriteOptions { storage, compression, ..WriteOptions::default() };
    let split = WriteOptions { max_bytes: Some(1), ..WriteOptions::default() };
    for (name, options, expected) in [
        ("a", with(Storage::Sqlite3, Compression::Lz4), "file-zstd"),
        ("a.db3", with(Storage::Mcap, Compression::None), ".db3"),
        ("a.mcap", with(Storage::Mcap, Compression::FileZstd), "folder"),
        ("a.mcap", split, "split"),
    ] {
        let error = Recorder::with_options(&folder.join(name), options).err().unwrap().to_string();
        assert!(error.contains(expected), "{name}: {error}");
        assert!(!folder.join(name).exists(), "{name} was made all the same");
    }
    std::fs::create_dir(folder.join("there")).unwrap();
    assert!(Recorder::with_options(&folder.join("there"), WriteOptions::default()).is_err(), "replaced a folder");
}
