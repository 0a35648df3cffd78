//! Loading and running, on the models that are shipped.

mod support;

use std::path::Path;

use inference::{InferenceParameters, LoadOptions, Model, ModelError, Precision, Signature, usage};
use support::{Copy, SIGNATURE, inputs, models, onnxruntime};

#[test]
fn a_missing_folder_and_a_missing_file_are_named() {
    let error = Model::load(Path::new("/nowhere"), None, SIGNATURE).err().unwrap().to_string();
    assert!(error.contains("/nowhere/manifest.toml") && error.contains("training/"), "{error}");
    let copy = Copy::new("gone", |text| text.replace("predictor_int8.onnx", "forgotten.onnx"));
    assert!(copy.refusal(None).contains("trajectory_forgotten.onnx"));
}

#[test]
fn a_manifest_with_an_unknown_key_or_type_is_refused_with_its_line() {
    let copy = Copy::new("key", |text| text.replace("precision = \"fp32\"\nfile", "precison = \"fp32\"\nfile"));
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
fn a_name_that_is_no_execution_provider_is_refused_even_behind_one_that_is() {
    let copy = Copy::new("provider", |text| text.replace("[\"cpu\"]", "[\"cpu\", \"gpu\"]"));
    let error = copy.refusal(None);
    assert!(error.contains("`gpu`") && error.contains("expected cpu, cuda, tensorrt, openvino"), "{error}");
    let copy = Copy::new("none", |text| text.replace("[\"cpu\"]", "[]"));
    assert!(copy.refusal(None).contains("execution_providers: expected one or more"));
}

#[test]
fn manifests_that_contradict_themselves_are_refused() {
    let refused = |name: &str, from: &str, to: &str| Copy::new(name, |text| text.replacen(from, to, 1)).refusal(None);
    let error = refused("default", "default_precision = \"int8\"", "default_precision = \"fp16\"");
    assert!(error.contains("default_precision fp16: expected one of"), "{error}");
    let error = refused("files", "sha256 =", "files = [{ stage = \"all\", file = \"a\", sha256 = \"b\" }]\nsha256 =");
    assert!(error.contains("either file and sha256, or files"), "{error}");
    let error = refused("both", "[[inputs]]", "[[stages]]\nname = \"head\"\ninputs = []\noutputs = []\n\n[[inputs]]");
    assert!(error.contains("either [[inputs]] and [[outputs]], or [[stages]]"), "{error}");
    let error = refused("zero", "shape = [32, 66]", "shape = [32, 0]");
    assert!(error.contains("`history`") && error.contains("static sizes of 1 or more"), "{error}");
    let error = refused("range", "shape = [32, 6]\n", "shape = [32, 6]\nrange = [1.0, 0.0]\n");
    assert!(error.contains("`logits`") && error.contains("[least, greatest]"), "{error}");
    let error = refused("options", "[[variants]]", "[provider_options.cuda]\n\n[[variants]]");
    assert!(error.contains("cuda is not among execution_providers"), "{error}");
}

#[test]
fn a_precision_that_the_model_has_not_is_refused_with_those_it_has() {
    let auto = || "auto".to_string();
    let parameters = InferenceParameters {
        execution_providers: auto(),
        fallback: auto(),
        max_run_time_s: 0.0,
        library: auto(),
        engine_cache: auto(),
    };
    let options = LoadOptions::from_parameters(None, "fp16", &parameters).unwrap();
    let error = Model::load_stage(&models().join("trajectory_predictor"), "", &options, SIGNATURE).err().unwrap();
    assert!(error.to_string().contains("precision fp16: expected one that it has: fp32, int8"), "{error}");
    let refused = |precision: &str, parameters: &InferenceParameters| {
        LoadOptions::from_parameters(None, precision, parameters).unwrap_err()
    };
    let error = refused("int4", &parameters);
    assert!(error.contains("expected fp32, fp16 or int8, got `int4`"), "{error}");
    let error = refused("auto", &InferenceParameters { fallback: "never".into(), ..parameters.clone() });
    assert!(error.contains("expected auto, refuse or allow, got `never`"), "{error}");
    let error = refused("auto", &InferenceParameters { max_run_time_s: f64::NAN, ..parameters.clone() });
    assert!(error.contains("max_run_time_s: expected 0..=60"), "{error}");
    let error = refused("auto", &InferenceParameters { execution_providers: "cuda, gpu".into(), ..parameters });
    assert!(error.contains("`gpu`"), "{error}");
}

#[test]
fn a_file_of_another_operator_set_and_outputs_out_of_range_are_refused() {
    let Some(library) = onnxruntime() else { return };
    let copy = Copy::new("opset", |text| text.replace("opset = 17", "opset = 21"));
    let error = copy.refusal(Some(&library));
    assert!(error.contains("expects opset 21, got 17"), "{error}");
    let copy =
        Copy::new("bounds", |text| text.replace("shape = [32, 6]\n", "shape = [32, 6]\nrange = [500.0, 501.0]\n"));
    let error = copy.refusal(Some(&library));
    assert!(error.contains("`logits` holds") && error.contains("expected finite numbers of 500 to 501"), "{error}");
}

#[test]
fn a_tensor_unlike_the_nodes_is_named() {
    let copy = Copy::new("node", |text| text.replace("shape = [32, 14]", "shape = [32, 15]"));
    let error = copy.refusal(None);
    assert!(error.contains("`state`") && error.contains("[32, 14]") && error.contains("[32, 15]"), "{error}");
    let copy = Copy::new("extra", |text| {
        format!("{text}\n[[inputs]]\nname = \"weather\"\ntype = \"float32\"\nshape = [1]\naxes = \"rain\"\n")
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
    // Quantizing makes a number of what is none, so only float32 lets it through to the outputs.
    let options = LoadOptions { library: Some(library), precision: Some(Precision::Fp32), ..LoadOptions::default() };
    let mut model = Model::load_stage(&models().join("trajectory_predictor"), "", &options, SIGNATURE).unwrap();
    assert_eq!(model.execution_provider().name(), "cpu");
    let mut inputs = inputs(0.1);
    let mut run = |inputs: &[Vec<f32>]| {
        let views: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        model.run(&views, |outputs| (outputs[0].len(), outputs[1].to_vec()))
    };
    let first = run(&inputs).unwrap();
    assert_eq!((first.0, first.1.len()), (32 * 6 * 20, 32 * 6));
    assert_eq!(first, run(&inputs).unwrap());
    inputs[1][0] = f32::NAN;
    let error = run(&inputs).unwrap_err();
    assert!(matches!(&error, ModelError::Output { .. }), "{error}");
    inputs[1].pop();
    let error = run(&inputs).unwrap_err().to_string();
    assert!(error.contains("`state`: expected 448 values, got 447"), "{error}");
    let usage = usage();
    // Other tests of this process load the same model in INT8.
    let one = usage.iter().find(|u| u.name == "trajectory_predictor" && u.precision == "fp32").unwrap();
    assert_eq!((one.runs, one.execution_provider.as_str()), (2, "cpu"));
    assert!(one.p50_ms > 0.0 && one.p99_ms >= one.p50_ms, "{one:?}");
}
