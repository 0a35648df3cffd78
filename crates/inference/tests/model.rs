//! Loading and running, on the models that are shipped.

use std::path::{Path, PathBuf};

use inference::{Model, ModelError, Signature, usage};

const SIGNATURE: Signature = Signature {
    inputs: &[("history", &[32, 66]), ("state", &[32, 14]), ("neighbors", &[32, 8, 10]), ("paths", &[32, 6, 72])],
    outputs: &[("motion", &[32, 6, 10, 2]), ("logits", &[32, 6])],
};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

fn onnxruntime() -> Option<PathBuf> {
    let path = inference::find_library(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    if path.is_none() {
        println!("skipped: no ONNX Runtime library: run `make setup` once");
    }
    path
}

/// A copy of the shipped predictor with its manifest changed by `edit`.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str, edit: impl Fn(String) -> String) -> Self {
        let folder = std::env::temp_dir().join(format!("ferrodrive_inference_{}_{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let from = models().join("trajectory_predictor");
        let text = std::fs::read_to_string(from.join("manifest.toml")).unwrap();
        let edited = edit(text.clone());
        assert!(name == "same" || edited != text, "the edit must change something");
        std::fs::write(folder.join("manifest.toml"), edited).unwrap();
        std::fs::copy(from.join("trajectory_predictor.onnx"), folder.join("trajectory_predictor.onnx")).unwrap();
        Self(folder)
    }

    fn refusal(&self, library: Option<&Path>) -> String {
        Model::load(&self.0, library, SIGNATURE).err().expect("a refusal").to_string()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_missing_folder_and_a_missing_file_are_named() {
    let error = Model::load(Path::new("/nowhere"), None, SIGNATURE).err().unwrap().to_string();
    assert!(error.contains("/nowhere/manifest.toml") && error.contains("training/"), "{error}");
    let copy = Copy::new("gone", |text| text.replace("predictor.onnx", "forgotten.onnx"));
    assert!(copy.refusal(None).contains("trajectory_forgotten.onnx"));
}

#[test]
fn a_manifest_with_an_unknown_key_or_type_is_refused_with_its_line() {
    let copy = Copy::new("key", |text| text.replace("precision =", "precison ="));
    let error = copy.refusal(None);
    assert!(error.contains("precison") && error.contains("line"), "{error}");
    let copy = Copy::new("type", |text| text.replacen("float32", "float12", 1));
    assert!(copy.refusal(None).contains("float12"));
}

#[test]
fn another_file_than_the_manifests_is_refused() {
    let copy = Copy::new("hash", |text| text.replace("sha256 = \"", "sha256 = \"00"));
    let error = copy.refusal(None);
    assert!(error.contains("expected sha256 00") && error.contains("export it again"), "{error}");
}

#[test]
fn an_execution_provider_that_this_build_has_not_is_refused_even_behind_one_it_has() {
    let copy = Copy::new("provider", |text| text.replace("[\"cpu\"]", "[\"cpu\", \"tensorrt\"]"));
    let error = copy.refusal(None);
    assert!(error.contains("tensorrt") && error.contains("one of cpu"), "{error}");
    let copy = Copy::new("none", |text| text.replace("[\"cpu\"]", "[]"));
    assert!(copy.refusal(None).contains("execution provider"));
}

#[test]
fn a_tensor_unlike_the_nodes_is_named() {
    let copy = Copy::new("node", |text| text.replace("shape = [32, 14]", "shape = [32, 15]"));
    let error = copy.refusal(None);
    assert!(error.contains("`state`") && error.contains("[32, 14]") && error.contains("[32, 15]"), "{error}");
    let copy = Copy::new("extra", |text| {
        format!("{text}\n[[inputs]]\nname = \"weather\"\ntype = \"float32\"\nshape = [1]\naxes = \"rain\"\n")
            .replace("[budget]", "[budget]")
    });
    assert!(copy.refusal(None).contains("weather"));
}

#[test]
fn a_tensor_unlike_the_files_is_named() {
    let Some(library) = onnxruntime() else { return };
    let copy = Copy::new("file", |text| text.replace("shape = [32, 14]", "shape = [32, 15]"));
    let mut inputs = SIGNATURE.inputs.to_vec();
    inputs[1] = ("state", &[32, 15]);
    let signature = Signature { inputs: &inputs, ..SIGNATURE };
    let error = Model::load(&copy.0, Some(&library), signature).err().unwrap().to_string();
    assert!(error.contains("`state`") && error.contains("the manifest expects float32 [32, 15]"), "{error}");
    assert!(error.contains("[32, 14]"), "{error}");
}

#[test]
fn without_a_library_it_says_how_to_get_one() {
    let copy = Copy::new("same", |text| text);
    assert!(copy.refusal(None).contains("make drive"));
}

#[test]
fn runs_are_counted_and_nothing_that_is_not_finite_comes_out() {
    let Some(library) = onnxruntime() else { return };
    let mut model = Model::load(&models().join("trajectory_predictor"), Some(&library), SIGNATURE).unwrap();
    assert_eq!(model.execution_provider().name(), "cpu");
    let sizes = [32 * 66, 32 * 14, 32 * 80, 32 * 432];
    let mut inputs: Vec<Vec<f32>> = sizes.iter().map(|n| vec![0.1; *n]).collect();
    let mut run = |inputs: &[Vec<f32>]| {
        let views: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        model.run(&views, |outputs| (outputs[0].len(), outputs[1].to_vec()))
    };
    let first = run(&inputs).unwrap();
    assert_eq!((first.0, first.1.len()), (32 * 6 * 20, 32 * 6));
    assert_eq!(first, run(&inputs).unwrap());
    inputs[1][0] = f32::NAN;
    let error = run(&inputs).unwrap_err();
    assert!(matches!(&error, ModelError::NotFinite { .. }), "{error}");
    inputs[1].pop();
    let error = run(&inputs).unwrap_err().to_string();
    assert!(error.contains("`state`: expected 448 values, got 447"), "{error}");
    let usage = usage();
    let one = usage.iter().find(|u| u.name == "trajectory_predictor").unwrap();
    assert_eq!((one.runs, one.execution_provider.as_str(), one.precision.as_str()), (2, "cpu", "fp32"));
    assert!(one.p50_ms > 0.0 && one.p99_ms >= one.p50_ms, "{one:?}");
}

#[test]
fn the_shipped_detector_keeps_its_budget_of_time() {
    let Some(library) = onnxruntime() else { return };
    let signature = Signature {
        inputs: &[("grid", &[1, 32, 176, 128])],
        outputs: &[("heat", &[1, 5, 176, 128]), ("box", &[1, 10, 176, 128])],
    };
    let mut model = Model::load(&models().join("lidar_detector"), Some(&library), signature).unwrap();
    let grid: Vec<f32> = (0..32 * 176 * 128).map(|i| (i % 7) as f32 / 7.0).collect();
    let mut time = || {
        let start = std::time::Instant::now();
        model.run(&[&grid], |_| ()).unwrap();
        start.elapsed().as_secs_f64() * 1e3
    };
    // The best run is the one that nothing else on the machine has disturbed.
    let best = (0..40).map(|_| time()).fold(f64::MAX, f64::min);
    let budget = model.manifest().budget.latency_p50_ms;
    println!("lidar_detector: best of 40 runs {best:.1} ms, budget {budget} ms");
    assert!(best < budget, "best of 40 runs {best} ms, budget {budget} ms");
}
