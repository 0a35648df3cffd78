//! The last seconds of a drive as text: where the car was, what it planned, who was near.

use std::collections::VecDeque;
use std::fmt::Write;

use geometry::{BaseLink, Map, Point2, Pose2};
use msgs::autoware_perception_msgs::msg::PredictedObject;

use crate::support::Loop;

/// Lines kept.
const KEPT: usize = 80;

/// A ring of lines, one for each step of a drive.
#[derive(Default)]
pub struct Trace {
    lines: VecDeque<String>,
}

impl Trace {
    pub fn note(&mut self, drive: &Loop) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line(drive));
    }

    /// Prints every `stride`th line of the last `count`, and forgets all.
    pub fn print(&mut self, count: usize, stride: usize) {
        let skip = self.lines.len().saturating_sub(count);
        for (i, line) in self.lines.iter().enumerate().skip(skip) {
            if (self.lines.len() - 1 - i).is_multiple_of(stride) {
                println!("{line}");
            }
        }
        self.lines.clear();
    }
}

/// One line: time, pose, motion, plan, status, and road users within 25 m as class, id, place ahead and left, speed.
pub fn line(drive: &Loop) -> String {
    let ego = drive.world.ego();
    let pose = ego.vehicle.pose;
    let mut text = format!(
        "  {:6.1} ({:7.1},{:7.1},{:5.2}) v {:5.2} a {:5.2} steer {:5.2}",
        drive.world.time_s(),
        pose.position.x,
        pose.position.y,
        pose.yaw,
        ego.vehicle.speed_mps,
        ego.vehicle.acceleration_mps2,
        ego.vehicle.steering_rad
    );
    if let Some(lane) = drive.world.map().match_pose(pose, 6.0, 1.2) {
        let _ = write!(text, " lane {} s {:.1} d {:.2}", lane.lane.0, lane.s, lane.d);
    }
    if let Some(trajectory) = &drive.trajectory {
        let at = |i: usize| trajectory.points.get(i).map_or(f32::NAN, |p| p.longitudinal_velocity_mps);
        let _ = write!(text, " plan {:.1} {:.1} {:.1} {:.1}", at(0), at(10), at(20), at(50));
    }
    if let Some(status) = &drive.status {
        let _ = write!(text, " [{}]", status.message);
    }
    if let Some(status) = drive.supervision.as_ref().filter(|s| s.message != "ok") {
        let _ = write!(text, " [supervisor: {}]", status.message);
    }
    let mut near: Vec<(f64, String)> = drive
        .world
        .actors()
        .iter()
        .filter_map(|actor| {
            let own: Pose2<BaseLink> = pose.relative(actor.pose);
            let distance = own.position.x.hypot(own.position.y);
            (distance < 25.0).then(|| {
                let class = format!("{:?}", actor.class);
                let (x, y) = (own.position.x, own.position.y);
                (
                    distance,
                    format!(
                        "{}{} {x:.1} {y:.1} {:.0}° {:.1}",
                        &class[..3],
                        actor.id,
                        own.yaw.to_degrees(),
                        actor.speed_mps()
                    ),
                )
            })
        })
        .collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, who) in near.iter().take(6) {
        let _ = write!(text, " | {who}");
    }
    let _ = write!(text, "\n      {}", drive.verdicts());
    if let Some(objects) = drive.objects() {
        for object in &objects.objects {
            let id = u128::from_be_bytes(object.object_id.uuid);
            if drive.verdicts().contains(&format!(" of {:04x} ", id & 0xffff)) {
                text += &futures(object, pose);
            }
        }
    }
    text
}

/// Where an object is and may be in 1, 2 and 3 s, relative to the car now.
fn futures(object: &PredictedObject, ego: Pose2<Map>) -> String {
    let relative = |pose: &msgs::geometry_msgs::msg::Pose| {
        let at = ego.inverse_transform::<BaseLink>(Point2::new(pose.position.x, pose.position.y));
        format!("{:.1} {:.1}", at.x, at.y)
    };
    let kinematics = &object.kinematics;
    let twist = &kinematics.initial_twist_with_covariance.twist.linear;
    let mut text = format!(
        "\n        object {:x} label {:?} size {:.1} {:.1} at {} speed {:.1} {:.1}:",
        u128::from_be_bytes(object.object_id.uuid),
        object.classification.first().map(|c| c.label),
        object.shape.dimensions.x,
        object.shape.dimensions.y,
        relative(&kinematics.initial_pose_with_covariance.pose),
        twist.x,
        twist.y
    );
    for path in &kinematics.predicted_paths {
        let _ = write!(text, " ({:.2}:", path.confidence);
        for i in [2, 4, 6] {
            let _ = write!(text, " {},", path.path.get(i).map_or_else(String::new, relative));
        }
        text.push(')');
    }
    text
}
