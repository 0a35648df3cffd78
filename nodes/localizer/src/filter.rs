use nalgebra::{Matrix2, SMatrix, SVector, Vector2};

/// Size of the state.
const N: usize = 9;
const X: usize = 0;
const Y: usize = 1;
const YAW: usize = 2;
const SPEED: usize = 3;
const GYRO_BIAS: usize = 4;
const FORCE_BIAS: usize = 5;
const SCALE: usize = 6;
const SLOW_X: usize = 7;
const SLOW_Y: usize = 8;

type State = SVector<f64, N>;
type Covariance = SMatrix<f64, N, N>;
type Row = SMatrix<f64, 1, N>;

/// Process noise: spectral densities and what the sensors are expected to be at the start.
#[derive(Debug, Clone, Copy)]
pub struct Noise {
    /// Walk of the heading, rad/√s.
    pub heading: f64,
    /// Walk of the speed about the accelerometer's, m/s/√s.
    pub speed: f64,
    /// Walk of the position, m/√s.
    pub position: f64,
    /// Walk of the gyro's bias, rad/s/√s.
    pub gyro_bias_walk: f64,
    /// Walk of the accelerometer's bias, m/s²/√s.
    pub force_bias_walk: f64,
    /// Deviation of the gyro's bias at the start, rad/s.
    pub gyro_bias: f64,
    /// Deviation of the accelerometer's bias at the start, m/s².
    pub force_bias: f64,
    /// Deviation of the wheel scale from 1 at the start.
    pub wheel_scale: f64,
    /// Time constant of the slow GNSS error, s.
    pub gnss_slow_s: f64,
    /// Sideslip of the rear axle for each lateral acceleration, rad per m/s².
    pub sideslip: f64,
}

/// Where a turn rate comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turn {
    /// The gyro, rad/s: its bias is taken off.
    Gyro(f64),
    /// The steering angle, rad/s, with its own walk of the heading, rad/√s.
    Steering(f64, f64),
}

/// What moved the car over a time step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// Turn rate.
    pub turn: Turn,
    /// Accelerometer along the car with gravity taken off, m/s²; `None` where there is none.
    pub force_mps2: Option<f64>,
}

/// Extended Kalman filter over x, y (m), yaw (rad), speed (m/s), gyro bias (rad/s), accelerometer bias (m/s²), wheel
/// scale (reported over true speed) and the slow error of GNSS in x and y (m, a Gauss-Markov process).
///
/// Groves, Principles of GNSS, Inertial, and Multisensor Integrated Navigation Systems, chapters 3 and 16.
#[derive(Debug, Clone)]
pub struct Filter {
    state: State,
    covariance: Covariance,
    noise: Noise,
    /// Variance of the slow GNSS error when it has settled, m².
    slow_variance: f64,
    yaw_rate: f64,
}

impl Filter {
    /// At a place (m) with heading (rad) and speed (m/s), and variances of position (m²) and heading (rad²).
    pub fn new(place: [f64; 3], speed: f64, position_variance: f64, yaw_variance: f64, noise: Noise) -> Self {
        let mut covariance = Covariance::zeros();
        let variances = [
            position_variance,
            position_variance,
            yaw_variance,
            0.04,
            noise.gyro_bias.powi(2),
            noise.force_bias.powi(2),
            noise.wheel_scale.powi(2),
            0.0,
            0.0,
        ];
        covariance.set_diagonal(&State::from(variances));
        let state = State::from([place[0], place[1], place[2], speed, 0.0, 0.0, 1.0, 0.0, 0.0]);
        Self { state, covariance, noise, slow_variance: 0.0, yaw_rate: 0.0 }
    }

    /// x, y (m) and yaw (rad).
    pub fn place(&self) -> [f64; 3] {
        [self.state[X], self.state[Y], self.state[YAW]]
    }

    /// Speed along the car, m/s.
    pub fn speed(&self) -> f64 {
        self.state[SPEED]
    }

