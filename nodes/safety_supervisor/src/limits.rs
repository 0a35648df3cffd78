use vehicle::Vehicle;

/// What is let through: always finite and within the car's limits, whatever is wished.
///
/// `last` is the steering (rad) and acceleration (m/s²) sent before, `dt` s ago; a wish that is not finite keeps the
/// steering and brakes with 1 m/s².
pub(crate) fn gate(
    vehicle: &Vehicle,
    max_lateral: f64,
    max_jerk: f64,
    speed: f64,
    last: (f64, f64),
    wish: (f64, f64),
    dt: f64,
) -> (f64, f64) {
    let steering = if wish.0.is_finite() { wish.0 } else { last.0 };
    let acceleration = if wish.1.is_finite() { wish.1 } else { -1.0 };
    let speed = if speed.is_finite() { speed.abs() } else { 0.0 };
    let most = vehicle.steering_for_curvature(max_lateral / speed.powi(2).max(0.1)).min(vehicle.max_steering_rad);
    let step = vehicle.max_steering_rate_radps * dt;
    // The rate limit goes last: what cannot be turned in time is no command.
    let steering = last.0 + (steering.clamp(-most, most) - last.0).clamp(-step, step);
    let acceleration = acceleration.clamp(-vehicle.max_deceleration_mps2, vehicle.max_acceleration_mps2);
    let step = max_jerk * dt;
    (steering, last.1 + (acceleration - last.1).clamp(-step, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_finite_and_within_limits_for_any_wish() {
        let car = Vehicle::default();
        let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e300, 1e300, 0.0, 0.3, -5.0];
        let mut last = (0.0, 0.0);
        for speed in values {
            for steering in values {
                for acceleration in values {
                    let next = gate(&car, 5.0, 12.0, speed, last, (steering, acceleration), 0.02);
                    assert!(next.0.abs() <= car.max_steering_rad + 1e-12, "{next:?}");
                    assert!((-car.max_deceleration_mps2..=car.max_acceleration_mps2).contains(&next.1), "{next:?}");
                    assert!((next.0 - last.0).abs() <= 0.7 * 0.02 + 1e-12 && (next.1 - last.1).abs() <= 0.24 + 1e-12);
                    last = next;
                }
            }
        }
    }
}
