use geometry::{Map, Point2};
use nalgebra::{Matrix2, Matrix2x4, Matrix4, Vector2, Vector4};

/// Kalman filter with constant velocity: state x, y and their rates.
#[derive(Debug, Clone, PartialEq)]
pub struct VelocityFilter {
    pub(crate) state: Vector4<f64>,
    pub(crate) covariance: Matrix4<f64>,
    /// Heading while it stands, rad; it has no say in the motion.
    pub(crate) yaw: f64,
}

impl VelocityFilter {
    /// At a place, moving with `velocity` known to `speed_sigma` (m/s).
    pub fn new(position: Point2<Map>, noise: Matrix2<f64>, yaw: f64, velocity: Vector2<f64>, speed_sigma: f64) -> Self {
        let mut covariance = Matrix4::identity() * speed_sigma.powi(2);
        covariance.fixed_view_mut::<2, 2>(0, 0).copy_from(&noise);
        Self { state: Vector4::new(position.x, position.y, velocity.x, velocity.y), covariance, yaw }
    }

    /// Where it is.
    pub fn position(&self) -> Point2<Map> {
        Point2::new(self.state[0], self.state[1])
    }

    /// How it moves, m/s.
    pub fn velocity(&self) -> Vector2<f64> {
        Vector2::new(self.state[2], self.state[3])
    }

    /// Moves the state `dt` seconds on; `acceleration` (m/s²) is the standard deviation of what it may do meanwhile.
    pub fn predict(&mut self, dt: f64, acceleration: f64) {
        let mut f = Matrix4::identity();
        f[(0, 2)] = dt;
        f[(1, 3)] = dt;
        self.state = f * self.state;
        self.covariance = f * self.covariance * f.transpose();
        let q = acceleration.powi(2);
        for axis in 0..2 {
            self.covariance[(axis, axis)] += q * dt.powi(4) / 4.0 + 2e-3 * dt;
            self.covariance[(axis, axis + 2)] += q * dt.powi(3) / 2.0;
            self.covariance[(axis + 2, axis)] += q * dt.powi(3) / 2.0;
            self.covariance[(axis + 2, axis + 2)] += q * dt * dt;
        }
    }

    /// Takes a position with its covariance (m²).
    pub fn update_position(&mut self, position: Point2<Map>, noise: Matrix2<f64>) {
        let h = Matrix2x4::identity();
        self.update(h, Vector2::new(position.x - self.state[0], position.y - self.state[1]), noise);
    }

    /// Takes its velocity for zero within `sigma` (m/s).
    pub fn update_standing(&mut self, sigma: f64) {
        let mut h = Matrix2x4::zeros();
        h[(0, 2)] = 1.0;
        h[(1, 3)] = 1.0;
        self.update(h, -self.velocity(), Matrix2::identity() * sigma * sigma);
    }

    fn update(&mut self, h: Matrix2x4<f64>, innovation: Vector2<f64>, noise: Matrix2<f64>) {
        let s = h * self.covariance * h.transpose() + noise;
        let Some(inverse) = s.try_inverse() else { return };
        let gain = self.covariance * h.transpose() * inverse;
        self.state += gain * innovation;
        let keep = Matrix4::identity() - gain * h;
        self.covariance = keep * self.covariance * keep.transpose() + gain * noise * gain.transpose();
    }
}
