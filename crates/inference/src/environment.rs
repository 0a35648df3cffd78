use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ort::environment::Environment;

/// Why ONNX Runtime cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The library cannot be loaded.
    #[error("ONNX Runtime library {path}: {reason}; run `make drive` once, or name another library")]
    Load {
        /// The library.
        path: PathBuf,
        /// The loader's word.
        reason: String,
    },
    /// Another library is in use.
    #[error("ONNX Runtime is already loaded from {loaded}, {asked} was asked for: a process has one")]
    Other {
        /// The library in use.
        loaded: PathBuf,
        /// The library asked for.
        asked: PathBuf,
    },
}

static ENVIRONMENT: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// The process's ONNX Runtime environment, of which there can be only one: loaded on the first call, then shared.
///
/// # Errors
/// [`EnvironmentError`] where the library does not load, or another one is in use.
pub fn environment(library: &Path) -> Result<Environment, EnvironmentError> {
    let mut current = ENVIRONMENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((loaded, environment)) = current.as_ref() {
        if loaded != library {
            return Err(EnvironmentError::Other { loaded: loaded.clone(), asked: library.into() });
        }
        return Ok(environment.clone());
    }
    let failed = |reason: String| EnvironmentError::Load { path: library.into(), reason };
    let made = ort::init_from(library).map_err(|e| failed(e.to_string()))?;
    let made = made.with_name("ferrodrive").build().map_err(|e| failed(e.to_string()))?;
    *current = Some((library.into(), made.clone()));
    Ok(made)
}

/// The ONNX Runtime library that `FERRODRIVE_ONNXRUNTIME` names, or else the one that setting up has put under `share`
/// (the newest by name).
pub fn find_library(share: &Path) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("FERRODRIVE_ONNXRUNTIME") {
        return Some(named.into());
    }
    let entries = std::fs::read_dir(share.join(".ferrodrive/onnxruntime")).ok()?;
    let libraries = entries.filter_map(|entry| Some(entry.ok()?.path()));
    libraries.filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("libonnxruntime.so"))).max()
}
