//! `ferrodrive drive`: one drive in the simulator, recorded, measured and reported.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bag::{Recorder, Sink};
use evaluation::{Evaluation, Latency, ModelUse, Record, RunFacts};
use middleware::{LatencySummary, Lockstep, composed};
use node::Time;

use crate::drive_processes;
use crate::interrupt::Interrupt;
use crate::launch::LaunchedNode;
use crate::observer::{Ending, Observer, SENSOR_TO_CONTROL};
use crate::progress::Progress;
use crate::stack::Stack;

/// No drive lasts longer, s.
const LONGEST_S: f64 = 7200.0;
/// The nodes that are a world and make its time.
pub(crate) const WORLDS: [&str; 2] = ["simulator", "carla_stand_in"];

/// Which clock a drive runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockKind {
    /// Simulated time, one deterministic order, as fast as the machine can.
    Lockstep,
    /// The wall clock, every node a task of its own.
    Realtime,
    /// The wall clock, every node a process of its own, over DDS.
    Processes,
}

/// What to drive and what to leave behind.
#[derive(Debug, Clone)]
pub struct Options {
    /// OpenDRIVE or Lanelet2 file; `None` for the town that is shipped.
    pub map: Option<PathBuf>,
    /// `drive`, `smoke`, or a scenario file (TOML).
    pub scenario: String,
    /// Fixes scenario, traffic and noise; `None` for what the simulator's parameter file says.
    pub seed: Option<u64>,
    /// Launch file; `None` for `launch/drive.launch.xml`.
    pub launch: Option<PathBuf>,
    /// Arguments of the launch file.
    pub arguments: BTreeMap<String, String>,
    /// The clock.
    pub clock: ClockKind,
    /// Whether `drive.mcap` is written.
    pub record: bool,
    /// Whether the camera's images are among what is written and in the digest.
    pub record_images: bool,
    /// Folder for what is left behind, made if it is not there; `None` for a new one below `runs/`.
    pub out: Option<PathBuf>,
    /// No progress line.
    pub quiet: bool,
}

/// Drives, writes `drive.mcap`, `report.html`, `drive.svg` and `metrics.json`; gives the metrics and the folder. The first
/// SIGINT or SIGTERM ends the drive early, and all that is written is of what was driven until then.
///
/// # Errors
/// What could not be loaded, started or written.
pub fn drive(share: &Path, options: &Options) -> anyhow::Result<(Record, PathBuf)> {
    let stack = load(share, options)?;
    let seed = match options.seed {
        Some(seed) => seed,
        None => shipped_seed(share)?,
    };
    if options.clock != ClockKind::Lockstep {
        inference::hold_run_limits();
    }
    let graph = stack.graph()?;
    let out = options.out.clone().map_or_else(new_run_folder, Ok)?;
    fs::create_dir_all(&out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    if !options.quiet {
        announce(&stack, options.clock, &out);
    }
    let interrupt = Interrupt::listen()?;
    let recorder = options.record.then(|| Recorder::create(&out.join("drive.mcap"))).transpose()?;
    let evaluation = Evaluation::new(Some(stack.map.clone()), stack.vehicle);
    let progress = (!options.quiet).then(|| Progress::new(stack.vehicle));
    let mut observer =
        Observer::new(Sink::new(recorder), evaluation, progress, interrupt.clone()).with_images(options.record_images);

    let began = Instant::now();
    let mut models = Vec::new();
    let (mut peak_memory, mut wall_time_s, mut missed_commands) = (None, None, None);
    let (latencies, sensor_to_control) = match options.clock {
        ClockKind::Lockstep => {
            let mut driver = Lockstep::new(graph)?;
            driver.trace(&SENSOR_TO_CONTROL);
            // Whether the tap ended it is read off the observer.
            let _ = driver.run(Time::from_seconds(LONGEST_S), &mut observer);
            (summaries(&driver.latencies()), driver.traced().summary())
        }
        ClockKind::Realtime => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let limit = Duration::from_secs_f64(LONGEST_S);
            let (report, tap) = runtime.block_on(composed::run(graph, observer, limit))?;
            for (node, dropped) in report.dropped.iter().filter(|(_, dropped)| **dropped > 0) {
                tracing::info!("{node}: {dropped} messages gave way to newer ones");
            }
            observer = tap;
            (summaries(&report.latencies), observer.sensor_to_control.summary())
        }
        ClockKind::Processes => {
            let nodes = process_nodes(share, options, &stack)?;
            let limit = Duration::from_secs_f64(LONGEST_S);
            let measured = drive_processes::drive(&graph, &nodes, observer, limit, &interrupt)?;
            observer = measured.observer;
            models = measured.models;
            wall_time_s = Some(measured.wall_time_s);
            missed_commands = measured.missed_commands;
            peak_memory = Some(measured.peak_memory_mb + peak_memory_mb("self"));
            (measured.latencies, observer.sensor_to_control.summary())
        }
    };
    let wall_time_s = wall_time_s.unwrap_or_else(|| began.elapsed().as_secs_f64());
    let mut facts = RunFacts {
        seed,
        scenario: options.scenario.clone(),
        map: stack.map.name.clone(),
        wall_time_s,
        latencies,
        sensor_to_control: milliseconds(sensor_to_control),
        models: if options.clock == ClockKind::Processes { models } else { self::models() },
        peak_memory_mb: peak_memory.unwrap_or_else(|| peak_memory_mb("self")),
        digest: String::new(),
        missed_commands,
    };
    let evaluation = std::mem::replace(&mut observer.evaluation, Evaluation::new(None, stack.vehicle));
    let stopped_early = interrupt.came() && !matches!(observer.ending, Some(Ending::Goal | Ending::TimeUp));
    facts.digest = observer.finish()?;
    let record = evaluation.finish(facts);
    evaluation.write_report(&record, "", &out.join("report.html"))?;
    write_json(&record, &out.join("metrics.json"))?;
    fs::write(out.join("drive.svg"), evaluation.picture())?;
    if stopped_early {
        eprintln!("stopped early by a signal: what is in {} ends there", out.display());
    }
    Ok((record, out))
}

