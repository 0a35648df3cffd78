use geometry::{Map, Point2, Pose2};
use msgs::autoware_vehicle_msgs::msg::{SteeringReport, VelocityReport};
use msgs::geometry_msgs::msg::{PoseWithCovarianceStamped, TransformStamped};
use msgs::nav_msgs::msg::Odometry;
use msgs::sensor_msgs::msg::{Imu, NavSatFix};
use msgs::tf2_msgs::msg::TFMessage;
use node::{Context, Definition, Event, Input, Node, NodeError, Output, Outputs, Ports, Qos, Status, Time};
use serde::Deserialize;
use std::sync::Arc;

use crate::Filter;

/// Parameters, as `params/localizer.param.yaml` explains them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    gnss_antenna_x_m: f64,
    gnss_antenna_y_m: f64,
    gyro_noise_radps: f64,
    speed_noise_mps: f64,
    gnss_outage_warn_s: f64,
    gate_sigma: f64,
    max_rejections: u32,
}

/// The node: see the crate's documentation.
pub struct Localizer {
    imu: Input<Imu>,
    gnss: Input<NavSatFix>,
    velocity: Input<VelocityReport>,
    steering: Input<SteeringReport>,
    initial: Input<PoseWithCovarianceStamped>,
    odometry: Output<Odometry>,
    tf: Output<TFMessage>,
    parameters: Parameters,
    vehicle: vehicle::Vehicle,
    map: Arc<road_map::LaneGraph>,
    projection: road_map::LocalProjection,
    filter: Option<Filter>,
    first_fix: Option<Point2<Map>>,
    wheel_mps: Option<(Time, f64)>,
    steering_rad: f64,
    imu_at: Option<Time>,
    fix_at: Option<Time>,
    rejections: u32,
    refused: u64,
    odd: bool,
    told: String,
}

impl Definition for Localizer {
    const NAME: &'static str = "localizer";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError> {
        let p = &parameters;
        NodeError::check_range("gnss_antenna_x_m", p.gnss_antenna_x_m, -5.0..=5.0)?;
        NodeError::check_range("gnss_antenna_y_m", p.gnss_antenna_y_m, -3.0..=3.0)?;
        NodeError::check_range("gyro_noise_radps", p.gyro_noise_radps, 0.0001..=1.0)?;
        NodeError::check_range("speed_noise_mps", p.speed_noise_mps, 0.001..=2.0)?;
        NodeError::check_range("gnss_outage_warn_s", p.gnss_outage_warn_s, 0.2..=60.0)?;
        NodeError::check_range("gate_sigma", p.gate_sigma, 2.0..=10.0)?;
        NodeError::check_range("max_rejections", f64::from(p.max_rejections), 3.0..=1000.0)?;
        let map = context.require_map(Self::NAME)?;
        Ok(Self {
            imu: ports.input("~/input/imu", Qos::reliable(20)),
            gnss: ports.input("~/input/gnss", Qos::reliable(5)),
            velocity: ports.input("~/input/velocity_status", Qos::reliable(5)),
            steering: ports.input("~/input/steering_status", Qos::reliable(5)),
            initial: ports.input("~/input/initial_pose", Qos::transient_local()),
            odometry: ports.output("~/output/kinematic_state", Qos::reliable(1)),
            tf: ports.output("~/output/tf", Qos::reliable(1)),
            parameters,
            vehicle: context.vehicle,
            projection: map.geo(),
            map,
            filter: None,
            first_fix: None,
            wheel_mps: None,
            steering_rad: 0.0,
            imu_at: None,
            fix_at: None,
            rejections: 0,
            refused: 0,
            odd: false,
            told: String::new(),
        })
    }
}

impl Node for Localizer {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if let Some(imu) = event.message(self.imu) {
            self.on_imu(Time::from(&imu.header.stamp), imu.angular_velocity.z, outputs);
        } else if let Some(fix) = event.message(self.gnss) {
            self.on_fix(fix, event.now);
        } else if let Some(report) = event.message(self.velocity) {
            let speed = f64::from(report.longitudinal_velocity);
            if speed.is_finite() { self.wheel_mps = Some((event.now, speed)) } else { self.refused += 1 }
        } else if let Some(report) = event.message(self.steering) {
            let angle = f64::from(report.steering_tire_angle);
            if angle.is_finite() { self.steering_rad = angle } else { self.refused += 1 }
        } else if let Some(initial) = event.message(self.initial) {
            let (p, q) = (&initial.pose.pose.position, &initial.pose.pose.orientation);
            let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
            if initial.header.frame_id == "map" && (p.x + p.y + yaw).is_finite() {
                self.filter = Some(Filter::new(p.x, p.y, yaw, 1.0, 0.1));
            } else {
                self.refused += 1;
            }
        }
    }
}

