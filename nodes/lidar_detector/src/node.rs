use std::sync::Arc;
use std::time::Duration;

use inference::LoadOptions;
use msgs::autoware_perception_msgs::msg::{
    DetectedObject, DetectedObjectKinematics, DetectedObjects, ObjectClassification, Shape,
};
use msgs::autoware_vehicle_msgs::msg::VelocityReport;
use msgs::sensor_msgs::msg::{Imu, PointCloud2};
use msgs::tf2_msgs::msg::TFMessage;
use msgs::visualization_msgs::msg::MarkerArray;
use nalgebra::Vector3;
use node::{Context, Definition, Event, Input, Node, NodeError, Output, Outputs, Ports, Qos, Status, Time, Timer};
use vehicle::Vehicle;

use crate::cloud::{Cloud, Point};
use crate::deskew::Twist;
use crate::detection::{Class, Detection, decode as decode_boxes};
use crate::grid::Grid;
use crate::motion::Motion;
use crate::network::{self, Network};
use crate::parameters::Parameters;
use frames::{BASE_LINK, StaticFrames};

/// How often the sensor's life is looked at.
const WATCH: Duration = Duration::from_millis(100);

/// The node: a LiDAR's clouds in, DetectedObjects in `base_link` out, one for each cloud that is sound. From one that is not
/// nothing follows but an ERROR status: an empty list would say that the road is free.
pub struct LidarDetector {
    cloud: Input<PointCloud2>,
    velocity: Input<VelocityReport>,
    imu: Input<Imu>,
    tf_static: Input<TFMessage>,
    objects: Output<DetectedObjects>,
    markers: Output<MarkerArray>,
    watch: Timer,
    parameters: Parameters,
    network: Box<dyn Network>,
    frames: StaticFrames,
    motion: Motion,
    grid: Grid,
    /// What was read of the last cloud.
    read: Cloud,
    /// The last cloud, and when it or else the first event came.
    last: Option<Arc<PointCloud2>>,
    heard: Option<Time>,
    told: String,
    points_not_finite: u64,
    clouds_refused: u64,
}

impl Definition for LidarDetector {
    const NAME: &'static str = "lidar_detector";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError> {
        parameters.check()?;
        let options =
            LoadOptions::from_parameters(context.onnxruntime.clone(), &parameters.precision, &parameters.inference);
        let network = network::load(&context.resolve(&parameters.model), &options.map_err(NodeError::new)?)?;
        Self::with_network(parameters, ports, &context.vehicle, network)
    }
}

impl LidarDetector {
    /// With a network of one's own.
    ///
    /// # Errors
    /// [`NodeError`] where a parameter is out of its range.
    pub fn with_network(
        parameters: Parameters,
        ports: &mut Ports,
        vehicle: &Vehicle,
        network: Box<dyn Network>,
    ) -> Result<Self, NodeError> {
        parameters.check()?;
        Ok(Self {
            cloud: ports.input("~/input/pointcloud", Qos::sensor_data()),
            velocity: ports.input("~/input/velocity_status", Qos::reliable(1)),
            imu: ports.input("~/input/imu", Qos::sensor_data().with_depth(10)),
            tf_static: ports.input("~/input/tf_static", Qos::transient_local().with_depth(16)),
            objects: ports.output("~/output/objects", Qos::reliable(1)),
            markers: ports.debug_output("~/debug/markers", Qos::reliable(1)),
            watch: ports.timer(WATCH),
            parameters,
            network,
            frames: StaticFrames::default(),
            motion: Motion::default(),
            grid: Grid::new(vehicle),
            read: Cloud::default(),
            last: None,
            heard: None,
            told: String::new(),
            points_not_finite: 0,
            clouds_refused: 0,
        })
    }

    /// Reports a status when it says something new.
    fn tell(&mut self, status: Status, outputs: &mut Outputs) {
        // Numbers within a message would make each one new.
        let gist: String = status.message.chars().filter(|c| !c.is_ascii_digit()).collect();
        if gist == self.told {
            return;
        }
        self.told = gist;
        let mut status = status;
        for (key, value) in self.network.facts() {
            status = status.with(key, value);
        }
        let status = status.with("points_not_finite", self.points_not_finite);
        outputs.report(status.with("clouds_refused", self.clouds_refused));
    }

    fn take_imu(&mut self, imu: &Imu) -> Result<(), String> {
        let Some(mount) = self.frames.pose(&imu.header.frame_id) else {
            return Err(no_transform("imu", &imu.header.frame_id));
        };
        let rate = &imu.angular_velocity;
        let turn = mount.rotation * Vector3::new(rate.x, rate.y, rate.z);
        self.motion.push_yaw_rate(Time::from(&imu.header.stamp), turn.z)
    }

