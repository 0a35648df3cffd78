//! The driver for many nodes in one process on the wall clock.
//!
//! Each node is a tokio task of its own with a bounded mailbox: where a node is slow, the oldest message of an input
//! makes room for the newest, and the loss is counted.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use msgs::rosgraph_msgs::msg::Clock;
use node::{Event, EventKind, Outputs, Shared, Status, Time};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::CLOCK_TOPIC;
use crate::diagnostics::{self, HEARTBEAT};
use crate::graph::{Graph, GraphError, Member, Tap, Topic};
use crate::latency::Latency;

/// What a run measured.
#[derive(Debug)]
pub struct Report {
    /// Wall time that each node took for events that made it publish.
    pub latencies: BTreeMap<String, Latency>,
    /// Messages that each node was too slow for.
    pub dropped: BTreeMap<String, u64>,
}

/// Messages on their way to one node: for each input at most as many as its depth.
struct Mailbox {
    queues: Mutex<Queues>,
    arrived: Notify,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queues {
    by_input: Vec<(usize, VecDeque<(u64, Shared)>)>,
    arrivals: u64,
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mailbox {
    fn new(member: &Member) -> Self {
        let by_input = member.ports.inputs().iter().map(|p| (p.qos.depth.max(1), VecDeque::new())).collect();
        Self {
            queues: Mutex::new(Queues { by_input, arrivals: 0 }),
            arrived: Notify::new(),
            dropped: AtomicU64::new(0),
        }
    }

    fn put(&self, input: usize, message: Shared) {
        let mut queues = lock(&self.queues);
        queues.arrivals += 1;
        let arrival = queues.arrivals;
        let (depth, queue) = &mut queues.by_input[input];
        if queue.len() >= *depth {
            queue.pop_front();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        queue.push_back((arrival, message));
        drop(queues);
        self.arrived.notify_one();
    }

    /// The message that has waited longest.
    fn take(&self) -> Option<(usize, Shared)> {
        let mut queues = lock(&self.queues);
        let (input, _) = queues
            .by_input
            .iter()
            .enumerate()
            .filter_map(|(input, (_, queue))| queue.front().map(|(arrival, _)| (input, *arrival)))
            .min_by_key(|(_, arrival)| *arrival)?;
        queues.by_input[input].1.pop_front().map(|(_, message)| (input, message))
    }
}

/// What all tasks share.
struct Bus<T> {
    topics: Vec<Topic>,
    mailboxes: Vec<Mailbox>,
    diagnostics: usize,
    tap: Mutex<T>,
    started: Instant,
    /// Newest simulated time, nanoseconds; negative until a clock message came.
    simulated: AtomicI64,
    has_clock: bool,
    ended: AtomicBool,
    end: Notify,
}

impl<T: Tap> Bus<T> {
    fn now(&self) -> Time {
        let simulated = self.simulated.load(Ordering::Acquire);
        if self.has_clock { Time(simulated.max(0)) } else { Time(0) + self.started.elapsed() }
    }

    fn publish(&self, topic: usize, message: Shared) {
        if self.topics[topic].name == CLOCK_TOPIC
            && let Some(clock) = message.as_any().downcast_ref::<Clock>()
        {
            self.simulated.fetch_max(Time::from(&clock.clock).0, Ordering::AcqRel);
        }
        let flow = lock(&self.tap).on_message(self.now(), &self.topics[topic], &message);
        for &(member, input) in &self.topics[topic].readers {
            self.mailboxes[member].put(input, Arc::clone(&message));
        }
        if flow.is_break() {
            self.stop();
        }
    }

    fn stop(&self) {
        self.ended.store(true, Ordering::Release);
        self.end.notify_waiters();
    }
}

/// Runs a graph on the wall clock until the tap breaks, `limit` has passed, or the task is cancelled by Ctrl-C.
///
/// A node on the graph that publishes `/clock` makes that the time of all nodes (`use_sim_time`); timers keep to the
/// wall clock. Needs a multi-threaded tokio runtime. The tap comes back with the report.
///
/// # Errors
/// [`GraphError`] where a node uses `/diagnostics` with another type.
pub async fn run<T: Tap + 'static>(mut graph: Graph, tap: T, limit: Duration) -> Result<(Report, T), GraphError> {
    let diagnostics = graph.diagnostics_topic()?;
    let has_clock = graph.publications().any(|(_, topics)| topics.contains(&CLOCK_TOPIC));
    let bus = Arc::new(Bus {
        has_clock,
        mailboxes: graph.members.iter().map(Mailbox::new).collect(),
        topics: graph.topics,
        diagnostics,
        tap: Mutex::new(tap),
        started: Instant::now(),
        simulated: AtomicI64::new(-1),
        ended: AtomicBool::new(false),
        end: Notify::new(),
    });
    let names: Vec<String> = graph.members.iter().map(|m| m.name.clone()).collect();
    let tasks: Vec<_> = graph
        .members
        .into_iter()
        .enumerate()
        .map(|(index, member)| tokio::spawn(Runner::new(Arc::clone(&bus), index, member).run()))
        .collect();
    wait_for_end(&bus, limit).await;
    bus.stop();
    let mut latencies = BTreeMap::new();
    for (name, task) in names.iter().zip(tasks) {
        match task.await {
            Ok(latency) => {
                latencies.insert(name.clone(), latency);
            }
            Err(error) => tracing::error!(node = name.as_str(), "the node's task ended early: {error}"),
        }
    }
    let dropped = names.into_iter().zip(&bus.mailboxes).map(|(n, m)| (n, m.dropped.load(Ordering::Relaxed))).collect();
    let bus = Arc::into_inner(bus).expect("every task has ended and given its share back");
    Ok((Report { latencies, dropped }, bus.tap.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

async fn wait_for_end<T: Tap>(bus: &Bus<T>, limit: Duration) {
    let end = bus.end.notified();
    if bus.ended.load(Ordering::Acquire) {
        return;
    }
    tokio::select! {
        () = end => {}
        () = tokio::time::sleep(limit) => {}
        _ = tokio::signal::ctrl_c() => tracing::info!("Ctrl-C: ending the run"),
    }
}

/// One node's task.
struct Runner<T> {
    bus: Arc<Bus<T>>,
    index: usize,
    member: Member,
    status: Status,
    latency: Latency,
    outputs: Outputs,
}

impl<T: Tap + 'static> Runner<T> {
    fn new(bus: Arc<Bus<T>>, index: usize, member: Member) -> Self {
        Self { bus, index, member, status: Status::ok(), latency: Latency::default(), outputs: Outputs::default() }
    }

    async fn run(mut self) -> Latency {
        let bus = Arc::clone(&self.bus);
        let start = tokio::time::Instant::now();
        let mut due: Vec<tokio::time::Instant> =
            self.member.ports.timers().iter().map(|timer| start + timer.period).collect();
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !bus.ended.load(Ordering::Acquire) {
            let next = due.iter().copied().enumerate().min_by_key(|(_, at)| *at);
            if let Some((timer, at)) = next
                && at <= tokio::time::Instant::now()
            {
                let period = self.member.ports.timers()[timer].period;
                due[timer] = (at + period).max(tokio::time::Instant::now() - period);
                self.handle(EventKind::Timer(timer));
                tokio::task::yield_now().await;
                continue;
            }
            if let Some((input, message)) = bus.mailboxes[self.index].take() {
                self.handle(EventKind::Message(input, message));
                tokio::task::yield_now().await;
                continue;
            }
            let sleep_until = next.map_or_else(|| start + Duration::from_secs(86_400 * 365), |(_, at)| at);
            tokio::select! {
                () = bus.mailboxes[self.index].arrived.notified() => {}
                () = tokio::time::sleep_until(sleep_until) => {}
                _ = heartbeat.tick() => self.tell_status(),
                () = bus.end.notified() => {}
            }
        }
        self.latency
    }

    fn handle(&mut self, kind: EventKind) {
        let event = Event { now: self.bus.now(), kind };
        let started = Instant::now();
        tokio::task::block_in_place(|| self.member.node.on_event(&event, &mut self.outputs));
        let took = started.elapsed();
        let published = self.outputs.take_published();
        if !published.is_empty() {
            self.latency.record(took);
        }
        for out in published {
            self.bus.publish(self.member.outputs[out.output], out.message);
        }
        if let Some(status) = self.outputs.take_status() {
            let news = diagnostics::is_news(&self.status, &status);
            self.status = status;
            if news {
                diagnostics::log(&self.member.name, event.now, &self.status);
                self.tell_status();
            }
        }
    }

    fn tell_status(&self) {
        let message = diagnostics::message(self.bus.now(), &self.member.name, &self.status);
        self.bus.publish(self.bus.diagnostics, Arc::new(message));
    }
}

/// A tap that lets everything pass.
impl Tap for () {
    fn on_message(&mut self, _: Time, _: &Topic, _: &Shared) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
