//! A node with its ports, and messages to give it.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::Path;
use std::sync::Arc;

use lidar_detector::{LidarDetector, Network, OnnxNetwork, Parameters};
use msgs::autoware_perception_msgs::msg::DetectedObjects;
use msgs::autoware_vehicle_msgs::msg::VelocityReport;
use msgs::geometry_msgs::msg::TransformStamped;
use msgs::sensor_msgs::msg::{Imu, PointCloud2, PointField};
use msgs::tf2_msgs::msg::TFMessage;
use node::{Definition, Event, Input, Node, Output, Outputs, Ports, Qos, Status, Time, Timer};

pub struct Bench {
    node: LidarDetector,
    cloud: Input<PointCloud2>,
    velocity: Input<VelocityReport>,
    imu: Input<Imu>,
    tf_static: Input<TFMessage>,
    objects: Output<DetectedObjects>,
    watch: Timer,
    pub status: Option<Status>,
}

impl Bench {
    pub fn new(network: Box<dyn Network>) -> Self {
        let vehicle = vehicle::Vehicle::default();
        let node = LidarDetector::with_network(parameters(), &mut Ports::default(), &vehicle, network).unwrap();
        // Handles are numbers in the order of declaration: these are the node's own.
        let mut ports = Ports::default();
        Self {
            node,
            cloud: ports.input("", Qos::sensor_data()),
            velocity: ports.input("", Qos::reliable(1)),
            imu: ports.input("", Qos::sensor_data()),
            tf_static: ports.input("", Qos::transient_local()),
            objects: ports.output("", Qos::reliable(1)),
            watch: ports.timer(std::time::Duration::from_millis(100)),
            status: None,
        }
    }

    fn send(&mut self, event: &Event) -> Option<Arc<DetectedObjects>> {
        let mut outputs = Outputs::default();
        self.node.on_event(event, &mut outputs);
        self.status = outputs.take_status().or(self.status.take());
        outputs.take(self.objects)
    }

    pub fn cloud(&mut self, now: f64, message: PointCloud2) -> Option<Arc<DetectedObjects>> {
        self.send(&Event::from_message(Time::from_seconds(now), self.cloud, message))
    }

    pub fn speed(&mut self, now: f64, message: VelocityReport) {
        self.send(&Event::from_message(Time::from_seconds(now), self.velocity, message));
    }

    pub fn imu(&mut self, now: f64, message: Imu) {
        self.send(&Event::from_message(Time::from_seconds(now), self.imu, message));
    }

    pub fn transforms(&mut self, now: f64, transforms: Vec<TransformStamped>) {
        self.send(&Event::from_message(Time::from_seconds(now), self.tf_static, TFMessage { transforms }));
    }

    pub fn watch(&mut self, now: f64) {
        self.send(&Event::from_timer(Time::from_seconds(now), self.watch));
    }
}

pub fn parameters() -> Parameters {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../params/lidar_detector.param.yaml");
    node::Parameters::from_file(&path, LidarDetector::NAME).unwrap().parse(LidarDetector::NAME).unwrap()
}

/// The shipped model, where ONNX Runtime is found.
/// The shipped model as it runs by default, if there is a runtime.
pub fn shipped() -> Option<Box<OnnxNetwork>> {
    shipped_in(None)
}

/// The shipped model in a precision.
pub fn shipped_in(precision: Option<inference::Precision>) -> Option<Box<OnnxNetwork>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let Some(library) = inference::find_library(&root) else {
        println!("skipped: no ONNX Runtime library: run `make setup` once");
        return None;
    };
    let options = inference::LoadOptions { library: Some(library), precision, ..Default::default() };
    Some(Box::new(OnnxNetwork::load(&root.join("models/lidar_detector"), &options).unwrap()))
}

pub fn transform(parent: &str, child: &str, [x, y, z]: [f64; 3]) -> TransformStamped {
    let mut stamped = TransformStamped { child_frame_id: child.into(), ..Default::default() };
    stamped.header.frame_id = parent.into();
    let place = &mut stamped.transform.translation;
    (place.x, place.y, place.z) = (x, y, z);
    stamped.transform.rotation.w = 1.0;
    stamped
}

pub fn speed(stamp: f64, speed_mps: f32) -> VelocityReport {
    let mut report = VelocityReport { longitudinal_velocity: speed_mps, ..Default::default() };
    report.header.stamp = Time::from_seconds(stamp).to_message();
    report
}

pub fn imu(stamp: f64, yaw_rate: f64) -> Imu {
    let mut imu = Imu::default();
    imu.header.stamp = Time::from_seconds(stamp).to_message();
    imu.header.frame_id = "imu".into();
    imu.angular_velocity.z = yaw_rate;
    imu
}

/// Points on level ground around a sensor 1.9 m above it.
pub fn ring(count: usize, shift: f32) -> Vec<[f32; 4]> {
    let point = |i: usize| {
        let (angle, range) = (i as f32 * 0.37 + shift, 5.0 + (i % 40) as f32);
        [range * angle.cos(), range * angle.sin(), -1.9, -0.05]
    };
    (0..count).map(point).collect()
}

/// A cloud in frame `lidar` of x, y, z and time.
pub fn cloud(stamp: f64, points: Vec<[f32; 4]>) -> PointCloud2 {
    let field = |name: &str, offset: u32| PointField { name: name.into(), offset, datatype: 7, count: 1 };
    let data: Vec<u8> = points.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
    let mut message = PointCloud2 {
        height: 1,
        width: points.len() as u32,
        fields: vec![field("x", 0), field("y", 4), field("z", 8), field("time", 12)],
        point_step: 16,
        row_step: data.len() as u32,
        data,
        ..PointCloud2::default()
    };
    message.header.stamp = Time::from_seconds(stamp).to_message();
    message.header.frame_id = "lidar".into();
    message
}
