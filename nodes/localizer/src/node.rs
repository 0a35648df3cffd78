use std::sync::Arc;
use std::time::Duration;

use geometry::{BaseLink, Map, Point2, Pose2};
use msgs::autoware_vehicle_msgs::msg::{SteeringReport, VelocityReport};
use msgs::geometry_msgs::msg::PoseWithCovarianceStamped;
use msgs::nav_msgs::msg::Odometry;
use msgs::sensor_msgs::msg::{Imu, NavSatFix};
use msgs::tf2_msgs::msg::TFMessage;
use nalgebra::{UnitQuaternion, Vector3};
use node::{Context, Definition, Event, Input, Node, NodeError, Output, Outputs, Ports, Qos, Status, Time, Timer};

use crate::history::History;
use crate::mounting::Mountings;
use crate::odometry::{Ground, messages};
use crate::start::{Start, Starts};
use crate::{Filter, Motion, Parameters, Turn};

const GRAVITY_MPS2: f64 = 9.80665;
/// Wheels slower than this stand, m/s.
const STANDING_MPS: f64 = 0.01;
/// Doubt in the speed of a car without wheels at its start, standard deviation, m/s.
const UNKNOWN_SPEED_MPS: f64 = 4.0;
/// Odometry goes out at most this often, s: 50 Hz from an IMU of 100 Hz.
const OUTPUT_S: f64 = 0.018;
/// A longer pause of everything that moves the filter is bridged with much more doubt, s.
const PAUSE_S: f64 = 0.2;
/// After a pause longer than this what the car did meanwhile is not guessed, s.
const LOST_S: f64 = 1.0;
/// Doubt in the heading for each second of a pause, rad/s.
const TURN_DOUBT_RADPS: f64 = 0.2;

/// The node: see the crate's documentation.
pub struct Localizer {
    imu: Input<Imu>,
    gnss: Input<NavSatFix>,
    velocity: Input<VelocityReport>,
    steering: Input<SteeringReport>,
    initial: Input<PoseWithCovarianceStamped>,
    reckoned: Input<PoseWithCovarianceStamped>,
    tf_static: Input<TFMessage>,
    odometry: Output<Odometry>,
    tf: Output<TFMessage>,
    health: Timer,
    parameters: Parameters,
    vehicle: vehicle::Vehicle,
    map: Arc<road_map::LaneGraph>,
    projection: road_map::LocalProjection,
    mountings: Mountings,
    history: History,
    filter: Option<Filter>,
    /// What the filter's state is of.
    time: Option<Time>,
    first_fix: Option<Point2<Map>>,
    starts: Starts,
    wheels: Option<(Time, f64)>,
    steering_rad: Option<(Time, f64)>,
    imu_at: Option<Time>,
    fix_at: Option<Time>,
    published_at: Option<Time>,
    ground: Ground,
    ground_at: Option<Time>,
    fixes_rejected: u32,
    wheels_rejected: u32,
    refused: u64,
}

impl Definition for Localizer {
    const NAME: &'static str = "localizer";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError> {
        parameters.check()?;
        let map = context.require_map(Self::NAME)?;
        Ok(Self {
            imu: ports.input("~/input/imu", Qos::sensor_data().with_depth(20)),
            gnss: ports.input("~/input/gnss", Qos::sensor_data().with_depth(5)),
            velocity: ports.input("~/input/velocity_status", Qos::reliable(5)),
            steering: ports.input("~/input/steering_status", Qos::reliable(5)),
            initial: ports.input("~/input/initial_pose", Qos::transient_local()),
            reckoned: ports.input("~/input/reckoned_pose", Qos::reliable(1)),
            tf_static: ports.input("/tf_static", Qos::transient_local()),
            odometry: ports.output("~/output/kinematic_state", Qos::reliable(1)),
            tf: ports.output("~/output/tf", Qos::reliable(1)),
            health: ports.timer(Duration::from_millis(100)),
            parameters,
            vehicle: context.vehicle,
            projection: map.geo(),
            map,
            mountings: Mountings::default(),
            history: History::default(),
            filter: None,
            time: None,
            first_fix: None,
            starts: Starts::default(),
            wheels: None,
            steering_rad: None,
            imu_at: None,
            fix_at: None,
            published_at: None,
            ground: Ground::default(),
            ground_at: None,
            fixes_rejected: 0,
            wheels_rejected: 0,
            refused: 0,
        })
    }
}

