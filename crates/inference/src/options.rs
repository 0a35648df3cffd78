use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;

use crate::manifest::Precision;
use crate::provider::{ExecutionProvider, Fallback};

static WALL_CLOCK: AtomicBool = AtomicBool::new(false);

/// Makes the parameter `inference.max_run_time_s` of nodes hold that are made from now on. For drivers on the wall clock: in
/// simulated time nothing may depend on how fast the machine is.
pub fn hold_run_limits() {
    WALL_CLOCK.store(true, Ordering::Relaxed);
}

fn run_limits_hold() -> bool {
    WALL_CLOCK.load(Ordering::Relaxed)
}

/// How a model is to be run, beyond what its manifest says.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// The ONNX Runtime library.
    pub library: Option<PathBuf>,
    /// The variant; the manifest's default where none is asked for.
    pub precision: Option<Precision>,
    /// Execution providers in order of preference, in place of the manifest's.
    pub execution_providers: Option<Vec<String>>,
    /// Whether nodes may run on another provider than the first, in place of the manifest's.
    pub fallback: Option<Fallback>,
    /// A run that takes longer is ended and refused.
    pub run_limit: Option<Duration>,
    /// Folder for engines that TensorRT builds; none are kept where none is given.
    pub engine_cache: Option<PathBuf>,
}

/// The parameters `inference.*` of every node that runs a model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferenceParameters {
    /// Providers in order of preference with commas between them, or `auto`: the manifest's.
    pub execution_providers: String,
    /// `refuse`, `allow`, or `auto`: the manifest's.
    pub fallback: String,
    /// A run that takes longer is ended, and the node says ERROR, s; 0: no limit.
    pub max_run_time_s: f64,
    /// The ONNX Runtime library, or `auto`: the one that is set up.
    pub library: String,
    /// Folder for engines that TensorRT builds, or `auto`: the user's cache folder.
    pub engine_cache: String,
}

impl LoadOptions {
    /// As the parameters of a node say it: `precision` is a [`Precision`] or `auto`; `library` is the installation's.
    ///
    /// # Errors
    /// Naming the parameter, what was expected and what came.
    pub fn from_parameters(
        library: Option<PathBuf>,
        precision: &str,
        parameters: &InferenceParameters,
    ) -> Result<Self, String> {
        let chosen = |text: &str| Some(text.to_string()).filter(|text| text != "auto");
        let providers = chosen(&parameters.execution_providers).map(|list| parse_providers(&list)).transpose()?;
        let fallback = match parameters.fallback.as_str() {
            "auto" => None,
            "refuse" => Some(Fallback::Refuse),
            "allow" => Some(Fallback::Allow),
            other => return Err(format!("inference.fallback: expected auto, refuse or allow, got `{other}`")),
        };
        let limit = parameters.max_run_time_s;
        if !(0.0..=60.0).contains(&limit) {
            return Err(format!("inference.max_run_time_s: expected 0..=60, got {limit}"));
        }
        Ok(Self {
            library: chosen(&parameters.library).map(PathBuf::from).or(library),
            precision: chosen(precision).map(|text| text.parse()).transpose()?,
            execution_providers: providers,
            fallback,
            run_limit: (limit > 0.0 && run_limits_hold()).then(|| Duration::from_secs_f64(limit)),
            engine_cache: chosen(&parameters.engine_cache).map(PathBuf::from).or_else(engine_cache_folder),
        })
    }
}

/// Where engines are kept unless a parameter says otherwise: `ferrodrive/engines` in the user's cache folder. None where the
/// environment names no such folder.
pub fn engine_cache_folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("ferrodrive/engines"))
}

/// Names of providers with commas between them.
///
/// # Errors
/// The name that is none.
pub fn parse_providers(list: &str) -> Result<Vec<String>, String> {
    let name = |text: &str| ExecutionProvider::from_name(text.trim()).map(|provider| provider.name().to_string());
    list.split(',').map(name).collect()
}
