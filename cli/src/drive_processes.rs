//! A drive with every node a process of its own, over DDS; this process watches.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use evaluation::{Latency, ModelUse};
use middleware::live::{self, Options};
use middleware::{CLOCK_TOPIC, DIAGNOSTICS_TOPIC, Graph, Tap, Topic, backend};
use msgs::diagnostic_msgs::msg::DiagnosticArray;
use node::{Event, MessageType, Node, Outputs, Ports, Qos, Shared, Time};
use tokio::sync::watch;

use crate::drive::WORLDS;
use crate::interrupt::Interrupt;
use crate::launch::LaunchedNode;
use crate::observer::Observer;
use crate::processes::{Ended, Processes};

/// Every node has said something of itself within this time, or the drive ends.
const STARTUP_LIMIT: Duration = Duration::from_secs(300);
/// Within this time all processes hear a signal that goes to all.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

/// What a drive in processes measured.
pub struct Measured {
    /// The observer that saw it.
    pub observer: Observer,
    /// By node, as the nodes themselves tell.
    pub latencies: BTreeMap<String, Latency>,
    /// As the nodes themselves tell.
    pub models: Vec<ModelUse>,
    /// Sum of the processes' largest resident memories, MB.
    pub peak_memory_mb: f64,
    /// Wall time from the first message with simulated time to the last, s: starting the processes is no part of it.
    pub wall_time_s: f64,
    /// Frames that went on without their command; `None` where the world waits for none.
    pub missed_commands: Option<u64>,
}

/// Takes all topics and does nothing: the tap sees them.
struct Watcher;

impl Node for Watcher {
    fn on_event(&mut self, _: &Event, _: &mut Outputs) {}
}

/// An observer, and what nodes say of themselves.
struct Listener {
    observer: Observer,
    said: BTreeMap<String, BTreeMap<String, String>>,
    /// The nodes of which something was heard.
    heard: watch::Sender<BTreeSet<String>>,
    /// When simulated time began, by the wall clock.
    began: Option<Instant>,
}

impl Tap for Listener {
    fn on_message(&mut self, now: Time, topic: &Topic, message: &Shared) -> ControlFlow<()> {
        if topic.name == DIAGNOSTICS_TOPIC
            && let Some(array) = message.as_any().downcast_ref::<DiagnosticArray>()
        {
            for status in array.status.iter().filter(|status| status.hardware_id == "ferrodrive") {
                let values = status.values.iter().map(|v| (v.key.clone(), v.value.clone())).collect();
                self.heard.send_if_modified(|heard| heard.insert(plain(&status.name)));
                self.said.insert(status.name.clone(), values);
            }
        }
        if now > Time(0) && self.began.is_none() {
            self.began = Some(Instant::now() - Duration::from_secs_f64(now.seconds().clamp(0.0, 1.0)));
        }
        self.observer.on_message(now, topic, message)
    }
}

/// A node's name without what `/` stands around it.
fn plain(name: &str) -> String {
    name.trim_matches('/').to_owned()
}

/// Watches every topic of `graph`, whose nodes run as processes.
fn watcher(graph: &Graph) -> anyhow::Result<Graph> {
    let mut ports = Ports::default();
    let watched = |topic: &&Topic| !topic.debug && topic.name != DIAGNOSTICS_TOPIC && topic.name != CLOCK_TOPIC;
    for topic in graph.topics().iter().filter(watched) {
        // A recorder is not as fast as the fastest reader, and nothing may be missing in what it leaves.
        ports.input_of(&topic.name, topic.message, topic.qos.with_depth(topic.qos.depth.max(50)));
    }
    ports.input_of(DIAGNOSTICS_TOPIC, MessageType::of::<DiagnosticArray>(), Qos::reliable(50));
    let mut watching = Graph::default();
    watching.add("drive_monitor", Box::new(Watcher), ports, &BTreeMap::new(), Duration::ZERO)?;
    Ok(watching)
}

