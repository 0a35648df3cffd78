//! Paths laid beside an axis: a lateral offset reached and left by quintic blends.

use geometry::{Map, Pose2, angle_difference};

use crate::reference_path::{Axis, STEP, curvature_of, with_headings};

/// What a path does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    /// Arc length on the axis, offset and slope of the offset where the car is.
    pub from: (f64, f64, f64),
    /// Offset to reach, m, left positive.
    pub offset: f64,
    /// Over which length, m.
    pub blend: f64,
    /// Where the return to the centre line begins, m on the axis.
    pub return_from: f64,
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
        let (s0, d0, slope) = shape.from;
        let offsets: Vec<f64> = (0..axis.poses.len())
            .map(|i| {
                let s = i as f64 * STEP;
                if s <= s0 {
                    d0 + slope * (s - s0).max(-3.0)
                } else if s <= s0 + shape.blend {
                    quintic(d0, slope, shape.offset, shape.blend, s - s0)
                } else {
                    let length = (shape.offset.abs() * 8.0).max(12.0);
                    let x = s - shape.return_from.max(s0 + shape.blend);
                    if x <= 0.0 {
                        shape.offset
                    } else if x >= length {
                        0.0
                    } else {
                        quintic(shape.offset, 0.0, 0.0, length, x)
                    }
                }
            })
            .collect();
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

/// From offset and slope at 0 to an offset with no slope at `length`, without curvature at both ends.
fn quintic(from: f64, slope: f64, to: f64, length: f64, x: f64) -> f64 {
    let t = (x / length).clamp(0.0, 1.0);
    let (h, m) = (to - from, slope * length);
    from + m * t
        + (10.0 * h - 6.0 * m) * t.powi(3)
        + (-15.0 * h + 8.0 * m) * t.powi(4)
        + (6.0 * h - 3.0 * m) * t.powi(5)
}
