//! The driver on the wire: nodes of this process as ROS 2 nodes on a middleware.
//!
//! Nodes of one process still pass messages by `Arc`, and the wire carries them to everybody else; over r2r, which cannot
//! keep a node from hearing its own process, the wire carries them all. Time is the system's clock, or `/clock` with
//! `use_sim_time`.

mod citizen;
mod feed;
mod lifecycle;
mod parameter_services;
mod parameter_value;
mod quality;
mod rosout;
mod service;
mod watch;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use msgs::rosgraph_msgs::msg::Clock;
use node::{MessageType, Qos};
use tokio::sync::mpsc;

use crate::CLOCK_TOPIC;
use crate::backend::{Backend, BackendError};
use crate::bus::{Bus, Outward, TimeSource};
use crate::composed::{self, Report};
use crate::graph::{Graph, GraphError, Tap};
use crate::ros::{dds_qos, names};

pub use citizen::{Citizen, Declared, Make};
pub use rosout::{LogLines, RosoutLayer, rosout};

/// Why nodes cannot go on the wire.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The middleware.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The nodes.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A name that ROS 2 refuses.
    #[error(transparent)]
    Name(#[from] crate::ros::NameError),
}

/// What is known of a node beyond its status, asked at every heartbeat.
pub type Facts = Arc<dyn Fn(&str) -> Vec<(String, String)> + Send + Sync>;

/// Clock messages that are held: of two senders' that come together, neither gives way to the other's.
const CLOCK_DEPTH: usize = 10;

/// How nodes run on the wire.
pub struct Options {
    /// Whether time is `/clock`. Of no effect where a node of this process publishes that topic.
    pub use_sim_time: bool,
    /// Facts for `/diagnostics` of the node of this name: execution providers of its models.
    pub facts: Facts,
    /// What each node is beyond its ports, by the graph's order; nodes beyond the list have neither parameters nor a
    /// life cycle on the graph.
    pub citizens: Vec<Citizen>,
    /// Log lines for `/rosout`.
    pub log: Option<LogLines>,
}

/// Runs a graph on the wire until the tap breaks, `limit` has passed, a node is shut down, or SIGINT or SIGTERM come.
///
/// The tap sees what nodes of this process publish and what comes in for them, each topic once. Needs a multi-threaded
/// tokio runtime.
///
/// # Errors
/// [`LiveError`] where a name, type or quality of service cannot go on the wire.
pub async fn run<T: Tap + 'static>(
    mut graph: Graph,
    tap: T,
    backend: Arc<dyn Backend>,
    options: Options,
    limit: Duration,
) -> Result<(Report, T), LiveError> {
    check_names(&graph)?;
    let own_clock = graph.publications().any(|(_, topics)| topics.contains(&CLOCK_TOPIC));
    let source = match (own_clock, options.use_sim_time) {
        (true, _) => TimeSource::Published,
        (false, true) => TimeSource::Received,
        (false, false) => TimeSource::System,
    };
    graph.diagnostics_topics()?;
    let mut wire = wire::Wire::new(&graph, &*backend, options.facts)?;
    let inlets = feed::inlets(&graph, &*backend)?;
    for (member, topic, end) in inlets.iter().map(feed::Inlet::end) {
        wire.watch_input(member, &graph.topics[topic].name, end);
    }
    let wire: Arc<dyn Outward> = Arc::new(wire);
    if backend.hears_itself() {
        graph.topics.iter_mut().for_each(|topic| topic.by_wire = !topic.readers.is_empty());
    }
    let bus = Arc::new(Bus::new(&mut graph, tap, source, Some(wire))?);

    let mut helpers = Vec::new();
    let names: Vec<String> = graph.members.iter().map(|member| member.name.clone()).collect();
    let first = names.first().map(String::as_str);
    if let (TimeSource::Received, Some(first)) = (source, first) {
        helpers.push(follow_clock(&bus, &*backend, first)?);
    }
    let mut members = Vec::new();
    let mut citizens = options.citizens.into_iter();
    for member in graph.members {
        let orders = match citizens.next() {
            None => None,
            Some(citizen) => {
                let (sender, orders) = mpsc::channel(4);
                let task = citizen::Task::new(citizen, &*backend, &member.name, sender)?;
                helpers.push(tokio::spawn(task.run(Arc::clone(&bus))));
                Some(orders)
            }
        };
        members.push((member, orders));
    }
    if let (Some(log), Some(first)) = (options.log, first) {
        helpers.push(rosout::publish(log, first, &*backend)?);
    }
    names.iter().try_for_each(|name| backend.announce(name))?;
    helpers.push(tokio::spawn(watch::watch(Arc::clone(&backend))));
    helpers.extend(inlets.into_iter().map(|inlet| tokio::spawn(inlet.run(Arc::clone(&bus)))));
    Ok(composed::run_members(bus, members, limit, helpers).await)
}

fn check_names(graph: &Graph) -> Result<(), LiveError> {
    for member in &graph.members {
        let (namespace, name) = names::split_node(&member.name);
        names::check_full("namespace", &namespace)?;
        names::check_node(name)?;
    }
    for topic in graph.topics() {
        names::check_full("topic", &topic.name)?;
    }
    Ok(())
}

fn follow_clock<T: Tap + 'static>(
    bus: &Arc<Bus<T>>,
    backend: &dyn Backend,
    node: &str,
) -> Result<tokio::task::JoinHandle<()>, BackendError> {
    let message = MessageType::of::<Clock>();
    let subscription = backend.subscription(
        node,
        CLOCK_TOPIC,
        message,
        &dds_qos(Qos::sensor_data().with_depth(CLOCK_DEPTH), message.hash),
    )?;
    let bus = Arc::clone(bus);
    Ok(tokio::spawn(async move {
        loop {
            match subscription.take() {
                Ok(Some(sample)) => match msgs::from_cdr::<Clock>(&sample) {
                    Ok(clock) => bus.set_time(&clock),
                    Err(error) => tracing::warn!("{CLOCK_TOPIC} of type {}: {error}", message.name),
                },
                Ok(None) => subscription.arrived().notified().await,
                Err(error) => {
                    tracing::error!("{error}");
                    return;
                }
            }
        }
    }))
}