    /// Speed of `base_link` to the left by the rear axle's sideslip, m/s.
    pub fn lateral_speed(&self) -> f64 {
        -self.noise.sideslip * self.state[SPEED] * self.state[SPEED].abs() * self.yaw_rate
    }

    /// Turn rate, rad/s.
    pub fn yaw_rate(&self) -> f64 {
        self.yaw_rate
    }

    /// Bias of the gyro, rad/s.
    pub fn gyro_bias(&self) -> f64 {
        self.state[GYRO_BIAS]
    }

    /// Reported over true wheel speed.
    pub fn wheel_scale(&self) -> f64 {
        self.state[SCALE]
    }

    /// Covariance of x, y (m²) and yaw (rad²).
    pub fn pose_covariance(&self) -> SMatrix<f64, 3, 3> {
        self.covariance.fixed_view::<3, 3>(0, 0).clone_owned()
    }

    /// Variances of speed, m²/s², and turn rate, rad²/s².
    pub fn twist_variances(&self) -> [f64; 2] {
        [self.covariance[(SPEED, SPEED)], self.covariance[(GYRO_BIAS, GYRO_BIAS)] + 1e-5]
    }

    /// Standard deviation of the position across the car's heading, m.
    pub fn lateral_sigma(&self) -> f64 {
        let (sin, cos) = self.state[YAW].sin_cos();
        let across = Vector2::new(-sin, cos);
        (across.transpose() * self.covariance.fixed_view::<2, 2>(0, 0) * across)[0].max(0.0).sqrt()
    }

    /// Whether every number is finite and no variance negative.
    pub fn is_sound(&self) -> bool {
        self.state.iter().all(|v| v.is_finite()) && self.covariance.diagonal().iter().all(|v| *v >= 0.0)
    }

    /// Moves on by `dt` seconds.
    pub fn predict(&mut self, motion: Motion, dt: f64) {
        let (rate, heading, biased) = match motion.turn {
            Turn::Gyro(rate) => (rate - self.state[GYRO_BIAS], self.noise.heading, 1.0),
            Turn::Steering(rate, walk) => (rate, walk, 0.0),
        };
        self.yaw_rate = rate;
        let before = self.state[SPEED];
        let (acceleration, walk, felt) = match motion.force_mps2 {
            Some(force) => (force - self.state[FORCE_BIAS], self.noise.speed, 1.0),
            // Nothing tells of it: as much as a car can do.
            None => (0.0, 3.0, 0.0),
        };
        self.state[SPEED] += acceleration * dt;
        let (speed, slide) = (before + acceleration * dt / 2.0, self.lateral_speed());
        let (sin, cos) = (self.state[YAW] + rate * dt / 2.0).sin_cos();
        let (vx, vy) = (speed * cos - slide * sin, speed * sin + slide * cos);
        self.state[X] += vx * dt;
        self.state[Y] += vy * dt;
        self.state[YAW] = geometry::normalize_angle(self.state[YAW] + rate * dt);
        let keep = (-dt / self.noise.gnss_slow_s).exp();
        self.state[SLOW_X] *= keep;
        self.state[SLOW_Y] *= keep;
        let mut f = Covariance::identity();
        (f[(X, YAW)], f[(Y, YAW)]) = (-vy * dt, vx * dt);
        (f[(X, SPEED)], f[(Y, SPEED)]) = (cos * dt, sin * dt);
        f[(YAW, GYRO_BIAS)] = -biased * dt;
        f[(SPEED, FORCE_BIAS)] = -felt * dt;
        (f[(SLOW_X, SLOW_X)], f[(SLOW_Y, SLOW_Y)]) = (keep, keep);
        let slow = self.slow_variance * (1.0 - keep * keep);
        // A car that stands goes nowhere.
        let moving = if speed.abs() > 0.05 { 1.0 } else { 0.0 };
        let noise = [
            moving * self.noise.position.powi(2) * dt,
            moving * self.noise.position.powi(2) * dt,
            heading.powi(2) * dt,
            walk.powi(2) * dt,
            self.noise.gyro_bias_walk.powi(2) * dt,
            self.noise.force_bias_walk.powi(2) * dt,
            1e-10 * dt,
            slow,
            slow,
        ];
        self.covariance = f * self.covariance * f.transpose();
        for (i, q) in noise.into_iter().enumerate() {
            self.covariance[(i, i)] += q;
        }
    }