impl Node for Localizer {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        let sound = if let Some(imu) = event.message(self.imu) {
            self.on_imu(imu, outputs)
        } else if let Some(fix) = event.message(self.gnss) {
            self.on_fix(fix, event.now)
        } else if let Some(report) = event.message(self.velocity) {
            !self.parameters.wheels || self.on_velocity(report, outputs)
        } else if let Some(report) = event.message(self.steering) {
            let angle = f64::from(report.steering_tire_angle);
            let sound = angle.is_finite();
            if sound && self.parameters.wheels {
                self.steering_rad = Some((Time::from(&report.stamp), angle));
            }
            sound
        } else if let Some(initial) = event.message(self.initial) {
            self.on_initial(initial, event.now)
        } else if let Some(reckoned) = event.message(self.reckoned) {
            let start = Start::read(reckoned);
            start.into_iter().for_each(|start| self.starts.hear_reckoned(Time::from(&reckoned.header.stamp), start));
            start.is_some()
        } else if let Some(transforms) = event.message(self.tf_static) {
            self.refused += self.mountings.take(transforms);
            true
        } else {
            if event.is(self.health) {
                outputs.report(self.status(event.now));
            }
            true
        };
        self.refused += u64::from(!sound);
        if self.filter.as_ref().is_some_and(|filter| !filter.is_sound()) {
            // Never seen; better to wait for a new start than to go on with it.
            self.filter = None;
        }
    }
}

impl Localizer {
    fn start(&mut self, start: Start) {
        let speed = self.wheels.map_or(0.0, |(_, speed)| speed);
        let Start { place, position_variance, yaw_variance } = start;
        let mut filter = Filter::new(place, speed, position_variance, yaw_variance, self.parameters.noise());
        if !self.parameters.wheels {
            // It may start while the car drives, as where simulated time began anew: fixes tell the speed then.
            filter.doubt_speed(UNKNOWN_SPEED_MPS);
        }
        (self.filter, self.time, self.history) = (Some(filter), None, History::default());
        self.fixes_rejected = 0;
    }

    fn on_initial(&mut self, initial: &PoseWithCovarianceStamped, now: Time) -> bool {
        let Some(start) = Start::read(initial) else { return false };
        let stamp = Time::from(&initial.header.stamp);
        if let Some(start) = self.starts.hear_operator(now, stamp, start, self.filter.is_some()) {
            self.start(start);
        }
        true
    }

    /// Moves the filter on to a stamp; false where that lies in its past.
    fn advance(&mut self, stamp: Time, motion: Motion) -> bool {
        let Some(filter) = &mut self.filter else { return false };
        let dt = self.time.map_or(0.01, |time| stamp.since(time));
        if !(dt > 0.0) {
            return false;
        }
        if dt > LOST_S {
            // Bridged as if the car had driven on, heading and speed would be taken together from the next fixes, and wrongly.
            filter.resume(dt, TURN_DOUBT_RADPS);
            self.time = Some(stamp);
            self.history.push(stamp, filter.place());
            return true;
        }
        if dt > PAUSE_S {
            filter.doubt(0.5 * filter.speed().abs() * dt, TURN_DOUBT_RADPS * dt);
            // The car may have braked meanwhile; who trusts the old speed takes the fixes that follow for wrong ones.
            filter.doubt_speed(self.vehicle.max_deceleration_mps2 * dt);
        }
        let steps = (dt / 0.02).ceil().min(500.0);
        for _ in 0..steps as usize {
            filter.predict(motion, dt / steps);
        }
        self.time = Some(stamp);
        self.history.push(stamp, filter.place());
        true
    }

