use std::collections::{BTreeMap, VecDeque};

use geometry::{Map, OrientedBox, Pose2, Vector2, angle_difference, normalize_angle};
use msgs::autoware_perception_msgs::msg::{ObjectClassification, TrackedObject};
use node::Time;

/// What a road user is, as far as its future goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Cars and vans.
    Car,
    /// Lorries, buses and trailers.
    Truck,
    /// Bicycles and motorcycles.
    Cyclist,
    /// People on foot.
    Pedestrian,
    /// Anything else.
    Unknown,
}

impl Class {
    /// From a label of autoware_perception_msgs/ObjectClassification.
    pub fn from_label(label: u8) -> Self {
        match label {
            ObjectClassification::CAR => Self::Car,
            ObjectClassification::TRUCK | ObjectClassification::BUS | ObjectClassification::TRAILER => Self::Truck,
            ObjectClassification::BICYCLE | ObjectClassification::MOTORCYCLE => Self::Cyclist,
            ObjectClassification::PEDESTRIAN => Self::Pedestrian,
            _ => Self::Unknown,
        }
    }

    /// Whether it follows lanes.
    pub fn follows_lanes(self) -> bool {
        matches!(self, Self::Car | Self::Truck | Self::Cyclist)
    }
}

/// A road user now, in the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agent {
    /// Stable over its life.
    pub id: u128,
    /// Class.
    pub class: Class,
    /// Centre of its box and its heading.
    pub pose: Pose2<Map>,
    /// Velocity, m/s.
    pub velocity: Vector2<Map>,
    /// Turn rate, rad/s.
    pub yaw_rate: f64,
    /// Along the heading, m.
    pub length: f64,
    /// Across, m.
    pub width: f64,
    /// Whether the tracker takes it for standing.
    pub stationary: bool,
}

impl Agent {
    /// From a tracked object; `None` where a number is not finite, the quaternion is none or the box absurd.
    pub fn from_tracked(object: &TrackedObject) -> Option<Self> {
        let place = &object.kinematics.pose_with_covariance.pose;
        let motion = &object.kinematics.twist_with_covariance.twist;
        let q = &place.orientation;
        let size = &object.shape.dimensions;
        let numbers =
            [place.position.x, place.position.y, place.position.z, motion.linear.x, motion.linear.y, motion.angular.z];
        let norm = q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w;
        let sized = [size.x, size.y, size.z].iter().all(|s| (0.05..=40.0).contains(s));
        let swift = motion.linear.x.hypot(motion.linear.y) <= 100.0;
        if !numbers.iter().all(|n| n.is_finite()) || !(0.9..=1.1).contains(&norm) || !sized || !swift {
            return None;
        }
        let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
        let class = object.classification.iter().filter(|c| c.probability.is_finite());
        let class = class.max_by(|a, b| a.probability.total_cmp(&b.probability));
        Some(Self {
            id: u128::from_be_bytes(object.object_id.uuid),
            class: class.map_or(Class::Unknown, |c| Class::from_label(c.label)),
            pose: Pose2::new(place.position.x, place.position.y, yaw),
            velocity: Vector2::new(motion.linear.x, motion.linear.y).rotated(yaw),
            yaw_rate: motion.angular.z.clamp(-2.0, 2.0),
            length: size.x,
            width: size.y,
            stationary: object.kinematics.is_stationary,
        })
    }

    /// The box on the ground.
    pub fn footprint(&self) -> OrientedBox<Map> {
        OrientedBox::new(self.pose, self.length, self.width)
    }
}

/// Where road users have been in the last two seconds.
#[derive(Debug, Clone, Default)]
pub struct Histories {
    tracks: BTreeMap<u128, VecDeque<(Time, Pose2<Map>, f64)>>,
    last: Option<Time>,
}

/// Oldest sample that is kept, s.
const KEPT_S: f64 = 2.5;

impl Histories {
    /// Takes one frame; forgets who has not been in it for the time that is kept.
    pub fn push(&mut self, stamp: Time, agents: &[Agent]) {
        self.last = Some(stamp);
        for agent in agents {
            let samples = self.tracks.entry(agent.id).or_default();
            samples.push_back((stamp, agent.pose, agent.velocity.norm()));
            while samples.len() > 64 || samples.front().is_some_and(|s| stamp.since(s.0) > KEPT_S) {
                samples.pop_front();
            }
        }
        self.tracks.retain(|_, samples| samples.back().is_some_and(|s| stamp.since(s.0) <= KEPT_S));
    }

    /// Stamp of the newest frame.
    pub fn last(&self) -> Option<Time> {
        self.last
    }

    /// Where one was `age_s` before `now` and how fast, between samples interpolated; `None` where nobody saw it.
    pub fn at(&self, id: u128, now: Time, age_s: f64) -> Option<(Pose2<Map>, f64)> {
        let samples = self.tracks.get(&id)?;
        let next = samples.iter().position(|s| now.since(s.0) <= age_s + 1e-6)?;
        let (stamp, pose, speed) = samples[next];
        let Some(&(before, from, from_speed)) = next.checked_sub(1).and_then(|i| samples.get(i)) else {
            return (now.since(stamp) > age_s - 0.06).then_some((pose, speed));
        };
        let ratio = ((now.since(before) - age_s) / stamp.since(before)).clamp(0.0, 1.0);
        let yaw = normalize_angle(from.yaw + ratio * angle_difference(pose.yaw, from.yaw));
        let place = Pose2 { position: from.position.lerp(pose.position, ratio), yaw };
        Some((place, from_speed + ratio * (speed - from_speed)))
    }

    /// For how long one is known, s.
    pub fn known_for_s(&self, id: u128, now: Time) -> f64 {
        self.tracks.get(&id).and_then(|s| s.front()).map_or(0.0, |s| now.since(s.0))
    }
}
