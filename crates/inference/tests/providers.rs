//! What runs a model: proven, refused or fallen back from, always told.

mod support;

use inference::{Fallback, LoadOptions, Model};
use support::{SIGNATURE, inputs, models, options};

fn load(options: &LoadOptions) -> Result<Model, String> {
    Model::load_stage(&models().join("trajectory_predictor"), "", options, SIGNATURE).map_err(|e| e.to_string())
}

fn providers(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_string()).collect())
}

#[test]
fn every_node_of_the_shipped_models_is_proven_to_run_on_the_cpu_provider() {
    let Some(options) = options() else { return };
    let model = load(&options).unwrap();
    let placement = model.placement();
    println!("{placement}");
    assert_eq!(placement.nodes.keys().collect::<Vec<_>>(), ["cpu"]);
    assert!(placement.nodes["cpu"].len() > 20, "{placement}");
    let facts = model.facts();
    let fact = |key: &str| facts.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
    assert_eq!((fact("execution_provider"), fact("precision")), (Some("cpu"), Some("int8")));
    assert_eq!(fact("placement"), Some(placement.to_string().as_str()));
    assert_eq!(fact("fallback"), None);
}

/// The library that is shipped holds none of these.
#[test]
fn an_accelerator_that_is_not_there_is_refused_with_the_reason() {
    let Some(options) = options() else { return };
    for name in ["cuda", "tensorrt", "openvino", "QNNExecutionProvider", "NoSuchExecutionProvider"] {
        let options = LoadOptions { execution_providers: providers(&[name, "cpu"]), ..options.clone() };
        match load(&options) {
            Ok(model) => println!("skipped: this machine runs {name}: {}", model.placement()),
            Err(error) => {
                println!("{error}");
                assert!(error.contains(&format!("execution provider {name}: ")), "{error}");
                assert!(error.contains("fallback is refused"), "{error}");
            }
        }
    }
}

#[test]
fn where_fallback_is_allowed_the_next_provider_runs_and_it_is_told() {
    let Some(options) = options() else { return };
    let chosen = LoadOptions {
        execution_providers: providers(&["NoSuchExecutionProvider", "cpu"]),
        fallback: Some(Fallback::Allow),
        ..options.clone()
    };
    let mut model = load(&chosen).unwrap();
    assert_eq!(model.execution_provider().name(), "cpu");
    let facts = model.facts();
    let told = facts.iter().find(|(key, _)| key == "fallback").map(|(_, value)| value.as_str()).unwrap();
    assert!(told.starts_with("NoSuchExecutionProvider: "), "{told}");
    // And it is the same network.
    let data = inputs(0.1);
    let views: Vec<&[f32]> = data.iter().map(Vec::as_slice).collect();
    let answer = |model: &mut Model| model.run(&views, |outputs| outputs[0].to_vec()).unwrap();
    assert_eq!(answer(&mut model), answer(&mut load(&options).unwrap()));
}