    fn on_imu(&mut self, imu: &Imu, outputs: &mut Outputs) -> bool {
        let stamp = Time::from(&imu.header.stamp);
        let (w, a) = (&imu.angular_velocity, &imu.linear_acceleration);
        let (mut turn, mut force) = (Vector3::new(w.x, w.y, w.z), Vector3::new(a.x, a.y, a.z));
        let sound =
            turn.iter().chain(force.iter()).all(|v| v.is_finite()) && turn.norm() < 20.0 && force.norm() < 200.0;
        if !sound || self.imu_at.is_some_and(|last| stamp <= last) {
            return false;
        }
        self.imu_at = Some(stamp);
        if let Some(mount) = self.mountings.get(&imu.header.frame_id) {
            (turn, force) = (mount.rotation * turn, mount.rotation * force);
            force.x += turn.z * turn.z * mount.translation.x;
        }
        let along = force.x + GRAVITY_MPS2 * self.ground.pitch.sin();
        let standing = self.wheels.is_some_and(|(at, speed)| speed < STANDING_MPS && stamp.since(at) < 0.1);
        if let Some(filter) = self.filter.as_mut().filter(|filter| standing && filter.speed().abs() < 0.1) {
            filter.update_standing(turn.z, along);
        }
        if self.advance(stamp, Motion { turn: Turn::Gyro(turn.z), force_mps2: Some(along) }) {
            self.publish(stamp, outputs);
        }
        true
    }

    fn on_velocity(&mut self, report: &VelocityReport, outputs: &mut Outputs) -> bool {
        let (stamp, wheel) = (Time::from(&report.header.stamp), f64::from(report.longitudinal_velocity));
        if !(wheel.abs() < 150.0) || self.wheels.is_some_and(|(last, _)| stamp <= last) {
            return false;
        }
        self.wheels = Some((stamp, wheel));
        if self.imu_at.is_none_or(|at| stamp.since(at) > self.parameters.imu_timeout_s) {
            let steering = self.steering_rad.filter(|(at, _)| stamp.since(*at) < 0.5);
            let (Some((_, angle)), Some(filter)) = (steering, &self.filter) else { return true };
            let rate = filter.speed() * self.vehicle.curvature(angle);
            let walk = self.parameters.steering_heading_walk_rad_per_sqrt_s;
            if self.advance(stamp, Motion { turn: Turn::Steering(rate, walk), force_mps2: None }) {
                self.publish(stamp, outputs);
            }
        }
        let Some(filter) = &mut self.filter else { return true };
        let variance = self.parameters.wheel_speed_sigma_mps.powi(2);
        let accepted = filter.update_wheels(wheel, variance, self.parameters.gate_sigma);
        self.wheels_rejected = if accepted { 0 } else { self.wheels_rejected.saturating_add(1) };
        true
    }

