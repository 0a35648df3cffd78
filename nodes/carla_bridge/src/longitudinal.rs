//! Pedals from acceleration: a calibrated map, the slope fed forward, and a slow learner for what both leave.

use std::collections::VecDeque;

use node::{NodeError, Time};
use serde::Deserialize;
use vehicle::Vehicle;

const GRAVITY_MPS2: f64 = 9.80665;
/// Slower than this the wheels may stand and nothing is learned, m/s.
const ROLLING_MPS: f64 = 1.0;
/// Errors beyond this are no drift of the map: somebody collided or braked, m/s².
const OUTLIER_MPS2: f64 = 3.0;
/// Brake that holds a standing car.
const HOLDING_BRAKE: f64 = 0.4;

/// How a car answers its pedals, level road: between the speeds of the table it is interpolated, beyond them held.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Speeds of the table, m/s, rising.
    pub speeds_mps: Vec<f64>,
    /// Acceleration of full throttle at each speed, m/s².
    pub full_throttle_mps2: Vec<f64>,
    /// Deceleration with no pedal at each speed (drag, rolling, engine brake), m/s², positive.
    pub coasting_mps2: Vec<f64>,
    /// Deceleration that full brake adds to it, m/s², positive.
    pub full_brake_mps2: f64,
    /// Time constant of the learner, s.
    pub learning_time_s: f64,
    /// Most that is learned, m/s².
    pub learning_limit_mps2: f64,
}

impl Calibration {
    /// Checks table and ranges.
    ///
    /// # Errors
    /// Which entry is wrong and what was expected.
    pub fn check(&self) -> Result<(), NodeError> {
        let count = self.speeds_mps.len();
        if count < 2 || self.full_throttle_mps2.len() != count || self.coasting_mps2.len() != count {
            return Err(NodeError::new(
                "parameter longitudinal: expected speeds_mps, full_throttle_mps2 and coasting_mps2 of equal length, at least 2",
            ));
        }
        if !self.speeds_mps.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(NodeError::new("parameter longitudinal.speeds_mps: expected rising speeds"));
        }
        for (throttle, coasting) in self.full_throttle_mps2.iter().zip(&self.coasting_mps2) {
            NodeError::check_range("longitudinal.full_throttle_mps2", *throttle, 0.1..=20.0)?;
            NodeError::check_range("longitudinal.coasting_mps2", *coasting, 0.0..=5.0)?;
        }
        NodeError::check_range("longitudinal.full_brake_mps2", self.full_brake_mps2, 1.0..=20.0)?;
        NodeError::check_range("longitudinal.learning_time_s", self.learning_time_s, 1.0..=1000.0)?;
        NodeError::check_range("longitudinal.learning_limit_mps2", self.learning_limit_mps2, 0.0..=3.0)
    }

    fn at(&self, values: &[f64], speed: f64) -> f64 {
        let (first, last) = (values.first().copied().unwrap_or(1.0), values.last().copied().unwrap_or(1.0));
        let Some(above) = self.speeds_mps.iter().position(|s| *s > speed) else { return last };
        if above == 0 {
            return first;
        }
        let share = (speed - self.speeds_mps[above - 1]) / (self.speeds_mps[above] - self.speeds_mps[above - 1]);
        values[above - 1] + share * (values[above] - values[above - 1])
    }

    /// Throttle and brake, 0..=1, for an acceleration on a level road, m/s².
    pub fn pedals(&self, acceleration: f64, speed: f64) -> (f64, f64) {
        let (most, coasting) = (self.at(&self.full_throttle_mps2, speed), self.at(&self.coasting_mps2, speed.max(0.0)));
        if speed < 0.1 && acceleration <= 0.0 {
            return (0.0, (-acceleration / self.full_brake_mps2).clamp(HOLDING_BRAKE, 1.0));
        }
        // Near standstill nothing drags.
        let coasting = coasting * (speed / ROLLING_MPS).clamp(0.0, 1.0);
        if acceleration > -coasting {
            return (((acceleration + coasting) / (most + coasting)).clamp(0.0, 1.0), 0.0);
        }
        (0.0, ((-acceleration - coasting) / self.full_brake_mps2).clamp(0.0, 1.0))
    }
}

