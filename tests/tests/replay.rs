//! A drive and its replay.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bag::{Reader, Selection};
use ferrodrive::drive::{ClockKind, Options, drive};
use ferrodrive::replay::{self, PARTS, Summary, replay};
use system_tests::{share, stack};

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ferrodrive_replay_{}_{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn options(bag: &Path, parts: &[&str], out: Option<PathBuf>) -> replay::Options {
    replay::Options {
        bag: bag.into(),
        parts: parts.iter().map(ToString::to_string).collect(),
        out,
        map: None,
        launch: None,
        arguments: BTreeMap::new(),
        remaps: BTreeMap::new(),
        parameters: Vec::new(),
    }
}

fn run(bag: &Path, parts: &[&str]) -> Summary {
    replay(&share(), &options(bag, parts, None)).unwrap()
}

/// Messages by topic: time and bytes.
fn messages(path: &Path) -> BTreeMap<String, Vec<(i64, Vec<u8>)>> {
    let mut all: BTreeMap<String, Vec<(i64, Vec<u8>)>> = BTreeMap::new();
    for message in Reader::open(path).unwrap().messages(&Selection::default()).unwrap() {
        let message = message.unwrap();
        all.entry(message.topic.name.clone()).or_default().push((message.time.0, message.cdr));
    }
    all
}

#[test]
fn a_replayed_stack_publishes_what_it_published_in_the_drive() {
    let folder = folder("reproduces");
    let scenario = system_tests::scenario(&stack(), 5, 6.0, Vec::new());
    let file = folder.join("scenario.toml");
    std::fs::write(&file, toml::to_string(&scenario).unwrap()).unwrap();
    let options_of_drive = Options {
        map: None,
        scenario: file.display().to_string(),
        seed: None,
        launch: None,
        arguments: BTreeMap::new(),
        clock: ClockKind::Lockstep,
        record: true,
        record_images: false,
        out: Some(folder.join("drive")),
        quiet: true,
    };
    drive(&share(), &options_of_drive).unwrap();
    let bag = folder.join("drive/drive.mcap");
    let out = folder.join("replay.mcap");
    let summary = replay(&share(), &options(&bag, &PARTS, Some(out.clone()))).unwrap();
    assert!(summary.missing.is_empty() && summary.warnings.is_empty(), "{summary:?}");
    let (driven, replayed) = (messages(&bag), messages(&out));
    for topic in [
        "/localization/kinematic_state",
        "/perception/object_recognition/detection/objects",
        "/perception/object_recognition/objects",
        "/planning/trajectory",
        "/control/command/control_cmd",
    ] {
        let (was, is) = (&driven[topic], &replayed[topic]);
        assert!(is.len() > 40, "{topic}: {} messages", is.len());
        let first = was.iter().zip(is).find(|(was, is)| was != is);
        assert!(first.is_none(), "{topic} differs from {} ns on", first.unwrap().0.0);
        assert!(was.len().abs_diff(is.len()) <= 5, "{topic}: {} and {}", was.len(), is.len());
    }
}

#[test]
fn two_replays_of_the_shipped_recording_have_one_digest_and_other_parameters_another() {
    let bag = share().join("bags/town_drive");
    for (parts, topics) in [
        (&["perception"][..], &["/perception/object_recognition/detection/objects"][..]),
        (&["planning", "control"][..], &["/planning/trajectory", "/control/command/control_cmd"][..]),
    ] {
        let (one, two) = (run(&bag, parts), run(&bag, parts));
        assert_eq!(one.digest, two.digest, "{parts:?}");
        assert!(one.missing.is_empty() && one.warnings.is_empty(), "{one:?}");
        for topic in topics {
            assert!(one.published[*topic] >= 6, "{topic}: {:?}", one.published);
        }
    }
    let mut other = options(&bag, &["planning"], None);
    other.parameters.push(("motion_planner".into(), "time_headway_s".into(), "2.5".into()));
    assert_ne!(replay(&share(), &other).unwrap().digest, run(&bag, &["planning"]).digest);
}

#[test]
fn what_a_recording_lacks_is_named_and_a_useless_one_refused() {
    let folder = folder("lacks");
    let bag = share().join("bags/town_drive");
    let reader = Reader::open(&bag).unwrap();
    let part = |name: &str, topics: &[&str]| {
        let path = folder.join(name);
        let mut writer = bag::Writer::create(&path, bag::WriteOptions::default()).unwrap();
        let topics = topics.iter().map(ToString::to_string).collect();
        for message in reader.messages(&Selection { topics, ..Selection::default() }).unwrap() {
            let message = message.unwrap();
            let id = writer.topic(&message.topic).unwrap();
            writer.write(id, message.time, &message.cdr).unwrap();
        }
        writer.finish().unwrap();
        path
    };
    let no_signals = part("a.mcap", &["/localization/kinematic_state", "/planning/mission_planning/goal"]);
    let summary = run(&no_signals, &["planning"]);
    assert_eq!(summary.missing["/perception/traffic_light_recognition/traffic_signals"], ["motion_planner"]);
    assert!(summary.missing.contains_key("/perception/object_recognition/objects"));

    let useless = part("b.mcap", &["/tf_static"]);
    let error = replay(&share(), &options(&useless, &["planning"], None)).unwrap_err().to_string();
    assert!(error.contains("none of the topics") && error.contains("/localization/kinematic_state"), "{error}");

    let mut wrong = options(&bag, &["planning"], None);
    wrong.remaps.insert("/planning/trajectory".into(), "/v2i/traffic_signals".into());
    wrong.remaps.insert("/v2i/traffic_signals".into(), "/elsewhere".into());
    let error = replay(&share(), &wrong).unwrap_err().to_string();
    assert!(error.contains("Trajectory") && error.contains("TrafficLightGroupArray"), "{error}");
    let mut unknown = options(&bag, &["planning"], None);
    unknown.parameters.push(("lidar_detector".into(), "model".into(), "x".into()));
    let error = replay(&share(), &unknown).unwrap_err().to_string();
    assert!(error.contains("lidar_detector") && error.contains("motion_planner"), "{error}");
}