/// Writes metrics as JSON.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_json(value: &impl serde::Serialize, path: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A new folder `runs/<UTC time>` and `runs/latest` that leads to it.
///
/// # Errors
/// Where they cannot be made.
pub fn new_run_folder() -> anyhow::Result<PathBuf> {
    let time = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string().replace(':', "-");
    let runs = PathBuf::from("runs");
    let folder = (0..100)
        .map(|n| runs.join(if n == 0 { time.clone() } else { format!("{time}-{n}") }))
        .find(|folder| !folder.exists())
        .context("runs/ has a hundred folders of this second")?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let latest = runs.join("latest");
    // It may not be there yet.
    let _ = fs::remove_file(&latest);
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.file_name().unwrap_or_default(), &latest)
        .with_context(|| format!("cannot make the link {}", latest.display()))?;
    Ok(folder)
}

/// The stack of a drive, its simulator set as the options say.
///
/// # Errors
/// What is wrong with launch file, map, scenario or vehicle.
pub fn load(share: &Path, options: &Options) -> anyhow::Result<Stack> {
    let launch = options.launch.clone().unwrap_or_else(|| share.join("launch/drive.launch.xml"));
    let map = options.map.clone().unwrap_or_else(|| share.join("maps/town.xodr"));
    let mut stack = Stack::load(share, &launch, &options.arguments, &map)?;
    let world = WORLDS
        .into_iter()
        .find(|world| stack.nodes.iter().any(|node| node.executable == *world))
        .with_context(|| format!("launch file {}: expected a simulator among its nodes, got none", launch.display()))?;
    match options.scenario.as_str() {
        suite @ ("drive" | "smoke") => stack.set(world, "suite", suite),
        file => {
            let path = fs::canonicalize(file)
                .with_context(|| format!("scenario `{file}`: expected drive, smoke or a scenario file (TOML)"))?;
            stack.set(world, "scenario", &path.display().to_string());
        }
    }
    if let Some(seed) = options.seed {
        stack.set(world, "seed", &seed.to_string());
    }
    Ok(stack)
}

fn shipped_seed(share: &Path) -> anyhow::Result<u64> {
    #[derive(serde::Deserialize)]
    struct Seed {
        seed: u64,
    }
    let file = share.join("params/simulator.param.yaml");
    Ok(node::Parameters::from_file(&file, "simulator")?.parse::<Seed>("simulator")?.seed)
}

fn announce(stack: &Stack, clock: ClockKind, out: &Path) {
    let clock = match clock {
        ClockKind::Lockstep => "simulated time, in lockstep",
        ClockKind::Realtime => "the wall clock",
        ClockKind::Processes => "the wall clock, every node a process",
    };
    eprintln!("driving on map {} by {clock}, {} nodes", stack.map.name, stack.nodes.len());
    for model in models() {
        eprintln!("model {} ({}) runs on {}", model.name, model.precision, model.execution_provider);
    }
    eprintln!("results go into {}", out.display());
}

fn models() -> Vec<ModelUse> {
    inference::usage()
        .into_iter()
        .map(|model| ModelUse {
            name: model.name,
            precision: model.precision,
            execution_provider: model.execution_provider,
            p50_ms: model.p50_ms,
            p99_ms: model.p99_ms,
        })
        .collect()
}

fn milliseconds(summary: LatencySummary) -> Latency {
    Latency { p50: summary.p50, p99: summary.p99, max: summary.max }
}

fn summaries(latencies: &BTreeMap<String, middleware::Latency>) -> BTreeMap<String, Latency> {
    latencies.iter().map(|(node, latency)| (node.clone(), milliseconds(latency.summary()))).collect()
}

/// Waits by the wall clock that no machine needs that keeps up.
const PATIENT_BRIDGE: [(&str, &str); 2] = [("answer_limit_s", "10.0"), ("idle_answer_s", "0.5")];

/// The nodes as processes need them: with the map and the clock that this process would hand them.
fn process_nodes(share: &Path, options: &Options, stack: &Stack) -> anyhow::Result<Vec<LaunchedNode>> {
    let map = options.map.clone().unwrap_or_else(|| share.join("maps/town.xodr"));
    let map = fs::canonicalize(&map).with_context(|| format!("map {}", map.display()))?;
    let mut nodes = stack.nodes.clone();
    for node in &mut nodes {
        node.set("map_path", map.display().to_string());
        match node.executable.as_str() {
            // It keeps to the wall clock: it tells when the world's stands. World and bridge wait for each other, so that
            // what is driven does not depend on how fast the machine is.
            "carla_bridge" => PATIENT_BRIDGE.into_iter().for_each(|(name, value)| node.set(name, value)),
            "carla_stand_in" => {
                node.set("wait_limit_s", "60.0");
                node.set("use_sim_time", "true");
            }
            _ => node.set("use_sim_time", "true"),
        }
        // A drive that goes on without one of its nodes would measure something else.
        node.ends_all = !node.respawn;
    }
    Ok(nodes)
}

/// Largest resident memory of a process so far, MB; 0 where the system does not tell. `process`: `self` or its id.
pub(crate) fn peak_memory_mb(process: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}
