use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use dds::{DdsError, Durability, Guid, History, Participant, Qos, Settings, Writer};
use msgs::Message;
use msgs::rmw_dds_common::msg::ParticipantEntitiesInfo;

use super::graph_info::{self, NodeEndpoints};
use super::names;
use super::profile::type_hash_user_data;

/// The endpoints of a node, for the graph.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// What it reads: subscriptions, requests of its services, replies to its clients.
    pub readers: Vec<Guid>,
    /// What it writes.
    pub writers: Vec<Guid>,
}

/// A participant that tells ROS 2 which nodes are behind it. Cheap to clone.
#[derive(Clone)]
pub struct RosParticipant {
    participant: Participant,
    nodes: Arc<Mutex<Nodes>>,
}

struct Nodes {
    by_name: BTreeMap<(String, String), NodeEndpoints>,
    gid_size: usize,
    writer: Writer,
}

impl RosParticipant {
    /// Joins the domain in the root enclave. The graph's layout is that of the distribution which `ROS_DISTRO` names.
    ///
    /// # Errors
    /// [`DdsError`] where the domain cannot be joined.
    pub fn new(settings: &Settings) -> Result<Self, DdsError> {
        Self::for_distribution(settings, std::env::var("ROS_DISTRO").ok().as_deref())
    }

    /// Joins the domain, with the graph's layout of a ROS 2 distribution (`humble`); `None`: of those after Humble.
    ///
    /// # Errors
    /// As for [`RosParticipant::new`].
    pub fn for_distribution(settings: &Settings, distribution: Option<&str>) -> Result<Self, DdsError> {
        let participant = Participant::new(settings, b"enclave=/;")?;
        let qos = Qos {
            durability: Durability::TransientLocal,
            history: History::KeepLast(1),
            user_data: type_hash_user_data(ParticipantEntitiesInfo::TYPE_HASH),
            ..Qos::default()
        };
        let type_name = names::type_name(ParticipantEntitiesInfo::TYPE_NAME);
        let writer = participant.writer(graph_info::TOPIC, &type_name, &qos)?;
        let nodes = Nodes { by_name: BTreeMap::new(), gid_size: graph_info::gid_size(distribution), writer };
        Ok(Self { participant, nodes: Arc::new(Mutex::new(nodes)) })
    }

    /// The DDS participant.
    pub fn dds(&self) -> &Participant {
        &self.participant
    }

    /// Puts a node with its endpoints on the graph, or replaces what it had. `full`: with namespace, `left/detector`.
    ///
    /// # Errors
    /// [`DdsError`] where the graph's topic cannot be written.
    pub fn announce(&self, full: &str, endpoints: Endpoints) -> Result<(), DdsError> {
        let (namespace, name) = names::split_node(full);
        let Endpoints { readers, writers } = endpoints;
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.by_name.insert((namespace, name.into()), NodeEndpoints { readers, writers });
        let cdr = graph_info::encode(self.participant.guid(), &nodes.by_name, nodes.gid_size);
        nodes.writer.write(&cdr)
    }
}
