use crate::cloud::Point;

/// How the car moves during a sweep, at the origin of `base_link` and along its axes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Twist {
    /// Forward speed, m/s.
    pub forward_mps: f64,
    /// Turn rate to the left, rad/s.
    pub yaw_rate_radps: f64,
}

impl Twist {
    /// Whether both numbers are.
    pub fn is_finite(self) -> bool {
        self.forward_mps.is_finite() && self.yaw_rate_radps.is_finite()
    }

    /// Where a place, given in the `base_link` of `time_s`, is in the `base_link` of the stamp, the twist taken as constant.
    #[inline]
    pub fn at_stamp(self, [x, y, z]: [f64; 3], time_s: f64) -> [f64; 3] {
        let turned = self.yaw_rate_radps * time_s;
        let gone = self.forward_mps * time_s;
        let (sine, rest) = turn_ratios(turned);
        let (sin, cos) = (turned * sine, 1.0 - turned * rest);
        // The end of the arc driven: gone sin(turned) / turned ahead, gone (1 - cos(turned)) / turned to the left.
        [cos * x - sin * y + gone * sine, sin * x + cos * y + gone * rest, z]
    }
}

/// sin(t) / t and (1 - cos(t)) / t.
#[inline]
fn turn_ratios(t: f64) -> (f64, f64) {
    // What a car turns in a sweep is small: their series, exact to 1e-13 here, cost a tenth of two calls.
    if t.abs() > 0.1 {
        return (t.sin() / t, (1.0 - t.cos()) / t);
    }
    let s = t * t;
    let next = |n: f64| s * (1.0 / (n * (n + 1.0)));
    let sine = 1.0 - next(2.0) * (1.0 - next(4.0) * (1.0 - next(6.0)));
    let rest = 0.5 * t * (1.0 - next(3.0) * (1.0 - next(5.0) * (1.0 - next(7.0))));
    (sine, rest)
}

/// Moves points, given in the `base_link` of when each was measured, to the `base_link` of the stamp, the twist taken as
/// constant over the sweep. Afterwards every time is 0. A twist that is not finite leaves all as it is and gives `false`.
#[must_use]
pub fn deskew(points: &mut [Point], twist: Twist) -> bool {
    if !twist.is_finite() {
        return false;
    }
    for point in points {
        point.position = twist.at_stamp(point.position, point.time_s);
        point.time_s = 0.0;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_and_the_functions_agree_where_they_meet() {
        for t in [-0.1_f64, -0.03, -1e-3, 1e-9, 0.05, 0.1, 0.3] {
            let (sine, rest) = turn_ratios(t);
            assert!((sine - t.sin() / t).abs() < 1e-13, "{t}: {sine}");
            assert!((rest * t - (1.0 - t.cos())).abs() < 1e-13, "{t}: {rest}");
        }
        assert_eq!(turn_ratios(0.0), (1.0, 0.0));
        let (sine, rest) = turn_ratios(std::f64::consts::PI);
        assert!(sine.abs() < 1e-15 && (rest * std::f64::consts::PI - 2.0).abs() < 1e-12);
    }
}
