//! Paths laid beside an axis: a lateral offset reached and left by quintic blends.

use geometry::{Map, Pose2, angle_difference};

use crate::reference_path::{Axis, STEP, curvature_of, with_headings};

/// How far beside the axis a path runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    /// Arc length on the axis where it begins, m.
    pub from_s: f64,
    /// Offset (m, left positive), its slope and its second derivative (1/m) there.
    pub from: [f64; 3],
    /// Offset to reach, m.
    pub offset: f64,
    /// Over which length, m.
    pub blend: f64,
    /// Where the return to the centre line begins, m on the axis.
    pub return_from: f64,
}

impl Shape {
    /// Offset, slope and second derivative at an arc length of the axis.
    pub fn at(&self, s: f64) -> [f64; 3] {
        let x = s - self.from_s;
        if x < 0.0 {
            let [offset, slope, _] = self.from;
            return [offset + slope * x.max(-3.0), slope, 0.0];
        }
        if x <= self.blend {
            return quintic(self.from, self.offset, self.blend, x);
        }
        let length = (self.offset.abs() * 8.0).max(12.0);
        let x = s - self.return_from.max(self.from_s + self.blend);
        if x <= 0.0 {
            [self.offset, 0.0, 0.0]
        } else if x >= length {
            [0.0; 3]
        } else {
            quintic([self.offset, 0.0, 0.0], 0.0, length, x)
        }
    }
}

/// A path with its offset from the axis at each sample of the axis.
#[derive(Debug, Clone)]
pub(crate) struct ProposalPath {
    pub shape: Shape,
    pub offsets: Vec<f64>,
    pub poses: Vec<Pose2<Map>>,
    pub curvature: Vec<f64>,
}

impl ProposalPath {
    pub fn lay(axis: &Axis, shape: Shape) -> Self {
        let offsets: Vec<f64> = (0..axis.poses.len()).map(|i| shape.at(i as f64 * STEP)[0]).collect();
        let points: Vec<_> = axis
            .poses
            .iter()
            .zip(&offsets)
            .map(|(pose, d)| pose.position + pose.forward().perpendicular() * *d)
            .collect();
        let poses = with_headings(&points);
        let curvature = curvature_of(&poses);
        Self { shape, offsets, poses, curvature }
    }

    /// Pose at an arc length of the axis.
    pub fn pose_at(&self, s: f64) -> Pose2<Map> {
        let x = (s / STEP).clamp(0.0, (self.poses.len() - 1) as f64 - 1e-6);
        let (i, ratio) = (x as usize, x.fract());
        let (a, b) = (self.poses[i], self.poses[i + 1]);
        Pose2 { position: a.position.lerp(b.position, ratio), yaw: a.yaw + angle_difference(b.yaw, a.yaw) * ratio }
    }
}

/// The shortest blend (m) over a change of offset (m) whose curvature stays below `sharpest` (1/m): a quintic's second
/// derivative is at most 5.8 times the change over the length squared.
pub(crate) fn shortest_blend(change: f64, sharpest: f64) -> f64 {
    (5.8 * change / sharpest).sqrt().max(4.0)
}

/// From offset, slope and second derivative at 0 to an offset with neither at `length`: the three of them at `x`.
fn quintic(from: [f64; 3], to: f64, length: f64, x: f64) -> [f64; 3] {
    let [d, v, a] = from;
    let x = x.clamp(0.0, length);
    // What is missing at the end: offset, slope, second derivative.
    let offset = to - (d + v * length + a * length * length / 2.0);
    let slope = -(v + a * length) * length;
    let second = -a * length * length;
    let cubic = (10.0 * offset - 4.0 * slope + second / 2.0) / length.powi(3);
    let quartic = (-15.0 * offset + 7.0 * slope - second) / length.powi(4);
    let quintic = (6.0 * offset - 3.0 * slope + second / 2.0) / length.powi(5);
    [
        d + v * x + a / 2.0 * x * x + cubic * x.powi(3) + quartic * x.powi(4) + quintic * x.powi(5),
        v + a * x + 3.0 * cubic * x * x + 4.0 * quartic * x.powi(3) + 5.0 * quintic * x.powi(4),
        a + 6.0 * cubic * x + 12.0 * quartic * x * x + 20.0 * quintic * x.powi(3),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_cut_anywhere_goes_on_as_it_was() {
        let whole = Shape { from_s: 3.0, from: [1.2, 0.05, 0.01], offset: -0.4, blend: 20.0, return_from: 60.0 };
        let rest = Shape { from_s: 11.0, from: whole.at(11.0), blend: 12.0, ..whole };
        for s in 11..40 {
            let (a, b) = (whole.at(f64::from(s)), rest.at(f64::from(s)));
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9), "{a:?} {b:?} at {s}");
        }
    }
}