/// The map with what was learned since the start.
#[derive(Debug)]
pub struct Pedals {
    calibration: Calibration,
    vehicle: Vehicle,
    /// What the car does beyond its map, m/s².
    learned_mps2: f64,
    /// What was asked for lately: when, m/s².
    asked: VecDeque<(Time, f64)>,
    /// What the car should do by now, m/s²: asked for, after the actuators' delay and lag.
    expected_mps2: f64,
    last: Option<(Time, f64)>,
}

impl Pedals {
    /// With nothing learned.
    pub fn new(calibration: Calibration, vehicle: Vehicle) -> Self {
        Self { calibration, vehicle, learned_mps2: 0.0, asked: VecDeque::new(), expected_mps2: 0.0, last: None }
    }

    /// Throttle and brake for an acceleration, m/s², at a speed, m/s, on ground that falls ahead by `pitch_rad`.
    pub fn pedals(&mut self, at: Time, acceleration: f64, speed: f64, pitch_rad: f64) -> (f64, f64) {
        self.asked.push_back((at, acceleration));
        while self.asked.len() > 100 {
            self.asked.pop_front();
        }
        if acceleration <= 0.0 && speed < 0.1 {
            return self.calibration.pedals(acceleration, speed);
        }
        let level = acceleration - GRAVITY_MPS2 * pitch_rad.sin() - self.learned_mps2;
        self.calibration.pedals(level, speed)
    }

    /// Learns from a measured speed, m/s.
    pub fn observe(&mut self, stamp: Time, speed: f64) {
        let Some((before, last_speed)) = self.last.replace((stamp, speed)) else { return };
        let dt = stamp.since(before);
        if !(0.001..0.5).contains(&dt) {
            self.expected_mps2 = 0.0;
            return;
        }
        let acted = |at: Time| stamp.since(at) >= self.vehicle.actuator_delay_s;
        let Some((_, asked)) = self.asked.iter().rev().find(|(at, _)| acted(*at)).copied() else { return };
        let lag = 1.0 - (-dt / self.vehicle.acceleration_time_constant_s).exp();
        self.expected_mps2 += lag * (asked - self.expected_mps2);
        let error = (speed - last_speed) / dt - self.expected_mps2;
        if speed < ROLLING_MPS || !(error.abs() < OUTLIER_MPS2) {
            return;
        }
        let limit = self.calibration.learning_limit_mps2;
        // Pedals take off what was learned, so what is seen is what is still missing.
        let step = error * dt / self.calibration.learning_time_s;
        self.learned_mps2 = (self.learned_mps2 + step).clamp(-limit, limit);
    }

    /// What the car does beyond its map, m/s².
    pub fn learned_mps2(&self) -> f64 {
        self.learned_mps2
    }

