//! One node's thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use node::{Event, EventKind, Node, Outputs, Status, Time};
use tokio::sync::{mpsc, oneshot};

use crate::CLOCK_TOPIC;
use crate::bus::{Bus, TimeSource};
use crate::diagnostics::{self, HEARTBEAT};
use crate::graph::{Member, Tap};
use crate::latency::Latency;

/// So much a node that makes the clock may lag and still catch up, so that time runs at the wall clock's rate on average.
const CATCH_UP: Duration = Duration::from_secs(1);

/// What a managed node is told; the sender hears when it is done.
pub(crate) enum Order {
    /// Takes messages and timers from now on, or does not.
    SetActive(bool),
    /// Puts another value, or none, in the node's place. Only while it is not active.
    Replace(Option<Box<dyn Node>>),
}

pub(crate) type Orders = mpsc::Receiver<(Order, oneshot::Sender<()>)>;

/// Messages published over the last second or so.
struct Rate {
    since: Instant,
    count: u32,
    hz: f64,
}

pub(crate) struct Runner<T> {
    bus: Arc<Bus<T>>,
    index: usize,
    member: Member,
    orders: Option<Orders>,
    active: bool,
    status: Status,
    latency: Latency,
    rate: Rate,
    told: Instant,
    outputs: Outputs,
}

