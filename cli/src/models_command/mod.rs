//! `ferrodrive models`: what deployed models are, cost, and answer.

mod bench;
mod budget;
mod check;
mod frames;
mod list;
mod parity;
mod soc;
mod task;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use ferrodrive::installation;
use inference::{Fallback, LoadOptions, Precision};

#[derive(Subcommand)]
pub enum ModelsCommand {
    /// The models that are shipped: version, precisions, size, what runs them
    List,
    /// Whether a model's folder is sound: manifest, hashes, shapes, operators that not every automotive toolchain takes
    ///
    /// Exit status 1 if not.
    Check {
        /// Folder with a manifest.toml
        folder: PathBuf,
    },
    /// Builds what an execution provider needs ahead of time (TensorRT engines), so that no start waits for it
    Build {
        /// Folder with a manifest.toml
        folder: PathBuf,
        #[command(flatten)]
        choice: Choice,
    },
    /// Latency and memory of a model, beside ONNX Runtime's own interface on the same session
    Bench(bench::BenchArguments),
    /// Records the inputs that a model gets in a replay
    Record(frames::RecordArguments),
    /// Runs a model on recorded inputs and writes its outputs
    Run(frames::RunArguments),
    /// How far two execution providers or precisions of a model differ on recorded inputs
    ///
    /// Exit status 1 if the limits are passed.
    Parity(parity::ParityArguments),
    /// What the models need against what a system-on-chip has: an estimate by the roofline model
    Budget(budget::BudgetArguments),
}

/// What is to run a model.
#[derive(Args, Clone)]
pub struct Choice {
    /// Execution providers in order of preference, with commas between [default: the manifest's]
    #[arg(long)]
    provider: Option<String>,
    /// fp32, fp16 or int8 [default: the manifest's]
    #[arg(long)]
    precision: Option<Precision>,
    /// Lets other providers take what the first does not
    #[arg(long)]
    allow_fallback: bool,
    /// ONNX Runtime library [default: FERRODRIVE_ONNXRUNTIME, or else the one that is set up]
    #[arg(long)]
    library: Option<PathBuf>,
}

impl Choice {
    fn options(&self) -> anyhow::Result<LoadOptions> {
        let providers = self.provider.as_deref().map(inference::parse_providers).transpose();
        Ok(LoadOptions {
            library: Some(library(self.library.as_deref())?),
            precision: self.precision,
            execution_providers: providers.map_err(anyhow::Error::msg)?,
            fallback: self.allow_fallback.then_some(Fallback::Allow),
            run_limit: None,
            engine_cache: inference::engine_cache_folder(),
        })
    }
}

fn library(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let found = || inference::find_library(&installation::share().ok()?);
    named
        .map(Path::to_path_buf)
        .or_else(found)
        .context("no ONNX Runtime library found: run `make setup` once, or name one with --library")
}

/// The folders of the models that are shipped.
fn shipped() -> anyhow::Result<Vec<PathBuf>> {
    let folder = installation::share()?.join("models");
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|folder| folder.join("manifest.toml").is_file());
    folders.sort();
    Ok(folders)
}

/// Bytes as people read them.
fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

impl ModelsCommand {
    pub fn run(self) -> anyhow::Result<bool> {
        match self {
            Self::List => list::list(),
            Self::Check { folder } => check::check(&folder),
            Self::Build { folder, choice } => bench::build(&folder, &choice),
            Self::Bench(arguments) => arguments.run(),
            Self::Record(arguments) => arguments.run(),
            Self::Run(arguments) => arguments.run(),
            Self::Parity(arguments) => arguments.run(),
            Self::Budget(arguments) => arguments.run(),
        }
    }
}
