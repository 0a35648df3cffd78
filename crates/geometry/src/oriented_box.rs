use crate::{Point2, Pose2, Vector2};

/// A rectangle in the plane of frame `F`: the footprint of a vehicle, a person or an obstacle.
#[derive(Debug)]
pub struct OrientedBox<F> {
    /// Pose of the rectangle's centre; length lies along its heading.
    pub center: Pose2<F>,
    /// Extent along the heading, m.
    pub length: f64,
    /// Extent across the heading, m.
    pub width: f64,
}

impl<F> Clone for OrientedBox<F> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<F> Copy for OrientedBox<F> {}

impl<F> OrientedBox<F> {
    /// From the centre's pose and the extents in metres.
    pub const fn new(center: Pose2<F>, length: f64, width: f64) -> Self {
        Self { center, length, width }
    }

    /// Corners in order front left, rear left, rear right, front right.
    pub fn corners(&self) -> [Point2<F>; 4] {
        let (l, w) = (self.length / 2.0, self.width / 2.0);
        [(l, w), (-l, w), (-l, -w), (l, -w)].map(|(x, y)| self.center.transform(Point2::<F>::new(x, y)))
    }

    /// Area in square metres.
    pub fn area(&self) -> f64 {
        self.length * self.width
    }

    /// The box grown by `margin` metres on every side.
    pub fn inflated(&self, margin: f64) -> Self {
        Self { center: self.center, length: self.length + 2.0 * margin, width: self.width + 2.0 * margin }
    }

    /// Whether the point lies in the box or on its edge.
    pub fn contains(&self, point: Point2<F>) -> bool {
        let local: Point2<F> = self.center.inverse_transform(point);
        local.x.abs() <= self.length / 2.0 && local.y.abs() <= self.width / 2.0
    }

    /// Whether two boxes touch or overlap (separating axis theorem). A NaN anywhere counts as overlap.
    pub fn overlaps(&self, other: &Self) -> bool {
        let between = other.center.position - self.center.position;
        let axes = [self.center.forward(), other.center.forward()].into_iter().flat_map(|a| [a, a.perpendicular()]);
        for axis in axes {
            if between.dot(axis).abs() > self.radius_along(axis) + other.radius_along(axis) {
                return false;
            }
        }
        true
    }

    /// Gap between two boxes in metres, 0 where they overlap.
    pub fn distance(&self, other: &Self) -> f64 {
        if self.overlaps(other) {
            return 0.0;
        }
        let corner_gap = |a: &Self, b: &Self| {
            a.corners().into_iter().map(|corner| b.distance_to_point(corner)).fold(f64::INFINITY, f64::min)
        };
        corner_gap(self, other).min(corner_gap(other, self))
    }

    /// Distance from a point to the box in metres, 0 inside.
    pub fn distance_to_point(&self, point: Point2<F>) -> f64 {
        let local: Point2<F> = self.center.inverse_transform(point);
        let dx = (local.x.abs() - self.length / 2.0).max(0.0);
        let dy = (local.y.abs() - self.width / 2.0).max(0.0);
        dx.hypot(dy)
    }

    /// Area of intersection over area of union, 0..=1 (polygon clipping).
    pub fn intersection_over_union(&self, other: &Self) -> f64 {
        let shared = self.intersection_area(other);
        let union = self.area() + other.area() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }

    fn radius_along(&self, axis: Vector2<F>) -> f64 {
        let forward = self.center.forward();
        (self.length / 2.0) * forward.dot(axis).abs() + (self.width / 2.0) * forward.perpendicular().dot(axis).abs()
    }

    /// Sutherland-Hodgman: this box clipped by the other's four sides.
    fn intersection_area(&self, other: &Self) -> f64 {
        let mut polygon: Vec<Point2<F>> = self.corners().to_vec();
        let clip = other.corners();
        for (i, &from) in clip.iter().enumerate() {
            let edge = clip[(i + 1) % 4] - from;
            let side = |p: Point2<F>| edge.cross(p - from);
            let mut kept = Vec::with_capacity(8);
            for (j, &p) in polygon.iter().enumerate() {
                let q = polygon[(j + 1) % polygon.len()];
                let (a, b) = (side(p), side(q));
                if a >= 0.0 {
                    kept.push(p);
                }
                if (a > 0.0 && b < 0.0) || (a < 0.0 && b > 0.0) {
                    kept.push(p.lerp(q, a / (a - b)));
                }
            }
            polygon = kept;
            if polygon.is_empty() {
                return 0.0;
            }
        }
        let twice: f64 = (0..polygon.len())
            .map(|i| (polygon[i] - polygon[0]).cross(polygon[(i + 1) % polygon.len()] - polygon[0]))
            .sum();
        twice.abs() / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Map;

    fn unit(x: f64, y: f64, yaw: f64) -> OrientedBox<Map> {
        OrientedBox::new(Pose2::new(x, y, yaw), 4.0, 2.0)
    }

    #[test]
    fn overlap_and_distance_agree() {
        assert!(unit(0.0, 0.0, 0.0).overlaps(&unit(3.9, 0.0, 0.0)));
        assert!(!unit(0.0, 0.0, 0.0).overlaps(&unit(4.1, 0.0, 0.0)));
        assert!((unit(0.0, 0.0, 0.0).distance(&unit(5.0, 0.0, 0.0)) - 1.0).abs() < 1e-12);
        assert_eq!(unit(0.0, 0.0, 0.0).distance(&unit(0.0, 0.0, 1.0)), 0.0);
    }

    #[test]
    fn iou_of_half_shifted_box_is_a_third() {
        assert!((unit(0.0, 0.0, 0.3).intersection_over_union(&unit(0.0, 0.0, 0.3)) - 1.0).abs() < 1e-9);
        assert!((unit(0.0, 0.0, 0.0).intersection_over_union(&unit(2.0, 0.0, 0.0)) - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(unit(0.0, 0.0, 0.0).intersection_over_union(&unit(9.0, 0.0, 0.0)), 0.0);
    }

    #[test]
    fn nan_counts_as_overlap() {
        assert!(unit(f64::NAN, 0.0, 0.0).overlaps(&unit(50.0, 0.0, 0.0)));
    }
}
