//! ROS 2's own middleware by r2r: whatever RMW the user runs.
//!
//! Each node has a thread that waits for messages and requests. r2r hands them over in queues of ten that keep the
//! oldest; a round of waiting adds at most one to each, so emptying them between two rounds leaves them no say. What
//! waits for the node is bounded here, and the newest are kept.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dds::{Durability, History, Liveliness, Mismatch, Qos, Reliability};
use futures_core::Stream;
use node::MessageType;
use r2r::qos::{DurabilityPolicy, HistoryPolicy, LivelinessPolicy, ReliabilityPolicy};
use r2r::{PublisherUntyped, QosProfile, ServiceRequest, WrappedServiceTypeSupport, WrappedTypesupport};
use tokio::sync::Notify;

use super::{Backend, BackendError, Publisher, Quality, Request, Requests, Sample, ServiceType, Subscription};
use crate::mailbox::lock;
use crate::ros::names;

/// Longest wait of a round: so long a node may take to end.
const ROUND: Duration = Duration::from_millis(100);
/// Time between two looks at who publishes what the node reads.
const LOOK: Duration = Duration::from_secs(2);
/// Most requests of one service that wait.
const MOST_REQUESTS: usize = 100;

/// ROS 2's middleware, where a ROS 2 environment is sourced.
pub struct Ros2 {
    context: r2r::Context,
    /// Nodes that do not run yet.
    made: Mutex<BTreeMap<String, Made>>,
    running: Mutex<Vec<JoinHandle<()>>>,
    queues: Mutex<Vec<Weak<Queue>>>,
    end: Arc<AtomicBool>,
}

struct Made {
    node: r2r::Node,
    /// Each empties one of r2r's queues.
    pumps: Vec<Box<dyn FnMut() + Send>>,
    queues: Vec<Arc<Queue>>,
}

fn refused(what: &str) -> impl FnOnce(r2r::Error) -> BackendError {
    move |error| {
        let hint = match error {
            r2r::Error::InvalidMessageType { .. } => {
                " (not among the message packages of the ROS 2 environment in which this program was built)"
            }
            _ => "",
        };
        BackendError::Ros2(format!("{what}: {error}{hint}"))
    }
}

fn profile(qos: &Qos) -> QosProfile {
    let (history, depth) = match qos.history {
        History::KeepLast(depth) => (HistoryPolicy::KeepLast, depth as usize),
        History::KeepAll => (HistoryPolicy::KeepAll, 0),
    };
    QosProfile {
        history,
        depth,
        reliability: match qos.reliability {
            Reliability::BestEffort => ReliabilityPolicy::BestEffort,
            Reliability::Reliable { .. } => ReliabilityPolicy::Reliable,
        },
        durability: match qos.durability {
            Durability::Volatile => DurabilityPolicy::Volatile,
            _ => DurabilityPolicy::TransientLocal,
        },
        // Zero is "not set" to ROS 2.
        deadline: qos.deadline.unwrap_or_default(),
        lifespan: qos.lifespan.unwrap_or_default(),
        liveliness: match qos.liveliness {
            Liveliness::Automatic => LivelinessPolicy::Automatic,
            _ => LivelinessPolicy::ManualByTopic,
        },
        liveliness_lease_duration: qos.lease.unwrap_or_default(),
        avoid_ros_namespace_conventions: false,
    }
}

/// What another's settings are in DDS, as far as they must meet.
fn offered(profile: &QosProfile) -> Qos {
    // "Not set" and "infinite" both bind nobody.
    let time =
        |duration: Duration| (!duration.is_zero() && duration < Duration::from_secs(1 << 32)).then_some(duration);
    let max_blocking = Duration::ZERO;
    Qos {
        reliability: match profile.reliability {
            ReliabilityPolicy::BestEffort => Reliability::BestEffort,
            _ => Reliability::Reliable { max_blocking },
        },
        durability: match profile.durability {
            DurabilityPolicy::Volatile => Durability::Volatile,
            _ => Durability::TransientLocal,
        },
        deadline: time(profile.deadline),
        liveliness: match profile.liveliness {
            LivelinessPolicy::ManualByTopic => Liveliness::ManualByTopic,
            _ => Liveliness::Automatic,
        },
        lease: time(profile.liveliness_lease_duration),
        ..Qos::default()
    }
}

/// What has come out of one of r2r's streams; never waits.
fn next<T>(stream: &mut (impl Stream<Item = T> + Unpin)) -> Option<T> {
    match Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(item) => item,
        Poll::Pending => None,
    }
}

