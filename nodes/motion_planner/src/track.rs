//! Where to be when, on an axis.

use crate::forward_simulation::State;

/// Arc lengths (m) on an axis at equal intervals from now on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Track {
    step_s: f64,
    s: Vec<f64>,
    /// At the same moments, m/s.
    speeds: Vec<f64>,
}

impl Track {
    /// From arc lengths each `step_s`, the first one now, at the speed that the car has now. `None` for fewer than two.
    pub fn new(s: Vec<f64>, step_s: f64, speed: f64) -> Option<Self> {
        let last = s.len().checked_sub(1).filter(|last| *last > 0)?;
        let speeds = (0..=last)
            .map(|i| match i {
                0 => speed,
                _ if i == last => (s[last] - s[last - 1]) / step_s,
                _ => (s[i + 1] - s[i - 1]) / (2.0 * step_s),
            })
            .map(|speed| speed.max(0.0))
            .collect();
        Some(Self { step_s, s, speeds })
    }

    /// Where to be, how fast and with which acceleration at a time from now; after the end on at its last speed.
    pub fn at(&self, t: f64) -> State {
        let last = self.s.len() - 1;
        let x = t / self.step_s;
        if x >= last as f64 {
            let beyond = (t - last as f64 * self.step_s).max(0.0);
            let speed = self.speeds[last];
            return State { s: self.s[last] + speed * beyond, speed, acceleration: 0.0 };
        }
        let i = (x.max(0.0) as usize).min(last - 1);
        let ratio = x - i as f64;
        let acceleration = (self.speeds[i + 1] - self.speeds[i]) / self.step_s;
        State {
            s: self.s[i] + (self.s[i + 1] - self.s[i]) * ratio,
            speed: self.speeds[i] + (self.speeds[i + 1] - self.speeds[i]) * ratio,
            acceleration,
        }
    }

    /// Acceleration (m/s²) that brings a car back to it, `t` seconds from now.
    pub fn wanted_acceleration(&self, now: State, t: f64) -> f64 {
        let aim = self.at(t);
        aim.acceleration + 1.2 * (aim.speed - now.speed) + 0.4 * (aim.s - now.s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_car_off_its_track_is_brought_back_to_it() {
        // 8 m/s, then braking to a stand at 24 m.
        let track = Track::new(vec![0.0, 4.0, 8.0, 12.0, 16.0, 19.5, 22.0, 23.5, 24.0, 24.0], 0.5, 8.0).unwrap();
        let mut now = State { s: -0.5, speed: 7.0, acceleration: 0.0 };
        for step in 0..60 {
            let a = track.wanted_acceleration(now, f64::from(step) * 0.1);
            let speed = (now.speed + a * 0.1).max(0.0);
            now = State { s: now.s + (now.speed + speed) * 0.05, speed, acceleration: a };
        }
        assert!((now.s - 24.0).abs() < 0.4 && now.speed < 0.2, "{now:?}");
        assert!(Track::new(vec![1.0], 0.5, 3.0).is_none());
    }
}
