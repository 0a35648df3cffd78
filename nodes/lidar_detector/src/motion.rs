use std::collections::VecDeque;

use node::Time;

use crate::deskew::Twist;

/// Readings kept of each kind: a second of a 100 Hz sensor.
const KEPT: usize = 100;
/// A sweep is about this long, s: readings within it are averaged.
const SWEEP_S: f64 = 0.1;

/// What speedometer and gyroscope have said lately.
#[derive(Debug, Clone, Default)]
pub struct Motion {
    speeds: Readings,
    yaw_rates: Readings,
}

#[derive(Debug, Clone, Default)]
struct Readings(VecDeque<(Time, f64)>);

impl Readings {
    fn push(&mut self, stamp: Time, value: f64) -> Result<(), &'static str> {
        if !value.is_finite() {
            return Err("expected a finite number");
        }
        if self.0.back().is_some_and(|(last, _)| stamp < *last) {
            // Time has gone back, as when a recording starts again: what is kept is of another drive.
            self.0.clear();
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((stamp, value));
        Ok(())
    }

    /// Mean over the sweep that ends at `stamp`, or the nearest reading within `max_age_s`.
    fn at(&self, stamp: Time, max_age_s: f64) -> Option<f64> {
        let within = self.0.iter().filter(|(at, _)| (-1e-3..=SWEEP_S).contains(&stamp.since(*at)));
        let (count, sum) = within.fold((0.0, 0.0), |(count, sum), (_, value)| (count + 1.0, sum + value));
        if count > 0.0 {
            return Some(sum / count);
        }
        let away = |at: &Time| stamp.since(*at).abs();
        let nearest = self.0.iter().min_by(|a, b| away(&a.0).total_cmp(&away(&b.0)))?;
        (away(&nearest.0) <= max_age_s).then_some(nearest.1)
    }
}

impl Motion {
    /// Forward speed, m/s.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn push_speed(&mut self, stamp: Time, speed_mps: f64) -> Result<(), String> {
        self.speeds.push(stamp, speed_mps).map_err(|e| format!("velocity report: {e}, got {speed_mps}"))
    }

    /// Turn rate to the left, rad/s.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn push_yaw_rate(&mut self, stamp: Time, yaw_rate_radps: f64) -> Result<(), String> {
        self.yaw_rates.push(stamp, yaw_rate_radps).map_err(|e| format!("imu: turn rate: {e}, got {yaw_rate_radps}"))
    }

    /// The motion over the sweep that ends at `stamp`; what no reading within `max_age_s` tells is taken as 0 and named.
    pub fn at(&self, stamp: Time, max_age_s: f64) -> (Twist, Vec<&'static str>) {
        let (speed, yaw_rate) = (self.speeds.at(stamp, max_age_s), self.yaw_rates.at(stamp, max_age_s));
        let mut missing = Vec::new();
        missing.extend(speed.is_none().then_some("speed"));
        missing.extend(yaw_rate.is_none().then_some("turn rate"));
        (Twist { forward_mps: speed.unwrap_or(0.0), yaw_rate_radps: yaw_rate.unwrap_or(0.0) }, missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_of_the_sweep_are_averaged_and_old_ones_are_not_used() {
        let mut motion = Motion::default();
        for i in 0..30 {
            motion.push_speed(Time::from_seconds(f64::from(i) * 0.02), f64::from(i)).unwrap();
        }
        let (twist, missing) = motion.at(Time::from_seconds(0.5), 0.2);
        assert!((twist.forward_mps - 22.5).abs() < 0.6 && missing == ["turn rate"], "{twist:?}");
        assert_eq!(motion.at(Time::from_seconds(5.0), 0.2).1, ["speed", "turn rate"]);
        assert!(motion.push_yaw_rate(Time(0), f64::NAN).is_err());
    }
}
