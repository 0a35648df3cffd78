use crate::{Point2, Pose2, Vector2, angle_difference};

/// A chain of straight segments in the plane of frame `F`, measured by arc length from its first point.
#[derive(Debug, Clone)]
pub struct Polyline<F> {
    points: Vec<Point2<F>>,
    /// Arc length up to each point, m; starts at 0 and grows strictly.
    arc_length: Vec<f64>,
}

/// Why points make no polyline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolylineError {
    /// Fewer than two points lie apart from each other.
    TooShort,
    /// A coordinate is NaN or infinite.
    NotFinite,
}

impl std::fmt::Display for PolylineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooShort => "a polyline needs at least two points that lie apart",
            Self::NotFinite => "a polyline point is NaN or infinite",
        })
    }
}

impl std::error::Error for PolylineError {}

/// Where a point falls on a polyline.
#[derive(Debug)]
pub struct Projection<F> {
    /// Arc length of the foot, m, within `0..=length`.
    pub s: f64,
    /// Signed distance, m, left positive.
    pub d: f64,
    /// The foot itself, with the segment's heading.
    pub foot: Pose2<F>,
}

impl<F> Clone for Projection<F> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<F> Copy for Projection<F> {}

impl<F> Polyline<F> {
    /// From points in order; points that repeat their predecessor are dropped.
    ///
    /// # Errors
    /// [`PolylineError`] where fewer than two points remain or a coordinate is not finite.
    pub fn new(points: impl IntoIterator<Item = Point2<F>>) -> Result<Self, PolylineError> {
        let (mut kept, mut arc_length): (Vec<Point2<F>>, Vec<f64>) = (Vec::new(), Vec::new());
        for point in points {
            if !point.is_finite() {
                return Err(PolylineError::NotFinite);
            }
            let s = match (kept.last(), arc_length.last()) {
                (Some(&last), Some(&s)) => {
                    let step = point.distance(last);
                    if step < 1e-9 {
                        continue;
                    }
                    s + step
                }
                _ => 0.0,
            };
            kept.push(point);
            arc_length.push(s);
        }
        if kept.len() < 2 { Err(PolylineError::TooShort) } else { Ok(Self { points: kept, arc_length }) }
    }

    /// The points, at least two.
    pub fn points(&self) -> &[Point2<F>] {
        &self.points
    }

    /// Arc length at each point, m.
    pub fn arc_lengths(&self) -> &[f64] {
        &self.arc_length
    }

    /// Total length, m.
    pub fn length(&self) -> f64 {
        self.arc_length[self.arc_length.len() - 1]
    }

    /// Index of the segment that holds arc length `s` (clamped).
    fn segment(&self, s: f64) -> usize {
        self.arc_length.partition_point(|&a| a <= s).clamp(1, self.points.len() - 1) - 1
    }

    /// Pose at arc length `s` (m): interpolated position, the segment's heading. Clamped to the ends.
    pub fn pose_at(&self, s: f64) -> Pose2<F> {
        let s = s.clamp(0.0, self.length());
        let i = self.segment(s);
        let step = self.points[i + 1] - self.points[i];
        let ratio = (s - self.arc_length[i]) / (self.arc_length[i + 1] - self.arc_length[i]);
        Pose2 { position: self.points[i] + step * ratio, yaw: step.angle() }
    }

    /// The point at arc length `s` moved `d` metres to the left.
    pub fn offset_at(&self, s: f64, d: f64) -> Point2<F> {
        let pose = self.pose_at(s);
        pose.position + pose.forward().perpendicular() * d
    }

    /// Curvature (1/m, left positive) around arc length `s`, over a window of `window` metres.
    pub fn curvature_at(&self, s: f64, window: f64) -> f64 {
        let (from, to) = ((s - window / 2.0).max(0.0), (s + window / 2.0).min(self.length()));
        if to - from < 1e-6 {
            return 0.0;
        }
        angle_difference(self.pose_at(to).yaw, self.pose_at(from).yaw) / (to - from)
    }

    /// The nearest foot of `point` on the whole polyline.
    pub fn project(&self, point: Point2<F>) -> Projection<F> {
        self.project_segments(point, 0, self.points.len() - 1)
    }

    /// The nearest foot with arc length within `from..=to` (m): for polylines that come near themselves.
    pub fn project_between(&self, point: Point2<F>, from: f64, to: f64) -> Projection<F> {
        let first = self.segment(from.clamp(0.0, self.length()));
        let last = self.segment(to.clamp(0.0, self.length()));
        self.project_segments(point, first, last.max(first) + 1)
    }

    fn project_segments(&self, point: Point2<F>, first: usize, last: usize) -> Projection<F> {
        let mut best: Option<(f64, Projection<F>)> = None;
        for i in first..last {
            let (a, b) = (self.points[i], self.points[i + 1]);
            let step = b - a;
            let ratio = ((point - a).dot(step) / step.dot(step)).clamp(0.0, 1.0);
            let foot = a + step * ratio;
            let offset = point - foot;
            let distance = offset.norm();
            if best.as_ref().is_none_or(|(least, _)| distance < *least) {
                let side = if step.cross(offset) < 0.0 { -distance } else { distance };
                let s = self.arc_length[i] + (self.arc_length[i + 1] - self.arc_length[i]) * ratio;
                best = Some((distance, Projection { s, d: side, foot: Pose2 { position: foot, yaw: step.angle() } }));
            }
        }
        best.map_or_else(
            || Projection { s: f64::NAN, d: f64::NAN, foot: Pose2 { position: self.points[0], yaw: f64::NAN } },
            |(_, projection)| projection,
        )
    }

    /// Points every `step` metres (at most), first and last included.
    pub fn resampled(&self, step: f64) -> Vec<Point2<F>> {
        let count = (self.length() / step).ceil().max(1.0) as usize;
        (0..=count).map(|i| self.pose_at(self.length() * i as f64 / count as f64).position).collect()
    }

    /// Direction of the last segment (unit vector).
    pub fn end_direction(&self) -> Vector2<F> {
        self.pose_at(self.length()).forward()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Map;

    fn corner() -> Polyline<Map> {
        Polyline::new([(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)].map(|(x, y)| Point2::new(x, y))).unwrap()
    }

    #[test]
    fn projects_left_positive() {
        let p = corner().project(Point2::new(4.0, 1.5));
        assert!((p.s - 4.0).abs() < 1e-12 && (p.d - 1.5).abs() < 1e-12);
        assert!((corner().project(Point2::new(12.0, 5.0)).d + 2.0).abs() < 1e-12);
    }

    #[test]
    fn poses_clamp_to_the_ends() {
        assert_eq!(corner().pose_at(-5.0).position, Point2::new(0.0, 0.0));
        assert_eq!(corner().pose_at(99.0).position, Point2::new(10.0, 10.0));
        assert!((corner().length() - 20.0).abs() < 1e-12);
    }

    #[test]
    fn refuses_what_is_no_line() {
        let point = Point2::<Map>::new(1.0, 1.0);
        assert_eq!(Polyline::new([point, point]).unwrap_err(), PolylineError::TooShort);
        assert_eq!(Polyline::<Map>::new([point, Point2::new(f64::NAN, 0.0)]).unwrap_err(), PolylineError::NotFinite);
    }
}
