use nalgebra::{Matrix1, Matrix2, SMatrix, SVector};

type State = SVector<f64, 5>;
type Covariance = SMatrix<f64, 5, 5>;

/// Kalman filter over x, y (m), yaw (rad), gyro bias (rad/s) and wheel scale (reported over true speed).
#[derive(Debug, Clone)]
pub struct Filter {
    /// The state in the order above.
    pub state: State,
    /// Its covariance.
    pub covariance: Covariance,
}

impl Filter {
    /// At a place with deviations of position (m) and yaw (rad).
    pub fn new(x: f64, y: f64, yaw: f64, position_sigma: f64, yaw_sigma: f64) -> Self {
        let sigma = [position_sigma, position_sigma, yaw_sigma, 0.005, 0.01];
        let covariance = Covariance::from_diagonal(&State::from(sigma.map(|s| s * s)));
        Self { state: State::from([x, y, yaw, 0.0, 1.0]), covariance }
    }

    /// Speed of the car at a wheel speed, m/s.
    pub fn speed(&self, wheel_mps: f64) -> f64 {
        wheel_mps / self.state[4]
    }

    /// Moves on by `dt` s at a measured turn rate and wheel speed with their noise densities.
    pub fn predict(&mut self, gyro_radps: f64, wheel_mps: f64, dt: f64, gyro_noise: f64, speed_noise: f64) {
        let speed = self.speed(wheel_mps);
        let rate = gyro_radps - self.state[3];
        let (sin, cos) = (self.state[2] + rate * dt / 2.0).sin_cos();
        self.state[0] += speed * cos * dt;
        self.state[1] += speed * sin * dt;
        self.state[2] = geometry::normalize_angle(self.state[2] + rate * dt);
        let mut f = Covariance::identity();
        f[(0, 2)] = -speed * sin * dt;
        f[(1, 2)] = speed * cos * dt;
        f[(0, 4)] = -speed * cos * dt / self.state[4];
        f[(1, 4)] = -speed * sin * dt / self.state[4];
        f[(2, 3)] = -dt;
        let position = speed_noise.powi(2) * dt * f64::from(u8::from(speed > 0.05));
        let noise = [position, position, gyro_noise.powi(2) * dt * 0.01, 1e-10 * dt, 1e-9 * dt];
        self.covariance = f * self.covariance * f.transpose() + Covariance::from_diagonal(&State::from(noise));
    }

    /// A fix (m) of the antenna at `arm` (m, in `base_link`); false, and unused, beyond `gate` sigma.
    pub fn update_position(&mut self, fix: [f64; 2], variance: f64, arm: [f64; 2], gate: f64) -> bool {
        let (sin, cos) = self.state[2].sin_cos();
        let mut h = SMatrix::<f64, 2, 5>::zeros();
        (h[(0, 0)], h[(1, 1)]) = (1.0, 1.0);
        h[(0, 2)] = -sin * arm[0] - cos * arm[1];
        h[(1, 2)] = cos * arm[0] - sin * arm[1];
        let innovation = SVector::<f64, 2>::new(
            fix[0] - self.state[0] - cos * arm[0] + sin * arm[1],
            fix[1] - self.state[1] - sin * arm[0] - cos * arm[1],
        );
        let s = h * self.covariance * h.transpose() + Matrix2::identity() * variance;
        let Some(inverse) = s.try_inverse() else { return false };
        if !((innovation.transpose() * inverse * innovation)[0] <= gate * gate) {
            return false;
        }
        let gain = self.covariance * h.transpose() * inverse;
        self.correct(gain * innovation, gain * h);
        true
    }

    /// The car stands: the gyro shows its bias alone.
    pub fn update_standstill(&mut self, gyro_radps: f64) {
        let h = SMatrix::<f64, 1, 5>::new(0.0, 0.0, 0.0, 1.0, 0.0);
        let s = (h * self.covariance * h.transpose())[0] + 1e-4;
        let gain = self.covariance * h.transpose() / s;
        self.correct(gain * Matrix1::new(gyro_radps - self.state[3]), gain * h);
    }

    fn correct(&mut self, step: State, gain_h: Covariance) {
        self.state += step;
        self.state[2] = geometry::normalize_angle(self.state[2]);
        self.state[4] = self.state[4].clamp(0.8, 1.2);
        let next = (Covariance::identity() - gain_h) * self.covariance;
        self.covariance = (next + next.transpose()) * 0.5;
    }
}
