use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use dds::{DdsError, Discovery, Endpoint, Kind, Qos, Reader, Settings, Writer};
use node::MessageType;
use tokio::sync::Notify;

use super::{Backend, BackendError, Publisher, Quality, Request, Requests, Sample, ServiceType, Subscription};
use crate::mailbox::lock;
use crate::ros::{self, Endpoints, RosParticipant, Server, names};

/// The DDS that is built in: no ROS 2 needed.
pub struct Embedded {
    participant: RosParticipant,
    discovery: Discovery,
    ends: Mutex<Ends>,
}

#[derive(Default)]
struct Ends {
    by_node: BTreeMap<String, Endpoints>,
    writers: Vec<Weak<Writer>>,
    readers: Vec<Weak<Reader>>,
}

impl Embedded {
    /// Joins the domain.
    ///
    /// # Errors
    /// [`DdsError`] where it cannot be joined.
    pub fn new(settings: &Settings) -> Result<Self, DdsError> {
        let participant = RosParticipant::new(settings)?;
        Ok(Self { discovery: participant.dds().discovery()?, participant, ends: Mutex::default() })
    }
}

impl Backend for Embedded {
    fn publisher(
        &self,
        node: &str,
        topic: &str,
        message: MessageType,
        qos: &Qos,
    ) -> Result<Arc<dyn Publisher>, BackendError> {
        let (topic, type_name) = (names::topic(topic), names::type_name(message.name));
        let writer = Arc::new(self.participant.dds().writer(&topic, &type_name, qos)?);
        let mut ends = lock(&self.ends);
        ends.by_node.entry(node.into()).or_default().writers.push(writer.guid());
        ends.writers.push(Arc::downgrade(&writer));
        Ok(writer)
    }

    fn subscription(
        &self,
        node: &str,
        topic: &str,
        message: MessageType,
        qos: &Qos,
    ) -> Result<Arc<dyn Subscription>, BackendError> {
        let (topic, type_name) = (names::topic(topic), names::type_name(message.name));
        // Own messages come by Arc.
        let qos = Qos { ignore_own: true, ..qos.clone() };
        let reader = Arc::new(self.participant.dds().reader(&topic, &type_name, &qos, Arc::default())?);
        let mut ends = lock(&self.ends);
        ends.by_node.entry(node.into()).or_default().readers.push(reader.guid());
        ends.readers.push(Arc::downgrade(&reader));
        Ok(reader)
    }

    fn service(
        &self,
        node: &str,
        service: &str,
        kind: ServiceType,
        asked: &Arc<Notify>,
    ) -> Result<Requests, BackendError> {
        let server = Server::new(self.participant.dds(), service, kind.request, kind.response, Arc::clone(asked))?;
        let server = Arc::new(server);
        let (reader, writer) = server.endpoints();
        let mut ends = lock(&self.ends);
        let of_node = ends.by_node.entry(node.into()).or_default();
        of_node.readers.push(reader);
        of_node.writers.push(writer);
        Ok(Box::new(move || {
            let Some((id, cdr)) = server.take()? else { return Ok(None) };
            let server = Arc::clone(&server);
            Ok(Some(Request { cdr, answer: Box::new(move |cdr| Ok(server.reply(id, cdr)?)) }))
        }))
    }

    fn announce(&self, node: &str) -> Result<(), BackendError> {
        let endpoints = lock(&self.ends).by_node.get(node).cloned().unwrap_or_default();
        Ok(self.participant.announce(node, endpoints)?)
    }

    fn changed(&self) -> Option<&Notify> {
        Some(self.discovery.notify())
    }

    fn problems(&self) -> Result<Vec<String>, BackendError> {
        if !self.discovery.take_news()? {
            return Ok(Vec::new());
        }
        let ends = lock(&self.ends);
        let mut problems = Vec::new();
        for writer in ends.writers.iter().filter_map(Weak::upgrade).filter(|writer| writer.refused() > 0) {
            problems.extend(writer.incompatible()?.iter().map(ros::told));
        }
        for reader in ends.readers.iter().filter_map(Weak::upgrade).filter(|reader| reader.refused() > 0) {
            problems.extend(reader.incompatible()?.iter().map(ros::told));
        }
        // Ends of one topic with different types never meet, and the core does not say so.
        let participant = self.participant.dds();
        let writers = participant.known(Kind::Writer)?;
        for end in participant.known(Kind::Reader)? {
            let others = writers.iter().filter(|other| other.topic == end.topic && other.type_name != end.type_name);
            for other in others {
                let own = participant.guid();
                if end.participant == own || other.participant == own {
                    let type_of = |end: &Endpoint| names::ros_type(&end.type_name).unwrap_or(end.type_name.clone());
                    problems.push(format!(
                        "topic {}: no connection: {} writes {}, {} reads {}",
                        names::ros_topic(&end.topic).unwrap_or(&end.topic),
                        other.guid,
                        type_of(other),
                        end.guid,
                        type_of(&end)
                    ));
                }
            }
        }
        Ok(problems)
    }
}

impl Publisher for Writer {
    fn publish(&self, cdr: &[u8]) -> Result<(), BackendError> {
        Ok(self.write(cdr)?)
    }

    fn is_read(&self) -> bool {
        self.matched() > 0
    }
}

impl Subscription for Reader {
    fn take(&self) -> Result<Option<Sample>, BackendError> {
        Ok(Self::take(self)?.map(|sample| -> Sample { Box::new(sample) }))
    }

    fn arrived(&self) -> &Notify {
        self.notify()
    }

    fn quality(&self) -> Quality {
        Quality {
            deadlines_missed: self.deadlines_missed(),
            liveliness_lost: self.liveliness_lost(),
            silent: self.silent_writers(),
            refused: self.refused(),
        }
    }

    fn incompatible(&self) -> Vec<String> {
        // Where the core cannot tell, the count of those refused still does.
        Self::incompatible(self).unwrap_or_default().iter().map(ros::told).collect()
    }
}