impl Ros2 {
    /// Joins the graph that `ROS_DOMAIN_ID` and its like say, by the middleware that `RMW_IMPLEMENTATION` says.
    ///
    /// # Errors
    /// [`BackendError`] where it cannot be joined.
    pub fn new() -> Result<Self, BackendError> {
        let context = r2r::Context::create().map_err(refused("joining the ROS 2 graph"))?;
        let (made, running, queues) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self { context, made, running, queues, end: Arc::default() })
    }

    /// Does something with a node that does not run yet.
    fn with<R>(
        &self,
        node: &str,
        what: &str,
        act: impl FnOnce(&mut Made) -> r2r::Result<R>,
    ) -> Result<R, BackendError> {
        let mut made = lock(&self.made);
        if !made.contains_key(node) {
            let (namespace, name) = names::split_node(node);
            let own = r2r::Node::create(self.context.clone(), name, &namespace);
            let own = own.map_err(refused(&format!("node {node}")))?;
            made.insert(node.into(), Made { node: own, pumps: Vec::new(), queues: Vec::new() });
        }
        match made.get_mut(node) {
            Some(made) => act(made).map_err(refused(what)),
            None => Err(BackendError::Ros2(format!("node {node} is not there"))),
        }
    }
}

impl Drop for Ros2 {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Release);
        for thread in lock(&self.running).drain(..) {
            // A panic was told by the hook.
            let _ = thread.join();
        }
    }
}

impl Backend for Ros2 {
    fn publisher(
        &self,
        node: &str,
        topic: &str,
        message: MessageType,
        qos: &Qos,
    ) -> Result<Arc<dyn Publisher>, BackendError> {
        let what = format!("topic {topic} of type {}", message.name);
        let publisher =
            self.with(node, &what, |made| made.node.create_publisher_untyped(topic, message.name, profile(qos)))?;
        Ok(Arc::new(Out { publisher: Mutex::new(publisher), topic: topic.into() }))
    }

    fn subscription(
        &self,
        node: &str,
        topic: &str,
        message: MessageType,
        qos: &Qos,
    ) -> Result<Arc<dyn Subscription>, BackendError> {
        let queue = Arc::new(Queue::new(topic, message, qos));
        let (filled, kept) = (Arc::clone(&queue), Arc::clone(&queue));
        self.with(node, &format!("topic {topic} of type {}", message.name), |made| {
            let mut stream = made.node.subscribe_raw(topic, message.name, profile(qos))?;
            made.pumps.push(Box::new(move || {
                while let Some(cdr) = next(&mut stream) {
                    filled.put(cdr);
                }
            }));
            made.queues.push(kept);
            Ok(())
        })?;
        lock(&self.queues).push(Arc::downgrade(&queue));
        Ok(queue)
    }

    fn service(
        &self,
        node: &str,
        service: &str,
        kind: ServiceType,
        asked: &Arc<Notify>,
    ) -> Result<Requests, BackendError> {
        let what = format!("service {service} of type {}", kind.name);
        let asked = Arc::clone(asked);
        macro_rules! of {
            ($($package:ident / $name:ident),*) => {
                match kind.name {
                    $(concat!(stringify!($package), "/srv/", stringify!($name)) => {
                        type Type = r2r::$package::srv::$name::Service;
                        self.with(node, &what, |made| serve::<Type>(made, service, asked))
                    })*
                    _ => Err(BackendError::Ros2(format!("{what}: not known to this backend"))),
                }
            };
        }
        // r2r answers services by types that it makes at build time.
        of!(
            rcl_interfaces / DescribeParameters,
            rcl_interfaces / GetParameterTypes,
            rcl_interfaces / GetParameters,
            rcl_interfaces / ListParameters,
            rcl_interfaces / SetParameters,
            rcl_interfaces / SetParametersAtomically,
            lifecycle_msgs / ChangeState,
            lifecycle_msgs / GetAvailableStates,
            lifecycle_msgs / GetAvailableTransitions,
            lifecycle_msgs / GetState
        )
    }

    fn announce(&self, node: &str) -> Result<(), BackendError> {
        let Some(made) = lock(&self.made).remove(node) else { return Ok(()) };
        let end = Arc::clone(&self.end);
        let thread = std::thread::Builder::new().name("ros2".into()).spawn(move || run(made, &end));
        let thread = thread.map_err(|error| BackendError::Ros2(format!("node {node}: no thread: {error}")))?;
        lock(&self.running).push(thread);
        Ok(())
    }

    fn problems(&self) -> Result<Vec<String>, BackendError> {
        Ok(lock(&self.queues).iter().filter_map(Weak::upgrade).flat_map(|queue| queue.incompatible()).collect())
    }

    fn hears_itself(&self) -> bool {
        true
    }
}

/// A node's thread.
fn run(mut made: Made, end: &AtomicBool) {
    let mut looked = Instant::now();
    while !end.load(Ordering::Acquire) {
        made.node.spin_once(ROUND);
        made.pumps.iter_mut().for_each(|pump| pump());
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            made.queues.iter().for_each(|queue| *lock(&queue.incompatible) = incompatible(&made.node, queue));
        }
    }
}

/// Who publishes what is read there and cannot be connected. r2r tells nothing of who reads what a node publishes.
fn incompatible(node: &r2r::Node, queue: &Queue) -> Vec<String> {
    let Queue { topic, message, qos, .. } = queue;
    let mut problems = Vec::new();
    for writer in node.get_publishers_info_by_topic(topic, false).unwrap_or_default() {
        let other = format!("{}/{}", writer.node_namespace.trim_end_matches('/'), writer.node_name);
        if writer.topic_type != message.name {
            let (theirs, ours) = (&writer.topic_type, message.name);
            problems.push(format!("topic {topic}: no connection: {other} writes {theirs}, this node reads {ours}"));
            continue;
        }
        for Mismatch { policy, offered, requested } in dds::mismatches(&offered(&writer.qos_profile), qos) {
            problems.push(format!(
                "topic {topic}: no connection with {other}: {policy}: the writer offers {offered}, the reader asks for \
                 {requested}"
            ));
        }
    }
    problems
}

