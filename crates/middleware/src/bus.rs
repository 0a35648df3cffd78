//! What the tasks of one process share: topics, mailboxes, time, and the way out to a wire.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use msgs::rosgraph_msgs::msg::Clock;
use node::{ClockTrack, Shared, Tick, Time};
use tokio::sync::Notify;

use crate::CLOCK_TOPIC;
use crate::graph::{Graph, GraphError, Tap, Topic};
use crate::mailbox::{Mailbox, lock};

/// Where the time of nodes comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeSource {
    /// Wall time since the start.
    SinceStart,
    /// The system's clock: wall time since 1970.
    System,
    /// `/clock`, published by a node of this process; timers keep to the wall clock, for they drive it.
    Published,
    /// `/clock` from outside (`use_sim_time`); timers follow it.
    Received,
}

/// Sends what nodes publish out of the process.
pub(crate) trait Outward: Send + Sync {
    /// A message of a node; `output`: `None` for its diagnostics.
    fn send(&self, now: Time, member: usize, output: Option<usize>, message: &Shared);
    /// Whether somebody outside hears this output.
    fn is_heard(&self, member: usize, output: usize) -> bool;
    /// What is known of the node beyond its own status.
    fn facts(&self, member: usize) -> Vec<(String, String)>;
    /// What is wrong with the node's ends: deadlines missed since last asked, publishers gone silent, ends that do not
    /// meet.
    fn complaints(&self, member: usize) -> Vec<String>;
}

pub(crate) struct Bus<T> {
    pub topics: Vec<Topic>,
    pub mailboxes: Vec<Mailbox>,
    /// Topic of each member's status.
    pub diagnostics: Vec<usize>,
    pub tap: Mutex<T>,
    pub source: TimeSource,
    pub wire: Option<Arc<dyn Outward>>,
    started: Instant,
    /// Newest simulated time, nanoseconds; negative until a clock message came.
    simulated: AtomicI64,
    /// Of what comes on `/clock`, one world's.
    clock: Mutex<ClockTrack>,
    /// Whether it was told that there is another one.
    told_of_two: AtomicBool,
    /// How often simulated time began anew.
    restarts: AtomicU64,
    /// Told when it does.
    pub restarted: Notify,
    ended: AtomicBool,
    pub end: Notify,
}

impl<T: Tap> Bus<T> {
    /// For the members of a graph; takes its topics.
    pub fn new(
        graph: &mut Graph,
        tap: T,
        source: TimeSource,
        wire: Option<Arc<dyn Outward>>,
    ) -> Result<Self, GraphError> {
        let diagnostics = graph.diagnostics_topics()?;
        Ok(Self {
            mailboxes: graph.members.iter().map(Mailbox::new).collect(),
            topics: std::mem::take(&mut graph.topics),
            diagnostics,
            tap: Mutex::new(tap),
            source,
            wire,
            started: Instant::now(),
            simulated: AtomicI64::new(-1),
            clock: Mutex::default(),
            told_of_two: AtomicBool::new(false),
            restarts: AtomicU64::new(0),
            restarted: Notify::new(),
            ended: AtomicBool::new(false),
            end: Notify::new(),
        })
    }

    pub fn now(&self) -> Time {
        match self.source {
            TimeSource::SinceStart => Time(0) + self.started.elapsed(),
            TimeSource::System => Time(0) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            TimeSource::Published | TimeSource::Received => Time(self.simulated.load(Ordering::Acquire).max(0)),
        }
    }

    /// The time that timers keep to; `None` until there is one.
    pub fn timer_now(&self) -> Option<Time> {
        if self.source == TimeSource::Received {
            let simulated = self.simulated.load(Ordering::Acquire);
            return (simulated >= 0).then_some(Time(simulated));
        }
        Some(Time(0) + self.started.elapsed())
    }

