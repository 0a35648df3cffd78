use geometry::{Map, OrientedBox, Point2, angle_difference};

/// Rays cast over the width of a box.
const RAYS: usize = 9;

/// The part (0..=1) of `target` that nearer boxes hide from `eye`.
///
/// Boxes nearer than 1 m to the target's near side do not count: they would be the target itself.
pub fn hidden_part(eye: Point2<Map>, target: &OrientedBox<Map>, others: &[OrientedBox<Map>]) -> f64 {
    let bearing = (target.center.position - eye).angle();
    let (from, to) = span(eye, target, bearing);
    let range = target.distance_to_point(eye);
    let nearer: Vec<(f64, f64)> = others
        .iter()
        .filter(|other| other.distance_to_point(eye) + other.width.min(1.0) < range)
        .map(|other| span(eye, other, bearing))
        .filter(|(a, b)| b - a < std::f64::consts::PI)
        .collect();
    let blocked = (0..RAYS)
        .map(|i| from + (to - from) * (i as f64 + 0.5) / RAYS as f64)
        .filter(|ray| nearer.iter().any(|(a, b)| a <= ray && ray <= b))
        .count();
    blocked as f64 / RAYS as f64
}

/// Bearings of a box seen from `eye`, relative to `reference`.
fn span(eye: Point2<Map>, seen: &OrientedBox<Map>, reference: f64) -> (f64, f64) {
    let middle = angle_difference((seen.center.position - eye).angle(), reference);
    let (mut low, mut high) = (0.0_f64, 0.0_f64);
    for corner in seen.corners() {
        let side = angle_difference((corner - eye).angle(), reference + middle);
        low = low.min(side);
        high = high.max(side);
    }
    (middle + low, middle + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use geometry::Pose2;

    fn car(x: f64, y: f64) -> OrientedBox<Map> {
        OrientedBox::new(Pose2::new(x, y, 0.0), 4.5, 1.9)
    }

    #[test]
    fn a_car_in_line_hides_the_one_behind_it_and_not_the_one_beside_it() {
        let eye = Point2::ZERO;
        assert_eq!(hidden_part(eye, &car(30.0, 0.0), &[car(12.0, 0.0)]), 1.0);
        assert_eq!(hidden_part(eye, &car(30.0, 8.0), &[car(12.0, 0.0)]), 0.0);
        assert_eq!(hidden_part(eye, &car(12.0, 0.0), &[car(30.0, 0.0)]), 0.0);
        let half = hidden_part(eye, &car(30.0, 2.4), &[car(12.0, 0.0)]);
        assert!((0.1..0.9).contains(&half), "{half}");
    }

    #[test]
    fn works_across_the_seam_of_angles() {
        assert_eq!(hidden_part(Point2::ZERO, &car(-30.0, 0.1), &[car(-12.0, -0.1)]), 1.0);
    }
}
