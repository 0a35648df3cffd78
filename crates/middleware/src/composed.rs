//! The driver for many nodes in one process on the wall clock.
//!
//! Each node has a thread of its own and a bounded mailbox: where a node is slow, the oldest message of an input
//! makes room for the newest, and the loss is counted.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use node::{Shared, Time};

use crate::CLOCK_TOPIC;
use crate::bus::{Bus, TimeSource};
use crate::graph::{Graph, GraphError, Member, Tap, Topic};
use crate::latency::Latency;
use crate::runner::{Orders, Runner};

/// What a run measured.
#[derive(Debug)]
pub struct Report {
    /// Wall time that each node took for events that made it publish.
    pub latencies: BTreeMap<String, Latency>,
    /// Messages that each node was too slow for.
    pub dropped: BTreeMap<String, u64>,
}

/// Runs a graph on the wall clock until the tap breaks, `limit` has passed, or SIGINT or SIGTERM come.
///
/// A node on the graph that publishes `/clock` makes that the time of all nodes (`use_sim_time`); timers keep to the
/// wall clock. Needs a multi-threaded tokio runtime. The tap comes back with the report.
///
/// # Errors
/// [`GraphError`] where a node uses the topic of a node's status with another type.
pub async fn run<T: Tap + 'static>(mut graph: Graph, tap: T, limit: Duration) -> Result<(Report, T), GraphError> {
    let has_clock = graph.publications().any(|(_, topics)| topics.contains(&CLOCK_TOPIC));
    let source = if has_clock { TimeSource::Published } else { TimeSource::SinceStart };
    let bus = Arc::new(Bus::new(&mut graph, tap, source, None)?);
    let members = graph.members.into_iter().map(|member| (member, None)).collect();
    Ok(run_members(bus, members, limit, Vec::new()).await)
}

/// Runs every member on the bus until the end; `helpers` are tasks that live as long and are cancelled then.
pub(crate) async fn run_members<T: Tap + 'static>(
    bus: Arc<Bus<T>>,
    members: Vec<(Member, Option<Orders>)>,
    limit: Duration,
    helpers: Vec<tokio::task::JoinHandle<()>>,
) -> (Report, T) {
    let names: Vec<String> = members.iter().map(|(member, _)| member.name.clone()).collect();
    let tasks: Vec<_> = members
        .into_iter()
        .enumerate()
        .map(|(index, (member, orders))| {
            let runner = Runner::new(Arc::clone(&bus), index, member, orders);
            tokio::task::spawn_blocking(move || on_this_thread(runner))
        })
        .collect();
    // Also where nobody waits for the run any more: threads are not cancelled.
    let running = Running(Arc::clone(&bus));
    bus.wait_for_end(limit).await;
    drop(running);
    let mut latencies = BTreeMap::new();
    for (name, task) in names.iter().zip(tasks) {
        match task.await {
            Ok(latency) => {
                latencies.insert(name.clone(), latency);
            }
            Err(error) => tracing::error!(node = name.as_str(), "the node ended early: {error}"),
        }
    }
    helpers.iter().for_each(tokio::task::JoinHandle::abort);
    for helper in helpers {
        // Cancelled is what it should be; a panic was told by the hook.
        let _ = helper.await;
    }
    let dropped = names.into_iter().zip(&bus.mailboxes).map(|(n, m)| (n, m.dropped())).collect();
    let bus = Arc::into_inner(bus).expect("every task has ended and given its share back");
    (Report { latencies, dropped }, bus.tap.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Stops the nodes when it is dropped.
struct Running<T: Tap>(Arc<Bus<T>>);

impl<T: Tap> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A node computes for as long as it needs, and its timers wake no thread but its own: on a shared pool each event of a
/// node had another worker take over meanwhile, which cost ten times what a small node's event does.
fn on_this_thread<T: Tap + 'static>(runner: Runner<T>) -> Latency {
    let clock = tokio::runtime::Builder::new_current_thread().enable_time().build();
    clock.expect("a runtime of timers only asks nothing of the system").block_on(runner.run())
}

/// A tap that lets everything pass.
impl Tap for () {
    fn on_message(&mut self, _: Time, _: &Topic, _: &Shared) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
