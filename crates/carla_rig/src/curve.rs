use serde::Deserialize;

/// How much of the largest steering angle a vehicle of CARLA steers at a speed: `steering_curve` of its physics control,
/// there in km/h. Between the points it is interpolated, beyond them held.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SteeringCurve {
    /// Speeds, m/s, rising.
    pub speeds_mps: Vec<f64>,
    /// Share of the largest angle at each, above 0 and at most 1.
    pub shares: Vec<f64>,
}

impl SteeringCurve {
    /// Checks the points.
    ///
    /// # Errors
    /// One sentence: what was expected.
    pub fn check(&self) -> Result<(), String> {
        if self.speeds_mps.is_empty() || self.speeds_mps.len() != self.shares.len() {
            return Err("expected speeds_mps and shares of equal length, at least 1".into());
        }
        if !self.speeds_mps.iter().all(|v| v.is_finite()) || !self.speeds_mps.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err("speeds_mps: expected rising speeds".into());
        }
        if !self.shares.iter().all(|share| (0.05..=1.0).contains(share)) {
            return Err("shares: expected 0.05 to 1".into());
        }
        Ok(())
    }

    /// The share at a speed, m/s, of either direction; 1 of a curve without points.
    pub fn share(&self, speed_mps: f64) -> f64 {
        let speed = speed_mps.abs();
        let Some(after) = self.speeds_mps.iter().position(|of| *of > speed) else {
            return self.shares.last().copied().unwrap_or(1.0);
        };
        if after == 0 {
            return self.shares[0];
        }
        let (from, to) = (self.speeds_mps[after - 1], self.speeds_mps[after]);
        self.shares[after - 1] + (speed - from) / (to - from) * (self.shares[after] - self.shares[after - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_interpolated_and_held() {
        let curve = SteeringCurve { speeds_mps: vec![2.0, 10.0], shares: vec![1.0, 0.6] };
        assert!(curve.check().is_ok());
        for (speed, share) in [(0.0, 1.0), (2.0, 1.0), (6.0, 0.8), (-6.0, 0.8), (10.0, 0.6), (50.0, 0.6)] {
            assert!((curve.share(speed) - share).abs() < 1e-12, "{speed}");
        }
    }

    #[test]
    fn curves_that_are_none_are_refused() {
        for (speeds_mps, shares) in [
            (vec![], vec![]),
            (vec![0.0], vec![1.0, 0.5]),
            (vec![5.0, 0.0], vec![1.0, 0.5]),
            (vec![0.0], vec![0.0]),
            (vec![f64::NAN], vec![1.0]),
        ] {
            assert!(SteeringCurve { speeds_mps, shares }.check().is_err());
        }
    }
}
