//! Where the parts of a car are on it, as `/tf_static` tells.

use std::collections::BTreeMap;

use msgs::tf2_msgs::msg::TFMessage;
use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion};

/// The car's own frame (REP-105).
pub const BASE_LINK: &str = "base_link";
/// Mounts on mounts on mounts: more in a row is a circle.
const LONGEST_CHAIN: usize = 16;
/// More frames than this are no car.
const MOST: usize = 1000;

/// Fixed transforms of the car's parts, from `/tf_static`.
#[derive(Debug, Clone, Default)]
pub struct StaticFrames {
    /// For each frame its parent and its pose therein.
    parents: BTreeMap<String, (String, Isometry3<f64>)>,
}

impl StaticFrames {
    /// Takes a message's transforms.
    ///
    /// # Errors
    /// Which transform is not finite or has no unit quaternion; the others are taken.
    pub fn take(&mut self, message: &TFMessage) -> Result<(), String> {
        let mut refused = Vec::new();
        for stamped in &message.transforms {
            let (t, q) = (&stamped.transform.translation, &stamped.transform.rotation);
            let rotation = Quaternion::new(q.w, q.x, q.y, q.z);
            let sound = [t.x, t.y, t.z].iter().all(|v| v.is_finite()) && (0.99..=1.01).contains(&rotation.norm());
            if sound && self.parents.len() < MOST {
                let pose =
                    Isometry3::from_parts(Translation3::new(t.x, t.y, t.z), UnitQuaternion::new_normalize(rotation));
                self.parents.insert(stamped.child_frame_id.clone(), (stamped.header.frame_id.clone(), pose));
            } else {
                refused.push(stamped.child_frame_id.as_str());
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        Err(format!("static transforms of {refused:?}: expected finite numbers and unit quaternions"))
    }

    /// Pose of a frame in `base_link`.
    pub fn pose(&self, frame: &str) -> Option<Isometry3<f64>> {
        let mut pose = Isometry3::identity();
        let mut at = frame;
        for _ in 0..LONGEST_CHAIN {
            if at == BASE_LINK {
                return Some(pose);
            }
            let (parent, in_parent) = self.parents.get(at)?;
            pose = in_parent * pose;
            at = parent;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgs::geometry_msgs::msg::TransformStamped;

    fn transform(parent: &str, child: &str, x: f64, w: f64) -> TransformStamped {
        let mut stamped = TransformStamped { child_frame_id: child.into(), ..Default::default() };
        stamped.header.frame_id = parent.into();
        stamped.transform.translation.x = x;
        stamped.transform.rotation.w = w;
        stamped
    }

    #[test]
    fn chains_are_followed_and_circles_and_bad_numbers_are_not() {
        let mut frames = StaticFrames::default();
        let good = vec![transform("roof", "lidar", 0.2, 1.0), transform("base_link", "roof", 1.0, 1.0)];
        frames.take(&TFMessage { transforms: good }).unwrap();
        assert!((frames.pose("lidar").unwrap().translation.x - 1.2).abs() < 1e-9);
        assert!(frames.pose("elsewhere").is_none());
        let bad =
            vec![transform("b", "a", 0.0, 1.0), transform("a", "b", 0.0, 1.0), transform("a", "c", f64::NAN, 1.0)];
        assert!(frames.take(&TFMessage { transforms: bad }).unwrap_err().contains('c'));
        assert!(frames.pose("a").is_none() && frames.pose("c").is_none());
    }
}
