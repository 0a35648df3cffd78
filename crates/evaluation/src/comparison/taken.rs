use std::collections::BTreeMap;

use bag::Digest;
use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_perception_msgs::msg::{
    DetectedObjects, ObjectClassification, PredictedObjects, Shape, TrackedObjects,
};
use msgs::autoware_planning_msgs::msg::Trajectory;
use msgs::geometry_msgs::msg::{PoseWithCovariance, TwistWithCovariance};
use msgs::nav_msgs::msg::Odometry;
use msgs::std_msgs::msg::Header;
use node::{Shared, Time};

/// One object of a message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    pub class: &'static str,
    pub x: f64,
    pub y: f64,
    pub speed: f64,
    pub length: f64,
    pub width: f64,
}

/// The objects of one message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub frame_id: String,
    pub objects: Vec<Object>,
}

/// A trajectory's points: time from its start (s), place (m), speed (m/s).
pub(crate) type Points = Vec<(f64, f64, f64, f64)>;

/// One topic of a recording.
#[derive(Default)]
pub(crate) struct TakenTopic {
    pub type_name: String,
    pub digest: Digest,
    /// Times of recording, ns.
    pub times: Vec<i64>,
    /// Time of recording less the message's stamp, s.
    pub ages: Vec<f64>,
}

/// What a comparison needs of a recording.
#[derive(Default)]
pub struct Taken {
    pub(crate) topics: BTreeMap<String, TakenTopic>,
    /// By topic and stamp.
    pub(crate) objects: BTreeMap<String, BTreeMap<i64, Frame>>,
    pub(crate) trajectories: BTreeMap<String, BTreeMap<i64, Points>>,
    /// By topic and time of recording: steering (rad), acceleration (m/s²), speed (m/s).
    pub(crate) control: BTreeMap<String, BTreeMap<i64, [f64; 3]>>,
    /// By topic: where the car was.
    pub(crate) paths: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Taken {
    /// Takes the bytes of a message: every message of every topic, in the recording's order.
    pub fn on_bytes(&mut self, time: Time, topic: &str, type_name: &str, cdr: &[u8]) {
        let taken = self.topics.entry(topic.into()).or_default();
        if taken.type_name.is_empty() {
            taken.type_name = type_name.into();
        }
        taken.digest.add(topic, type_name, time, cdr);
        taken.times.push(time.0);
    }

    /// Takes the message itself; types that are not compared by content are passed over.
    pub fn on_message(&mut self, time: Time, topic: &str, message: &Shared) {
        let any = message.as_any();
        if let Some(message) = any.downcast_ref::<DetectedObjects>() {
            let of = |o: &msgs::autoware_perception_msgs::msg::DetectedObject| {
                let k = &o.kinematics;
                object(&o.classification, &k.pose_with_covariance, &k.twist_with_covariance, &o.shape)
            };
            self.frame(time, topic, &message.header, message.objects.iter().filter_map(of).collect());
        } else if let Some(message) = any.downcast_ref::<TrackedObjects>() {
            let of = |o: &msgs::autoware_perception_msgs::msg::TrackedObject| {
                let k = &o.kinematics;
                object(&o.classification, &k.pose_with_covariance, &k.twist_with_covariance, &o.shape)
            };
            self.frame(time, topic, &message.header, message.objects.iter().filter_map(of).collect());
        } else if let Some(message) = any.downcast_ref::<PredictedObjects>() {
            let of = |o: &msgs::autoware_perception_msgs::msg::PredictedObject| {
                let k = &o.kinematics;
                object(&o.classification, &k.initial_pose_with_covariance, &k.initial_twist_with_covariance, &o.shape)
            };
            self.frame(time, topic, &message.header, message.objects.iter().filter_map(of).collect());
        } else if let Some(message) = any.downcast_ref::<Trajectory>() {
            let stamp = Time::from(&message.header.stamp);
            let points = message.points.iter().map(|p| {
                let t = f64::from(p.time_from_start.sec) + f64::from(p.time_from_start.nanosec) * 1e-9;
                (t, p.pose.position.x, p.pose.position.y, f64::from(p.longitudinal_velocity_mps))
            });
            self.trajectories.entry(topic.into()).or_default().insert(stamp.0, points.collect());
            self.age(time, topic, stamp);
        } else if let Some(message) = any.downcast_ref::<Control>() {
            let values = [
                f64::from(message.lateral.steering_tire_angle),
                f64::from(message.longitudinal.acceleration),
                f64::from(message.longitudinal.velocity),
            ];
            self.control.entry(topic.into()).or_default().insert(time.0, values);
            self.age(time, topic, Time::from(&message.stamp));
        } else if let Some(message) = any.downcast_ref::<Odometry>() {
            let place = &message.pose.pose.position;
            if place.x.is_finite() && place.y.is_finite() {
                self.paths.entry(topic.into()).or_default().push((place.x, place.y));
            }
            self.age(time, topic, Time::from(&message.header.stamp));
        }
    }

    fn frame(&mut self, time: Time, topic: &str, header: &Header, objects: Vec<Object>) {
        let stamp = Time::from(&header.stamp);
        let frame = Frame { frame_id: header.frame_id.clone(), objects };
        self.objects.entry(topic.into()).or_default().insert(stamp.0, frame);
        self.age(time, topic, stamp);
    }

    fn age(&mut self, time: Time, topic: &str, stamp: Time) {
        self.topics.entry(topic.into()).or_default().ages.push(time.since(stamp));
    }
}

/// An object whose place is finite, with its likeliest class.
fn object(
    classes: &[ObjectClassification],
    pose: &PoseWithCovariance,
    twist: &TwistWithCovariance,
    shape: &Shape,
) -> Option<Object> {
    let likeliest = classes.iter().max_by(|a, b| a.probability.total_cmp(&b.probability));
    let place = &pose.pose.position;
    let velocity = &twist.twist.linear;
    (place.x.is_finite() && place.y.is_finite()).then(|| Object {
        class: likeliest.map_or("unknown", |class| class_name(class.label)),
        x: place.x,
        y: place.y,
        speed: velocity.x.hypot(velocity.y),
        length: shape.dimensions.x,
        width: shape.dimensions.y,
    })
}

fn class_name(label: u8) -> &'static str {
    match label {
        ObjectClassification::CAR => "car",
        ObjectClassification::TRUCK => "truck",
        ObjectClassification::BUS => "bus",
        ObjectClassification::TRAILER => "trailer",
        ObjectClassification::MOTORCYCLE => "motorcycle",
        ObjectClassification::BICYCLE => "bicycle",
        ObjectClassification::PEDESTRIAN => "pedestrian",
        ObjectClassification::ANIMAL => "animal",
        ObjectClassification::HAZARD => "hazard",
        _ => "unknown",
    }
}
