//! Runs that take too long.

mod support;

use std::time::Duration;

use inference::{InferenceParameters, LoadOptions, Model, ModelError, hold_run_limits};
use support::{SIGNATURE, inputs, models, options};

#[test]
fn a_run_beyond_the_limit_is_an_error_and_the_next_one_counts_anew() {
    let Some(options) = options() else { return };
    let load = |limit: Duration| {
        let options = LoadOptions { run_limit: Some(limit), ..options.clone() };
        Model::load_stage(&models().join("trajectory_predictor"), "", &options, SIGNATURE).unwrap()
    };
    let data = inputs(0.1);
    let views: Vec<&[f32]> = data.iter().map(Vec::as_slice).collect();
    // No run is this short.
    let mut model = load(Duration::from_nanos(1));
    for _ in 0..3 {
        let error = model.run(&views, |_| panic!("nothing of a late run is read")).unwrap_err();
        assert!(matches!(&error, ModelError::Late { .. }), "{error}");
        assert!(error.to_string().contains("expected at most 0.000 s"), "{error}");
    }
    let mut model = load(Duration::from_secs(60));
    for _ in 0..3 {
        model.run(&views, |outputs| assert!(!outputs[0].is_empty())).unwrap();
    }
}

#[test]
fn in_simulated_time_no_limit_holds() {
    let parameters = InferenceParameters {
        execution_providers: "cpu".into(),
        fallback: "refuse".into(),
        max_run_time_s: 0.5,
        library: "auto".into(),
        engine_cache: "/engines".into(),
    };
    let made = || LoadOptions::from_parameters(None, "fp32", &parameters).unwrap();
    assert_eq!(made().run_limit, None);
    hold_run_limits();
    assert_eq!(made().run_limit, Some(Duration::from_millis(500)));
    assert_eq!(made().engine_cache, Some("/engines".into()));
    assert_eq!(made().execution_providers, Some(vec!["cpu".into()]));
}
