use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use node::{Event, EventKind, Shared, Status, Time};

use self::seat::{Seat, Work};
use crate::diagnostics::{self, HEARTBEAT};
use crate::graph::{Graph, GraphError, Member, Tap};
use crate::latency::Latency;
use crate::runner::Absent;
use crate::trace::{Provenance, Trace};

mod seat;

/// A node whose messages come out later than this after their cause works on a thread of its own meanwhile: for shorter
/// ones the way to another thread costs more than it gives.
const WORTH_A_THREAD: Duration = Duration::from_millis(5);

/// Place among things that fall due at one time: in the order in which they were caused.
type Sequence = (u64, usize);

/// Something that falls due.
enum Due {
    /// A message reaches its topic.
    Message { topic: usize, message: Shared, provenance: Option<Provenance> },
    /// A node's timer.
    Timer { member: usize, timer: usize },
    /// Time for a node to say that it lives.
    Heartbeat { member: usize },
}

/// Due things in order of time; equal times in the order in which they were scheduled.
struct Scheduled {
    time: Time,
    sequence: Sequence,
    due: Due,
}

/// An event that a node works on; what comes of it falls due at `time`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Begun {
    time: Time,
    sequence: u64,
    member: usize,
    /// Topic and provenance of the message, if it was one.
    from: Option<(usize, Provenance)>,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.time, self.sequence) == (other.time, other.sequence)
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time, self.sequence).cmp(&(other.time, other.sequence))
    }
}

/// Runs a graph in simulated time and one deterministic order: same graph, same messages, bit for bit.
///
/// What a node makes of an event, messages and status, comes out after the member's `simulated_latency`. Until then the
/// node may work beside others, on a thread of its own, where there are processor cores for it; that changes nothing in
/// what comes out.
pub struct Lockstep {
    members: Vec<Member>,
    seats: Vec<Seat>,
    begun: BinaryHeap<Reverse<Begun>>,
    topics: Vec<crate::Topic>,
    statuses: Vec<Status>,
    latencies: Vec<Latency>,
    /// Topic of each member's status.
    diagnostics: Vec<usize>,
    queue: BinaryHeap<Reverse<Scheduled>>,
    sequence: u64,
    now: Time,
    trace: Trace,
}

impl Lockstep {
    /// Takes the graph at simulated time zero.
    ///
    /// # Errors
    /// [`GraphError`] where a node uses the topic of a node's status with another type.
    pub fn new(graph: Graph) -> Result<Self, GraphError> {
        Self::starting_at(graph, Time(0))
    }

    /// [`Lockstep::new`] with all nodes on the caller's thread, one event after the other.
    ///
    /// # Errors
    /// As [`Lockstep::new`].
    pub fn on_one_thread(graph: Graph) -> Result<Self, GraphError> {
        Self::seated(graph, Time(0), false)
    }

