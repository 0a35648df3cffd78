//! `ferrodrive evaluate`: a suite of drives, side by side on the cores there are, each a process of its own.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use evaluation::{Event, Record, Suite};

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the suite, as the simulator knows it.
    pub suite: String,
    /// One drive for each seed, both ends included.
    pub seeds: RangeInclusive<u64>,
    /// OpenDRIVE or Lanelet2 file; `None` for the town that is shipped.
    pub map: Option<PathBuf>,
    /// Drives at once; `None` for one a core.
    pub jobs: Option<usize>,
    /// Whether traffic lights' states come by radio instead of from the camera.
    pub v2i: bool,
    /// Arguments of the launch file, `NAME:=VALUE`.
    pub arguments: Vec<(String, String)>,
    /// Folder with one folder a drive.
    pub out: PathBuf,
}

/// Runs all drives and sums them up. A drive that could not be run counts as not driven, with its error as an event.
///
/// # Errors
/// Where folders cannot be made.
pub fn evaluate(options: &Options) -> anyhow::Result<Suite> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = options.jobs.unwrap_or(cores).max(1);
    let waiting = Mutex::new(options.seeds.clone().collect::<VecDeque<u64>>());
    let done = Mutex::new(Vec::new());
    fs::create_dir_all(&options.out).with_context(|| format!("cannot make the folder {}", options.out.display()))?;
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(seed) = next else { break };
                    let record = run(options, seed).unwrap_or_else(|error| failed(options, seed, &error));
                    eprintln!("{}", record.line());
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(record);
                }
            });
        }
    });
    let mut runs = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    runs.sort_by_key(|record| record.seed);
    Ok(Suite::new(runs))
}

/// One drive in a process of its own, so that memory and models are that drive's alone.
fn run(options: &Options, seed: u64) -> anyhow::Result<Record> {
    let folder = options.out.join(format!("seed-{seed}"));
    fs::create_dir_all(&folder)?;
    let log = File::create(folder.join("log.txt"))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["drive", "--lockstep", "--no-record", "--scenario", &options.suite]);
    command.args(["--seed", &seed.to_string(), "--out"]).arg(&folder);
    if let Some(map) = &options.map {
        command.arg("--map").arg(map);
    }
    if options.v2i {
        command.arg("--v2i");
    }
    command.args(options.arguments.iter().map(|(name, value)| format!("{name}:={value}")));
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let status = command.status()?;
    let metrics = folder.join("metrics.json");
    let text = fs::read_to_string(&metrics).with_context(|| {
        let log = fs::read_to_string(folder.join("log.txt")).unwrap_or_default();
        format!("the drive ended with {status} and left no metrics: {}", last_line(&log))
    })?;
    serde_json::from_str(&text).with_context(|| format!("{} is not readable", metrics.display()))
}

fn failed(options: &Options, seed: u64, error: &anyhow::Error) -> Record {
    let map = options.map.as_deref().unwrap_or(Path::new("town"));
    Record {
        seed,
        scenario: options.suite.clone(),
        map: map.display().to_string(),
        events: vec![Event { time_s: 0.0, kind: "error".into(), message: format!("{error:#}") }],
        ..Record::default()
    }
}

fn last_line(log: &str) -> &str {
    log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("its log is empty")
}
