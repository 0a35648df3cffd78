//! Where a node handles its events in lockstep: on the driver's thread, or on one of its own.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use node::{Event, Node, Outputs, Published, Status};

/// Events that a thread has before it at most.
const MOST_WAITING: usize = 64;

/// What came of one event.
pub(super) struct Handled {
    pub published: Vec<Published>,
    pub status: Option<Status>,
    /// Wall time that the node took.
    pub took: Duration,
}

/// A node at work: takes events in order and gives what came of each in the same order.
pub(super) enum Seat {
    /// Handles an event at once.
    Here { work: Work, done: VecDeque<Handled> },
    /// Handles events while the driver goes on.
    Thread(Thread),
}

/// A node's thread.
pub(super) struct Thread {
    events: Option<SyncSender<Event>>,
    results: Receiver<Handled>,
    /// Events sent whose results are not taken from the channel.
    waiting: usize,
    /// Results taken from the channel to make room, oldest first.
    done: VecDeque<Handled>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    fn begin(&mut self, event: Event) {
        if self.waiting == MOST_WAITING {
            let result = self.receive();
            self.done.push_back(result);
        }
        // A thread that is gone is found, with its panic, where its result is taken.
        let _ = self.events.as_ref().map(|events| events.send(event));
        self.waiting += 1;
    }

    fn receive(&mut self) -> Handled {
        self.waiting -= 1;
        self.results.recv().unwrap_or_else(|_| match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            _ => panic!("a node's thread ended before its work was done"),
        })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.events.take();
        // It may be about to send what nobody takes any more.
        while self.results.recv().is_ok() {}
        // A panic that nobody waited for ends with its thread.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A node and what it writes into.
pub(super) struct Work {
    node: Box<dyn Node>,
    outputs: Outputs,
}

impl Work {
    /// `heard`: the debug outputs that somebody reads.
    pub fn new(node: Box<dyn Node>, heard: impl IntoIterator<Item = usize>) -> Self {
        let mut outputs = Outputs::default();
        outputs.set_heard(heard);
        Self { node, outputs }
    }

    fn handle(&mut self, event: &Event) -> Handled {
        let started = Instant::now();
        self.node.on_event(event, &mut self.outputs);
        let took = started.elapsed();
        Handled { published: self.outputs.take_published(), status: self.outputs.take_status(), took }
    }
}

impl Seat {
    /// On the driver's thread.
    pub fn here(work: Work) -> Self {
        Self::Here { work, done: VecDeque::new() }
    }

    /// On a thread of its own, or on the driver's where the system gives no more threads.
    pub fn on_thread(name: &str, work: Work) -> Self {
        let (events, orders) = sync_channel::<Event>(MOST_WAITING);
        let (done, results) = sync_channel(MOST_WAITING);
        // The work follows once the thread is there: a thread that is not must not take it along.
        let (seat, seats) = sync_channel::<Work>(1);
        let run = move || {
            let Ok(mut work) = seats.recv() else { return };
            while let Ok(event) = orders.recv() {
                if done.send(work.handle(&event)).is_err() {
                    return;
                }
            }
        };
        let refused = match std::thread::Builder::new().name(name.into()).spawn(run) {
            Ok(thread) => match seat.send(work) {
                Ok(()) => {
                    let (waiting, done) = (0, VecDeque::new());
                    return Self::Thread(Thread { events: Some(events), results, waiting, done, thread: Some(thread) });
                }
                Err(refused) => refused.0,
            },
            Err(error) => {
                tracing::warn!("{name} gets no thread of its own ({error}): it shares the driver's");
                work
            }
        };
        Self::here(refused)
    }

    /// Begins with an event.
    pub fn begin(&mut self, event: Event) {
        match self {
            Self::Here { work, done } => done.push_back(work.handle(&event)),
            Self::Thread(thread) => thread.begin(event),
        }
    }

    /// What came of the oldest event that this was not asked of yet; waits until it is done.
    ///
    /// # Panics
    /// With the node's own panic, if it had one; and where no event was begun.
    pub fn finish(&mut self) -> Handled {
        match self {
            Self::Here { done, .. } => done.pop_front().expect("finish follows begin"),
            Self::Thread(thread) => match thread.done.pop_front() {
                Some(result) => result,
                None => thread.receive(),
            },
        }
    }
}
