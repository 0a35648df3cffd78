//! Where nodes have their map from: a file, or a topic that carries one.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use middleware::backend::{self, Backend, Subscription};
use middleware::ros::dds_qos;
use msgs::Message as _;
use msgs::std_msgs::msg::String as Text;
use node::{MessageType, Qos};
use road_map::LaneGraph;

/// What a `map_path` begins with that names a topic of type std_msgs/String with OpenDRIVE text, latched as
/// carla_ros_bridge's `/carla/map` is.
const TOPIC: &str = "topic:";
/// How often it is told that the map is waited for.
const TELL_EVERY: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Reads maps; the middleware is joined for the first that comes from a topic.
#[derive(Default)]
pub struct MapSource {
    backend: Option<Arc<dyn Backend>>,
    /// They stay on the graph, which has been told of them.
    subscriptions: Vec<Arc<dyn Subscription>>,
}

impl MapSource {
    /// The map of a node: `source` is a file relative to the share folder, or `topic:/carla/map`, for which is waited.
    ///
    /// # Errors
    /// Where the file or the text is no map, and where the middleware cannot be joined.
    pub fn read(&mut self, share: &Path, node: &str, source: &str) -> anyhow::Result<LaneGraph> {
        let Some(topic) = source.strip_prefix(TOPIC) else {
            return Ok(LaneGraph::from_file(&share.join(source), None)?);
        };
        let backend = self.joined()?;
        let qos = dds_qos(Qos::transient_local(), Text::TYPE_HASH);
        let subscription = backend.subscription(node, topic, MessageType::of::<Text>(), &qos)?;
        self.subscriptions.push(Arc::clone(&subscription));
        let mut told = Instant::now();
        let text = loop {
            if let Some(sample) = subscription.take()? {
                break msgs::from_cdr::<Text>(&sample).with_context(|| format!("map on {topic}"))?.data;
            }
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tracing::warn!(
                    node,
                    "waiting for the map on {topic}: does carla_ros_bridge run, on this ROS_DOMAIN_ID? CARLA's native \
                     interface has none: give a file as map_path"
                );
            }
            std::thread::sleep(LOOK_EVERY);
        };
        Ok(LaneGraph::from_opendrive(&text, topic)?)
    }

    /// The middleware, joined at most once.
    ///
    /// # Errors
    /// As [`backend::from_environment`].
    pub fn joined(&mut self) -> anyhow::Result<Arc<dyn Backend>> {
        let backend = match self.backend.take() {
            Some(backend) => backend,
            None => backend::from_environment()?,
        };
        self.backend = Some(Arc::clone(&backend));
        Ok(backend)
    }
}
