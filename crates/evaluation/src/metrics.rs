//! Kinematic and risk figures from ground truth.

use geometry::{Map, OrientedBox, Pose2, Vector2};

/// Speeds are laid on this grid before they are differenced, s.
const STEP_S: f64 = 0.05;
/// Grid points that are averaged: 0.25 s.
const WINDOW: usize = 5;
/// Time to collision is looked for up to here, s.
pub(crate) const HORIZON_S: f64 = 8.0;
const TTC_STEP_S: f64 = 0.05;

/// A moving box.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moving {
    pub body: OrientedBox<Map>,
    pub velocity: Vector2<Map>,
}

impl Moving {
    fn after(&self, t: f64) -> OrientedBox<Map> {
        let center = Pose2 { position: self.body.center.position + self.velocity * t, yaw: self.body.center.yaw };
        OrientedBox::new(center, self.body.length, self.body.width)
    }
}

/// When two boxes touch if both keep their velocity, to 0.05 s; `None` if not within the horizon.
pub(crate) fn time_to_collision(a: &Moving, b: &Moving) -> Option<f64> {
    let reach = (a.body.length.hypot(a.body.width) + b.body.length.hypot(b.body.width)) / 2.0;
    let gap = a.body.center.position.distance(b.body.center.position) - reach;
    let closing = (a.velocity - b.velocity).norm();
    if gap > closing * HORIZON_S {
        return None;
    }
    let steps = (HORIZON_S / TTC_STEP_S) as usize;
    let first = if closing > 0.0 { (gap / closing / TTC_STEP_S).max(0.0) as usize } else { 0 };
    (first..=steps).map(|i| i as f64 * TTC_STEP_S).find(|t| a.after(*t).overlaps(&b.after(*t)))
}

/// Acceleration and jerk on a grid.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comfort {
    /// Time, acceleration, jerk.
    pub points: Vec<(f64, f64, f64)>,
}

impl Comfort {
    /// From times (rising) and speeds.
    pub fn new(speeds: &[(f64, f64)]) -> Self {
        let (Some(first), Some(last)) = (speeds.first(), speeds.last()) else { return Self::default() };
        let count = ((last.0 - first.0) / STEP_S).floor() as usize + 1;
        let mut i = 0;
        let grid: Vec<f64> = (0..count)
            .map(|k| {
                let t = first.0 + k as f64 * STEP_S;
                while i + 2 < speeds.len() && speeds[i + 1].0 < t {
                    i += 1;
                }
                let (a, b) = (speeds[i], speeds[(i + 1).min(speeds.len() - 1)]);
                let ratio = if b.0 > a.0 { ((t - a.0) / (b.0 - a.0)).clamp(0.0, 1.0) } else { 0.0 };
                a.1 + (b.1 - a.1) * ratio
            })
            .collect();
        let smooth: Vec<f64> = grid.windows(WINDOW).map(|w| w.iter().sum::<f64>() / WINDOW as f64).collect();
        let points = smooth.windows(3).enumerate().map(|(k, v)| {
            let t = first.0 + (k + 1 + WINDOW / 2) as f64 * STEP_S;
            (t, (v[2] - v[0]) / (2.0 * STEP_S), (v[2] - 2.0 * v[1] + v[0]) / (STEP_S * STEP_S))
        });
        Self { points: points.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn car(x: f64, y: f64, vx: f64) -> Moving {
        Moving { body: OrientedBox::new(Pose2::new(x, y, 0.0), 4.0, 2.0), velocity: Vector2::new(vx, 0.0) }
    }

    #[test]
    fn time_to_collision_is_the_gap_over_the_closing_speed() {
        let ttc = time_to_collision(&car(0.0, 0.0, 10.0), &car(24.0, 0.0, 0.0)).unwrap();
        assert!((ttc - 2.0).abs() <= 0.051, "{ttc}");
        assert_eq!(time_to_collision(&car(0.0, 0.0, 10.0), &car(24.0, 3.0, 0.0)), None);
        assert_eq!(time_to_collision(&car(0.0, 0.0, 10.0), &car(24.0, 0.0, 10.0)), None);
    }

    #[test]
    fn constant_jerk_is_found_as_it_is() {
        let speeds: Vec<(f64, f64)> = (0..100).map(|i| f64::from(i) * 0.05).map(|t| (t, 0.5 * 1.5 * t * t)).collect();
        let comfort = Comfort::new(&speeds);
        assert!(comfort.points.iter().all(|(_, _, j)| (j - 1.5).abs() < 1e-6));
        assert!(comfort.points.iter().all(|(t, a, _)| (a - 1.5 * t).abs() < 1e-6));
    }

    #[test]
    fn too_few_speeds_give_no_jerk() {
        assert!(Comfort::new(&[]).points.is_empty());
        assert!(Comfort::new(&[(0.0, 1.0)]).points.is_empty());
    }
}
