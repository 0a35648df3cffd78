use std::any::Any;
use std::sync::Arc;

use msgs::{CdrError, Message};

/// A message of any type, as drivers and recorders hold it.
pub trait AnyMessage: Any + Send + Sync {
    /// ROS type name, e.g. `sensor_msgs/msg/PointCloud2`.
    fn type_name(&self) -> &'static str;
    /// RIHS01 type hash.
    fn type_hash(&self) -> &'static str;
    /// The `ros2msg` schema text, dependencies included.
    fn definition(&self) -> &'static str;
    /// Appends the message as CDR with its encapsulation header.
    ///
    /// # Errors
    /// [`CdrError`] where the value breaks a bound of its type.
    fn encode(&self, buffer: &mut Vec<u8>) -> Result<(), CdrError>;
    /// For downcasts by reference.
    fn as_any(&self) -> &dyn Any;
    /// For downcasts of the shared message.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// A published message: never changed again, shared by all who read it.
pub type Shared = Arc<dyn AnyMessage>;

/// A message type at run time: what drivers and recorders need of it.
#[derive(Debug, Clone, Copy)]
pub struct MessageType {
    /// ROS type name, e.g. `sensor_msgs/msg/PointCloud2`.
    pub name: &'static str,
    /// RIHS01 type hash.
    pub hash: &'static str,
    /// The `ros2msg` schema text, dependencies included.
    pub definition: &'static str,
    /// Reads CDR with its encapsulation header.
    pub decode: fn(&[u8]) -> Result<Shared, CdrError>,
}

impl MessageType {
    /// Of a message type.
    pub const fn of<M: Message>() -> Self {
        Self { name: M::TYPE_NAME, hash: M::TYPE_HASH, definition: M::DEFINITION, decode: decode::<M> }
    }

    /// Whether the message begins with a time stamp: a header or a bare time.
    pub fn is_stamped(&self) -> bool {
        let mut fields = self.definition.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let kind = fields.next().and_then(|field| field.split_whitespace().next());
        matches!(kind, Some("std_msgs/Header" | "builtin_interfaces/Time"))
    }
}

fn decode<M: Message>(bytes: &[u8]) -> Result<Shared, CdrError> {
    Ok(Arc::new(msgs::from_cdr::<M>(bytes)?))
}

impl<M: Message> AnyMessage for M {
    fn type_name(&self) -> &'static str {
        M::TYPE_NAME
    }

    fn type_hash(&self) -> &'static str {
        M::TYPE_HASH
    }

    fn definition(&self) -> &'static str {
        M::DEFINITION
    }

    fn encode(&self, buffer: &mut Vec<u8>) -> Result<(), CdrError> {
        msgs::to_cdr_into(self, buffer)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
