use nalgebra::Vector3;

use crate::lidar::{Part, Plane, Shape, Surface};

/// One flat side of a body.
#[derive(Debug, Clone)]
pub struct Face {
    /// Corners in the body's frame, m, in order around the face.
    pub corners: Vec<Vector3<f64>>,
    /// Points out of the body, unit length.
    pub normal: Vector3<f64>,
    /// What it is made of.
    pub(crate) material: Material,
    /// Drawn from both sides.
    pub(crate) both_sides: bool,
}

/// What a side is made of, as a camera tells it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Material {
    /// Of the body's own colour, this bright.
    Own(f64),
    /// Windows.
    Glass,
    /// Leaves.
    Leaves,
    /// A lamp of a car: white ahead, red behind.
    Lamp,
}

/// Round parts that are drawn as discs turned to the camera.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ball {
    pub center: Vector3<f64>,
    /// Horizontal and vertical.
    pub radii: [f64; 2],
    pub material: Material,
}

/// A body's surface as a camera sees it.
#[derive(Debug, Clone, Default)]
pub struct Mesh {
    /// Flat sides.
    pub faces: Vec<Face>,
    pub(crate) balls: Vec<Ball>,
}

impl Mesh {
    /// From the parts of a body.
    pub fn new(parts: &[Part]) -> Self {
        let mut mesh = Self::default();
        for part in parts {
            let material = material(part);
            match &part.shape {
                Shape::Convex(planes) => mesh.faces.extend(faces(planes, part.bounds(), material)),
                Shape::Cylinder { foot, radius, height } => mesh.faces.extend(post(*foot, *radius, *height, material)),
                Shape::Ellipsoid { center, radii } => {
                    let radii = [0.5 * (radii.x + radii.y), radii.z];
                    mesh.balls.push(Ball { center: *center, radii, material });
                }
            }
        }
        mesh
    }
}

fn material(part: &Part) -> Material {
    match part.surface {
        Surface::Porous(_) => Material::Leaves,
        Surface::Pane(_) if part.reflectivity < 0.1 => Material::Glass,
        _ if (part.reflectivity - 0.9).abs() < 1e-9 => Material::Lamp,
        _ => Material::Own(part.reflectivity.min(0.9)),
    }
}

/// The polygons that planes cut out of each other.
fn faces(planes: &[Plane], (center, radius): (Vector3<f64>, f64), material: Material) -> Vec<Face> {
    let mut faces = Vec::new();
    for (index, plane) in planes.iter().enumerate() {
        let foot = center + plane.normal * (plane.offset - plane.normal.dot(&center));
        let other = if plane.normal.z.abs() < 0.9 { Vector3::z() } else { Vector3::x() };
        let across = plane.normal.cross(&other).normalize() * (2.0 * radius);
        let up = plane.normal.cross(&across);
        let mut corners = vec![foot + across + up, foot - across + up, foot - across - up, foot + across - up];
        for (_, cut) in planes.iter().enumerate().filter(|(other, _)| *other != index) {
            corners = clip(&corners, |p| cut.offset - cut.normal.dot(p));
        }
        if corners.len() >= 3 {
            faces.push(Face { corners, normal: plane.normal, material, both_sides: false });
        }
    }
    faces
}

/// A round post as two upright plates at right angles.
fn post(foot: Vector3<f64>, radius: f64, height: f64, material: Material) -> Vec<Face> {
    let plate = |along: Vector3<f64>, normal: Vector3<f64>| {
        let (half, up) = (along * radius, Vector3::z() * height);
        let corners = vec![foot - half, foot + half, foot + half + up, foot - half + up];
        Face { corners, normal, material, both_sides: true }
    };
    vec![plate(Vector3::x(), Vector3::y()), plate(Vector3::y(), Vector3::x())]
}

/// The part of a convex polygon where `inside` is not negative (Sutherland and Hodgman).
pub(crate) fn clip(corners: &[Vector3<f64>], inside: impl Fn(&Vector3<f64>) -> f64) -> Vec<Vector3<f64>> {
    let mut kept = Vec::with_capacity(corners.len() + 1);
    for (index, to) in corners.iter().enumerate() {
        let from = &corners[(index + corners.len() - 1) % corners.len()];
        let (a, b) = (inside(from), inside(to));
        if (a < 0.0) != (b < 0.0) {
            kept.push(from + (to - from) * (a / (a - b)));
        }
        if b >= 0.0 {
            kept.push(*to);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_has_six_sides_of_four_corners_each() {
        let mesh = Mesh::new(&[Part::cuboid([0.0, 2.0], [-1.0, 1.0], [0.0, 1.5], 0.4)]);
        assert_eq!(mesh.faces.len(), 6);
        for face in &mesh.faces {
            assert_eq!(face.corners.len(), 4);
            let area: f64 = (1..3)
                .map(|i| {
                    (face.corners[i] - face.corners[0]).cross(&(face.corners[i + 1] - face.corners[0])).norm() / 2.0
                })
                .sum();
            let expected = if face.normal.z.abs() > 0.5 { 4.0 } else { 3.0 };
            assert!((area - expected).abs() < 1e-9, "{area} for {:?}", face.normal);
        }
    }
}
