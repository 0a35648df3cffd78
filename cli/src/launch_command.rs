//! `ferrodrive launch`: the nodes of a launch file on DDS, each a process or all in one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use middleware::Graph;
use middleware::live::{self, LogLines, Options};
use road_map::LaneGraph;

use crate::launch;
use crate::map_source::MapSource;
use crate::processes::{Ended, Processes};
use crate::run::model_facts;
use crate::stack::{self, Made};

/// Prints what can be said to a launch file, as `ros2 launch --show-args` does.
///
/// # Errors
/// What is wrong with the launch file.
pub fn show_arguments(share: &Path, file: &Path) -> anyhow::Result<()> {
    let arguments = launch::arguments(file, share)?;
    if arguments.is_empty() {
        println!("No arguments.");
        return Ok(());
    }
    println!("Arguments (pass arguments as '<name>:=<value>'):");
    for argument in arguments {
        println!("\n    '{}':", argument.name);
        println!("        {}", argument.description.as_deref().unwrap_or("no description given"));
        match argument.default {
            Some(default) => println!("        (default: '{default}')"),
            None => println!("        (no default: it must be given)"),
        }
    }
    Ok(())
}

/// Starts every node as a process and waits for the end; true where all went well.
///
/// # Errors
/// What is wrong with the launch file, or which process cannot be started.
pub fn launch(share: &Path, file: &Path, arguments: &BTreeMap<String, String>) -> anyhow::Result<bool> {
    // A middleware that cannot be had is told once, not by every process.
    middleware::backend::is_ros2()?;
    let nodes = launch::read(file, share, arguments)?;
    if nodes.is_empty() {
        bail!("launch file {}: it starts no node", file.display());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut processes = Processes::start(&nodes, false)?;
        let success = tokio::select! {
            ended = processes.watch() => match ended? {
                Ended::All(success) => success,
                Ended::With(label) => {
                    eprintln!("[launch] {label} ended: ending all");
                    false
                }
            },
            () = middleware::signal() => true,
        };
        processes.end().await;
        Ok(success)
    })
}

/// Runs all nodes in this process: among each other they pass messages without a wire.
///
/// # Errors
/// What is wrong with the launch file, or which node cannot be made.
pub fn launch_composed(
    share: &Path,
    file: &Path,
    arguments: &BTreeMap<String, String>,
    log: Option<LogLines>,
) -> anyhow::Result<()> {
    inference::hold_run_limits();
    let nodes = launch::read(file, share, arguments)?;
    let mut maps: BTreeMap<String, Arc<LaneGraph>> = BTreeMap::new();
    let mut source = MapSource::default();
    let mut graph = Graph::default();
    let mut citizens = Vec::new();
    let mut use_sim_time = None;
    for launched in &nodes {
        let driver = stack::driver_parameters(launched)?;
        if use_sim_time.is_some_and(|of_others| of_others != driver.use_sim_time) {
            bail!(
                "node {}: its use_sim_time is {}, that of the nodes before it is not, and one process has one time: start \
                 the launch file without --composed, or drive by it in one process with `ferrodrive drive --launch {}`",
                launched.name,
                driver.use_sim_time,
                file.display()
            );
        }
        use_sim_time = Some(driver.use_sim_time);
        let map = match driver.map {
            None => None,
            Some(path) => {
                if !maps.contains_key(&path) {
                    maps.insert(path.clone(), Arc::new(source.read(share, &launched.name, &path)?));
                }
                maps.get(&path).cloned()
            }
        };
        let context = stack::context(share, map)?;
        let Made { node, ports, citizen } =
            stack::make(launched, &context).with_context(|| format!("node {} cannot be started", launched.name))?;
        graph.add(&launched.name, node, ports, &launched.remaps, Duration::ZERO)?;
        graph.override_qos(&launched.name, &driver.qos_overrides)?;
        citizens.push(citizen);
    }
    let backend = source.joined()?;
    // All models are in this one process, so which node has which is not told here.
    let facts = Arc::new(|_: &str| model_facts());
    let options = Options { use_sim_time: use_sim_time.unwrap_or(false), facts, citizens, log };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(live::run(graph, (), backend, options, Duration::MAX))?;
    Ok(())
}
