//! Bad input at the front door: a clear message, exit status 2, and nothing crashes.
#![allow(missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The project's root.
fn share() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ferrodrive_bad_{}_{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn ferrodrive(arguments: &[&str], share: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ferrodrive"))
        .args(arguments)
        .env("FERRODRIVE_SHARE", share)
        .current_dir(folder("cwd"))
        .output()
        .unwrap()
}

fn assert_refused(output: &Output, expected: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in expected {
        assert!(said.contains(part), "expected `{part}` in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

/// A share folder like the shipped one, of which files can be changed.
fn share_with(name: &str, change: impl Fn(&Path)) -> PathBuf {
    let copy = folder(name);
    for part in ["launch", "params", "maps", "models"] {
        copy_all(&share().join(part), &copy.join(part));
    }
    let runtime = share().join(".ferrodrive");
    if runtime.exists() && !copy.join(".ferrodrive").exists() {
        std::os::unix::fs::symlink(runtime.canonicalize().unwrap(), copy.join(".ferrodrive")).unwrap();
    }
    change(&copy);
    copy
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_bad_map_is_named_with_element_and_line() {
    let map = std::fs::read_to_string(share().join("maps/town.xodr")).unwrap();
    let start = map.find("<geometry").unwrap();
    let hdg = start + map[start..].find("hdg=\"").unwrap() + 5;
    let end = hdg + map[hdg..].find('"').unwrap();
    let line = map[..start].matches('\n').count() + 1;
    let file = folder("map").join("bad.xodr");
    std::fs::write(&file, format!("{}nan{}", &map[..hdg], &map[end..])).unwrap();
    let output = ferrodrive(&["drive", "--map", file.to_str().unwrap()], &share());
    assert_refused(&output, &["geometry", "hdg", "nan", &format!("line {line}")]);
}

#[test]
fn a_missing_map_is_named() {
    assert_refused(&ferrodrive(&["drive", "--map", "nowhere.xodr"], &share()), &["nowhere.xodr"]);
}

#[test]
fn a_parameter_that_is_unknown_missing_or_out_of_range_is_named_with_its_file() {
    let edit = |name: &str, from: &'static str, to: &'static str| {
        share_with(name, move |copy| {
            let file = copy.join("params/motion_planner.param.yaml");
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.contains(from));
            std::fs::write(file, text.replace(from, to)).unwrap();
        })
    };
    let unknown = edit("unknown", "time_headway_s:", "time_headway:");
    assert_refused(&ferrodrive(&["drive"], &unknown), &["motion_planner", "time_headway", "motion_planner.param.yaml"]);
    let range = edit("range", "standstill_gap_m: 3.0", "standstill_gap_m: .nan");
    assert_refused(&ferrodrive(&["drive"], &range), &["motion_planner", "standstill_gap_m"]);
}

#[test]
fn a_missing_or_changed_model_is_named_and_not_driven_with() {
    let missing = share_with("missing", |copy| std::fs::remove_dir_all(copy.join("models/lidar_detector")).unwrap());
    assert_refused(&ferrodrive(&["drive"], &missing), &["lidar_detector", "manifest.toml"]);
    let changed = share_with("changed", |copy| {
        let file = copy.join("models/lidar_detector/lidar_detector_int8.onnx");
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(file, bytes).unwrap();
    });
    assert_refused(&ferrodrive(&["drive"], &changed), &["lidar_detector_int8.onnx", "sha256"]);
}

#[test]
fn a_bad_scenario_launch_argument_or_seed_range_is_named() {
    let file = folder("scenario").join("bad.toml");
    std::fs::write(&file, "seed = 1\nduration_s = 10.0\nweather = \"snow\"\n").unwrap();
    assert_refused(&ferrodrive(&["drive", "--scenario", file.to_str().unwrap()], &share()), &["weather"]);
    assert_refused(&ferrodrive(&["drive", "--scenario", "nothing"], &share()), &["drive, smoke or a scenario file"]);
    assert_refused(&ferrodrive(&["drive", "speed:=9"], &share()), &["no argument `speed`"]);
    assert_refused(&ferrodrive(&["evaluate", "--seeds", "9..3"], &share()), &["FIRST..LAST"]);
}

#[test]
fn a_lanelet2_map_is_looked_at_and_converted() {
    let cwd = folder("lanelet2");
    let file = cwd.join("town.osm");
    // One that an earlier run left.
    for name in ["town.osm", "map_projector_info.yaml"] {
        let _ = std::fs::remove_file(cwd.join(name));
    }
    let town = share().join("maps/town.xodr").canonicalize().unwrap();
    let converted = ferrodrive(&["map", "convert", town.to_str().unwrap(), file.to_str().unwrap()], &share());
    assert_eq!(converted.status.code(), Some(0), "{}", String::from_utf8_lossy(&converted.stderr));
    let again = ferrodrive(&["map", "convert", town.to_str().unwrap(), file.to_str().unwrap()], &share());
    assert_refused(&again, &["there already"]);
    let info = ferrodrive(&["map", "info", file.to_str().unwrap()], &share());
    let said = String::from_utf8_lossy(&info.stdout);
    assert!(said.contains("driving lanes        216, 15.35 km"), "{said}");
    let picture = cwd.join("town.svg");
    ferrodrive(&["map", "plot", file.to_str().unwrap(), "--out", picture.to_str().unwrap()], &share());
    assert!(std::fs::read_to_string(picture).unwrap().starts_with("<svg"));
    let checked = ferrodrive(&["map", "check", town.to_str().unwrap()], &share());
    assert_eq!(String::from_utf8_lossy(&checked.stdout), "nothing found\n");
    std::fs::remove_file(cwd.join("map_projector_info.yaml")).unwrap();
    assert_eq!(ferrodrive(&["map", "info", file.to_str().unwrap()], &share()).status.code(), Some(2));
}
