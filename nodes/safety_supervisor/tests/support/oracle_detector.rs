//! TEST ONLY: a detector that is told the truth. It stands in for `lidar_detector` where the loop behind it is tested.
//!
//! Ground-truth objects become detections in `base_link` with seeded noise: what is hidden behind nearer boxes or too
//! far is not seen, some frames are missed, headings turn round, sizes are off, and now and then there is a ghost.

use std::f64::consts::PI;

use geometry::{Map, OrientedBox, Point2, Pose2, angle_difference};
use msgs::autoware_perception_msgs::msg::{
    DetectedObject, DetectedObjectKinematics, DetectedObjects, ObjectClassification, Shape, TrackedObject,
    TrackedObjects,
};
use msgs::nav_msgs::msg::Odometry;
use node::{Event, Input, Node, Output, Outputs, Ports, Qos, Time};
use simulation::Random;

const RANGE_M: f64 = 65.0;

pub struct OracleDetector {
    truth: Input<TrackedObjects>,
    odometry: Input<Odometry>,
    objects: Output<DetectedObjects>,
    random: Random,
    ego: Option<(Pose2<Map>, f64)>,
    /// From this time on it says nothing, as behind a dead LiDAR.
    silent_from_s: f64,
}

impl OracleDetector {
    pub fn new(seed: u64, silent_from_s: f64, ports: &mut Ports) -> Self {
        Self {
            truth: ports.input("~/input/ground_truth/objects", Qos::reliable(1)),
            odometry: ports.input("~/input/ground_truth/odometry", Qos::reliable(1)),
            objects: ports.output("~/output/objects", Qos::reliable(1)),
            random: Random::new(seed ^ 0xdec7),
            ego: None,
            silent_from_s,
        }
    }

    fn see(&mut self, truth: &TrackedObjects, (ego, z): (Pose2<Map>, f64)) -> DetectedObjects {
        let boxes: Vec<OrientedBox<Map>> = truth.objects.iter().map(footprint).collect();
        let eye: Point2<Map> = ego.transform(Point2::<geometry::BaseLink>::new(1.2, 0.0));
        let mut message = DetectedObjects::default();
        message.header.stamp = truth.header.stamp.clone();
        message.header.frame_id = "base_link".into();
        for (object, own) in truth.objects.iter().zip(&boxes) {
            let range = own.distance_to_point(eye);
            let seen = range < RANGE_M && !hidden(eye, own, &boxes);
            // Everyone has a share of the noise, seen or not: faults of one do not change the others'.
            let missed = self.random.chance(0.04 + 0.002 * range);
            let noise: [f64; 6] = std::array::from_fn(|_| self.random.normal(0.0, 1.0));
            let turned = self.random.chance(0.1);
            if !seen || missed {
                continue;
            }
            let place = own.center.position;
            let spread = 0.1 + 0.003 * range;
            let noisy = Pose2::<Map>::new(
                place.x + spread * noise[0],
                place.y + spread * noise[1],
                own.center.yaw + 0.06 * noise[2] + if turned { PI } else { 0.0 },
            );
            let size = &object.shape.dimensions;
            let size = [size.x * (1.0 + 0.05 * noise[3]), size.y * (1.0 + 0.05 * noise[4]), size.z];
            let label = object.classification.first().map_or(0, |c| c.label);
            let score = (0.75 + 0.1 * noise[5] - 0.003 * range).clamp(0.2, 0.99) as f32;
            let height = object.kinematics.pose_with_covariance.pose.position.z - z;
            message.objects.push(detection(ego.relative(noisy), height, size, label, score));
        }
        if self.random.chance(0.05) {
            let place = Pose2::new(self.random.uniform(-40.0, 60.0), self.random.uniform(-20.0, 20.0), 0.0);
            message.objects.push(detection(place, 0.8, [0.6, 0.6, 1.7], ObjectClassification::PEDESTRIAN, 0.4));
        }
        message
    }
}

impl Node for OracleDetector {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if let Some(odometry) = event.message(self.odometry) {
            let (p, q) = (&odometry.pose.pose.position, &odometry.pose.pose.orientation);
            let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
            self.ego = Some((Pose2::new(p.x, p.y, yaw), p.z));
        } else if let (Some(truth), Some(ego)) = (event.message(self.truth), self.ego) {
            let seen = self.see(truth, ego);
            if Time::from(&truth.header.stamp).seconds() < self.silent_from_s {
                outputs.publish(self.objects, seen);
            }
        }
    }
}

pub fn footprint(object: &TrackedObject) -> OrientedBox<Map> {
    let pose = &object.kinematics.pose_with_covariance.pose;
    let yaw = 2.0 * pose.orientation.z.atan2(pose.orientation.w);
    let size = &object.shape.dimensions;
    OrientedBox::new(Pose2::new(pose.position.x, pose.position.y, yaw), size.x, size.y)
}

fn detection(pose: Pose2<geometry::BaseLink>, height: f64, size: [f64; 3], label: u8, score: f32) -> DetectedObject {
    let mut object = DetectedObject { existence_probability: score, ..DetectedObject::default() };
    object.classification = vec![ObjectClassification { label, probability: score }];
    object.kinematics.orientation_availability = DetectedObjectKinematics::AVAILABLE;
    let place = &mut object.kinematics.pose_with_covariance.pose;
    (place.position.x, place.position.y, place.position.z) = (pose.position.x, pose.position.y, height);
    (place.orientation.z, place.orientation.w) = (pose.yaw / 2.0).sin_cos();
    object.shape.type_ = Shape::BOUNDING_BOX;
    let dimensions = &mut object.shape.dimensions;
    (dimensions.x, dimensions.y, dimensions.z) = (size[0], size[1], size[2]);
    object
}

/// Whether four fifths of a box lie behind nearer ones.
fn hidden(eye: Point2<Map>, own: &OrientedBox<Map>, others: &[OrientedBox<Map>]) -> bool {
    let bearing = (own.center.position - eye).angle();
    let span = |seen: &OrientedBox<Map>| {
        let sides = seen.corners().map(|corner| angle_difference((corner - eye).angle(), bearing));
        (sides.iter().copied().fold(PI, f64::min), sides.iter().copied().fold(-PI, f64::max))
    };
    let (from, to) = span(own);
    let range = own.distance_to_point(eye);
    let nearer: Vec<(f64, f64)> = others
        .iter()
        .filter(|other| other.distance_to_point(eye) + 0.5 < range && other.width > 0.9)
        .map(span)
        .filter(|(a, b)| b - a < PI)
        .collect();
    let rays = 10;
    let blocked = (0..rays)
        .map(|i| from + (to - from) * (f64::from(i) + 0.5) / f64::from(rays))
        .filter(|ray| nearer.iter().any(|(a, b)| a <= ray && ray <= b))
        .count();
    blocked >= 8
}
