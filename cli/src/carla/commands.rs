//! The command of each frame, waited for on DDS.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use dds::{History, Reader, Reliability};
use middleware::ros::{Endpoints, RosParticipant, names, type_hash_user_data};
use msgs::Message as _;
use msgs::carla_msgs::msg::CarlaEgoVehicleControl;
use node::Time;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Name of the client on the graph.
pub const NODE: &str = "carla_client";

/// Hears the commands for one car.
pub struct Commands {
    reader: Reader,
    notify: Arc<Notify>,
    /// Half of a frame: stamps are seconds in floating point on their way through CARLA.
    tolerance_s: f64,
    newest_s: Option<f64>,
}

impl Commands {
    /// On `/carla/<role>/vehicle_control_cmd`. `step_s`: length of a frame.
    ///
    /// # Errors
    /// Where the topic cannot be read.
    pub fn new(participant: &RosParticipant, role: &str, step_s: f64) -> anyhow::Result<Self> {
        let topic = topic(role);
        let qos = dds::Qos {
            // Any writer will do.
            reliability: Reliability::BestEffort,
            history: History::KeepLast(10),
            user_data: type_hash_user_data(CarlaEgoVehicleControl::TYPE_HASH),
            ..dds::Qos::default()
        };
        let notify = Arc::<Notify>::default();
        let type_name = names::type_name(CarlaEgoVehicleControl::TYPE_NAME);
        let reader = participant
            .dds()
            .reader(&names::topic(&topic), &type_name, &qos, Arc::clone(&notify))
            .with_context(|| format!("{topic} cannot be read"))?;
        participant.announce(NODE, Endpoints { readers: vec![reader.guid()], writers: Vec::new() })?;
        Ok(Self { reader, notify, tolerance_s: step_s / 2.0, newest_s: None })
    }

    /// Whether any command came yet.
    pub fn heard(&self) -> bool {
        self.newest_s.is_some()
    }

    /// Whether anybody on the graph writes them.
    pub fn has_writer(&self) -> bool {
        self.reader.matched() > 0
    }

    /// Takes what has come, without waiting.
    ///
    /// # Errors
    /// Where the topic cannot be read.
    pub fn take(&mut self) -> anyhow::Result<()> {
        while let Some(sample) = self.reader.take()? {
            match msgs::from_cdr::<CarlaEgoVehicleControl>(&sample) {
                Ok(command) => {
                    let stamp = Time::from(&command.header.stamp).seconds();
                    self.newest_s = Some(self.newest_s.map_or(stamp, |newest| newest.max(stamp)));
                }
                Err(error) => tracing::warn!("a command that is none: {error}"),
            }
        }
        Ok(())
    }

    /// Whether the command of the frame at `time_s` came within `limit`. A command of a later time counts as well.
    ///
    /// # Errors
    /// Where the topic cannot be read.
    pub async fn of(&mut self, time_s: f64, limit: Duration) -> anyhow::Result<bool> {
        let until = Instant::now() + limit;
        loop {
            self.take()?;
            if self.newest_s.is_some_and(|newest| newest > time_s - self.tolerance_s) {
                return Ok(true);
            }
            let notify = Arc::clone(&self.notify);
            if timeout_at(until, notify.notified()).await.is_err() {
                return Ok(false);
            }
        }
    }

    /// Forgets stamps: the world's time began anew.
    pub fn forget(&mut self) {
        self.newest_s = None;
    }
}

/// The topic of a car's commands.
pub fn topic(role: &str) -> String {
    format!("/carla/{role}/vehicle_control_cmd")
}