    fn on_fix(&mut self, fix: &NavSatFix, now: Time) -> bool {
        if fix.status.status < 0 {
            return true;
        }
        let stamp = Time::from(&fix.header.stamp);
        let place = self.projection.to_map(fix.latitude, fix.longitude);
        let variance = match fix.position_covariance_type {
            NavSatFix::COVARIANCE_TYPE_UNKNOWN => 2.25,
            _ => (fix.position_covariance[0] + fix.position_covariance[4]) / 2.0,
        };
        let late = self.fix_at.is_some_and(|last| stamp <= last) || !(now.since(stamp).abs() < 1.0);
        let sound = fix.latitude.abs() <= 90.0 && fix.longitude.abs() <= 180.0 && place.is_finite() && variance >= 0.0;
        if late || !sound || !variance.is_finite() {
            return false;
        }
        let variance = variance.max(1e-4);
        let arm = self.antenna(&fix.header.frame_id);
        if self.filter.is_none()
            && let Some(start) = self.starts.agreeing(stamp, place, arm, variance)
        {
            self.start(start);
        }
        let Some(filter) = &mut self.filter else {
            self.start_from_motion(place, arm, variance);
            return true;
        };
        // Before the first IMU sample the place is the operator's.
        let then = if self.time.is_none() { Some(filter.place()) } else { self.history.place_at(stamp) };
        let Some(then) = then else { return false };
        let p = &self.parameters;
        let (slow, white) = (variance * p.gnss_slow_share, variance * (1.0 - p.gnss_slow_share));
        let before = filter.place();
        if filter.update_fix([place.x, place.y], then, arm, white, slow, p.gate_sigma) {
            let after = filter.place();
            self.history.shift([after[0] - before[0], after[1] - before[1], after[2] - before[2]]);
            (self.fixes_rejected, self.fix_at) = (0, Some(stamp));
            return true;
        }
        self.fixes_rejected = self.fixes_rejected.saturating_add(1);
        let stands = self.wheels.is_some_and(|(_, speed)| speed < STANDING_MPS);
        if self.fixes_rejected > p.max_rejections && stands {
            // Standing, the fixes agree with each other and not with the filter: they win.
            let expected: Point2<Map> =
                Pose2::new(then[0], then[1], then[2]).transform(Point2::<BaseLink>::new(arm[0], arm[1]));
            filter.doubt(expected.distance(place), 0.1);
        }
        true
    }

    /// Heading from motion: two fixes that lie well apart, driven forwards.
    fn start_from_motion(&mut self, place: Point2<Map>, arm: [f64; 2], variance: f64) {
        let first = *self.first_fix.get_or_insert(place);
        let span = place.distance(first);
        if span > 2.0 && span > 6.0 * variance.sqrt() {
            let yaw = (place - first).angle();
            let at: Point2<Map> =
                Pose2::new(place.x, place.y, yaw).transform(Point2::<BaseLink>::new(-arm[0], -arm[1]));
            let yaw_variance = 0.02 + 2.0 * variance / (span * span);
            self.start(Start { place: [at.x, at.y, yaw], position_variance: 0.04 + variance, yaw_variance });
        }
    }

    /// The antenna ahead and to the left of `base_link`, seen from above with the car tilted as its ground is.
    fn antenna(&self, frame: &str) -> [f64; 2] {
        let p = &self.parameters;
        let given = Vector3::new(p.gnss_antenna_x_m, p.gnss_antenna_y_m, p.gnss_antenna_z_m);
        let arm = self.mountings.get(frame).map_or(given, |mount| mount.translation.vector);
        let level = UnitQuaternion::from_euler_angles(self.ground.roll, self.ground.pitch, 0.0) * arm;
        [level.x, level.y]
    }

    /// Height at each call, tilt ten times a second.
    fn survey_ground(&mut self, place: [f64; 3], stamp: Time) {
        let pose = Pose2::<Map>::new(place[0], place[1], place[2]);
        let at = |x: f64, y: f64| self.map.elevation_at(pose.transform(Point2::<BaseLink>::new(x, y)));
        let z = at(0.0, 0.0);
        if self.ground_at.is_none_or(|last| !(stamp.since(last) < 0.1)) {
            let (base, half) = (self.vehicle.wheelbase_m, self.vehicle.width_m / 2.0);
            let pitch = -((at(base, 0.0) - z) / base).atan();
            let roll = ((at(base / 2.0, half) - at(base / 2.0, -half)) / (2.0 * half)).atan();
            (self.ground, self.ground_at) = (Ground { z, roll, pitch }, Some(stamp));
        }
        self.ground.z = z;
    }

    fn publish(&mut self, stamp: Time, outputs: &mut Outputs) {
        if self.published_at.is_some_and(|last| stamp.since(last) < OUTPUT_S) || self.blind(stamp).is_some() {
            return;
        }
        let Some(place) = self.filter.as_ref().map(Filter::place) else { return };
        self.survey_ground(place, stamp);
        let Some(filter) = &self.filter else { return };
        let (odometry, tf) = messages(filter, self.ground, stamp);
        outputs.publish(self.odometry, odometry);
        outputs.publish(self.tf, tf);
        self.published_at = Some(stamp);
    }

