//! From the world's values to messages.

use geometry::{Map, Pose2};
use msgs::autoware_perception_msgs::msg::{
    ObjectClassification, Shape, TrackedObject, TrackedObjects, TrafficLightElement, TrafficLightGroup,
    TrafficLightGroupArray,
};
use msgs::builtin_interfaces::msg::Time as Stamp;
use msgs::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus, KeyValue};
use msgs::geometry_msgs::msg::{Pose, Quaternion, TransformStamped, Vector3};
use msgs::nav_msgs::msg::Odometry;
use msgs::sensor_msgs::msg::{CameraInfo, Image, Imu, NavSatFix, PointCloud2, PointField};
use msgs::std_msgs::msg::Header;
use nalgebra::{Isometry3, UnitQuaternion};
use simulation::camera::{CameraConfig, CameraFrame};
use simulation::lidar::LidarScan;
use simulation::{
    Actor, ActorClass, EgoState, EventKind, GnssSample, ImuSample, SensorNoise, SignalColor, World, WorldEvent,
};

/// Bytes of one point: x, y, z, intensity, ring with two bytes of padding, time.
pub(crate) const POINT_STEP: u32 = 24;

pub(crate) fn header(stamp: Stamp, frame_id: &str) -> Header {
    Header { stamp, frame_id: frame_id.into() }
}

pub(crate) fn quaternion(q: &UnitQuaternion<f64>) -> Quaternion {
    Quaternion { x: q.i, y: q.j, z: q.k, w: q.w }
}

/// A planar pose at a height, m.
pub fn pose(planar: Pose2<Map>, z: f64) -> Pose {
    let mut pose = Pose { orientation: quaternion(&planar.quaternion()), ..Pose::default() };
    (pose.position.x, pose.position.y, pose.position.z) = (planar.position.x, planar.position.y, z);
    pose
}

pub(crate) fn point_cloud(scan: &LidarScan, header: Header) -> PointCloud2 {
    let mut data = Vec::with_capacity(scan.points.len() * POINT_STEP as usize);
    for p in &scan.points {
        for value in [p.x, p.y, p.z, p.intensity] {
            data.extend_from_slice(&value.to_le_bytes());
        }
        data.extend_from_slice(&p.ring.to_le_bytes());
        data.extend_from_slice(&[0, 0]);
        data.extend_from_slice(&p.time.to_le_bytes());
    }
    let field = |name: &str, offset: u32, datatype: u8| PointField { name: name.into(), offset, datatype, count: 1 };
    PointCloud2 {
        header,
        height: 1,
        width: scan.points.len() as u32,
        fields: vec![
            field("x", 0, PointField::FLOAT32),
            field("y", 4, PointField::FLOAT32),
            field("z", 8, PointField::FLOAT32),
            field("intensity", 12, PointField::FLOAT32),
            field("ring", 16, PointField::UINT16),
            field("time", 20, PointField::FLOAT32),
        ],
        is_bigendian: false,
        point_step: POINT_STEP,
        row_step: POINT_STEP * scan.points.len() as u32,
        data,
        is_dense: scan.points.iter().all(|p| p.x.is_finite()),
    }
}

pub(crate) fn imu(sample: &ImuSample, noise: &SensorNoise, header: Header) -> Imu {
    let vector = |[x, y, z]: [f64; 3]| Vector3 { x, y, z };
    let diagonal = |deviation: f64| {
        let mut covariance = [0.0; 9];
        for axis in 0..3 {
            covariance[axis * 4] = deviation * deviation;
        }
        covariance
    };
    let mut message = Imu {
        header,
        angular_velocity: vector(sample.angular_velocity),
        linear_acceleration: vector(sample.linear_acceleration),
        angular_velocity_covariance: diagonal(noise.gyro_rad_s.hypot(noise.gyro_bias_rad_s)),
        linear_acceleration_covariance: diagonal(noise.accelerometer_mps2.hypot(noise.accelerometer_bias_mps2)),
        ..Imu::default()
    };
    // -1: this unit gives no orientation.
    message.orientation_covariance[0] = -1.0;
    message
}

