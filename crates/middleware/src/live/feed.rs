//! From the wire into mailboxes.

use std::collections::VecDeque;
use std::sync::Arc;

use node::MessageType;

use crate::backend::{Backend, BackendError, Subscription};
use crate::bus::Bus;
use crate::graph::{Graph, Tap};
use crate::ros::dds_qos;

/// Least samples the middleware holds for a reader: what gives way to newer ones is then counted here, not lost unseen.
const LEAST_HELD: usize = 8;

/// The way of one input off the wire.
pub(super) struct Inlet {
    subscription: Arc<dyn Subscription>,
    member: usize,
    input: usize,
    topic: usize,
    depth: usize,
    message: MessageType,
    /// Of several inputs of one topic, one shows its messages to the tap.
    shows: bool,
}

/// Makes a subscription for every input.
pub(super) fn inlets(graph: &Graph, backend: &dyn Backend) -> Result<Vec<Inlet>, BackendError> {
    let mut inlets = Vec::new();
    for (index, member) in graph.members.iter().enumerate() {
        for (input, (port, &topic)) in member.ports.inputs().iter().zip(&member.inputs).enumerate() {
            let qos = dds_qos(port.qos.with_depth(port.qos.depth.max(LEAST_HELD)), port.message.hash);
            let name = &graph.topics[topic].name;
            let subscription = backend.subscription(&member.name, name, port.message, &qos)?;
            inlets.push(Inlet {
                subscription,
                member: index,
                input,
                topic,
                depth: port.qos.depth.max(1),
                message: port.message,
                shows: graph.topics[topic].readers.first() == Some(&(index, input)),
            });
        }
    }
    Ok(inlets)
}

impl Inlet {
    /// Whose input it is, of which topic, and its end on the wire.
    pub fn end(&self) -> (usize, usize, Arc<dyn Subscription>) {
        (self.member, self.topic, Arc::clone(&self.subscription))
    }

    /// Hands on what comes, the newest only where more wait than the input's depth.
    pub async fn run<T: Tap + 'static>(self, bus: Arc<Bus<T>>) {
        let mailbox = &bus.mailboxes[self.member];
        let mut unreadable = 0_u64;
        loop {
            let mut newest = VecDeque::with_capacity(self.depth.min(64));
            loop {
                match self.subscription.take() {
                    Ok(Some(sample)) => {
                        if newest.len() == self.depth {
                            newest.pop_front();
                            mailbox.count_dropped(1);
                        }
                        newest.push_back(sample);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tracing::error!("{error}");
                        return;
                    }
                }
            }
            mailbox.count_dropped(self.subscription.given_way());
            let came = !newest.is_empty();
            for sample in newest {
                match (self.message.decode)(&sample) {
                    Ok(message) => {
                        if self.shows {
                            bus.show(self.topic, &message);
                        }
                        mailbox.put(self.input, message);
                    }
                    Err(error) => {
                        mailbox.count_dropped(1);
                        unreadable += 1;
                        if unreadable.is_power_of_two() {
                            let topic = &bus.topics[self.topic].name;
                            tracing::warn!("{topic}: not a {}: {error} ({unreadable} so far)", self.message.name);
                        }
                    }
                }
            }
            if came {
                tokio::task::yield_now().await;
            } else {
                self.subscription.arrived().notified().await;
            }
        }
    }
}