fn serve<S: WrappedServiceTypeSupport + 'static>(
    made: &mut Made,
    service: &str,
    asked: Arc<Notify>,
) -> r2r::Result<Requests> {
    let mut stream = made.node.create_service::<S>(service, QosProfile::services_default())?;
    let waiting: Arc<Mutex<VecDeque<ServiceRequest<S>>>> = Arc::default();
    let (filled, of) = (Arc::clone(&waiting), service.to_owned());
    made.pumps.push(Box::new(move || {
        while let Some(request) = next(&mut stream) {
            let mut waiting = lock(&filled);
            if waiting.len() < MOST_REQUESTS {
                waiting.push_back(request);
            } else {
                tracing::warn!("service {of}: over {MOST_REQUESTS} requests wait: one dropped");
            }
            asked.notify_one();
        }
    }));
    let service = service.to_owned();
    Ok(Box::new(move || {
        let Some(request) = lock(&waiting).pop_front() else { return Ok(None) };
        let cdr = request.message.to_serialized_bytes().map_err(refused(&service))?;
        let service = service.clone();
        let answer = move |cdr: &[u8]| {
            let response = S::Response::from_serialized_bytes(cdr).and_then(|response| request.respond(response));
            response.map_err(refused(&service))
        };
        Ok(Some(Request { cdr, answer: Box::new(answer) }))
    }))
}

/// The way of one topic out.
struct Out {
    publisher: Mutex<PublisherUntyped>,
    topic: String,
}

impl Publisher for Out {
    fn publish(&self, cdr: &[u8]) -> Result<(), BackendError> {
        lock(&self.publisher).publish_raw(cdr).map_err(refused(&self.topic))
    }

    fn is_read(&self) -> bool {
        // Who cannot tell may be read.
        !matches!(lock(&self.publisher).get_inter_process_subscription_count(), Ok(0))
    }
}

/// Messages on their way in.
struct Queue {
    topic: String,
    message: MessageType,
    qos: Qos,
    waiting: Mutex<VecDeque<Vec<u8>>>,
    most: usize,
    arrived: Notify,
    given_way: AtomicU64,
    incompatible: Mutex<Vec<String>>,
}

impl Queue {
    fn new(topic: &str, message: MessageType, qos: &Qos) -> Self {
        Self {
            topic: topic.into(),
            message,
            qos: qos.clone(),
            waiting: Mutex::default(),
            most: match qos.history {
                History::KeepLast(depth) => depth.max(1) as usize,
                History::KeepAll => usize::MAX,
            },
            arrived: Notify::new(),
            given_way: AtomicU64::new(0),
            incompatible: Mutex::default(),
        }
    }

    fn put(&self, cdr: Vec<u8>) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= self.most {
            waiting.pop_front();
            self.given_way.fetch_add(1, Ordering::Relaxed);
        }
        waiting.push_back(cdr);
        drop(waiting);
        self.arrived.notify_one();
    }
}

impl Subscription for Queue {
    fn take(&self) -> Result<Option<Sample>, BackendError> {
        Ok(lock(&self.waiting).pop_front().map(|cdr| -> Sample { Box::new(cdr) }))
    }

    fn arrived(&self) -> &Notify {
        &self.arrived
    }

    fn given_way(&self) -> u64 {
        self.given_way.swap(0, Ordering::Relaxed)
    }

    fn quality(&self) -> Quality {
        let refused = u32::try_from(lock(&self.incompatible).len()).unwrap_or(u32::MAX);
        Quality { refused, ..Quality::default() }
    }

    fn incompatible(&self) -> Vec<String> {
        lock(&self.incompatible).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_what_gave_way_is_counted() {
        let qos = Qos { history: History::KeepLast(2), ..Qos::default() };
        let queue = Queue::new("/a", MessageType::of::<msgs::std_msgs::msg::String>(), &qos);
        (0..5).for_each(|n| queue.put(vec![n]));
        let taken: Vec<_> = std::iter::from_fn(|| queue.take().unwrap()).map(|sample| sample[0]).collect();
        assert_eq!((taken, queue.given_way(), queue.given_way()), (vec![3, 4], 3, 0));
    }

    #[test]
    fn settings_come_back_from_the_profile_as_far_as_they_must_meet() {
        let qos = Qos {
            reliability: Reliability::Reliable { max_blocking: Duration::ZERO },
            durability: Durability::TransientLocal,
            deadline: Some(Duration::from_millis(200)),
            liveliness: Liveliness::ManualByTopic,
            lease: Some(Duration::from_secs(1)),
            ..Qos::default()
        };
        assert_eq!(offered(&profile(&qos)), qos);
        assert_eq!(dds::mismatches(&offered(&profile(&Qos::default())), &qos).len(), 4);
    }
}
