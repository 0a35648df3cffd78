//! The commands over recordings, as docs/replay.md shows them.
#![allow(missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn share() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ferrodrive_bags_{}_{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn ferrodrive(arguments: &[&str], cwd: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrodrive"));
    command.args(arguments).env("FERRODRIVE_SHARE", share()).current_dir(cwd).output().unwrap()
}

fn bag() -> String {
    share().join("bags/town_drive").display().to_string()
}

#[test]
fn every_command_of_the_replay_page_runs() {
    let text = std::fs::read_to_string(share().join("docs/replay.md")).unwrap();
    let cwd = folder("page");
    std::os::unix::fs::symlink(share().join("bags"), cwd.join("bags")).unwrap();
    let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("$ ferrodrive ")).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands.iter().filter(|command| !command.starts_with("drive ")) {
        // tests/live_bags.rs runs those of the live graph.
        let live = command.starts_with("bag record ") || command.starts_with("bag play ");
        if live || command.contains("runs/latest") {
            continue;
        }
        let output = ferrodrive(&command.split_whitespace().collect::<Vec<_>>(), &cwd);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command}: {said}");
    }
    let comparison: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(cwd.join("comparison.json")).unwrap()).unwrap();
    assert!(comparison["trajectories"]["/planning/trajectory"]["messages"].as_u64().unwrap() > 100);
    let page = std::fs::read_to_string(cwd.join("comparison.html")).unwrap();
    assert!(page.contains("<svg") && !page.contains("src=") && !page.contains("href="), "the page loads nothing");
}

#[test]
fn conversion_keeps_messages_through_every_storage() {
    let cwd = folder("convert");
    let mut from = bag();
    let steps: [&[&str]; 5] = [
        &["a", "--storage", "sqlite3", "--compression", "message-zstd"],
        &["b.db3"],
        &["c", "--storage", "sqlite3", "--compression", "file-zstd", "--max-duration", "5"],
        &["d", "--compression", "lz4", "--max-size", "2000000"],
        &["e.mcap", "--compression", "none"],
    ];
    for step in steps {
        let output = ferrodrive(&[&["bag", "convert", &from], step].concat(), &cwd);
        assert_eq!(output.status.code(), Some(0), "{step:?}: {}", String::from_utf8_lossy(&output.stderr));
        from = step[0].into();
    }
    let output = ferrodrive(&["compare", &bag(), "e.mcap"], &cwd);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("topics: 18 with equal bytes, 0 that differ"), "{said}");
}

#[test]
fn wrong_arguments_are_refused_before_anything_is_written() {
    let cwd = folder("wrong");
    for (arguments, expected) in [
        (&["bag", "info", "nowhere"][..], "nowhere"),
        (&["bag", "convert", "BAG", "x", "--topics", "/none"], "no topic /none"),
        (&["bag", "convert", "BAG", "x", "--limit", "/none:=3"], "/none"),
        (&["bag", "convert", "BAG", "x", "--storage", "sqlite3", "--compression", "lz4"], "file-zstd"),
        (&["bag", "convert", "BAG", "x", "--remap", "a:=b"], "/FROM:=/TO"),
        (&["replay", "BAG", "--nodes", "planing"], "planning"),
        (&["replay", "BAG", "--map", "nowhere.xodr"], "nowhere.xodr"),
        (&["compare", "BAG", "nowhere"], "nowhere"),
    ] {
        let bag = bag();
        let arguments: Vec<&str> = arguments.iter().map(|a| if *a == "BAG" { bag.as_str() } else { a }).collect();
        let output = ferrodrive(&arguments, &cwd);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(expected) && !said.contains("panicked"), "{arguments:?}: {said}");
        assert!(!cwd.join("x").exists(), "{arguments:?} wrote");
    }
}

#[test]
fn a_cut_recording_is_converted_as_far_as_it_goes_with_exit_status_1() {
    let cwd = folder("cut");
    let bytes = std::fs::read(share().join("bags/town_drive/town_drive_0.mcap")).unwrap();
    std::fs::write(cwd.join("cut.mcap"), &bytes[..bytes.len() / 2]).unwrap();
    let output = ferrodrive(&["bag", "convert", "cut.mcap", "rest.mcap"], &cwd);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cut short"), "{said}");
    assert_eq!(ferrodrive(&["bag", "info", "rest.mcap"], &cwd).status.code(), Some(0));
}
