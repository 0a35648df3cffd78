//! A small world for the tracker: things that move in the map, seen from a car with noise.

use std::path::PathBuf;
use std::sync::Arc;

use geometry::{BaseLink, Map, Pose2, normalize_angle};
use msgs::autoware_perception_msgs::msg::{
    DetectedObject, DetectedObjectKinematics, DetectedObjects, ObjectClassification, Shape, TrackedObject,
    TrackedObjects,
};
use msgs::nav_msgs::msg::Odometry;
use node::{Context, Definition, Event, Input, Node, Output, Outputs, Ports, Qos, Status, Time};
use object_tracker::{ObjectTracker, Parameters};

/// Seeded noise: SplitMix64, summed to a near-normal.
pub struct Noise(pub u64);

impl Noise {
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn normal(&mut self, sigma: f64) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>().mul_add(sigma, -6.0 * sigma)
    }
}

/// The node on a bench.
pub struct Bench {
    node: ObjectTracker,
    objects: Input<DetectedObjects>,
    odometry: Input<Odometry>,
    tracked: Output<TrackedObjects>,
    pub noise: Noise,
    pub status: Option<Status>,
}

impl Bench {
    pub fn new(seed: u64) -> Self {
        let context =
            Context { vehicle: vehicle::Vehicle::default(), map: None, share: PathBuf::new(), onnxruntime: None };
        let mut ports = Ports::default();
        let node = ObjectTracker::new(Parameters::default(), &mut ports, &context).unwrap();
        // The same ports again give the same handles.
        let mut handles = Ports::default();
        Self {
            node,
            objects: handles.input("~/input/objects", Qos::reliable(1)),
            odometry: handles.input("~/input/kinematic_state", Qos::reliable(10)),
            tracked: handles.output("~/output/objects", Qos::reliable(1)),
            noise: Noise(seed),
            status: None,
        }
    }

    pub fn drive(&mut self, t: f64, ego: Pose2<Map>, speed: f64, yaw_rate: f64) {
        let mut odometry = Odometry::default();
        odometry.header.stamp = Time::from_seconds(t).into();
        odometry.header.frame_id = "map".into();
        odometry.child_frame_id = "base_link".into();
        odometry.pose.pose.position.x = ego.position.x;
        odometry.pose.pose.position.y = ego.position.y;
        odometry.pose.pose.orientation.z = (ego.yaw / 2.0).sin();
        odometry.pose.pose.orientation.w = (ego.yaw / 2.0).cos();
        odometry.twist.twist.linear.x = speed;
        odometry.twist.twist.angular.z = yaw_rate;
        self.send_odometry(t, odometry);
    }

    pub fn send_odometry(&mut self, t: f64, odometry: Odometry) {
        let mut outputs = Outputs::default();
        self.node.on_event(&Event::from_message(Time::from_seconds(t), self.odometry, odometry), &mut outputs);
        self.status = outputs.take_status().or(self.status.take());
    }

    pub fn detect(&mut self, t: f64, objects: Vec<DetectedObject>) -> Option<Arc<TrackedObjects>> {
        let mut message = DetectedObjects::default();
        message.header.stamp = Time::from_seconds(t).into();
        message.header.frame_id = "base_link".into();
        message.objects = objects;
        self.send(t, message)
    }

    pub fn send(&mut self, t: f64, message: DetectedObjects) -> Option<Arc<TrackedObjects>> {
        let mut outputs = Outputs::default();
        self.node.on_event(&Event::from_message(Time::from_seconds(t), self.objects, message), &mut outputs);
        self.status = outputs.take_status().or(self.status.take());
        let published = outputs.take(self.tracked);
        for object in published.iter().flat_map(|m| &m.objects) {
            assert_sound(object);
        }
        published
    }

    /// What the detector says of a thing in the map: noise of 0.12 m, 4 degrees, and front taken for rear at times.
    pub fn see(&mut self, ego: Pose2<Map>, pose: Pose2<Map>, size: [f64; 3], label: u8) -> DetectedObject {
        let flip = if self.noise.uniform() < 0.15 { std::f64::consts::PI } else { 0.0 };
        let noisy = Pose2::new(
            pose.position.x + self.noise.normal(0.12),
            pose.position.y + self.noise.normal(0.12),
            normalize_angle(pose.yaw + self.noise.normal(0.07) + flip),
        );
        detection(ego.relative(noisy), size, label, 0.8)
    }
}

pub fn detection(pose: Pose2<BaseLink>, size: [f64; 3], label: u8, score: f32) -> DetectedObject {
    let mut object = DetectedObject { existence_probability: score, ..Default::default() };
    object.classification = vec![ObjectClassification { label, probability: score }];
    object.kinematics.orientation_availability = DetectedObjectKinematics::AVAILABLE;
    let place = &mut object.kinematics.pose_with_covariance.pose;
    place.position.x = pose.position.x;
    place.position.y = pose.position.y;
    place.position.z = size[2] / 2.0;
    place.orientation.z = (pose.yaw / 2.0).sin();
    place.orientation.w = (pose.yaw / 2.0).cos();
    object.shape.type_ = Shape::BOUNDING_BOX;
    object.shape.dimensions.x = size[0];
    object.shape.dimensions.y = size[1];
    object.shape.dimensions.z = size[2];
    object
}

pub fn yaw(object: &TrackedObject) -> f64 {
    let q = &object.kinematics.pose_with_covariance.pose.orientation;
    2.0 * q.z.atan2(q.w)
}

pub fn id(object: &TrackedObject) -> u64 {
    u64::from_be_bytes(object.object_id.uuid[8..].try_into().unwrap())
}

/// Velocity in the map.
pub fn velocity(object: &TrackedObject) -> (f64, f64) {
    let v = &object.kinematics.twist_with_covariance.twist.linear;
    let (sin, cos) = yaw(object).sin_cos();
    (v.x * cos - v.y * sin, v.x * sin + v.y * cos)
}

fn assert_sound(object: &TrackedObject) {
    let k = &object.kinematics;
    let numbers = [
        k.pose_with_covariance.pose.position.x,
        k.pose_with_covariance.pose.position.y,
        k.pose_with_covariance.pose.position.z,
        k.pose_with_covariance.pose.orientation.z,
        k.pose_with_covariance.pose.orientation.w,
        k.twist_with_covariance.twist.linear.x,
        k.twist_with_covariance.twist.linear.y,
        k.twist_with_covariance.twist.angular.z,
        f64::from(object.existence_probability),
    ];
    assert!(numbers.iter().all(|n| n.is_finite()), "{object:?}");
    assert!(k.pose_with_covariance.covariance.iter().chain(&k.twist_with_covariance.covariance).all(|c| c.is_finite()));
    for i in [0, 7, 35] {
        assert!(k.pose_with_covariance.covariance[i] > 0.0 && k.twist_with_covariance.covariance[i] > 0.0);
    }
    assert!((0.0..=1.0).contains(&object.existence_probability));
}