    /// Forgets motion and keeps what was learned: another drive of the same car.
    pub fn restart(&mut self) {
        (self.last, self.expected_mps2) = (None, 0.0);
        self.asked.clear();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn calibration() -> Calibration {
        Calibration {
            speeds_mps: vec![0.0, 10.0, 30.0],
            full_throttle_mps2: vec![4.0, 3.0, 1.0],
            coasting_mps2: vec![0.2, 0.4, 0.8],
            full_brake_mps2: 8.0,
            learning_time_s: 5.0,
            learning_limit_mps2: 1.0,
        }
    }

    pub(crate) const CAR: Vehicle = Vehicle {
        wheelbase_m: 2.8,
        rear_overhang_m: 0.9,
        front_overhang_m: 0.9,
        width_m: 1.85,
        height_m: 1.6,
        max_steering_rad: 0.61,
        max_steering_rate_radps: 0.7,
        max_acceleration_mps2: 3.0,
        max_deceleration_mps2: 7.5,
        max_jerk_mps3: 15.0,
        actuator_delay_s: 0.1,
        steering_time_constant_s: 0.15,
        acceleration_time_constant_s: 0.2,
        max_speed_mps: 40.0,
    };

    /// What the calibrated car does, on a level road.
    fn response(throttle: f64, brake: f64, speed: f64) -> f64 {
        let c = calibration();
        let (most, coasting) = (c.at(&c.full_throttle_mps2, speed), c.at(&c.coasting_mps2, speed));
        throttle * (most + coasting) - coasting - brake * c.full_brake_mps2
    }

    #[test]
    fn pedals_give_the_acceleration_that_was_asked_for() {
        let map = calibration();
        for speed in [2.0, 7.0, 15.0, 40.0] {
            for asked in [-6.0, -1.0, -0.3, 0.0, 0.5, 0.9] {
                let (throttle, brake) = map.pedals(asked, speed);
                assert!(throttle == 0.0 || brake == 0.0, "both pedals at {speed} m/s for {asked}");
                let given = response(throttle, brake, speed);
                assert!((given - asked).abs() < 1e-9, "{given} for {asked} at {speed} m/s");
            }
        }
        assert_eq!(map.pedals(-0.1, 0.0), (0.0, HOLDING_BRAKE));
        assert_eq!(map.pedals(99.0, 5.0).0, 1.0);
    }

    #[test]
    fn slopes_are_fed_forward() {
        let mut pedals = Pedals::new(calibration(), CAR);
        // Nose up by a twentieth.
        let (throttle, _) = pedals.pedals(Time(0), 0.5, 8.0, -0.05);
        let given = response(throttle, 0.0, 8.0) + GRAVITY_MPS2 * (-0.05_f64).sin();
        assert!((given - 0.5).abs() < 1e-9, "{given}");
    }

    #[test]
    fn a_car_that_is_slower_than_its_map_is_learned() {
        let mut pedals = Pedals::new(calibration(), CAR);
        let (mut speed, mut time) = (8.0, Time(0));
        let mut actual = VecDeque::from([0.0; 2]);
        let (mut asked, mut given) = (0.0, 0.0);
        for step in 0..2000 {
            asked = if step % 200 < 100 { 0.5 } else { -0.5 };
            let (throttle, brake) = pedals.pedals(time, asked, speed, 0.0);
            actual.push_back(response(throttle, brake, speed) - 0.4);
            given += 0.22 * (actual.pop_front().unwrap() - given);
            speed += given * 0.05;
            time = Time(time.0 + 50_000_000);
            pedals.observe(time, speed);
        }
        assert!((pedals.learned_mps2() + 0.4).abs() < 0.08, "{}", pedals.learned_mps2());
        assert!((given - asked).abs() < 0.1, "{given} for {asked}");
    }

    #[test]
    fn a_collision_is_not_learned() {
        let mut pedals = Pedals::new(calibration(), CAR);
        pedals.pedals(Time(0), 0.0, 10.0, 0.0);
        pedals.observe(Time::from_seconds(0.2), 10.0);
        pedals.observe(Time::from_seconds(0.25), 2.0);
        assert_eq!(pedals.learned_mps2(), 0.0);
    }

    #[test]
    fn tables_that_are_none_are_refused() {
        let refused = [
            Calibration { speeds_mps: vec![0.0], ..calibration() },
            Calibration { speeds_mps: vec![0.0, 10.0, 5.0], ..calibration() },
            Calibration { full_throttle_mps2: vec![4.0, f64::NAN, 1.0], ..calibration() },
            Calibration { full_brake_mps2: 0.0, ..calibration() },
        ];
        assert!(calibration().check().is_ok() && refused.iter().all(|table| table.check().is_err()));
    }
}
