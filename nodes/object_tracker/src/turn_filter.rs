use std::f64::consts::PI;

use geometry::{Map, Point2, Pose2, angle_difference, normalize_angle};
use nalgebra::{Matrix2, Matrix2x5, Matrix5, RowVector5, Vector2, Vector5};

/// Extended Kalman filter with constant turn rate and speed: state x, y, yaw, speed, yaw rate.
///
/// Source: Schubert, Richter, Wanielik, Comparison and evaluation of advanced motion models for vehicle tracking, 2008.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnFilter {
    pub(crate) state: Vector5<f64>,
    pub(crate) covariance: Matrix5<f64>,
}

const X: usize = 0;
const YAW: usize = 2;
const SPEED: usize = 3;
const RATE: usize = 4;

/// Time in which a turn is forgotten when nothing confirms it, s.
const TURN_MEMORY_S: f64 = 2.0;

impl TurnFilter {
    /// Standing at a pose, speed unknown to `speed_sigma` (m/s).
    pub fn new(pose: Pose2<Map>, position: Matrix2<f64>, yaw_sigma: f64, speed: f64, speed_sigma: f64) -> Self {
        let mut covariance =
            Matrix5::from_diagonal(&Vector5::new(0.0, 0.0, yaw_sigma.powi(2), speed_sigma.powi(2), 0.1));
        covariance.fixed_view_mut::<2, 2>(0, 0).copy_from(&position);
        Self { state: Vector5::new(pose.position.x, pose.position.y, pose.yaw, speed, 0.0), covariance }
    }

    /// Where it is and heads.
    pub fn pose(&self) -> Pose2<Map> {
        Pose2 { position: Point2::new(self.state[X], self.state[X + 1]), yaw: self.state[YAW] }
    }

    /// Speed along the heading, m/s.
    pub fn speed(&self) -> f64 {
        self.state[SPEED]
    }

    /// Moves the state `dt` seconds on; `acceleration` (m/s²) and `turn` (rad/s²) are standard deviations of what it
    /// may do meanwhile.
    pub fn predict(&mut self, dt: f64, acceleration: f64, turn: f64) {
        let [x, y, yaw, v, w] = self.state.into();
        let mid = yaw + w * dt / 2.0;
        let (sin, cos) = mid.sin_cos();
        let decay = (-dt / TURN_MEMORY_S).exp();
        self.state = Vector5::new(x + v * dt * cos, y + v * dt * sin, normalize_angle(yaw + w * dt), v, w * decay);
        let mut f = Matrix5::identity();
        f[(0, YAW)] = -v * dt * sin;
        f[(1, YAW)] = v * dt * cos;
        f[(0, SPEED)] = dt * cos;
        f[(1, SPEED)] = dt * sin;
        f[(0, RATE)] = -v * dt * sin * dt / 2.0;
        f[(1, RATE)] = v * dt * cos * dt / 2.0;
        f[(YAW, RATE)] = dt;
        f[(RATE, RATE)] = decay;
        let along = Vector5::new(dt * dt / 2.0 * cos, dt * dt / 2.0 * sin, 0.0, dt, 0.0) * acceleration;
        let around = Vector5::new(0.0, 0.0, dt * dt / 2.0, 0.0, dt) * turn;
        let drift = Matrix5::from_diagonal(&Vector5::new(4e-3, 4e-3, 2e-3, 0.0, 0.0)) * dt;
        self.covariance =
            f * self.covariance * f.transpose() + along * along.transpose() + around * around.transpose() + drift;
    }

    /// Takes a position with its covariance in the map (m²).
    pub fn update_position(&mut self, position: Point2<Map>, noise: Matrix2<f64>) {
        let mut h = Matrix2x5::zeros();
        h[(0, 0)] = 1.0;
        h[(1, 1)] = 1.0;
        let innovation = Vector2::new(position.x - self.state[0], position.y - self.state[1]);
        let s = h * self.covariance * h.transpose() + noise;
        let Some(inverse) = s.try_inverse() else { return };
        let gain = self.covariance * h.transpose() * inverse;
        self.state += gain * innovation;
        self.state[YAW] = normalize_angle(self.state[YAW]);
        let keep = Matrix5::identity() - gain * h;
        self.covariance = keep * self.covariance * keep.transpose() + gain * noise * gain.transpose();
    }

    /// Takes a heading known up to half a turn; `sigma` in rad. Headings far from the state's count less.
    pub fn update_axis(&mut self, yaw: f64, sigma: f64) {
        let mut innovation = angle_difference(yaw, self.state[YAW]);
        if innovation.abs() > PI / 2.0 {
            innovation = angle_difference(yaw + PI, self.state[YAW]);
        }
        // Huber's weight: an outlier of the detector's heading must not spin the track.
        let excess = (innovation.abs() / (2.0 * sigma)).max(1.0);
        self.update_scalar(YAW, innovation, sigma * sigma * excess);
        self.state[YAW] = normalize_angle(self.state[YAW]);
    }

    /// Takes its speed for zero within `sigma` (m/s), and that it does not turn.
    pub fn update_standing(&mut self, sigma: f64) {
        self.update_scalar(SPEED, -self.state[SPEED], sigma * sigma);
        self.update_scalar(RATE, -self.state[RATE], 0.01);
    }

    /// Front becomes rear.
    pub fn reverse(&mut self) {
        self.state[YAW] = normalize_angle(self.state[YAW] + PI);
        self.state[SPEED] = -self.state[SPEED];
        let turn = Matrix5::from_diagonal(&Vector5::new(1.0, 1.0, 1.0, -1.0, 1.0));
        self.covariance = turn * self.covariance * turn;
    }

    fn update_scalar(&mut self, index: usize, innovation: f64, noise: f64) {
        let column = self.covariance.column(index).clone_owned();
        let gain = column / (column[index] + noise);
        self.state += gain * innovation;
        let row: RowVector5<f64> = self.covariance.row(index).clone_owned();
        self.covariance -= gain * row;
        self.covariance = (self.covariance + self.covariance.transpose()) * 0.5;
    }
}