    /// A GNSS fix (m) whose antenna stands `arm` (m, level) from `base_link`, taken when the car was at `place`.
    ///
    /// `white` and `slow` are variances (m²) of its fast and slow error. False, and unused, beyond `gate` sigma.
    pub fn update_fix(
        &mut self,
        fix: [f64; 2],
        place: [f64; 3],
        arm: [f64; 2],
        white: f64,
        slow: f64,
        gate: f64,
    ) -> bool {
        if slow > self.slow_variance {
            let more = slow - self.slow_variance;
            self.covariance[(SLOW_X, SLOW_X)] += more;
            self.covariance[(SLOW_Y, SLOW_Y)] += more;
        }
        self.slow_variance = slow;
        let (sin, cos) = place[2].sin_cos();
        let reach = Vector2::new(cos * arm[0] - sin * arm[1], sin * arm[0] + cos * arm[1]);
        let mut h = SMatrix::<f64, 2, N>::zeros();
        (h[(0, X)], h[(1, Y)], h[(0, SLOW_X)], h[(1, SLOW_Y)]) = (1.0, 1.0, 1.0, 1.0);
        (h[(0, YAW)], h[(1, YAW)]) = (-reach.y, reach.x);
        let slow_error = Vector2::new(self.state[SLOW_X], self.state[SLOW_Y]);
        let innovation = Vector2::new(fix[0] - place[0], fix[1] - place[1]) - reach - slow_error;
        let noise = Matrix2::identity() * white;
        let Some(inverse) = (h * self.covariance * h.transpose() + noise).try_inverse() else { return false };
        if !((innovation.transpose() * inverse * innovation)[0] <= gate * gate) {
            return false;
        }
        let gain = self.covariance * h.transpose() * inverse;
        let rest = Covariance::identity() - gain * h;
        self.correct(gain * innovation);
        self.covariance = rest * self.covariance * rest.transpose() + gain * noise * gain.transpose();
        true
    }

    /// A wheel speed, m/s, with its variance; false, and unused, beyond `gate` sigma.
    pub fn update_wheels(&mut self, wheel_mps: f64, variance: f64, gate: f64) -> bool {
        let mut h = Row::zeros();
        (h[SPEED], h[SCALE]) = (self.state[SCALE], self.state[SPEED]);
        self.update(&h, wheel_mps - self.state[SCALE] * self.state[SPEED], variance, gate)
    }

    /// The car stands: the gyro (rad/s) shows its bias, the accelerometer (m/s², gravity taken off) its own.
    pub fn update_standing(&mut self, gyro_radps: f64, force_mps2: f64) {
        let mut h = Row::zeros();
        h[GYRO_BIAS] = 1.0;
        // A sample of a hundredth of a second carries the walk of the heading over that time.
        let variance = self.noise.heading.powi(2) * 100.0;
        self.update(&h, gyro_radps - self.state[GYRO_BIAS], variance, 6.0);
        let mut h = Row::zeros();
        h[FORCE_BIAS] = 1.0;
        // The ground's slope is known to about a hundredth: a hundredth of gravity, and it lasts.
        self.update(&h, force_mps2 - self.state[FORCE_BIAS], 1.0, 6.0);
    }

