use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use msgs::diagnostic_msgs::msg::DiagnosticArray;
use node::{Durability, MessageType, Qos, Shared, Time};

use super::Facts;
use super::quality::Watched;
use crate::backend::{Backend, BackendError, Publisher, Subscription};
use crate::bus::Outward;
use crate::graph::Graph;
use crate::mailbox::lock;
use crate::ros::dds_qos;

/// The way of one output onto the wire.
struct Outlet {
    topic: String,
    publisher: Arc<dyn Publisher>,
    /// Encoded once for all readers, in the same memory again and again.
    buffer: Mutex<Vec<u8>>,
    /// Late joiners want what was written before them.
    kept: bool,
    stamped: bool,
    published: AtomicU64,
}

struct Member {
    name: String,
    outlets: Vec<Outlet>,
    diagnostics: Outlet,
    /// Age of the newest output's measurement when it went out, ns.
    age: Mutex<Option<f64>>,
    failed: AtomicU64,
    inputs: Vec<Watched>,
}

/// All writers of a process.
pub(super) struct Wire {
    members: Vec<Member>,
    facts: Facts,
}

fn outlet(
    backend: &dyn Backend,
    node: &str,
    topic: &str,
    message: MessageType,
    qos: Qos,
) -> Result<Outlet, BackendError> {
    let publisher = backend.publisher(node, topic, message, &dds_qos(qos, message.hash))?;
    let kept = qos.durability == Durability::TransientLocal;
    let (topic, stamped, published) = (topic.into(), message.is_stamped(), AtomicU64::new(0));
    Ok(Outlet { topic, publisher, buffer: Mutex::default(), kept, stamped, published })
}

impl Wire {
    /// Makes a writer for every output.
    pub fn new(graph: &Graph, backend: &dyn Backend, facts: Facts) -> Result<Self, BackendError> {
        let member = |member: &crate::Member| {
            let outlets =
                member.ports.outputs().iter().zip(&member.outputs).map(|(port, &topic)| {
                    outlet(backend, &member.name, &graph.topics[topic].name, port.message, port.qos)
                });
            let outlets = outlets.collect::<Result<_, _>>()?;
            let message = MessageType::of::<DiagnosticArray>();
            let diagnostics = outlet(backend, &member.name, &member.diagnostics, message, Qos::reliable(10))?;
            let (age, failed, inputs) = (Mutex::new(None), AtomicU64::new(0), Vec::new());
            Ok(Member { name: member.name.clone(), outlets, diagnostics, age, failed, inputs })
        };
        Ok(Self { members: graph.members.iter().map(member).collect::<Result<_, BackendError>>()?, facts })
    }

    /// Has an input's end on the wire watched.
    pub fn watch_input(&mut self, member: usize, topic: &str, end: Arc<dyn Subscription>) {
        self.members[member].inputs.push(Watched::new(topic, end));
    }
}

impl Outward for Wire {
    fn send(&self, now: Time, member: usize, output: Option<usize>, message: &Shared) {
        let member = &self.members[member];
        let outlet = output.map_or(&member.diagnostics, |output| &member.outlets[output]);
        outlet.published.fetch_add(1, Ordering::Relaxed);
        if !outlet.publisher.is_read() && !outlet.kept {
            return;
        }
        let mut buffer = lock(&outlet.buffer);
        buffer.clear();
        let sent =
            message.encode(&mut buffer).map_err(|error| format!("{}: {error}", message.type_name())).and_then(|()| {
                // The middleware may wait for a reader that does not keep up: this is the node's own thread.
                outlet.publisher.publish(&buffer).map_err(|error| error.to_string())
            });
        if let Err(error) = sent {
            let failed = member.failed.fetch_add(1, Ordering::Relaxed) + 1;
            if failed.is_power_of_two() {
                tracing::warn!(node = member.name.as_str(), "{error} ({failed} messages not sent so far)");
            }
        }
        if outlet.stamped
            && output.is_some()
            && let Some(stamp) = stamp(&buffer)
        {
            *lock(&member.age) = Some(now.since(stamp));
        }
    }

    fn is_heard(&self, member: usize, output: usize) -> bool {
        let outlet = &self.members[member].outlets[output];
        outlet.kept || outlet.publisher.is_read()
    }

    fn facts(&self, member: usize) -> Vec<(String, String)> {
        let member = &self.members[member];
        let age = lock(&member.age).map(|age| ("age_of_data_ms".to_owned(), format!("{:.1}", age * 1e3)));
        let failed = ("unsent_messages".to_owned(), member.failed.load(Ordering::Relaxed).to_string());
        let published = member.outlets.iter().chain([&member.diagnostics]).map(|outlet| {
            (format!("published_messages.{}", outlet.topic), outlet.published.load(Ordering::Relaxed).to_string())
        });
        let of_inputs = member.inputs.iter().flat_map(Watched::facts);
        (self.facts)(&member.name).into_iter().chain(age).chain([failed]).chain(published).chain(of_inputs).collect()
    }

    fn complaints(&self, member: usize) -> Vec<String> {
        self.members[member].inputs.iter().flat_map(Watched::complaints).collect()
    }
}

/// The time stamp in front of an encoded message, as this process encodes.
fn stamp(cdr: &[u8]) -> Option<Time> {
    let seconds = i32::from_le_bytes(cdr.get(4..8)?.try_into().ok()?);
    let nanoseconds = u32::from_le_bytes(cdr.get(8..12)?.try_into().ok()?);
    Some(Time(i64::from(seconds) * 1_000_000_000 + i64::from(nanoseconds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgs::Message;
    use msgs::sensor_msgs::msg::Imu;

    #[test]
    fn stamps_are_read_off_encoded_messages() {
        let mut imu = Imu::default();
        imu.header.stamp = Time(12_345_678_901).to_message();
        assert_eq!(stamp(&msgs::to_cdr(&imu).unwrap()), Some(Time(12_345_678_901)));
        assert!(MessageType::of::<Imu>().is_stamped());
        assert!(!MessageType::of::<msgs::std_msgs::msg::String>().is_stamped());
        assert_eq!(DiagnosticArray::TYPE_NAME, MessageType::of::<DiagnosticArray>().name);
    }
}
