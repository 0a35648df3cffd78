//! A drive with every node a process of its own, over DDS; this process watches.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use evaluation::{Latency, ModelUse};
use middleware::live::{self, Options};
use middleware::{CLOCK_TOPIC, DIAGNOSTICS_TOPIC, Graph, Tap, Topic, backend};
use msgs::diagnostic_msgs::msg::DiagnosticArray;
use node::{Event, MessageType, Node, Outputs, Ports, Qos, Shared, Time};

use crate::interrupt::Interrupt;
use crate::launch::LaunchedNode;
use crate::observer::Observer;
use crate::processes::{Ended, Processes};

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
                self.said.insert(status.name.clone(), values);
            }
        }
        if now > Time(0) && self.began.is_none() {
            self.began = Some(Instant::now() - Duration::from_secs_f64(now.seconds().clamp(0.0, 1.0)));
        }
        self.observer.on_message(now, topic, message)
    }
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

/// Starts the nodes, watches the drive until the observer ends it or it is interrupted, and ends the nodes.
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
    let listener = Listener { observer, said: BTreeMap::new(), began: None };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let options = Options { use_sim_time: true, facts: Arc::new(|_| Vec::new()), citizens: Vec::new(), log: None };
        let mut run = tokio::spawn(async move { live::run(watching, listener, backend, options, limit).await });
        // The watcher is there before what it is to see.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut processes = Processes::start(nodes, true)?;
        let ended = tokio::select! {
            ended = &mut run => ended,
            ended = processes.watch() => {
                // Ctrl-C in a terminal ends them as it ends the drive.
                tokio::time::sleep(SAME_SIGNAL).await;
                if !interrupt.came() {
                    processes.end().await;
                    match ended? {
                        Ended::With(label) => bail!("{label} ended before the drive did"),
                        Ended::All(_) => bail!("every node ended before the drive did"),
                    }
                }
                run.await
            }
        };
        let over = Instant::now();
        let peak_memory_mb = processes.ids().iter().map(|(_, id)| crate::drive::peak_memory_mb(&id.to_string())).sum();
        processes.end().await;
        let (_, Listener { observer, said, began }) = ended??;
        if observer.ending.is_none() && !interrupt.came() {
            bail!("the drive was ended from outside");
        }
        let latencies = said.iter().filter_map(|(node, values)| Some((node.clone(), latency(values)?))).collect();
        let models = said.values().flat_map(models).collect();
        let wall_time_s = began.map_or(0.0, |began| (over - began).as_secs_f64());
        Ok(Measured { observer, latencies, models, peak_memory_mb, wall_time_s })
    })
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
