use std::collections::VecDeque;

use msgs::nav_msgs::msg::Odometry;
use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion};
use node::Time;

/// Where the car was over the last second: an image is held against the place where it was taken.
#[derive(Debug, Clone, Default)]
pub struct PoseHistory {
    poses: VecDeque<(Time, Isometry3<f64>)>,
}

const SPAN_S: f64 = 1.0;
const CAPACITY: usize = 256;

impl PoseHistory {
    /// Takes a pose of `base_link` in the map.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn push(&mut self, odometry: &Odometry) -> Result<(), String> {
        let (p, q) = (&odometry.pose.pose.position, &odometry.pose.pose.orientation);
        let rotation = Quaternion::new(q.w, q.x, q.y, q.z);
        let sound = [p.x, p.y, p.z].iter().all(|v| v.is_finite()) && (0.99..=1.01).contains(&rotation.norm());
        if odometry.header.frame_id != "map" || !sound {
            return Err("kinematic_state: expected a finite pose in frame map with a unit quaternion".into());
        }
        let stamp = Time::from(&odometry.header.stamp);
        // Time that goes back is another drive.
        while self.poses.back().is_some_and(|(last, _)| *last >= stamp) {
            self.poses.pop_back();
        }
        let pose = Isometry3::from_parts(Translation3::new(p.x, p.y, p.z), UnitQuaternion::new_normalize(rotation));
        self.poses.push_back((stamp, pose));
        while self.poses.len() > CAPACITY || self.poses.front().is_some_and(|(at, _)| stamp.since(*at) > SPAN_S) {
            self.poses.pop_front();
        }
        Ok(())
    }

    /// The pose at a moment, between two known ones or straight on for at most `ahead_s` beyond the last; `None` before
    /// or after.
    pub fn at(&self, stamp: Time, ahead_s: f64) -> Option<Isometry3<f64>> {
        let next = self.poses.partition_point(|(at, _)| *at < stamp);
        if let Some((at, pose)) = self.poses.get(next)
            && *at == stamp
        {
            return Some(*pose);
        }
        let (last, count) = (self.poses.back()?, self.poses.len());
        if next == 0 || (next == count && !(stamp.since(last.0) <= ahead_s)) {
            return None;
        }
        let i = next.min(count - 1).max(1);
        let ((from, a), (to, b)) = (self.poses.get(i - 1)?, self.poses.get(i)?);
        let share = stamp.since(*from) / to.since(*from);
        let turn = a.rotation.inverse() * b.rotation;
        let translation = a.translation.vector.lerp(&b.translation.vector, share);
        Some(Isometry3::from_parts(Translation3::from(translation), a.rotation * turn.powf(share)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_poses_between_and_shortly_after_and_none_beyond() {
        let mut history = PoseHistory::default();
        for i in 0..40 {
            let mut odometry = Odometry::default();
            odometry.header.frame_id = "map".into();
            odometry.header.stamp = Time::from_seconds(f64::from(i) * 0.02).to_message();
            odometry.pose.pose.position.x = f64::from(i) * 0.2;
            let (sin, cos) = (f64::from(i) * 0.005).sin_cos();
            (odometry.pose.pose.orientation.z, odometry.pose.pose.orientation.w) = (sin, cos);
            history.push(&odometry).unwrap();
        }
        let at = |t: f64| history.at(Time::from_seconds(t), 0.1);
        let (between, after) = (at(0.507).unwrap(), at(0.8).unwrap());
        assert!((between.translation.x - 5.07).abs() < 1e-6 && (after.translation.x - 8.0).abs() < 1e-6);
        assert!((between.rotation.euler_angles().2 - 0.507 * 0.5).abs() < 1e-6);
        assert!(at(-0.1).is_none() && at(1.0).is_none());
        assert!(history.push(&Odometry::default()).is_err());
    }
}