/// Starts the nodes, the world last, once all the others are there, watches the drive until the observer ends it or it
/// is interrupted, and ends the nodes.
///
/// # Errors
/// Where a node cannot be started or ends before the drive does.
pub fn drive(
    graph: &Graph,
    nodes: &[LaunchedNode],
    observer: Observer,
    limit: Duration,
    interrupt: &Interrupt,
) -> anyhow::Result<Measured> {
    let watching = watcher(graph)?;
    let backend = backend::from_environment()?;
    let (heard, hearing) = watch::channel(BTreeSet::new());
    let listener = Listener { observer, said: BTreeMap::new(), heard, began: None };
    let (worlds, stack): (Vec<LaunchedNode>, Vec<LaunchedNode>) =
        nodes.iter().cloned().partition(|node| WORLDS.contains(&node.executable.as_str()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let options = Options { use_sim_time: true, facts: Arc::new(|_| Vec::new()), citizens: Vec::new(), log: None };
        let mut run = tokio::spawn(async move { live::run(watching, listener, backend, options, limit).await });
        // The watcher is there before what it is to see.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut processes = Processes::start(&stack, true)?;
        let ran = async {
            tokio::select! {
                there = all_heard(hearing, &stack) => there?,
                ended = processes.watch() => return Err(too_early(ended)),
                ended = &mut run => return Ok(ended),
            }
            processes.add(&worlds)?;
            tokio::select! {
                ended = &mut run => Ok(ended),
                ended = processes.watch() => Err(too_early(ended)),
            }
        };
        let ended = match ran.await {
            Ok(ended) => ended,
            Err(reason) => {
                // Ctrl-C in a terminal ends them as it ends the drive.
                tokio::time::sleep(SAME_SIGNAL).await;
                if !interrupt.came() {
                    processes.end().await;
                    return Err(reason);
                }
                run.await
            }
        };
        let over = Instant::now();
        let peak_memory_mb = processes.ids().iter().map(|(_, id)| crate::drive::peak_memory_mb(&id.to_string())).sum();
        processes.end().await;
        let (_, Listener { observer, said, began, .. }) = ended??;
        if observer.ending.is_none() && !interrupt.came() {
            bail!("the drive was ended from outside");
        }
        let latencies = said.iter().filter_map(|(node, values)| Some((node.clone(), latency(values)?))).collect();
        let models = said.values().flat_map(models).collect();
        let wall_time_s = began.map_or(0.0, |began| (over - began).as_secs_f64());
        let missed_commands = said.values().find_map(|values| values.get("missed_commands")?.parse().ok());
        Ok(Measured { observer, latencies, models, peak_memory_mb, wall_time_s, missed_commands })
    })
}

/// Waits until every node said something of itself.
async fn all_heard(mut hearing: watch::Receiver<BTreeSet<String>>, nodes: &[LaunchedNode]) -> anyhow::Result<()> {
    let missing = |heard: &BTreeSet<String>| -> Vec<String> {
        nodes.iter().map(|node| plain(&node.name)).filter(|name| !heard.contains(name)).collect()
    };
    let there = hearing.wait_for(|heard| missing(heard).is_empty());
    match tokio::time::timeout(STARTUP_LIMIT, there).await.map(|heard| heard.map(drop)) {
        Ok(heard) => heard.context("the watcher ended before the drive began"),
        Err(_) => {
            let missing = missing(&hearing.borrow()).join(", ");
            bail!("nothing heard on {DIAGNOSTICS_TOPIC} of {missing} within {} s", STARTUP_LIMIT.as_secs())
        }
    }
}

fn too_early(ended: anyhow::Result<Ended>) -> anyhow::Error {
    match ended {
        Ok(Ended::With(label)) => anyhow!("{label} ended before the drive did"),
        Ok(Ended::All(_)) => anyhow!("every node ended before the drive did"),
        Err(error) => error,
    }
}

fn number(values: &BTreeMap<String, String>, key: &str) -> Option<f64> {
    values.get(key)?.parse().ok()
}

fn latency(values: &BTreeMap<String, String>) -> Option<Latency> {
    let of = |key| number(values, key);
    Some(Latency { p50: of("latency_p50_ms")?, p99: of("latency_p99_ms")?, max: of("latency_max_ms")? })
}

fn models(values: &BTreeMap<String, String>) -> Vec<ModelUse> {
    let names = values.keys().filter_map(|key| key.strip_prefix("model.")?.strip_suffix(".execution_provider"));
    let model = |name: &str| {
        let text = |key: &str| values.get(&format!("model.{name}.{key}")).cloned();
        Some(ModelUse {
            name: name.into(),
            precision: text("precision")?,
            execution_provider: text("execution_provider")?,
            p50_ms: text("p50_ms")?.parse().ok()?,
            p99_ms: text("p99_ms")?.parse().ok()?,
        })
    };
    names.filter_map(model).collect()
}
