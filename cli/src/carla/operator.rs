//! What an operator says to the stack: where to go.

use std::sync::Arc;

use dds::Writer;
use geometry::{Map, Pose2};
use middleware::ros::{RosParticipant, dds_qos, names};
use msgs::Message as _;
use msgs::geometry_msgs::msg::{PoseStamped, Quaternion};
use node::{Qos, Time};

/// Where the route planner listens.
pub const GOAL: &str = "/planning/mission_planning/goal";

/// Says the goal, latched: who comes later hears it too.
pub struct Operator {
    writer: Arc<Writer>,
}

impl Operator {
    /// On [`GOAL`].
    ///
    /// # Errors
    /// Where the topic cannot be written.
    pub fn new(participant: &RosParticipant) -> anyhow::Result<Self> {
        let qos = dds_qos(Qos::transient_local(), PoseStamped::TYPE_HASH);
        let writer = participant.dds().writer(&names::topic(GOAL), &names::type_name(PoseStamped::TYPE_NAME), &qos)?;
        Ok(Self { writer: Arc::new(writer) })
    }

    /// Says a goal.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn go_to(&self, goal: &Pose2<Map>, time_s: f64) -> anyhow::Result<()> {
        let mut message = PoseStamped::default();
        message.header.frame_id = "map".into();
        message.header.stamp = Time::from_seconds(time_s).to_message();
        (message.pose.position.x, message.pose.position.y) = (goal.position.x, goal.position.y);
        message.pose.orientation = quaternion(goal.yaw);
        self.writer.write(&msgs::to_cdr(&message)?)?;
        Ok(())
    }
}

/// A heading as a rotation.
pub fn quaternion(yaw: f64) -> Quaternion {
    let (z, w) = (yaw / 2.0).sin_cos();
    Quaternion { x: 0.0, y: 0.0, z, w }
}
