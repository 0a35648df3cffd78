use geometry::{Map, OrientedBox, Point2};
use nalgebra::Vector2;

use super::scene::Instance;
use super::shape::{Part, Shape, Surface};

/// Heights above the ground at which a car's body is wide, m.
const HEIGHTS_M: [f64; 3] = [0.3, 0.7, 1.1];
/// Leaves give way: what of a bush or a crown is within this share of its reach is wood.
const WOOD: f64 = 0.5;

impl Instance {
    /// Whether a car that covers `footprint` touches what stands here: cuts of both at the heights of the car's body overlap.
    /// Both stand on the same ground.
    pub fn touches(&self, footprint: &OrientedBox<Map>) -> bool {
        let place = Point2::<Map>::new(self.position.x, self.position.y);
        if !(footprint.distance_to_point(place) < self.body.radius) {
            return false;
        }
        let outline = footprint.corners().map(|corner| {
            let at = (corner - place).rotated(-self.yaw);
            Vector2::new(at.x, at.y)
        });
        self.body.parts.iter().any(|part| HEIGHTS_M.iter().any(|height| overlaps(part, *height, &outline)))
    }
}

/// Whether a part's cut at a height overlaps a convex outline, both in the body's frame.
fn overlaps(part: &Part, height: f64, outline: &[Vector2<f64>; 4]) -> bool {
    let middle = part.bounds().0.xy();
    let share = if matches!(part.surface, Surface::Porous(_)) { WOOD } else { 1.0 };
    let outline = outline.map(|p| middle + (p - middle) / share);
    match &part.shape {
        Shape::Convex(planes) => {
            let mut cut = outline.to_vec();
            for plane in planes {
                let beyond = |p: &Vector2<f64>| plane.normal.xy().dot(p) + plane.normal.z * height - plane.offset;
                cut = clipped(&cut, beyond);
            }
            !cut.is_empty()
        }
        Shape::Cylinder { foot, radius, height: tall } => {
            (foot.z..=foot.z + tall).contains(&height) && holds(&outline.map(|p| (p - foot.xy()) / *radius))
        }
        Shape::Ellipsoid { center, radii } => {
            let round = 1.0 - ((height - center.z) / radii.z).powi(2);
            round > 0.0 && holds(&outline.map(|p| (p - center.xy()).component_div(&radii.xy()) / round.sqrt()))
        }
    }
}

/// The part of a convex outline where `beyond` is not positive (Sutherland and Hodgman 1974).
fn clipped(outline: &[Vector2<f64>], beyond: impl Fn(&Vector2<f64>) -> f64) -> Vec<Vector2<f64>> {
    let mut kept = Vec::with_capacity(outline.len() + 1);
    for (index, here) in outline.iter().enumerate() {
        let next = &outline[(index + 1) % outline.len()];
        let (a, b) = (beyond(here), beyond(next));
        if a <= 0.0 {
            kept.push(*here);
        }
        if (a < 0.0 && b > 0.0) || (a > 0.0 && b < 0.0) {
            kept.push(here + (next - here) * (a / (a - b)));
        }
    }
    kept
}

/// Whether a convex outline overlaps the disc of radius 1 around the origin.
fn holds(outline: &[Vector2<f64>; 4]) -> bool {
    let sides = (0..4).map(|index| (outline[index], outline[(index + 1) % 4]));
    let inside = |sign: f64| sides.clone().all(|(a, b)| sign * (b - a).perp(&-a) >= 0.0);
    inside(1.0)
        || inside(-1.0)
        || sides.clone().any(|(a, b)| {
            let side = b - a;
            let foot = (-a.dot(&side) / side.norm_squared().max(1e-12)).clamp(0.0, 1.0);
            (a + side * foot).norm() < 1.0
        })
}

#[cfg(test)]
mod tests {
    use geometry::Pose2;

    use super::*;
    use crate::Random;
    use crate::lidar::clutter;

    /// A car of 4.5 m by 1.8 m at the origin, seen from whether it touches a thing at a place.
    fn touches(body: std::sync::Arc<super::super::Body>, x: f64, y: f64, yaw: f64) -> bool {
        let car = OrientedBox::new(Pose2::new(0.0, 0.0, 0.0), 4.5, 1.8);
        Instance::fixture([x, y, 0.0], yaw, body).touches(&car)
    }

    #[test]
    fn a_post_is_touched_where_it_stands_and_not_half_a_metre_beside() {
        let mut random = Random::new(1);
        let lamp = clutter::pole(7.0, 0.1, &mut random);
        let sign = clutter::sign(&mut random);
        let light = clutter::traffic_light(3.0);
        for body in [lamp, sign, light] {
            assert!(touches(body.clone(), 0.5, 0.93, 1.0), "grazed");
            assert!(touches(body.clone(), 0.0, 0.0, 1.0), "run over");
            assert!(!touches(body.clone(), 0.5, 1.05, 1.0), "passed");
            assert!(!touches(body, 2.4, 0.0, 1.0), "stopped before");
        }
    }

    #[test]
    fn a_wall_and_a_house_are_touched_along_all_of_their_length() {
        let house = clutter::building([20.0, 10.0, 8.0], &mut Random::new(2));
        assert!(touches(house.clone(), 9.0, 5.8, 0.0));
        assert!(!touches(house.clone(), 9.0, 6.0, 0.0));
        assert!(!touches(house, 13.0, 0.0, 0.0));
        // A corner that points at the car's side.
        let wall = clutter::block([4.0, 4.0, 2.0], 0.3);
        assert!(touches(wall.clone(), 0.0, 0.89 + 8_f64.sqrt(), std::f64::consts::FRAC_PI_4));
        assert!(!touches(wall, 0.0, 0.92 + 8_f64.sqrt(), std::f64::consts::FRAC_PI_4));
    }

    #[test]
    fn what_hangs_above_the_car_is_not_touched_and_leaves_give_way() {
        let board = super::super::Body::new(vec![Part::cuboid([-1.0, 1.0], [-1.0, 1.0], [2.0, 3.0], 0.3)]);
        assert!(!touches(board, 0.0, 0.0, 0.0));
        let bush = super::super::Body::new(vec![
            Part::ellipsoid([0.0, 0.0, 0.7], [1.0, 1.0, 0.7], 0.3).with_surface(Surface::Porous(0.3)),
        ]);
        assert!(!touches(bush.clone(), 0.0, 1.6, 0.0));
        assert!(touches(bush, 0.0, 1.3, 0.0));
    }
}
