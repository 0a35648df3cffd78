use std::collections::VecDeque;

use geometry::{Map, Point2};
use msgs::nav_msgs::msg::Odometry;
use nalgebra::{Point3, Quaternion, UnitQuaternion, Vector3};
use node::Time;

/// Where `base_link` is in the map, in space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RigidPose {
    /// Origin of `base_link`, m.
    pub translation: Vector3<f64>,
    /// Attitude.
    pub rotation: UnitQuaternion<f64>,
}

impl RigidPose {
    /// Takes a point from `base_link` into the map.
    pub fn transform(&self, point: Point3<f64>) -> Point3<f64> {
        self.rotation * point + self.translation
    }

    /// Its shadow on the plane.
    pub fn position(&self) -> Point2<Map> {
        Point2::new(self.translation.x, self.translation.y)
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    stamp: Time,
    pose: RigidPose,
    /// Velocity in `base_link`, m/s, and turn rate, rad/s.
    linear: Vector3<f64>,
    angular: Vector3<f64>,
}

/// Odometry of the last seconds: the car's pose at any recent moment.
#[derive(Debug, Clone, Default)]
pub struct OdometryBuffer {
    entries: VecDeque<Entry>,
}

/// Why an odometry message or a moment is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OdometryError {
    /// A frame is not the expected one.
    #[error(
        "odometry: expected frames map and base_link, got `{0}` and `{1}`: map the localizer's output to this input"
    )]
    Frame(String, String),
    /// A number is NaN, infinite, or the quaternion is none.
    #[error("odometry at {0}: expected finite numbers and a unit quaternion")]
    Invalid(Time),
    /// Time runs backwards.
    #[error("odometry at {0} is older than the last one at {1}: expected stamps to grow")]
    Backwards(Time, Time),
    /// No odometry near the moment.
    #[error("no odometry within {limit_s} s of {stamp} (nearest {nearest_s:.3} s away): is the localizer running?")]
    Gap {
        /// The moment asked for.
        stamp: Time,
        /// Distance of the nearest, s; infinite where there is none.
        nearest_s: f64,
        /// The greatest distance allowed.
        limit_s: f64,
    },
}

const CAPACITY: usize = 256;

impl OdometryBuffer {
    /// Takes a message.
    ///
    /// # Errors
    /// [`OdometryError`] where it is not usable; the buffer stays as it was.
    pub fn push(&mut self, message: &Odometry) -> Result<(), OdometryError> {
        if message.header.frame_id != "map" || message.child_frame_id != "base_link" {
            return Err(OdometryError::Frame(message.header.frame_id.clone(), message.child_frame_id.clone()));
        }
        let stamp = Time::from(&message.header.stamp);
        let (position, q) = (&message.pose.pose.position, &message.pose.pose.orientation);
        let (linear, angular) = (&message.twist.twist.linear, &message.twist.twist.angular);
        let quaternion = Quaternion::new(q.w, q.x, q.y, q.z);
        let entry = Entry {
            stamp,
            pose: RigidPose {
                translation: Vector3::new(position.x, position.y, position.z),
                rotation: UnitQuaternion::new_normalize(quaternion),
            },
            linear: Vector3::new(linear.x, linear.y, linear.z),
            angular: Vector3::new(angular.x, angular.y, angular.z),
        };
        let finite =
            [entry.pose.translation, entry.linear, entry.angular].iter().all(|v| v.iter().all(|c| c.is_finite()));
        if !finite || !(0.9..=1.1).contains(&quaternion.norm()) {
            return Err(OdometryError::Invalid(stamp));
        }
        if let Some(last) = self.entries.back().filter(|last| last.stamp >= stamp) {
            return Err(OdometryError::Backwards(stamp, last.stamp));
        }
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        Ok(())
    }

