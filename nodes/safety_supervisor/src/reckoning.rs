//! How sure the place is that the supervisor reckons while no odometry comes, and how it is told.

use geometry::{Map, Pose2};
use msgs::geometry_msgs::msg::{PoseWithCovarianceStamped, Quaternion};
use msgs::nav_msgs::msg::Odometry;
use node::Time;

/// Without the wheels for longer than this nobody knows where the car went, s.
const WHEELS_S: f64 = 0.2;
/// A way longer than this is reckoned no more, m: the longest stop, and some.
const LONGEST_M: f64 = 100.0;
/// What happened in a pause longer than this is unknown, s.
pub const LONGEST_STEP_S: f64 = 0.5;
/// Of the way driven, by which the wheels mislead: a worn tyre.
const WHEELS_SHARE: f64 = 0.03;
/// Turn that a steering angle misleads by in each metre, rad/m: half a degree of the tyres on a wheelbase of 2.8 m.
const STEERING_RAD_PER_M: f64 = 0.003;
/// Between two messages, s.
const PERIOD_S: f64 = 0.1;

/// Standard deviations of a place: position (m) and heading (rad).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doubt {
    position_m: f64,
    yaw_rad: f64,
}

impl Doubt {
    /// What odometry says of itself; where it says nothing, 1 m and 6 degrees.
    pub fn of(odometry: &Odometry) -> Self {
        let deviation = |indices: &[usize], otherwise: f64| {
            let variances = indices.iter().map(|index| odometry.pose.covariance[*index]);
            let largest = variances.fold(0.0, f64::max);
            if largest > 0.0 && largest.is_finite() { largest.sqrt() } else { otherwise }
        };
        Self { position_m: deviation(&[0, 7], 1.0), yaw_rad: deviation(&[35], 0.1) }
    }
}

/// The doubt since the last odometry, and the wheels that it is driven by.
#[derive(Debug, Default)]
pub struct Reckoning {
    doubt: Option<Doubt>,
    driven_m: f64,
    wheels: Option<(Time, f64)>,
    told: Option<Time>,
}

impl Reckoning {
    /// Takes what the wheels report, m/s.
    pub fn take_wheels(&mut self, stamp: Time, speed_mps: f64) {
        if speed_mps.abs() < 150.0 && self.wheels.is_none_or(|(last, _)| stamp > last) {
            self.wheels = Some((stamp, speed_mps));
        }
    }

    /// Speed by the wheels (m/s) where they report.
    pub fn wheel_speed(&self, now: Time) -> Option<f64> {
        self.wheels.filter(|(at, _)| now.since(*at).abs() <= WHEELS_S).map(|(_, speed)| speed)
    }

    /// Odometry came: its doubt is the place's.
    pub fn begin(&mut self, doubt: Doubt) {
        (self.doubt, self.driven_m) = (Some(doubt), 0.0);
    }

    /// The place was moved on over `dt` seconds without odometry.
    pub fn move_on(&mut self, now: Time, dt: f64) {
        let speed = self.wheel_speed(now).filter(|_| (0.0..=LONGEST_STEP_S).contains(&dt));
        let (Some(doubt), Some(speed)) = (&mut self.doubt, speed) else {
            self.doubt = None;
            return;
        };
        let way_m = speed.abs() * dt;
        self.driven_m += way_m;
        doubt.position_m += way_m * (WHEELS_SHARE + doubt.yaw_rad);
        doubt.yaw_rad += way_m * STEERING_RAD_PER_M;
        if !(self.driven_m <= LONGEST_M) {
            self.doubt = None;
        }
    }

    /// The place for who lost it; `None` where it is unknown or was just told.
    pub fn message(&mut self, now: Time, pose: Pose2<Map>) -> Option<PoseWithCovarianceStamped> {
        let doubt = self.doubt?;
        if self.told.is_some_and(|told| (0.0..PERIOD_S - 1e-6).contains(&now.since(told))) {
            return None;
        }
        self.told = Some(now);
        let mut message = PoseWithCovarianceStamped::default();
        (message.header.stamp, message.header.frame_id) = (now.to_message(), "map".into());
        (message.pose.pose.position.x, message.pose.pose.position.y) = (pose.position.x, pose.position.y);
        let q = pose.quaternion();
        message.pose.pose.orientation = Quaternion { x: q.i, y: q.j, z: q.k, w: q.w };
        for (index, deviation) in [(0, doubt.position_m), (7, doubt.position_m), (35, doubt.yaw_rad)] {
            message.pose.covariance[index] = deviation * deviation;
        }
        Some(message)
    }
}