    /// Takes the graph at another time; timers fall due at multiples of their period behind it.
    pub(crate) fn starting_at(graph: Graph, start: Time) -> Result<Self, GraphError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::seated(graph, start, cores > 1)
    }

    fn seated(mut graph: Graph, start: Time, threads: bool) -> Result<Self, GraphError> {
        let diagnostics = graph.diagnostics_topics()?;
        let count = graph.members.len();
        let topics = &graph.topics;
        let seats = graph.members.iter_mut().map(|member| {
            let debug = member.debug_outputs().filter(|(_, topic)| !topics[*topic].readers.is_empty());
            let heard: Vec<usize> = debug.map(|(output, _)| output).collect();
            let work = Work::new(std::mem::replace(&mut member.node, Box::new(Absent)), heard);
            if threads && member.simulated_latency >= WORTH_A_THREAD {
                Seat::on_thread(&member.name, work)
            } else {
                Seat::here(work)
            }
        });
        let seats = seats.collect();
        let mut driver = Self {
            members: graph.members,
            seats,
            begun: BinaryHeap::new(),
            topics: graph.topics,
            statuses: vec![Status::ok(); count],
            latencies: vec![Latency::default(); count],
            diagnostics,
            queue: BinaryHeap::new(),
            sequence: 0,
            now: start,
            trace: Trace::default(),
        };
        for member in 0..count {
            for timer in 0..driver.members[member].ports.timers().len() {
                let period = driver.members[member].ports.timers()[timer].period;
                driver.schedule(first_due(start, period), Due::Timer { member, timer });
            }
            driver.schedule(first_due(start, HEARTBEAT), Due::Heartbeat { member });
        }
        Ok(driver)
    }

    /// Hands a message of nobody in the graph to those who read it, at a time that the run has reached.
    pub(crate) fn feed(&mut self, time: Time, topic: usize, message: &Shared) {
        self.now = self.now.max(time);
        for reader in 0..self.topics[topic].readers.len() {
            let (member, input) = self.topics[topic].readers[reader];
            self.begin(member, EventKind::Message(input, Arc::clone(message)), None);
        }
    }

    /// The graph's topics.
    pub(crate) fn topics(&self) -> &[crate::Topic] {
        &self.topics
    }

    /// Simulated time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Wall time that each node took for events that made it publish.
    pub fn latencies(&self) -> BTreeMap<String, Latency> {
        self.members.iter().zip(&self.latencies).map(|(m, l)| (m.name.clone(), l.clone())).collect()
    }

    /// Measures from now on the wall time that nodes take for one message of `path[0]` on its way along the topics of
    /// `path` to the first message of the last topic that rests on it. A topic that the graph lacks ends the path.
    pub fn trace(&mut self, path: &[&str]) {
        self.trace = Trace::new(&self.members, &self.topics, path);
    }

    /// What [`Lockstep::trace`] measured.
    pub fn traced(&self) -> &Latency {
        &self.trace.latency
    }

    /// The statuses that the nodes reported last.
    pub fn statuses(&self) -> impl Iterator<Item = (&str, &Status)> {
        self.members.iter().map(|m| m.name.as_str()).zip(&self.statuses)
    }

    /// Runs until `end` (inclusive) or until the tap breaks; says which.
    pub fn run(&mut self, end: Time, tap: &mut dyn Tap) -> ControlFlow<()> {
        loop {
            let next = self.queue.peek().map(|Reverse(next)| (next.time, next.sequence));
            let begun = self.begun.peek().map(|Reverse(begun)| (begun.time, (begun.sequence, 0)));
            let Some((time, _)) = next.into_iter().chain(begun).min().filter(|(time, _)| *time <= end) else { break };
            self.now = time;
            if begun.is_some() && next.is_none_or(|next| begun < Some(next)) {
                self.finish();
                continue;
            }
            let Some(Reverse(next)) = self.queue.pop() else { break };
            match next.due {
                Due::Message { topic, message, provenance } => {
                    self.trace.arrive(topic, provenance);
                    self.deliver(topic, &message, provenance, tap)?;
                }
                Due::Timer { member, timer } => {
                    let period = self.members[member].ports.timers()[timer].period;
                    self.schedule(self.now + period, Due::Timer { member, timer });
                    self.begin(member, EventKind::Timer(timer), None);
                }
                Due::Heartbeat { member } => {
                    self.schedule(self.now + HEARTBEAT, Due::Heartbeat { member });
                    self.tell_status(member);
                }
            }
        }
        self.now = self.now.max(end);
        ControlFlow::Continue(())
    }

    fn schedule(&mut self, time: Time, due: Due) {
        self.sequence += 1;
        self.queue.push(Reverse(Scheduled { time, sequence: (self.sequence, 0), due }));
    }

    fn deliver(
        &mut self,
        topic: usize,
        message: &Shared,
        provenance: Option<Provenance>,
        tap: &mut dyn Tap,
    ) -> ControlFlow<()> {
        let flow = tap.on_message(self.now, &self.topics[topic], message);
        for reader in 0..self.topics[topic].readers.len() {
            let (member, input) = self.topics[topic].readers[reader];
            let known = provenance.map(|provenance| (topic, provenance));
            self.begin(member, EventKind::Message(input, Arc::clone(message)), known);
        }
        flow
    }

    fn begin(&mut self, member: usize, kind: EventKind, from: Option<(usize, Provenance)>) {
        self.sequence += 1;
        self.seats[member].begin(Event { now: self.now, kind });
        let time = self.now + self.members[member].simulated_latency;
        self.begun.push(Reverse(Begun { time, sequence: self.sequence, member, from }));
    }

    /// Takes what came of the event whose results are the first to fall due, which they do now.
    fn finish(&mut self) {
        let Some(Reverse(Begun { sequence, member, from, .. })) = self.begun.pop() else { return };
        let handled = self.seats[member].finish();
        self.trace.handled(member, from, handled.took);
        if !handled.published.is_empty() {
            self.latencies[member].record(handled.took);
        }
        for (index, out) in handled.published.into_iter().enumerate() {
            let topic = self.members[member].outputs[out.output];
            let provenance = self.trace.of_output(member, topic, from.is_none(), handled.took);
            let due = Due::Message { topic, message: out.message, provenance };
            self.queue.push(Reverse(Scheduled { time: self.now, sequence: (sequence, index + 1), due }));
        }
        if let Some(status) = handled.status {
            let news = diagnostics::is_news(&self.statuses[member], &status);
            self.statuses[member] = status;
            if news {
                diagnostics::log(&self.members[member].name, self.now, &self.statuses[member]);
                self.tell_status(member);
            }
        }
    }

    fn tell_status(&mut self, member: usize) {
        let message = diagnostics::message(self.now, &self.members[member].name, &self.statuses[member]);
        let due = self.now + Duration::ZERO;
        self.schedule(
            due,
            Due::Message { topic: self.diagnostics[member], message: Arc::new(message), provenance: None },
        );
    }
}

/// The first multiple of a period behind `start`.
fn first_due(start: Time, period: Duration) -> Time {
    let period = i64::try_from(period.as_nanos()).unwrap_or(i64::MAX).max(1);
    Time(start.0.div_euclid(period).saturating_add(1).saturating_mul(period))
}
