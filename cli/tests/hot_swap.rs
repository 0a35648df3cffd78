//! A running node is given another model by its life cycle, as a manager does it. Needs a Python with `cyclonedds`.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use serde_json::json;
use support::{Peer, Running, folder, python, share};

const DOMAIN: u32 = 118;

#[test]
fn a_running_detector_takes_another_model_after_clean_up_and_refuses_none() {
    let Some(python) = python() else { return };
    if inference::find_library(&share()).is_none() {
        println!("skipped: no ONNX Runtime library: run `make setup` once");
        return;
    }
    // The peer finds it by the process that has started it.
    let other = folder("other_model");
    let shipped = share().join("models/lidar_detector");
    for file in std::fs::read_dir(&shipped).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), other.join(file.file_name())).unwrap();
    }
    let manifest = std::fs::read_to_string(shipped.join("manifest.toml")).unwrap();
    let renamed = manifest.replacen("name = \"lidar_detector\"", "name = \"lidar_detector_b\"", 1);
    assert_ne!(renamed, manifest);
    std::fs::write(other.join("manifest.toml"), renamed).unwrap();
    let _node = Running::unheard("run lidar_detector", &share(), DOMAIN);
    let mut peer = Peer::start(&python, "swap_peer.py", "swap", DOMAIN);
    let told = peer.says();
    peer.end();
    std::fs::remove_dir_all(&other).unwrap();
    // Not while it runs; with what is no model it is not configured, and takes the right one after.
    assert_eq!((&told["while_active"], &told["nothing"]), (&json!(false), &json!([true, false])), "{told}");
    assert_eq!(told["down"], json!([true, true]), "{told}");
    assert_eq!(told["up"], json!([true, true, true]), "{told}");
    assert_eq!((&told["first"], &told["second"]), (&json!(true), &json!(true)), "{told}");
}