impl<T: Tap + 'static> Runner<T> {
    pub fn new(bus: Arc<Bus<T>>, index: usize, member: Member, orders: Option<Orders>) -> Self {
        let now = Instant::now();
        Self {
            bus,
            index,
            member,
            orders,
            active: true,
            status: Status::ok(),
            latency: Latency::default(),
            rate: Rate { since: now, count: 0, hz: 0.0 },
            told: now,
            outputs: Outputs::default(),
        }
    }

    /// Runs until the bus ends; gives wall times of events that made the node publish.
    pub async fn run(mut self) -> Latency {
        let bus = Arc::clone(&self.bus);
        let mut due: Vec<Option<Time>> = vec![None; self.member.ports.timers().len()];
        while !bus.has_ended() {
            // First, and not when nothing else waits: a node that does not keep up obeys too.
            while let Some((order, done)) = self.orders.as_mut().and_then(|orders| orders.try_recv().ok()) {
                self.obey(order);
                // Who ordered may be gone.
                let _ = done.send(());
            }
            if self.told.elapsed() >= HEARTBEAT {
                self.tell_status();
            }
            if let Some(timer) = self.due_timer(&mut due) {
                self.handle(EventKind::Timer(timer));
                // A node slower than its timers still hears.
                if self.active
                    && let Some((input, message)) = bus.mailboxes[self.index].take()
                {
                    self.handle(EventKind::Message(input, message));
                }
                // What this woke on the same thread would wait as long as there is work.
                tokio::task::yield_now().await;
                continue;
            }
            if !self.active {
                bus.mailboxes[self.index].clear();
            } else if bus.timer_now().is_some()
                && let Some((input, message)) = bus.mailboxes[self.index].take()
            {
                self.handle(EventKind::Message(input, message));
                tokio::task::yield_now().await;
                continue;
            }
            let heartbeat = tokio::time::Instant::from_std(self.told + HEARTBEAT);
            let next = due.iter().flatten().min().and_then(|at| bus.wall_deadline(*at));
            tokio::select! {
                () = bus.mailboxes[self.index].arrived.notified() => {}
                () = tokio::time::sleep_until(next.map_or(heartbeat, |at| at.min(heartbeat))) => {}
                Some((order, done)) = next_order(&mut self.orders) => {
                    self.obey(order);
                    let _ = done.send(());
                }
                () = bus.end.notified() => {}
            }
        }
        self.latency
    }

    /// The timer that is due first, moved on to its next time.
    fn due_timer(&self, due: &mut [Option<Time>]) -> Option<usize> {
        let now = self.bus.timer_now()?;
        let timers = self.member.ports.timers();
        for (at, timer) in due.iter_mut().zip(timers) {
            // The first look, or a clock that was set back.
            if at.is_none_or(|at| at > now + 2 * timer.period) {
                *at = Some(now + timer.period);
            }
        }
        let (timer, at) =
            due.iter().copied().enumerate().filter_map(|(n, at)| Some((n, at?))).min_by_key(|(_, at)| *at)?;
        if at > now {
            return None;
        }
        let period = timers[timer].period;
        // Late by more than this: what was missed is not made up for.
        let most_late = if self.bus.source == TimeSource::Published { CATCH_UP } else { period };
        due[timer] = Some((at + period).max(Time(now.0.saturating_sub(nanoseconds(most_late)))));
        Some(timer)
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::SetActive(active) => {
                self.active = active;
                self.bus.mailboxes[self.index].clear();
            }
            Order::Replace(node) => {
                self.member.node = node.unwrap_or_else(|| Box::new(Absent));
                self.status = Status::ok();
                self.bus.mailboxes[self.index].renew();
            }
        }
        self.tell_status();
    }

    fn handle(&mut self, kind: EventKind) {
        if !self.active {
            return;
        }
        let event = Event { now: self.bus.now(), kind };
        let (bus, index) = (&self.bus, self.index);
        let debug = self.member.debug_outputs().filter(|(output, topic)| bus.is_heard(index, *output, *topic));
        self.outputs.set_heard(debug.map(|(output, _)| output));
        let started = Instant::now();
        self.member.node.on_event(&event, &mut self.outputs);
        let took = started.elapsed();
        let published = self.outputs.take_published();
        if !published.is_empty() {
            self.latency.record(took);
            self.rate.count += 1;
        }
        for out in published {
            self.bus.publish(self.index, Some(out.output), self.member.outputs[out.output], out.message);
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

    fn tell_status(&mut self) {
        self.told = Instant::now();
        let elapsed = self.rate.since.elapsed();
        if elapsed >= Duration::from_millis(950) {
            let hz = f64::from(self.rate.count) / elapsed.as_secs_f64();
            self.rate = Rate { since: Instant::now(), count: 0, hz };
        }
        let mut status = if !self.active {
            Status::error("not active: it takes no input and gives no output until it is activated")
        } else if self.bus.timer_now().is_none() {
            // How old a message is cannot be told before: one that was kept for late joiners would look new.
            Status::warn(format!("waiting for {CLOCK_TOPIC}"))
        } else {
            self.status.clone()
        };
        if let Some(wire) = &self.bus.wire {
            let latency = self.latency.summary();
            status = status
                .with("rate_hz", format!("{:.1}", self.rate.hz))
                .with("latency_p50_ms", format!("{:.2}", latency.p50))
                .with("latency_p99_ms", format!("{:.2}", latency.p99))
                .with("latency_max_ms", format!("{:.2}", latency.max))
                .with("dropped_inputs", self.bus.mailboxes[self.index].dropped());
            status.values.extend(wire.facts(self.index));
            let complaints = wire.complaints(self.index);
            if !complaints.is_empty() {
                status.level = status.level.max(node::Level::Warn);
                let own = std::mem::take(&mut status.message);
                status.message = [own].into_iter().chain(complaints).collect::<Vec<_>>().join("; ");
            }
        }
        let message = diagnostics::message(self.bus.now(), &self.member.name, &status);
        self.bus.publish(self.index, None, self.bus.diagnostics[self.index], Arc::new(message));
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// The next order; for ever where none can come.
async fn next_order(orders: &mut Option<Orders>) -> Option<(Order, oneshot::Sender<()>)> {
    match orders {
        Some(orders) => match orders.recv().await {
            None => std::future::pending().await,
            order => order,
        },
        None => std::future::pending().await,
    }
}

/// In the place of a node that is not configured.
pub(crate) struct Absent;

impl Node for Absent {
    fn on_event(&mut self, _: &Event, _: &mut Outputs) {}
}
