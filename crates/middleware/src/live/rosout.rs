//! Log lines of `tracing` on `/rosout`.

use std::fmt::Write as _;

use dds::{Durability, History};
use msgs::rcl_interfaces::msg::Log;
use node::MessageType;
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::backend::{Backend, BackendError};
use crate::ros::type_hash_user_data;

/// Lines that wait; what does not fit is not told again, the console has it.
const WAITING: usize = 256;

/// Log lines on their way to `/rosout`.
pub struct LogLines(mpsc::Receiver<Log>);

/// Takes log lines for `/rosout`.
pub struct RosoutLayer(mpsc::Sender<Log>);

/// A layer for the process's subscriber, and where its lines come out.
pub fn rosout() -> (RosoutLayer, LogLines) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (RosoutLayer(sender), LogLines(receiver))
}

#[derive(Default)]
struct Line {
    text: String,
    node: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "node" => self.node = value.into(),
            "message" => self.text.push_str(value),
            name => {
                let _ = write!(self.text, " {name}={value}");
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.text, "{value:?}"),
            name => write!(self.text, " {name}={value:?}"),
        };
    }
}

impl<S: Subscriber> Layer<S> for RosoutLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Line::default();
        event.record(&mut line);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let log = Log {
            stamp: (node::Time(0) + now).to_message(),
            level: match *metadata.level() {
                Level::ERROR => Log::ERROR,
                Level::WARN => Log::WARN,
                Level::INFO => Log::INFO,
                Level::DEBUG | Level::TRACE => Log::DEBUG,
            },
            name: line.node,
            msg: line.text,
            file: metadata.file().unwrap_or_default().into(),
            function: metadata.target().into(),
            line: metadata.line().unwrap_or_default(),
        };
        // Full: the console has the line.
        let _ = self.0.try_send(log);
    }
}

/// Publishes lines until the task is cancelled; those of no node bear the name of `node`.
pub(super) fn publish(
    mut lines: LogLines,
    node: &str,
    backend: &dyn Backend,
) -> Result<tokio::task::JoinHandle<()>, BackendError> {
    let message = MessageType::of::<Log>();
    // ROS 2's profile for /rosout.
    let qos = dds::Qos {
        durability: Durability::TransientLocal,
        history: History::KeepLast(1000),
        lifespan: Some(std::time::Duration::from_secs(10)),
        user_data: type_hash_user_data(message.hash),
        ..dds::Qos::default()
    };
    let publisher = backend.publisher(node, "/rosout", message, &qos)?;
    let node = node.replace('/', ".");
    Ok(tokio::spawn(async move {
        while let Some(mut log) = lines.0.recv().await {
            if log.name.is_empty() {
                log.name.clone_from(&node);
            }
            let Ok(cdr) = msgs::to_cdr(&log) else { continue };
            // A reader of logs that does not keep up must not log about itself.
            let _ = tokio::task::block_in_place(|| publisher.publish(&cdr));
        }
    }))
}