pub(crate) fn nav_sat_fix(sample: &GnssSample, header: Header) -> NavSatFix {
    let mut fix = NavSatFix {
        header,
        latitude: sample.latitude_deg,
        longitude: sample.longitude_deg,
        altitude: sample.altitude_m,
        position_covariance_type: NavSatFix::COVARIANCE_TYPE_DIAGONAL_KNOWN,
        ..NavSatFix::default()
    };
    // Ground-based augmentation: RTK; by GPS.
    (fix.status.status, fix.status.service) = (2, 1);
    fix.position_covariance[0] = sample.horizontal_variance_m2;
    fix.position_covariance[4] = sample.horizontal_variance_m2;
    fix.position_covariance[8] = sample.vertical_variance_m2;
    fix
}

pub(crate) fn image(frame: CameraFrame, config: &CameraConfig, header: Header) -> Image {
    Image {
        header,
        height: config.height as u32,
        width: config.width as u32,
        encoding: "rgb8".into(),
        is_bigendian: 0,
        step: 3 * config.width as u32,
        data: frame.pixels,
    }
}

pub(crate) fn camera_info(config: &CameraConfig, header: Header) -> CameraInfo {
    let (f, x, y) = (config.focal_px, config.center_x_px, config.center_y_px);
    CameraInfo {
        header,
        height: config.height as u32,
        width: config.width as u32,
        distortion_model: "plumb_bob".into(),
        d: config.distortion.to_vec(),
        k: [f, 0.0, x, 0.0, f, y, 0.0, 0.0, 1.0],
        r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        // A rectified image of the same focal length and middle.
        p: [f, 0.0, x, 0.0, 0.0, f, y, 0.0, 0.0, 0.0, 1.0, 0.0],
        ..CameraInfo::default()
    }
}

/// `isometry`: of the child's frame in `base_link`.
pub(crate) fn transform(isometry: &Isometry3<f64>, child: &str, stamp: Stamp) -> TransformStamped {
    let mut transform = TransformStamped {
        header: header(stamp, "base_link"),
        child_frame_id: child.into(),
        ..TransformStamped::default()
    };
    let at = isometry.translation.vector;
    transform.transform.translation = Vector3 { x: at.x, y: at.y, z: at.z };
    transform.transform.rotation = quaternion(&isometry.rotation);
    transform
}

/// The true state of the car, of `base_link` in `map`.
pub fn odometry(ego: &EgoState, stamp: Stamp) -> Odometry {
    let mut message =
        Odometry { header: header(stamp, "map"), child_frame_id: "base_link".into(), ..Odometry::default() };
    message.pose.pose = pose(ego.vehicle.pose, ego.z);
    let tilt = UnitQuaternion::from_euler_angles(ego.roll_rad, ego.pitch_rad, ego.vehicle.pose.yaw);
    message.pose.pose.orientation = quaternion(&tilt);
    message.twist.twist.linear.x = ego.vehicle.speed_mps;
    message.twist.twist.linear.y = ego.lateral_speed_mps;
    message.twist.twist.angular.z = ego.yaw_rate_radps;
    message
}

/// The true states of all road users, in `map`.
pub fn objects(actors: &[Actor], stamp: Stamp) -> TrackedObjects {
    TrackedObjects { header: header(stamp, "map"), objects: actors.iter().map(object).collect() }
}

fn object(actor: &Actor) -> TrackedObject {
    let label = match actor.class {
        ActorClass::Car => ObjectClassification::CAR,
        ActorClass::Truck => ObjectClassification::TRUCK,
        ActorClass::Cyclist => ObjectClassification::BICYCLE,
        ActorClass::Pedestrian => ObjectClassification::PEDESTRIAN,
        ActorClass::Obstacle => ObjectClassification::UNKNOWN,
    };
    let mut message = TrackedObject {
        existence_probability: 1.0,
        classification: vec![ObjectClassification { label, probability: 1.0 }],
        ..TrackedObject::default()
    };
    message.object_id.uuid[..4].copy_from_slice(&actor.id.to_le_bytes());
    message.kinematics.pose_with_covariance.pose = pose(actor.pose, actor.z + actor.height / 2.0);
    let own = actor.pose.inverse_rotate::<geometry::BaseLink>(actor.velocity);
    let twist = &mut message.kinematics.twist_with_covariance.twist;
    (twist.linear.x, twist.linear.y, twist.angular.z) = (own.x, own.y, actor.yaw_rate);
    message.kinematics.orientation_availability = 2;
    message.kinematics.is_stationary = actor.speed_mps() < 0.1;
    message.shape.type_ = Shape::BOUNDING_BOX;
    message.shape.dimensions = Vector3 { x: actor.length, y: actor.width, z: actor.height };
    message
}

