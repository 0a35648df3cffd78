use geometry::Pinhole;
use nalgebra::{Isometry3, Matrix3, Rotation3, UnitQuaternion, Vector3};

use super::mesh::clip;

/// Nearer than this nothing is drawn, m.
const NEAR_M: f64 = 0.4;

/// From a mounting that looks along x (z up) to the optical frame (z ahead, x right, y down): REP-103's `_optical`.
pub(crate) fn optical() -> UnitQuaternion<f64> {
    let matrix = Matrix3::new(0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0, 0.0);
    UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(matrix))
}

/// A camera at its place.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub lens: Pinhole,
    /// Where the camera is in the map.
    pub position: Vector3<f64>,
    /// Turns directions of the map into the optical frame.
    pub turn: Matrix3<f64>,
}

/// A polygon's corner in the image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Corner {
    pub x: f32,
    pub y: f32,
    /// 1 / depth, 1/m.
    pub nearness: f32,
}

impl View {
    /// `pose`: of the mounting in the map.
    pub fn new(lens: Pinhole, pose: &Isometry3<f64>) -> Self {
        let turn = (pose.rotation * optical()).inverse().to_rotation_matrix().into_inner();
        Self { lens, position: pose.translation.vector, turn }
    }

    /// A place of the map in the optical frame.
    pub fn to_camera(&self, place: &Vector3<f64>) -> Vector3<f64> {
        self.turn * (place - self.position)
    }

    /// Whether a sphere (optical frame) may be in sight.
    pub fn may_see(&self, center: &Vector3<f64>, radius: f64) -> bool {
        let [wide, high] = WIDEST;
        // Distances from the planes of the pyramid, each times the length of its normal.
        let (side, rise) = (radius * wide.hypot(1.0), radius * high.hypot(1.0));
        center.z > NEAR_M - radius && center.x.abs() < wide * center.z + side && center.y.abs() < high * center.z + rise
    }

    /// Corners in the image of a polygon in the optical frame; fewer than three where it is out of sight.
    pub fn corners(&self, polygon: &[Vector3<f64>], out: &mut Vec<Corner>) {
        out.clear();
        let [wide, high] = WIDEST;
        let outside = |p: &Vector3<f64>| p.z < NEAR_M || p.x.abs() > wide * p.z || p.y.abs() > high * p.z;
        let push = |p: &Vector3<f64>, out: &mut Vec<Corner>| {
            if let Some([x, y]) = self.lens.pixel([p.x / p.z, p.y / p.z]) {
                out.push(Corner { x: x as f32, y: y as f32, nearness: (1.0 / p.z) as f32 });
            }
        };
        if !polygon.iter().any(outside) {
            polygon.iter().for_each(|p| push(p, out));
            return;
        }
        let mut kept = clip(polygon, |p| p.z - NEAR_M);
        for side in [-1.0, 1.0] {
            kept = clip(&kept, |p| wide * p.z + side * p.x);
            kept = clip(&kept, |p| high * p.z + side * p.y);
        }
        kept.iter().for_each(|p| push(p, out));
    }
}

/// Tangents of the half angles beyond which nothing is looked at; within them every lens of this model sees.
const WIDEST: [f64; 2] = [1.5, 1.2];
