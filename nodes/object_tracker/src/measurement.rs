use geometry::{Map, OrientedBox, Point2, Pose2};
use msgs::autoware_perception_msgs::msg::{DetectedObject, DetectedObjectKinematics, Shape};
use nalgebra::{Matrix2, Point3, Quaternion, Rotation2, UnitQuaternion, Vector2};

use crate::class::Class;
use crate::odometry::RigidPose;
use crate::parameters::Parameters;
use crate::track::Extent;

/// A detection in the map, checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// Centre of the box and its heading, which may be wrong by half a turn.
    pub pose: Pose2<Map>,
    /// Height of the box centre, m.
    pub z: f64,
    /// Extent.
    pub extent: Extent,
    /// Class.
    pub class: Class,
    /// Existence probability, 0..=1.
    pub score: f64,
    /// Standard deviation of the position along and across the heading, m.
    pub sigma: [f64; 2],
    /// Standard deviation of the heading, rad.
    pub yaw_sigma: f64,
    /// Whether the detector tells front from rear.
    pub yaw_signed: bool,
}

/// Why a detection is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// A number is NaN or infinite.
    NotFinite,
    /// The quaternion is none.
    Orientation,
    /// The box is smaller than 0.1 m or larger than 30 m on a side.
    Dimensions,
    /// Its existence probability is out of 0..=1.
    Probability,
    /// Further away than 500 m.
    Distance,
}

impl Measurement {
    /// Checks a detection and takes it from `base_link` into the map.
    ///
    /// # Errors
    /// [`Refusal`] where it cannot be used.
    pub fn new(object: &DetectedObject, ego: &RigidPose, parameters: &Parameters) -> Result<Self, Refusal> {
        let pose = &object.kinematics.pose_with_covariance.pose;
        let size = &object.shape.dimensions;
        let numbers = [
            pose.position.x,
            pose.position.y,
            pose.position.z,
            pose.orientation.x,
            pose.orientation.y,
            pose.orientation.z,
            pose.orientation.w,
            size.x,
            size.y,
            size.z,
            f64::from(object.existence_probability),
        ];
        if !numbers.iter().all(|n| n.is_finite()) {
            return Err(Refusal::NotFinite);
        }
        let score = f64::from(object.existence_probability);
        if !(0.0..=1.0).contains(&score) {
            return Err(Refusal::Probability);
        }
        if object.shape.type_ != Shape::BOUNDING_BOX
            || ![size.x, size.y, size.z].iter().all(|s| (0.1..=30.0).contains(s))
        {
            return Err(Refusal::Dimensions);
        }
        let quaternion =
            Quaternion::new(pose.orientation.w, pose.orientation.x, pose.orientation.y, pose.orientation.z);
        if !(0.9..=1.1).contains(&quaternion.norm()) {
            return Err(Refusal::Orientation);
        }
        let range = pose.position.x.hypot(pose.position.y);
        if range > 500.0 {
            return Err(Refusal::Distance);
        }
        let place = ego.transform(Point3::new(pose.position.x, pose.position.y, pose.position.z));
        let forward = ego.rotation * UnitQuaternion::new_normalize(quaternion) * nalgebra::Vector3::x();
        let class = object
            .classification
            .iter()
            .filter(|c| c.probability.is_finite())
            .max_by(|a, b| a.probability.total_cmp(&b.probability))
            .map_or(Class::Unknown, |c| Class::from_label(c.label));
        let sigma = parameters.position_noise_m + parameters.position_noise_per_m * range;
        // The far end of a long box is seldom seen: its centre is known worse along the heading than across.
        let along = if class.steers() { 1.4 } else { 1.0 };
        Ok(Self {
            pose: Pose2::new(place.x, place.y, forward.y.atan2(forward.x)),
            z: place.z,
            extent: Extent { length: size.x, width: size.y, height: size.z },
            class,
            score,
            sigma: [sigma * along, sigma],
            yaw_sigma: parameters.yaw_noise_rad * if class == Class::Cyclist { 1.5 } else { 1.0 },
            yaw_signed: object.kinematics.orientation_availability == DetectedObjectKinematics::AVAILABLE,
        })
    }

    /// Covariance of the position in the map, m².
    pub fn position_covariance(&self) -> Matrix2<f64> {
        let turn = Rotation2::new(self.pose.yaw).into_inner();
        turn * Matrix2::from_diagonal(&Vector2::new(self.sigma[0].powi(2), self.sigma[1].powi(2))) * turn.transpose()
    }

    /// The box on the ground.
    pub fn footprint(&self) -> OrientedBox<Map> {
        OrientedBox::new(self.pose, self.extent.length, self.extent.width)
    }

    /// Its place on the ground.
    pub fn position(&self) -> Point2<Map> {
        self.pose.position
    }
}