pub(crate) fn signals(world: &World, stamp: Stamp) -> TrafficLightGroupArray {
    let group = |(id, state): (&road_map::SignalGroupId, &simulation::SignalState)| TrafficLightGroup {
        traffic_light_group_id: id.0,
        elements: vec![TrafficLightElement {
            color: match state.color {
                SignalColor::Red => TrafficLightElement::RED,
                SignalColor::Yellow => TrafficLightElement::AMBER,
                SignalColor::Green => TrafficLightElement::GREEN,
            },
            shape: TrafficLightElement::CIRCLE,
            status: TrafficLightElement::SOLID_ON,
            confidence: 1.0,
        }],
        ..TrafficLightGroup::default()
    };
    TrafficLightGroupArray { stamp, traffic_light_groups: world.signal_states().iter().map(group).collect() }
}

fn value(key: &str, value: impl ToString) -> KeyValue {
    KeyValue { key: key.into(), value: value.to_string() }
}

/// What the world recorded, one status an event.
pub fn events(events: &[WorldEvent], stamp: Stamp) -> DiagnosticArray {
    let status = events.iter().map(|event| {
        let (kind, message, mut values) = describe(&event.kind);
        values.push(value("time_s", event.time_s));
        let level = if kind == "goal_reached" { DiagnosticStatus::OK } else { DiagnosticStatus::ERROR };
        DiagnosticStatus { level, name: "simulator".into(), message, hardware_id: kind.into(), values }
    });
    DiagnosticArray { header: header(stamp, ""), status: status.collect() }
}

fn describe(kind: &EventKind) -> (&'static str, String, Vec<KeyValue>) {
    match kind {
        EventKind::Collision { actor, class, relative_speed_mps, ego_caused, reason } => (
            "collision",
            format!("collision with {class:?} {actor} at {relative_speed_mps:.1} m/s: {reason}"),
            vec![
                value("actor", actor),
                value("class", format!("{class:?}").to_lowercase()),
                value("relative_speed_mps", relative_speed_mps),
                value("ego_caused", ego_caused),
                value("reason", reason),
            ],
        ),
        EventKind::FixtureCollision { speed_mps } => (
            "collision",
            format!("collision with something fixed at {speed_mps:.1} m/s"),
            vec![
                value("class", "fixture"),
                value("relative_speed_mps", speed_mps),
                value("ego_caused", true),
                value("reason", "the car left the road"),
            ],
        ),
        EventKind::RedLightRun { group } => {
            ("red_light_run", format!("signal group {} passed at red", group.0), vec![value("group", group.0)])
        }
        EventKind::StopSignRun => ("stop_sign_run", "a stop sign was passed without a stop".into(), Vec::new()),
        EventKind::GoalReached => ("goal_reached", "the goal is reached".into(), Vec::new()),
    }
}

/// What the drive comes to so far.
pub fn score(world: &World, stamp: Stamp) -> DiagnosticArray {
    let counts = world.counts();
    let values = vec![
        value("route_completion", world.progress()),
        value("route_length_m", world.route_length_m()),
        value("goal_reached", world.goal_reached()),
        value("collisions", counts.collisions),
        value("collisions_caused", counts.collisions_caused),
        value("red_lights_run", counts.red_lights_run),
        value("stop_signs_run", counts.stop_signs_run),
        value("off_road_s", counts.off_road_s),
        value("lane_departure_s", counts.lane_departure_s),
        value("time_s", world.time_s()),
        value("duration_s", world.scenario().duration_s),
    ];
    let status = DiagnosticStatus {
        level: DiagnosticStatus::OK,
        name: "simulator".into(),
        message: "score".into(),
        hardware_id: "score".into(),
        values,
    };
    DiagnosticArray { header: header(stamp, ""), status: vec![status] }
}