    /// The pose at a moment: between two messages interpolated, beyond the last one moved on with its twist.
    ///
    /// # Errors
    /// [`OdometryError::Gap`] where no message is within `limit_s` seconds.
    pub fn pose_at(&self, stamp: Time, limit_s: f64) -> Result<RigidPose, OdometryError> {
        let after = self.entries.iter().position(|e| e.stamp >= stamp);
        let next = after.map(|i| self.entries[i]);
        let previous = match after {
            Some(0) => None,
            Some(i) => Some(self.entries[i - 1]),
            None => self.entries.back().copied(),
        };
        let nearest_s = [previous, next].into_iter().flatten().map(|e| e.stamp.since(stamp).abs());
        let nearest_s = nearest_s.fold(f64::INFINITY, f64::min);
        let near = nearest_s <= limit_s;
        if !near {
            return Err(OdometryError::Gap { stamp, nearest_s, limit_s });
        }
        Ok(match (previous, next) {
            (Some(a), Some(b)) => {
                let ratio = stamp.since(a.stamp) / b.stamp.since(a.stamp);
                RigidPose {
                    translation: a.pose.translation.lerp(&b.pose.translation, ratio),
                    rotation: a.pose.rotation.try_slerp(&b.pose.rotation, ratio, 1e-9).unwrap_or(b.pose.rotation),
                }
            }
            (Some(entry), None) | (None, Some(entry)) => entry.moved(stamp.since(entry.stamp)),
            (None, None) => return Err(OdometryError::Gap { stamp, nearest_s, limit_s }),
        })
    }
}

impl Entry {
    fn moved(&self, dt: f64) -> RigidPose {
        let half = self.pose.rotation * UnitQuaternion::from_scaled_axis(self.angular * (dt / 2.0));
        RigidPose {
            translation: self.pose.translation + half * self.linear * dt,
            rotation: self.pose.rotation * UnitQuaternion::from_scaled_axis(self.angular * dt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(seconds: f64, x: f64, yaw: f64) -> Odometry {
        let mut message = Odometry::default();
        message.header.stamp = Time::from_seconds(seconds).into();
        message.header.frame_id = "map".into();
        message.child_frame_id = "base_link".into();
        message.pose.pose.position.x = x;
        message.pose.pose.orientation.z = (yaw / 2.0).sin();
        message.pose.pose.orientation.w = (yaw / 2.0).cos();
        message.twist.twist.linear.x = 10.0;
        message
    }

    #[test]
    fn interpolates_between_and_moves_on_beyond_messages() {
        let mut buffer = OdometryBuffer::default();
        buffer.push(&message(1.0, 0.0, 0.0)).unwrap();
        buffer.push(&message(1.1, 1.0, 0.2)).unwrap();
        let between = buffer.pose_at(Time::from_seconds(1.05), 0.15).unwrap();
        assert!((between.translation.x - 0.5).abs() < 1e-9);
        assert!((between.rotation.euler_angles().2 - 0.1).abs() < 1e-6);
        let beyond = buffer.pose_at(Time::from_seconds(1.2), 0.15).unwrap();
        assert!((beyond.translation.x - (1.0 + 0.2_f64.cos())).abs() < 1e-6);
    }

    #[test]
    fn refuses_gaps_nan_wrong_frames_and_time_running_backwards() {
        let mut buffer = OdometryBuffer::default();
        assert!(buffer.pose_at(Time::from_seconds(1.0), 0.15).is_err());
        buffer.push(&message(1.0, 0.0, 0.0)).unwrap();
        assert!(matches!(buffer.pose_at(Time::from_seconds(1.2), 0.15), Err(OdometryError::Gap { .. })));
        assert!(matches!(buffer.push(&message(0.9, 0.0, 0.0)), Err(OdometryError::Backwards(..))));
        assert!(matches!(buffer.push(&message(1.1, f64::NAN, 0.0)), Err(OdometryError::Invalid(_))));
        let mut other = message(1.1, 0.0, 0.0);
        other.header.frame_id = "odom".into();
        assert!(matches!(buffer.push(&other), Err(OdometryError::Frame(..))));
    }
}
