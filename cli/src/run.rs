//! `ferrodrive run`: one node as a ROS 2 node on DDS.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use middleware::Graph;
use middleware::live::{self, LogLines, Options};

use crate::map_source::MapSource;
use crate::ros_arguments::RosArguments;
use crate::stack::{self, Made};

/// Runs the node until it is shut down, SIGINT or SIGTERM.
///
/// # Errors
/// Why the node cannot be made or cannot go on the wire.
pub fn run(share: &Path, arguments: &RosArguments, log: Option<LogLines>) -> anyhow::Result<()> {
    crate::allocator::hold_little();
    end_with_the_launcher();
    inference::hold_run_limits();
    let node = &arguments.node;
    let driver = stack::driver_parameters(node)?;
    let mut maps = MapSource::default();
    let map = driver.map.map(|map| maps.read(share, &node.name, &map)).transpose()?.map(Arc::new);
    let context = stack::context(share, map)?;
    let Made { node: value, ports, citizen } =
        stack::make(node, &context).with_context(|| format!("node {} cannot be started", node.name))?;
    let mut graph = Graph::default();
    graph.add(&node.name, value, ports, &node.remaps, Duration::ZERO)?;
    graph.override_qos(&node.name, &driver.qos_overrides)?;
    let options = Options {
        use_sim_time: driver.use_sim_time,
        facts: Arc::new(|_| model_facts()),
        citizens: vec![citizen],
        log: log.filter(|_| arguments.rosout),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (report, ()) = runtime.block_on(live::run(graph, (), maps.joined()?, options, Duration::MAX))?;
    for (node, dropped) in report.dropped.iter().filter(|(_, dropped)| **dropped > 0) {
        tracing::info!("{node}: {dropped} messages gave way to newer ones");
    }
    Ok(())
}

/// A node that `ferrodrive launch` started ends when the launcher is gone, even where that was killed.
fn end_with_the_launcher() {
    if std::env::var_os(crate::processes::LAUNCHED).is_some() {
        // Where the system knows no such thing, Ctrl-C still ends all.
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM));
    }
}

/// What the models of this process run on and how fast, as values of a diagnostic status.
pub(crate) fn model_facts() -> Vec<(String, String)> {
    let mut facts = BTreeMap::new();
    for model in inference::usage().into_iter().filter(|model| model.loaded) {
        let mut add = |key: &str, value: String| facts.insert(format!("model.{}.{key}", model.name), value);
        add("execution_provider", model.execution_provider.clone());
        add("precision", model.precision.clone());
        add("p50_ms", format!("{:.2}", model.p50_ms));
        add("p99_ms", format!("{:.2}", model.p99_ms));
    }
    facts.into_iter().collect()
}