    /// Reads points in `base_link` as at the stamp; tells what they could not be freed of.
    fn prepare(&mut self, message: &Arc<PointCloud2>) -> Result<Option<String>, String> {
        let stamp = Time::from(&message.header.stamp);
        if let Some(last) = self.last.replace(Arc::clone(message)) {
            let before = Time::from(&last.header.stamp);
            if stamp <= before {
                return Err(format!("point cloud at {stamp}: expected a stamp later than the last one, {before}"));
            }
            if last.data == message.data && !message.data.is_empty() {
                return Err("point cloud: the same points as before under a new stamp: the sensor is frozen".into());
            }
        }
        let frame = &message.header.frame_id;
        let mount = self.frames.pose(frame).map(|pose| (pose.rotation.to_rotation_matrix(), pose.translation.vector));
        let (twist, missing) = self.motion.at(stamp, self.parameters.max_motion_age_s);
        let twist = if twist.is_finite() { twist } else { Twist::default() };
        let into_base = |point: &mut Point| {
            if let Some((rotation, offset)) = &mount {
                let place = rotation * Vector3::from(point.position) + offset;
                point.position = twist.at_stamp(place.into(), point.time_s);
                point.time_s = 0.0;
            }
        };
        self.read.read(message, into_base).map_err(|e| e.to_string())?;
        let (used, dropped) = (self.read.points.len(), self.read.dropped);
        self.points_not_finite += dropped as u64;
        let (share, limit) = (dropped as f64 / (used + dropped).max(1) as f64, self.parameters.max_not_finite_share);
        if !(share <= limit) {
            return Err(format!("point cloud: a share of {share:.2} is not finite, expected at most {limit}"));
        }
        let least = self.parameters.least_points;
        if used < least {
            return Err(format!(
                "point cloud: {used} usable points, expected at least {least}: is the sensor covered?"
            ));
        }
        if mount.is_none() {
            return Err(no_transform("point cloud", frame));
        }
        let mut faults = Vec::new();
        if !missing.is_empty() {
            faults.push(format!("no {} for the sweep: taken as 0, so positions are off", missing.join(" and no ")));
        }
        if message.is_dense && dropped > 0 {
            faults.push("a cloud that calls itself dense holds points that are not finite: they are left out".into());
        }
        Ok((!faults.is_empty()).then(|| faults.join("; ")))
    }

    fn detect_on_grid(&mut self, least_score: &[f64; 5]) -> Result<Vec<Detection>, String> {
        self.grid.fill(&self.read.points);
        let (least_distance, terrain) = (self.network.least_distance(), self.grid.terrain());
        let mut detections = Vec::new();
        self.network.run(self.grid.tensor(), &mut |heat, boxes| {
            detections = decode_boxes(heat, boxes, terrain, least_score, &least_distance);
        })?;
        Ok(detections)
    }

    fn detect(&mut self, message: &Arc<PointCloud2>) -> Result<(DetectedObjects, Status), String> {
        let fault = self.prepare(message)?;
        let least_score = self.parameters.least_score.to_array();
        let detections = match self.network.detect(&self.read.points, &least_score) {
            Some(found) => found?,
            None => self.detect_on_grid(&least_score)?,
        };
        let mut objects = DetectedObjects::default();
        objects.header.stamp = message.header.stamp.clone();
        objects.header.frame_id = BASE_LINK.into();
        objects.objects = detections.iter().map(to_message).collect();
        Ok((objects, fault.map_or_else(Status::ok, Status::warn)))
    }
}

impl Node for LidarDetector {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        let heard = *self.heard.get_or_insert(event.now);
        if let Some(message) = event.shared(self.cloud) {
            self.heard = Some(event.now);
            match self.detect(&message) {
                Ok((objects, status)) => {
                    outputs.publish_if_heard(self.markers, || markers::detected(&objects));
                    outputs.publish(self.objects, objects);
                    self.tell(status, outputs);
                }
                Err(reason) => {
                    self.clouds_refused += 1;
                    self.tell(Status::error(reason), outputs);
                }
            }
        } else if event.is(self.watch) {
            let silent = event.now.since(heard);
            if !(silent <= self.parameters.timeout_s) {
                let reason = format!("no point cloud for {silent:.1} s: is the LiDAR on and its topic right?");
                self.tell(Status::error(reason), outputs);
            }
        } else if let Some(report) = event.message(self.velocity) {
            let stamp = Time::from(&report.header.stamp);
            if let Err(reason) = self.motion.push_speed(stamp, f64::from(report.longitudinal_velocity)) {
                self.tell(Status::warn(reason), outputs);
            }
        } else if let Some(imu) = event.message(self.imu) {
            if let Err(reason) = self.take_imu(imu) {
                self.tell(Status::warn(reason), outputs);
            }
        } else if let Some(transforms) = event.message(self.tf_static)
            && let Err(reason) = self.frames.take(transforms)
        {
            self.tell(Status::warn(reason), outputs);
        }
    }
}

fn no_transform(what: &str, frame: &str) -> String {
    format!("{what}: no transform from base_link to its frame `{frame}`: publish one on /tf_static")
}

fn to_message(detection: &Detection) -> DetectedObject {
    let label = match detection.class {
        Class::Car => ObjectClassification::CAR,
        Class::Truck => ObjectClassification::TRUCK,
        Class::Cyclist => ObjectClassification::BICYCLE,
        Class::Pedestrian => ObjectClassification::PEDESTRIAN,
        Class::Obstacle => ObjectClassification::UNKNOWN,
    };
    let mut object = DetectedObject {
        existence_probability: detection.score as f32,
        classification: vec![ObjectClassification { label, probability: 1.0 }],
        ..DetectedObject::default()
    };
    let kinematics = &mut object.kinematics;
    kinematics.orientation_availability = if detection.front_known {
        DetectedObjectKinematics::AVAILABLE
    } else {
        DetectedObjectKinematics::SIGN_UNKNOWN
    };
    let pose = &mut kinematics.pose_with_covariance.pose;
    [pose.position.x, pose.position.y, pose.position.z] = detection.center;
    (pose.orientation.z, pose.orientation.w) = (detection.yaw / 2.0).sin_cos();
    object.shape.type_ = Shape::BOUNDING_BOX;
    let size = &mut object.shape.dimensions;
    [size.x, size.y, size.z] = detection.size;
    object
}
