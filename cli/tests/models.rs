//! `ferrodrive models` on the models that are shipped.
#![allow(missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn share() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn models(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrodrive"));
    command.arg("models").args(arguments).current_dir(share()).env("FERRODRIVE_SHARE", share());
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn json(arguments: &[&str]) -> Value {
    let output = models(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn no_library() -> bool {
    let missing = inference::find_library(&share()).is_none();
    if missing {
        println!("skipped: no ONNX Runtime library: run `make setup` once");
    }
    missing
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ferrodrive_models_{}_{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn shipped_models_are_listed_and_sound() {
    let listed = text(&models(&["list"]));
    for model in ["lidar_detector", "motion_planner", "traffic_light_recognizer", "trajectory_predictor"] {
        assert!(listed.contains(model) && listed.contains("fp32"), "{listed}");
        if no_library() {
            return;
        }
        let checked = models(&["check", &format!("models/{model}")]);
        assert!(checked.status.success(), "{}", text(&checked));
        assert!(text(&checked).contains("hash, opset, tensors and a run are right"), "{}", text(&checked));
    }
}

#[test]
fn an_operator_that_not_every_toolchain_takes_is_named() {
    if no_library() {
        return;
    }
    let scratch = Scratch::new("operator");
    let mut graph = onnx::GraphBuilder::default();
    graph.input("x", &[1, 8]).node("Sin", &["x"], &["y"], vec![]).output("y", &[1, 8]);
    let bytes = graph.build(17);
    std::fs::write(scratch.0.join("sine.onnx"), &bytes).unwrap();
    let manifest = |sha256: &str| {
        let tensor =
            |name: &str| format!("name = \"{name}\"\ntype = \"float32\"\nshape = [1, 8]\naxes = \"one; number\"\n");
        format!(
            "name = \"sine\"\nversion = \"1\"\nopset = 17\ndefault_precision = \"fp32\"\nexecution_providers = [\"cpu\"]\n\
             [[variants]]\nprecision = \"fp32\"\nfile = \"sine.onnx\"\nsha256 = \"{sha256}\"\n\
             budget = {{ latency_p50_ms = 1.0, memory_mb = 10 }}\n[[inputs]]\n{}[[outputs]]\n{}",
            tensor("x"),
            tensor("y")
        )
    };
    std::fs::write(scratch.0.join("manifest.toml"), manifest("00")).unwrap();
    let refused = models(&["check", &scratch.path("")]);
    let told = text(&refused);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    let hash = told.split("got ").nth(1).unwrap().split(';').next().unwrap().to_string();
    std::fs::write(scratch.0.join("manifest.toml"), manifest(&hash)).unwrap();
    let checked = models(&["check", &scratch.path("")]);
    assert_eq!(checked.status.code(), Some(1), "{}", text(&checked));
    assert!(text(&checked).contains("operator Sin (1 nodes)"), "{}", text(&checked));
}

#[test]
fn a_benchmark_tells_quantiles_memory_and_what_the_runtime_alone_takes() {
    if no_library() {
        return;
    }
    let report =
        &json(&["bench", "models/trajectory_predictor", "--provider", "cpu", "--iterations", "20", "--json"])[0];
    let number = |key: &str| report[key].as_f64().unwrap_or_else(|| panic!("{key} in {report}"));
    assert!(number("p50_ms") > 0.0 && number("p50_ms") <= number("p99_ms") && number("p99_ms") <= number("max_ms"));
    assert!(number("plain_p50_ms") > 0.0 && number("overhead_ratio") > 0.0 && number("memory_mb") > 0.0, "{report}");
    assert_eq!((report["execution_provider"].as_str(), report["iterations"].as_u64()), (Some("cpu"), Some(20)));
    let refused = models(&["bench", "models/trajectory_predictor", "--provider", "NoSuchExecutionProvider"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused).contains("fallback is refused"), "{}", text(&refused));
}

#[test]
fn building_on_a_provider_that_builds_nothing_says_so() {
    if no_library() {
        return;
    }
    let built = models(&["build", "models/trajectory_predictor", "--provider", "cpu"]);
    assert!(built.status.success() && text(&built).contains("needs nothing built ahead"), "{}", text(&built));
}

#[test]
fn the_budget_of_the_stack_is_told_for_each_chip_as_an_estimate() {
    if no_library() {
        return;
    }
    for soc in ["thor", "orin", "eyeq6h"] {
        let report = json(&["budget", "--soc", soc, "--json"]);
        assert!(report["what"].as_str().unwrap().contains("estimate"), "{report}");
        let macs = |model: &str| {
            let rows = report["models"].as_array().unwrap();
            rows.iter().find(|row| row["model"] == model).unwrap()["macs"].as_u64().unwrap()
        };
        // Two convolutional networks of a million parameters at most.
        assert!((1e8..1e11).contains(&(macs("lidar_detector") as f64)), "{report}");
        assert!((1e6..1e10).contains(&(macs("trajectory_predictor") as f64)), "{report}");
        for figure in ["int8_tops", "bandwidth_gb_per_s", "power_w"] {
            assert!(!report["soc"][figure]["source"].as_str().unwrap().is_empty());
        }
    }
    let eyeq = text(&models(&["budget", "--soc", "eyeq6h"]));
    assert!(eyeq.contains("unknown: a figure is missing"), "{eyeq}");
    let missing = models(&["budget", "--soc", "abacus"]);
    assert!(text(&missing).contains("expected thor, orin, eyeq6h or a file"), "{}", text(&missing));
}

/// A second library with a second execution provider, in a process of its own.
fn openvino() -> Option<String> {
    let folder = share().join(".ferrodrive/onnxruntime-openvino");
    let entries = std::fs::read_dir(folder).ok()?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let library = files.find(|file| file.to_string_lossy().contains("libonnxruntime.so."))?;
    Some(library.display().to_string())
}

#[test]
fn openvino_and_the_cpu_provider_agree_on_recorded_inputs() {
    let Some(library) = openvino() else {
        println!("skipped: no OpenVINO: run `tools/setup.sh test` once");
        return;
    };
    if no_library() {
        return;
    }
    let parity = |model: &str, scratch: &Scratch| {
        let folder = format!("models/{model}");
        let arguments = ["parity", &folder, "cpu/fp32", "openvino/fp32", "--library-b", &library, "--frames", "8"];
        let out = scratch.path("");
        let report = json(&[&arguments[..], &["--max-error", "0.001", "--out", &out, "--json"]].concat());
        println!("{report}");
        assert!((1..=8).contains(&report["frames"].as_u64().unwrap()));
        let worst = report["worst_frames"][0].as_u64().unwrap();
        for side in ["inputs", "a", "b"] {
            assert!(scratch.0.join(format!("frame_{worst}.{side}.bin")).is_file());
        }
        report
    };
    let scratch = Scratch::new("parity_detector");
    let task = &parity("lidar_detector", &scratch)["task"];
    assert!(task["matched"].as_u64().unwrap() > 0, "{task}");
    assert_eq!((task["missed"].as_u64(), task["extra"].as_u64()), (Some(0), Some(0)), "{task}");
    let scratch = Scratch::new("parity_predictor");
    let task = &parity("trajectory_predictor", &scratch)["task"];
    assert!(task["agents"].as_u64().unwrap() > 0 && task["max_displacement_m"].as_f64().unwrap() < 0.01, "{task}");
    let scratch = Scratch::new("parity_planner");
    let task = &parity("motion_planner", &scratch)["task"];
    assert!(task["agents"].as_u64().unwrap() > 0 && task["max_displacement_m"].as_f64().unwrap() < 0.01, "{task}");
}
