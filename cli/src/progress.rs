//! The line that tells how a drive goes, from what the car itself knows.

use std::sync::Arc;
use std::time::Duration;

use geometry::{Map, OrientedBox, Point2, Pose2};
use msgs::autoware_perception_msgs::msg::TrackedObjects;
use msgs::geometry_msgs::msg::Pose;
use msgs::nav_msgs::msg::Odometry;
use node::{Shared, Time};
use vehicle::Vehicle;

/// What the line shows.
pub struct Progress {
    vehicle: Vehicle,
    odometry: Option<(Pose2<Map>, f64)>,
    objects: Option<Arc<TrackedObjects>>,
}

impl Progress {
    /// For this car.
    pub fn new(vehicle: Vehicle) -> Self {
        Self { vehicle, odometry: None, objects: None }
    }

    /// Takes what the car believes of itself and others; other topics are passed over.
    pub fn on_message(&mut self, topic: &str, message: &Shared) {
        match topic {
            "/localization/kinematic_state" => {
                if let Some(odometry) = message.as_any().downcast_ref::<Odometry>() {
                    self.odometry = Some((planar(&odometry.pose.pose), odometry.twist.twist.linear.x));
                }
            }
            "/perception/object_recognition/tracking/objects" => {
                self.objects = Arc::clone(message).into_any().downcast().ok();
            }
            _ => {}
        }
    }

    /// The line, after so much wall time.
    pub fn line(&self, now: Time, wall: Duration) -> String {
        let factor = now.seconds() / wall.as_secs_f64().max(1e-3);
        let speed = self.odometry.map_or("  not localised".into(), |(_, speed)| format!("{speed:5.1} m/s"));
        let nearest = match self.nearest() {
            Some(gap) => format!("{gap:5.1} m"),
            None => "   none".into(),
        };
        format!("{:7.1} s  {speed}  real-time factor {factor:4.1}  nearest object {nearest}", now.seconds())
    }

    /// Gap to the nearest tracked object, m.
    fn nearest(&self) -> Option<f64> {
        let (pose, _) = self.odometry?;
        let car = self.vehicle.footprint(pose);
        let gaps = self.objects.as_ref()?.objects.iter().map(|object| {
            let size = &object.shape.dimensions;
            let pose = planar(&object.kinematics.pose_with_covariance.pose);
            car.distance(&OrientedBox::new(pose, size.x, size.y))
        });
        gaps.filter(|gap| gap.is_finite()).reduce(f64::min)
    }
}

fn planar(pose: &Pose) -> Pose2<Map> {
    let q = &pose.orientation;
    let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
    Pose2 { position: Point2::new(pose.position.x, pose.position.y), yaw }
}