    /// Why the car's place cannot be told at all.
    fn blind(&self, now: Time) -> Option<String> {
        let p = &self.parameters;
        let age = |at: Option<Time>| at.map_or(f64::INFINITY, |at| now.since(at));
        let imu = age(self.imu_at);
        let wheels = age(self.wheels.map(|w| w.0));
        if self.filter.is_none() {
            return Some(self.starts.wanted());
        }
        if !p.wheels {
            let silent = imu > p.imu_timeout_s;
            return silent.then(|| match self.imu_at {
                None => "waiting for ~/input/imu".into(),
                Some(_) => format!("no IMU for {imu:.1} s, and no wheels to stand in for it"),
            });
        }
        if self.imu_at.is_none() && self.wheels.is_none() {
            return Some("waiting for ~/input/imu and ~/input/velocity_status".into());
        }
        if imu > p.imu_timeout_s && wheels > p.wheels_timeout_s {
            return Some(format!("neither IMU nor wheel speed for {:.0} s", imu.min(wheels)));
        }
        let steering = age(self.steering_rad.map(|s| s.0));
        (imu > p.imu_timeout_s && steering > 0.5).then(|| "neither IMU nor steering angle".into())
    }

    fn status(&self, now: Time) -> Status {
        if let Some(reason) = self.blind(now) {
            return Status::error(reason).with("refused", self.refused);
        }
        let Some(filter) = &self.filter else { return Status::error("waiting for a start") };
        let p = &self.parameters;
        let age = |at: Option<Time>| at.map_or(f64::INFINITY, |at| now.since(at));
        let (sigma, outage) = (filter.lateral_sigma(), age(self.fix_at));
        let mut complaints = Vec::new();
        if age(self.imu_at) > p.imu_timeout_s {
            complaints.push("no IMU: turning by the steering angle".into());
        }
        let adrift = !p.wheels && outage > p.gnss_outage_stop_s && self.fix_at.is_some();
        if !p.wheels {
            if adrift {
                let reason =
                    format!("no GNSS fix for {outage:.0} s and no wheels: the speed rests on the accelerometer alone");
                complaints.push(reason);
            }
        } else if age(self.wheels.map(|w| w.0)) > p.wheels_timeout_s {
            complaints.push("no wheel speed: speed by accelerometer and GNSS".into());
        } else if self.wheels_rejected > 25 {
            complaints.push("wheel speed contradicts accelerometer and GNSS and is not used".into());
        }
        if self.fixes_rejected > 3 {
            complaints.push(format!("GNSS fixes contradict the motion and are not used (gate {} sigma)", p.gate_sigma));
        } else if self.fix_at.is_none() {
            complaints.push("no GNSS fix yet: dead reckoning from the initial pose".into());
        } else if outage > p.gnss_outage_warn_s {
            complaints.push(format!("no GNSS fix for {outage:.0} s: dead reckoning"));
        }
        let status = if sigma > p.max_lateral_sigma_m {
            let limit = p.max_lateral_sigma_m;
            complaints.insert(0, format!("place across the lane is known to {sigma:.1} m only, limit {limit} m"));
            Status::error(complaints.join("; "))
        } else if adrift || self.fixes_rejected > p.max_rejections {
            Status::error(complaints.join("; "))
        } else if complaints.is_empty() {
            Status::ok()
        } else {
            Status::warn(complaints.join("; "))
        };
        status
            .with("refused", self.refused)
            .with("lateral_sigma_m", format!("{sigma:.3}"))
            .with("wheel_scale", format!("{:.4}", filter.wheel_scale()))
            .with("gyro_bias_radps", format!("{:.5}", filter.gyro_bias()))
    }
}
