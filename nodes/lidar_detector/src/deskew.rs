use crate::cloud::Point;

/// How the car moves during a sweep, at the origin of `base_link` and along its axes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Twist {
    /// Forward speed, m/s.
    pub forward_mps: f64,
    /// Turn rate to the left, rad/s.
    pub yaw_rate_radps: f64,
}

/// Moves points, given in the `base_link` of when each was measured, to the `base_link` of the stamp, the twist taken as
/// constant over the sweep. Afterwards every time is 0. A twist that is not finite leaves all as it is and gives `false`.
#[must_use]
pub fn deskew(points: &mut [Point], twist: Twist) -> bool {
    if !(twist.forward_mps.is_finite() && twist.yaw_rate_radps.is_finite()) {
        return false;
    }
    for point in points {
        let turned = twist.yaw_rate_radps * point.time_s;
        let gone = twist.forward_mps * point.time_s;
        let (sin, cos) = turned.sin_cos();
        // The chord of the arc driven: along half the turn, shortened by sinc of half the turn.
        let (half_sin, half_cos) = (0.5 * turned).sin_cos();
        let chord = if turned.abs() < 1e-6 { gone } else { gone * half_sin / (0.5 * turned) };
        let [x, y, z] = point.position;
        point.position = [cos * x - sin * y + chord * half_cos, sin * x + cos * y + chord * half_sin, z];
        point.time_s = 0.0;
    }
    true
}
