//! A lanelet's two bounds: brought into its direction, and sampled together.

use geometry::{Map, Point2};

/// Spacing of the samples, m.
const STEP_M: f64 = 2.0;
/// Samples nearer together than this share of the length are one.
const SAME: f64 = 1e-6;

/// A bound in driving direction.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub way: i64,
    /// Whether it runs against its way.
    pub inverted: bool,
    pub nodes: Vec<i64>,
    pub points: Vec<(Point2<Map>, f64)>,
}

impl Bound {
    pub fn reversed(&self) -> Self {
        let mut turned = self.clone();
        turned.inverted = !turned.inverted;
        turned.nodes.reverse();
        turned.points.reverse();
        turned
    }

    /// The point in the middle: of two points half-way, else the middle one.
    fn middle(&self) -> Point2<Map> {
        let points = &self.points;
        if points.len() > 2 {
            return points[points.len() / 2].0;
        }
        let (a, b) = (points[0].0, points[points.len() - 1].0);
        a + (b - a) * 0.5
    }

    /// Whether a point lies to the left of the nearest segment.
    fn has_left(&self, point: Point2<Map>) -> bool {
        let mut nearest = (f64::INFINITY, 0.0);
        for pair in self.points.windows(2) {
            let (a, b) = (pair[0].0, pair[1].0);
            let along = b - a;
            let t = ((point - a).dot(along) / along.dot(along).max(1e-12)).clamp(0.0, 1.0);
            let distance = (a + along * t).distance(point);
            if distance < nearest.0 {
                nearest = (distance, along.cross(point - a));
            }
        }
        nearest.1 > 0.0
    }
}

/// Turns bounds so that each lies on its side of the other.
pub(super) fn align(left: Bound, right: Bound) -> (Bound, Bound) {
    let left = if left.has_left(right.middle()) { left.reversed() } else { left };
    let right = if right.has_left(left.middle()) { right } else { right.reversed() };
    (left, right)
}

/// Pairs of points on both bounds at equal shares of their lengths; every point of either bound is among them.
pub(super) fn sample(left: &Bound, right: &Bound) -> Vec<[(Point2<Map>, f64); 2]> {
    let (of_left, of_right) = (shares(left), shares(right));
    let length = |bound: &Bound| bound.points.windows(2).map(|p| p[0].0.distance(p[1].0)).sum::<f64>();
    let steps = (length(left).max(length(right)) / STEP_M).ceil().clamp(1.0, 1e5) as usize;
    let mut all: Vec<f64> = (0..=steps).map(|i| i as f64 / steps as f64).collect();
    all.extend(of_left.iter().chain(&of_right));
    all.sort_by(f64::total_cmp);
    all.dedup_by(|b, a| *b - *a < SAME);
    if let Some(last) = all.last_mut() {
        *last = 1.0;
    }
    all.into_iter().map(|share| [at(left, &of_left, share), at(right, &of_right, share)]).collect()
}

/// Share of the length at each point.
fn shares(bound: &Bound) -> Vec<f64> {
    let mut sums = vec![0.0];
    for pair in bound.points.windows(2) {
        sums.push(sums[sums.len() - 1] + pair[0].0.distance(pair[1].0));
    }
    let total = sums[sums.len() - 1].max(1e-9);
    sums.iter().map(|sum| sum / total).collect()
}

fn at(bound: &Bound, shares: &[f64], share: f64) -> (Point2<Map>, f64) {
    let after = shares.partition_point(|s| *s < share - SAME).min(shares.len() - 1);
    if after == 0 || (shares[after] - share).abs() <= SAME {
        return bound.points[after];
    }
    let ((a, za), (b, zb)) = (bound.points[after - 1], bound.points[after]);
    let t = (share - shares[after - 1]) / (shares[after] - shares[after - 1]).max(1e-12);
    (a + (b - a) * t, za + (zb - za) * t)
}
