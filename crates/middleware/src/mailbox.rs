use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use node::{Durability, Shared};
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
    by_input: Vec<Queue>,
    arrivals: u64,
}

struct Queue {
    depth: usize,
    waiting: VecDeque<(u64, Shared)>,
    /// The newest of an input that late joiners get as well, for a node that is made anew.
    kept: Option<VecDeque<(u64, Shared)>>,
}

/// What a panic elsewhere left behind is still whole: every change under these locks is one step.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mailbox {
    pub fn new(member: &Member) -> Self {
        let queue = |port: &node::InputPort| Queue {
            depth: port.qos.depth.max(1),
            waiting: VecDeque::new(),
            kept: (port.qos.durability == Durability::TransientLocal).then(VecDeque::new),
        };
        let by_input = member.ports.inputs().iter().map(queue).collect();
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
        let Queue { depth, waiting, kept } = &mut queues.by_input[input];
        if let Some(kept) = kept {
            if kept.len() >= *depth {
                kept.pop_front();
            }
            kept.push_back((arrival, Shared::clone(&message)));
        }
        if waiting.len() >= *depth {
            waiting.pop_front();
            self.count_dropped(1);
        }
        waiting.push_back((arrival, message));
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
            .filter_map(|(input, queue)| queue.waiting.front().map(|(arrival, _)| (input, *arrival)))
            .min_by_key(|(_, arrival)| *arrival)?;
        queues.by_input[input].waiting.pop_front().map(|(_, message)| (input, message))
    }

    /// Forgets what waits, for a node that takes nothing now; what late joiners get as well waits on.
    pub fn clear(&self) {
        lock(&self.queues).by_input.iter_mut().filter(|q| q.kept.is_none()).for_each(|q| q.waiting.clear());
    }

    /// For a node made anew: only what late joiners get waits for it.
    pub fn renew(&self) {
        lock(&self.queues).by_input.iter_mut().for_each(|q| q.waiting = q.kept.clone().unwrap_or_default());
    }

    /// Counts messages that gave way before they came here.
    pub fn count_dropped(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgs::std_msgs::msg::String as Text;
    use node::Qos;
    use std::sync::Arc;

    #[test]
    fn a_node_made_anew_gets_what_late_joiners_get() {
        let mut ports = node::Ports::default();
        ports.input::<Text>("fleeting", Qos::reliable(2));
        ports.input::<Text>("kept", Qos::transient_local().with_depth(2));
        let mut graph = crate::Graph::default();
        graph.add("n", Box::new(crate::runner::Absent), ports, &Default::default(), std::time::Duration::ZERO).unwrap();
        let mailbox = Mailbox::new(&graph.members[0]);
        let put = |input, text: &str| mailbox.put(input, Arc::new(Text { data: text.into() }));
        let taken = || {
            std::iter::from_fn(|| mailbox.take())
                .map(|(_, message)| message.as_any().downcast_ref::<Text>().unwrap().data.clone())
                .collect::<Vec<_>>()
        };
        ["a", "b", "c"].iter().for_each(|text| put(1, text));
        put(0, "x");
        assert_eq!((taken(), mailbox.dropped()), (vec!["b".into(), "c".into(), "x".into()], 1));
        put(0, "y");
        mailbox.renew();
        assert_eq!(taken(), ["b", "c"]);
        // While the node is not active.
        put(0, "z");
        put(1, "d");
        mailbox.clear();
        assert_eq!(taken(), ["d"]);
    }
}
