use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use node::Shared;
use tokio::sync::Notify;

use crate::graph::Member;

/// Messages on their way to one node: for each input at most as many as its depth; the newest wins.
pub(crate) struct Mailbox {
    queues: Mutex<Queues>,
    pub arrived: Notify,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queues {
    by_input: Vec<(usize, VecDeque<(u64, Shared)>)>,
    arrivals: u64,
}

/// What a panic elsewhere left behind is still whole: every change under these locks is one step.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mailbox {
    pub fn new(member: &Member) -> Self {
        let by_input = member.ports.inputs().iter().map(|p| (p.qos.depth.max(1), VecDeque::new())).collect();
        Self {
            queues: Mutex::new(Queues { by_input, arrivals: 0 }),
            arrived: Notify::new(),
            dropped: AtomicU64::new(0),
        }
    }

    pub fn put(&self, input: usize, message: Shared) {
        let mut queues = lock(&self.queues);
        queues.arrivals += 1;
        let arrival = queues.arrivals;
        let (depth, queue) = &mut queues.by_input[input];
        if queue.len() >= *depth {
            queue.pop_front();
            self.count_dropped(1);
        }
        queue.push_back((arrival, message));
        drop(queues);
        self.arrived.notify_one();
    }

    /// The message that has waited longest.
    pub fn take(&self) -> Option<(usize, Shared)> {
        let mut queues = lock(&self.queues);
        let (input, _) = queues
            .by_input
            .iter()
            .enumerate()
            .filter_map(|(input, (_, queue))| queue.front().map(|(arrival, _)| (input, *arrival)))
            .min_by_key(|(_, arrival)| *arrival)?;
        queues.by_input[input].1.pop_front().map(|(_, message)| (input, message))
    }

    /// Forgets what waits: for a node that takes nothing now.
    pub fn clear(&self) {
        lock(&self.queues).by_input.iter_mut().for_each(|(_, queue)| queue.clear());
    }

    /// Counts messages that gave way before they came here.
    pub fn count_dropped(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