    /// When a timer that is due at `at` should be looked at again; `None` where only the clock topic can tell.
    pub fn wall_deadline(&self, at: Time) -> Option<tokio::time::Instant> {
        let after_start = std::time::Duration::from_nanos(u64::try_from(at.0).unwrap_or(0));
        (self.source != TimeSource::Received).then(|| tokio::time::Instant::from_std(self.started + after_start))
    }

    /// Takes the time of a clock message.
    pub fn set_time(&self, clock: &Clock) {
        let time = Time::from(&clock.clock);
        if self.source == TimeSource::Received {
            return self.follow(time);
        }
        let before = self.simulated.swap(time.0, Ordering::AcqRel);
        if time.0 < before {
            tracing::warn!("simulated time went back from {} to {time}", Time(before));
        }
    }

    /// Takes a clock message from outside.
    fn follow(&self, time: Time) {
        let wall = Time(0) + self.started.elapsed();
        let (tick, two) = {
            let mut clock = lock(&self.clock);
            (clock.take(time, wall), clock.has_two_worlds(wall))
        };
        let now = self.now();
        if two != self.told_of_two.swap(two, Ordering::AcqRel) {
            let what =
                if two { "has two senders: time is the one's that was there first" } else { "has one sender again" };
            tracing::warn!("{CLOCK_TOPIC} {what} (now {now}, and one of {time} came)");
        }
        if matches!(tick, Tick::Old | Tick::Foreign) {
            return;
        }
        self.simulated.store(time.0, Ordering::Release);
        if tick == Tick::Restart {
            tracing::warn!("simulated time went back from {now} to {time}");
            self.restarts.fetch_add(1, Ordering::AcqRel);
            self.restarted.notify_waiters();
        }
        self.mailboxes.iter().for_each(|mailbox| mailbox.arrived.notify_one());
    }

    /// How often simulated time began anew.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Acquire)
    }

    /// Publishes a node's message inside the process and out of it; `output`: `None` for its diagnostics.
    pub fn publish(&self, member: usize, output: Option<usize>, topic: usize, message: Shared) {
        if self.topics[topic].name == CLOCK_TOPIC
            && let Some(clock) = message.as_any().downcast_ref::<Clock>()
        {
            self.set_time(clock);
        }
        if let Some(wire) = &self.wire {
            wire.send(self.now(), member, output, &message);
        }
        if self.topics[topic].by_wire {
            return;
        }
        self.show(topic, &message);
        for &(reader, input) in &self.topics[topic].readers {
            self.mailboxes[reader].put(input, Arc::clone(&message));
        }
    }

    /// Whether somebody hears this output.
    pub fn is_heard(&self, member: usize, output: usize, topic: usize) -> bool {
        !self.topics[topic].readers.is_empty() || self.wire.as_ref().is_some_and(|wire| wire.is_heard(member, output))
    }

    /// Shows a message to the tap.
    pub fn show(&self, topic: usize, message: &Shared) {
        if lock(&self.tap).on_message(self.now(), &self.topics[topic], message).is_break() {
            self.stop();
        }
    }

    pub fn stop(&self) {
        self.ended.store(true, Ordering::Release);
        self.end.notify_waiters();
    }

    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Waits until the tap breaks, somebody stops the run, `limit` has passed, or SIGINT or SIGTERM come.
    pub async fn wait_for_end(&self, limit: std::time::Duration) {
        let end = self.end.notified();
        tokio::pin!(end);
        end.as_mut().enable();
        if self.has_ended() {
            return;
        }
        tokio::select! {
            () = end => {}
            () = tokio::time::sleep(limit) => {}
            () = signal() => {}
        }
    }
}

/// Waits for SIGINT or SIGTERM; for ever where the system lets nobody listen.
pub async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::warn!("signals cannot be heard: the run ends when it is killed");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => tracing::info!("SIGINT: ending the run"),
        _ = terminate.recv() => tracing::info!("SIGTERM: ending the run"),
    }
}