impl Localizer {
    fn on_fix(&mut self, fix: &NavSatFix, now: Time) {
        let stamp = Time::from(&fix.header.stamp);
        let place = self.projection.to_map(fix.latitude, fix.longitude);
        let variance = fix.position_covariance[0].max(0.01);
        let late = self.fix_at.is_some_and(|last| stamp <= last) || now.since(stamp) > 1.0;
        if late || fix.status.status < 0 || !place.is_finite() || !variance.is_finite() {
            self.refused += 1;
            return;
        }
        let p = &self.parameters;
        let arm = [p.gnss_antenna_x_m, p.gnss_antenna_y_m];
        let Some(filter) = &mut self.filter else {
            // Heading from motion: two fixes that lie well apart, driven forwards.
            let first = *self.first_fix.get_or_insert(place);
            if place.distance(first) > 2.0 {
                let yaw = (place - first).angle();
                let at: Point2<Map> = Pose2::new(place.x, place.y, yaw).transform(Point2::<Map>::new(-arm[0], -arm[1]));
                self.filter = Some(Filter::new(at.x, at.y, yaw, 0.2, 0.15));
                self.fix_at = Some(stamp);
            }
            return;
        };
        if filter.update_position([place.x, place.y], variance, arm, p.gate_sigma) {
            (self.rejections, self.fix_at) = (0, Some(stamp));
        } else {
            self.rejections += 1;
            if self.rejections >= p.max_rejections {
                self.filter = None;
                self.first_fix = None;
                self.rejections = 0;
            }
        }
    }

    fn on_imu(&mut self, stamp: Time, gyro: f64, outputs: &mut Outputs) {
        let dt = self.imu_at.map_or(0.01, |last| stamp.since(last));
        if !gyro.is_finite() || !(dt > 0.0) {
            self.refused += 1;
            return;
        }
        self.imu_at = Some(stamp);
        let p = &self.parameters;
        let Some((at, wheel)) = self.wheel_mps else {
            return self.tell(Status::error("waiting for ~/input/velocity_status"), outputs);
        };
        let Some(filter) = &mut self.filter else {
            return self.tell(Status::error("waiting for ~/input/initial_pose, or 2 m of motion with GNSS"), outputs);
        };
        if stamp.since(at) > 0.5 || dt > 0.5 {
            return self.tell(Status::error("velocity_status or imu paused for more than 0.5 s"), outputs);
        }
        if wheel.abs() < 0.01 {
            filter.update_standstill(gyro);
        }
        filter.predict(gyro, wheel, dt, p.gyro_noise_radps, p.speed_noise_mps);
        self.odd = !self.odd;
        if self.odd {
            return;
        }
        let (state, covariance, speed) = (filter.state, filter.covariance, filter.speed(wheel));
        let rate = gyro - state[3];
        let position = Point2::<Map>::new(state[0], state[1]);
        let q = Pose2::<Map>::new(state[0], state[1], state[2]).quaternion();
        let mut message = Odometry { child_frame_id: "base_link".into(), ..Odometry::default() };
        message.header.frame_id = "map".into();
        message.header.stamp = stamp.to_message();
        let pose = &mut message.pose.pose;
        (pose.position.x, pose.position.y) = (state[0], state[1]);
        pose.position.z = self.map.elevation_at(position);
        (pose.orientation.z, pose.orientation.w) = (q.k, q.w);
        (pose.orientation.x, pose.orientation.y) = (0.0, 0.0);
        for (row, column, i) in [(0, 0, 0), (0, 1, 1), (1, 0, 6), (1, 1, 7), (2, 2, 35)] {
            message.pose.covariance[i] = covariance[(row, column)];
        }
        message.twist.twist.linear.x = speed;
        message.twist.twist.angular.z = rate;
        let mut tf = TransformStamped { child_frame_id: "base_link".into(), ..TransformStamped::default() };
        tf.header = message.header.clone();
        let at = &mut tf.transform.translation;
        (at.x, at.y, at.z) = (state[0], state[1], message.pose.pose.position.z);
        tf.transform.rotation = message.pose.pose.orientation.clone();
        outputs.publish(self.odometry, message);
        outputs.publish(self.tf, TFMessage { transforms: vec![tf] });
        let outage = self.fix_at.map_or(f64::INFINITY, |at| stamp.since(at));
        // The wheels' own turn rate far from the gyro's: they slip or an angle sensor is off.
        let slip = (speed * self.vehicle.curvature(self.steering_rad) - rate).abs() > 0.5;
        let status = if outage > p.gnss_outage_warn_s {
            Status::warn(format!("no GNSS fix for {outage:.0} s, {} refused in a row: dead reckoning", self.rejections))
        } else if slip {
            Status::warn("the turn rate of the gyro and of the steering differ by more than 0.5 rad/s")
        } else {
            Status::ok()
        };
        self.tell(status.with("refused", self.refused), outputs);
    }

    fn tell(&mut self, status: Status, outputs: &mut Outputs) {
        if status.message != self.told {
            self.told.clone_from(&status.message);
            outputs.report(status);
        }
    }
}
