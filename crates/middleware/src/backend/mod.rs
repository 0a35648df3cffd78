//! What the live driver needs of a middleware: encoded messages out and in, services, names on the graph. All that a
//! node is beyond that is the same code over every backend.

mod embedded;
#[cfg(feature = "ros2")]
mod ros2;

use std::ops::Deref;
use std::sync::Arc;

use dds::{DdsError, Qos};
use node::MessageType;
use tokio::sync::Notify;

pub use embedded::Embedded;
#[cfg(feature = "ros2")]
pub use ros2::Ros2;

/// Why a backend refuses.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The embedded DDS.
    #[error(transparent)]
    Dds(#[from] DdsError),
    /// A request or reply over the embedded DDS.
    #[error(transparent)]
    Service(#[from] crate::ros::ServiceError),
    /// ROS 2's middleware.
    #[error("{0}")]
    Ros2(String),
    /// It is asked for, but is not in this program.
    #[error(
        "{VARIABLE}=ros2, but this program was built without ROS 2: source a ROS 2 environment and build it with \
         `cargo build --release --package ferrodrive --features ros2`, or unset the variable"
    )]
    NotBuilt,
}

/// A message that came: CDR with its encapsulation header; up to three bytes of padding may follow.
pub type Sample = Box<dyn Deref<Target = [u8]> + Send>;

/// A request that came.
pub struct Request {
    /// As CDR, like [`Sample`].
    pub cdr: Vec<u8>,
    /// Takes the response as CDR.
    pub answer: Answer,
}

/// Sends a response, given as CDR.
pub type Answer = Box<dyn FnOnce(&[u8]) -> Result<(), BackendError> + Send>;

/// Gives the oldest request that waits.
pub type Requests = Box<dyn Fn() -> Result<Option<Request>, BackendError> + Send + Sync>;

/// A service type at run time.
#[derive(Debug, Clone, Copy)]
pub struct ServiceType {
    /// ROS type name, e.g. `lifecycle_msgs/srv/GetState`.
    pub name: &'static str,
    /// What the client sends.
    pub request: MessageType,
    /// What the server answers.
    pub response: MessageType,
}

impl ServiceType {
    /// Of a service type.
    pub const fn of<S: msgs::Service>() -> Self {
        Self {
            name: S::TYPE_NAME,
            request: MessageType::of::<S::Request>(),
            response: MessageType::of::<S::Response>(),
        }
    }
}

/// A middleware. Nodes are told apart by their full names (`left/detector`), topics and services are full names
/// (`/left/objects`).
pub trait Backend: Send + Sync {
    /// A writer of a node.
    ///
    /// # Errors
    /// [`BackendError`] where name, type or quality of service is refused.
    fn publisher(
        &self,
        node: &str,
        topic: &str,
        message: MessageType,
        qos: &Qos,
    ) -> Result<Arc<dyn Publisher>, BackendError>;

    /// A reader of a node. Of what waits, the newest are kept, as many as the history says.
    ///
    /// # Errors
    /// As for [`Backend::publisher`].
    fn subscription(
        &self,
        node: &str,
        topic: &str,
        message: MessageType,
        qos: &Qos,
    ) -> Result<Arc<dyn Subscription>, BackendError>;

    /// A service of a node; `asked` is woken when a request comes.
    ///
    /// # Errors
    /// As for [`Backend::publisher`].
    fn service(
        &self,
        node: &str,
        service: &str,
        kind: ServiceType,
        asked: &Arc<Notify>,
    ) -> Result<Requests, BackendError>;

    /// The node has all its ends: it goes on the graph and messages flow.
    ///
    /// # Errors
    /// [`BackendError`] where the graph cannot be told.
    fn announce(&self, node: &str) -> Result<(), BackendError>;

    /// Woken when there may be news for [`Backend::problems`]; `None` where the middleware does not tell.
    fn changed(&self) -> Option<&Notify> {
        None
    }

    /// What keeps ends of this process from meeting others: quality of service and types, as far as can be known and
    /// where there is news since last asked.
    ///
    /// # Errors
    /// [`BackendError`] where the middleware cannot tell.
    fn problems(&self) -> Result<Vec<String>, BackendError>;

    /// Whether subscriptions get what nodes of this process publish. Where they do, nothing else may bring it them.
    fn hears_itself(&self) -> bool {
        false
    }
}

/// What happened to a reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quality {
    /// Deadlines missed so far.
    pub deadlines_missed: u32,
    /// How often a publisher was not heard of within its lease so far.
    pub liveliness_lost: u32,
    /// Publishers not heard of now.
    pub silent: u32,
    /// Publishers refused so far.
    pub refused: u32,
}

/// Writes one topic.
pub trait Publisher: Send + Sync {
    /// Sends CDR with its encapsulation header. May wait for a reader that does not keep up.
    ///
    /// # Errors
    /// [`BackendError`] where it is not sent.
    fn publish(&self, cdr: &[u8]) -> Result<(), BackendError>;

    /// Whether somebody reads.
    fn is_read(&self) -> bool;
}

/// Environment variable that says which backend nodes use: `embedded` or `ros2`. Without it they use ROS 2's middleware
/// where it was built in.
pub const VARIABLE: &str = "FERRODRIVE_MIDDLEWARE";

/// Whether nodes of this process are to use ROS 2's middleware.
///
/// # Errors
/// [`BackendError`] where [`VARIABLE`] says neither, or asks for what was not built in.
pub fn is_ros2() -> Result<bool, BackendError> {
    let built = cfg!(feature = "ros2");
    match std::env::var(VARIABLE).as_deref() {
        Err(std::env::VarError::NotPresent) | Ok("") => Ok(built),
        Ok("embedded") => Ok(false),
        Ok("ros2") if built => Ok(true),
        Ok("ros2") => Err(BackendError::NotBuilt),
        other => {
            let value = other.map_or_else(|_| "not text".into(), str::to_owned);
            Err(DdsError::Setting { name: VARIABLE, value, expected: "embedded or ros2" }.into())
        }
    }
}

/// The middleware that nodes of this process use.
///
/// # Errors
/// [`BackendError`] where it cannot be joined, and as for [`is_ros2`].
pub fn from_environment() -> Result<Arc<dyn Backend>, BackendError> {
    #[cfg(feature = "ros2")]
    if is_ros2()? {
        return Ok(Arc::new(Ros2::new()?));
    }
    is_ros2()?;
    Ok(Arc::new(Embedded::new(&dds::Settings::from_environment()?)?))
}

/// Reads one topic.
pub trait Subscription: Send + Sync {
    /// The oldest message that waits.
    ///
    /// # Errors
    /// [`BackendError`] where the middleware fails; nothing will come any more.
    fn take(&self) -> Result<Option<Sample>, BackendError>;

    /// Woken when a message came.
    fn arrived(&self) -> &Notify;

    /// How well the publishers keep to what is asked of them; all zero where the middleware does not tell.
    fn quality(&self) -> Quality {
        Quality::default()
    }

    /// Publishers that are not connected for their quality of service, with both sides' settings.
    fn incompatible(&self) -> Vec<String> {
        Vec::new()
    }

    /// How many gave way to newer ones since this was asked last, where that is known.
    fn given_way(&self) -> u64 {
        0
    }
}
