use std::collections::BTreeMap;

use msgs::tf2_msgs::msg::TFMessage;
use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion};

/// Where sensors sit: transforms from their frames to `base_link`.
#[derive(Debug, Clone, Default)]
pub struct Mountings {
    by_frame: BTreeMap<String, Isometry3<f64>>,
}

/// More frames than a car has sensors are not kept.
const CAPACITY: usize = 64;

impl Mountings {
    /// Takes those transforms that hang directly on `base_link`; says how many of them were no transforms.
    pub fn take(&mut self, message: &TFMessage) -> u64 {
        let mut refused = 0;
        for transform in message.transforms.iter().filter(|t| t.header.frame_id == "base_link") {
            let (t, q) = (&transform.transform.translation, &transform.transform.rotation);
            let quaternion = Quaternion::new(q.w, q.x, q.y, q.z);
            let sound = (t.x + t.y + t.z).is_finite() && (0.99..=1.01).contains(&quaternion.norm());
            let known = self.by_frame.contains_key(&transform.child_frame_id);
            if !sound || (!known && self.by_frame.len() == CAPACITY) {
                refused += 1;
                continue;
            }
            let mount =
                Isometry3::from_parts(Translation3::new(t.x, t.y, t.z), UnitQuaternion::new_normalize(quaternion));
            self.by_frame.insert(transform.child_frame_id.clone(), mount);
        }
        refused
    }

    /// The mount of a sensor's frame.
    pub fn get(&self, frame: &str) -> Option<&Isometry3<f64>> {
        self.by_frame.get(frame)
    }
}
