use std::sync::Arc;

use node::Time;

use crate::QosProfile;

/// A recorded topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topic {
    /// Name on the graph.
    pub name: String,
    /// ROS type name, e.g. `sensor_msgs/msg/PointCloud2`.
    pub type_name: String,
    /// RIHS01 type hash, where the recording has it.
    pub type_hash: Option<String>,
    /// How messages are encoded: `cdr`, unless somebody recorded otherwise.
    pub serialization: String,
    /// What the publishers offered; empty where the recording does not tell.
    pub qos: Vec<QosProfile>,
    /// The type's text, where the recording has it.
    pub definition: Option<Definition>,
}

/// The text of a message type with all types it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// `ros2msg` or `ros2idl`.
    pub encoding: String,
    /// The text.
    pub text: String,
}

/// A topic and how many of its messages can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicCount {
    /// The topic.
    pub topic: Arc<Topic>,
    /// Messages.
    pub messages: u64,
}

/// One recorded message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedMessage {
    /// Topic and type.
    pub topic: Arc<Topic>,
    /// When it was recorded, on the clock of the recording.
    pub time: Time,
    /// CDR with its encapsulation header.
    pub cdr: Vec<u8>,
}