    /// After a pause (s) in which nothing was heard: the car may have driven on or stopped, and may have turned by
    /// `turn_radps` in every second; heading and speed are learned anew.
    pub fn resume(&mut self, pause_s: f64, turn_radps: f64) {
        let gone = self.state[SPEED].abs().max(1.0) * pause_s;
        let variances =
            [gone * gone, gone * gone, (turn_radps * pause_s).min(1.0).powi(2), self.state[SPEED].powi(2) + 1.0];
        for (index, variance) in variances.into_iter().enumerate() {
            let kept = self.covariance[(index, index)];
            self.covariance.row_mut(index).fill(0.0);
            self.covariance.column_mut(index).fill(0.0);
            self.covariance[(index, index)] = kept + variance;
        }
        (self.state[SPEED], self.yaw_rate) = (0.0, 0.0);
    }

    /// Puts the speed in doubt by `sigma`, m/s.
    pub fn doubt_speed(&mut self, sigma: f64) {
        self.covariance[(SPEED, SPEED)] += sigma * sigma;
    }

    /// Puts the position in doubt by `sigma` (m) and the heading by `yaw_sigma` (rad): fixes are believed again.
    pub fn doubt(&mut self, sigma: f64, yaw_sigma: f64) {
        self.covariance[(X, X)] += sigma * sigma;
        self.covariance[(Y, Y)] += sigma * sigma;
        self.covariance[(YAW, YAW)] += yaw_sigma * yaw_sigma;
    }

    fn update(&mut self, h: &Row, innovation: f64, variance: f64, gate: f64) -> bool {
        let s = (h * self.covariance * h.transpose())[0] + variance;
        if !(innovation * innovation <= gate * gate * s) {
            return false;
        }
        let gain = self.covariance * h.transpose() / s;
        let rest = Covariance::identity() - gain * h;
        self.correct(gain * innovation);
        self.covariance = rest * self.covariance * rest.transpose() + gain * gain.transpose() * variance;
        true
    }

    fn correct(&mut self, step: State) {
        self.state += step;
        self.state[YAW] = geometry::normalize_angle(self.state[YAW]);
        self.state[SCALE] = self.state[SCALE].clamp(0.8, 1.2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOISE: Noise = Noise {
        heading: 0.001,
        speed: 0.3,
        position: 0.02,
        gyro_bias_walk: 5e-5,
        force_bias_walk: 1e-3,
        gyro_bias: 0.005,
        force_bias: 0.1,
        wheel_scale: 0.02,
        gnss_slow_s: 60.0,
        sideslip: 0.0,
    };

    #[test]
    fn circle_by_gyro_and_wheels_closes() {
        let mut filter = Filter::new([0.0, 0.0, 0.0], 5.0, 0.01, 0.001, NOISE);
        let steps = 1000;
        let dt = std::f64::consts::TAU / 0.25 / f64::from(steps);
        for _ in 0..steps {
            filter.predict(Motion { turn: Turn::Gyro(0.25), force_mps2: Some(0.0) }, dt);
        }
        assert!(filter.place()[0].hypot(filter.place()[1]) < 1e-3 && filter.place()[2].abs() < 1e-6);
    }

    #[test]
    fn standing_tells_the_bias_of_the_gyro() {
        let mut filter = Filter::new([0.0, 0.0, 0.0], 0.0, 0.01, 0.001, NOISE);
        for _ in 0..500 {
            filter.update_standing(0.003, 0.02);
        }
        assert!((filter.gyro_bias() - 0.003).abs() < 5e-4);
    }

    #[test]
    fn far_fix_and_nan_are_refused_and_change_nothing() {
        let mut filter = Filter::new([1.0, 2.0, 0.3], 0.0, 0.04, 0.001, NOISE);
        for fix in [[9.0, 2.0], [f64::NAN, 2.0], [1.0, f64::INFINITY]] {
            assert!(!filter.update_fix(fix, filter.place(), [0.0, 0.0], 0.01, 0.0, 4.0));
        }
        assert!(!filter.update_wheels(f64::NAN, 0.01, 4.0) && !filter.update_wheels(99.0, 0.01, 4.0));
        assert_eq!(filter.place(), [1.0, 2.0, 0.3]);
        assert!(filter.update_fix([1.2, 2.1], filter.place(), [0.0, 0.0], 0.01, 0.0, 4.0) && filter.is_sound());
    }
}
