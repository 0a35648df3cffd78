//! A library that is none. Alone in its process, which can load only one.

mod support;

use std::path::Path;

use inference::{LoadOptions, Model};
use support::{SIGNATURE, models, onnxruntime};

#[test]
fn a_missing_or_wrong_library_is_an_error_that_says_what_to_do_and_a_right_one_works_after() {
    let load = |library: &Path| {
        let options = LoadOptions { library: Some(library.into()), ..LoadOptions::default() };
        Model::load_stage(&models().join("trajectory_predictor"), "", &options, SIGNATURE).map_err(|e| e.to_string())
    };
    let missing = load(Path::new("/nowhere/libonnxruntime.so")).err().unwrap();
    assert!(missing.contains("/nowhere/libonnxruntime.so") && missing.contains("name another library"), "{missing}");
    let file = std::env::temp_dir().join(format!("ferrodrive_no_library_{}.so", std::process::id()));
    std::fs::write(&file, "no library").unwrap();
    let wrong = load(&file).err().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(wrong.contains("ferrodrive_no_library") && wrong.contains("name another library"), "{wrong}");
    let Some(library) = onnxruntime() else { return };
    load(&library).unwrap();
    let second = load(Path::new("/nowhere/libonnxruntime.so")).err().unwrap();
    assert!(second.contains("already loaded from") && second.contains("a process has one"), "{second}");
}
