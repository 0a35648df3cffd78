use geometry::Pinhole;
use nalgebra::{Isometry3, Point3, Vector3};

use crate::light::Light;

/// A light is looked at from at most this far off its axis, cosine: 68 degrees.
const LEAST_FACING: f64 = 0.37;
/// Nearer than this it is passed, m.
const NEAREST_M: f64 = 2.0;

/// A light as a camera should see it, by the map and the camera's pose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// The middle of its face in the camera's optical frame, m.
    pub center: Vector3<f64>,
    /// Distance, m.
    pub distance_m: f64,
    /// Height of its face, m.
    pub height_m: f64,
}

impl Sight {
    /// `None` where the light is farther than `range_m`, turned away, or not wholly in the image. `camera` is the pose of
    /// the optical frame in the map.
    pub fn new(light: &Light, lens: &Pinhole, camera: &Isometry3<f64>, range_m: f64) -> Option<Self> {
        let center = camera.inverse_transform_point(&Point3::from(light.center)).coords;
        let distance_m = center.norm();
        if !(NEAREST_M..=range_m).contains(&distance_m) {
            return None;
        }
        let to_camera = camera.translation.vector - light.center;
        if light.normal().dot(&to_camera) < LEAST_FACING * distance_m {
            return None;
        }
        let half = 0.5 * light.size[1];
        let ends = [-half, half].map(|rise| {
            let place = light.center + Vector3::z() * rise;
            lens.project(camera.inverse_transform_point(&Point3::from(place)).coords.into())
        });
        let seen = ends.iter().all(|pixel| pixel.is_some_and(|pixel| lens.sees(pixel)));
        seen.then_some(Self { center, distance_m, height_m: light.size[1] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{Translation3, UnitQuaternion};
    use road_map::{LampShape, SignalGroupId};

    /// A camera at the origin that looks along the map's x.
    fn camera() -> Isometry3<f64> {
        let turn = UnitQuaternion::from_euler_angles(-std::f64::consts::FRAC_PI_2, 0.0, -std::f64::consts::FRAC_PI_2);
        Isometry3::from_parts(Translation3::identity(), turn)
    }

    fn sees(x: f64, y: f64, facing: f64) -> bool {
        let lens = Pinhole::new([1152, 600], [620.0; 2], [578.0, 418.0], [0.0; 5]);
        let light = Light {
            id: 1,
            groups: vec![SignalGroupId(1)],
            center: Vector3::new(x, y, 2.0),
            facing,
            size: [0.3, 0.9],
            lamps: LampShape::Circle,
        };
        Sight::new(&light, &lens, &camera(), 80.0).is_some()
    }

    #[test]
    fn only_lights_ahead_that_face_the_car_are_looked_at() {
        use std::f64::consts::PI;
        assert!(sees(30.0, -4.0, PI), "ahead and turned to the car");
        assert!(!sees(30.0, -4.0, 0.0), "from behind");
        assert!(!sees(30.0, -4.0, PI / 2.0 + 0.1), "from the side");
        assert!(!sees(-30.0, -4.0, PI), "behind the car");
        assert!(!sees(85.0, -4.0, PI), "too far");
        assert!(!sees(3.0, -6.0, PI), "beyond the image's rim");
        assert!(!sees(f64::NAN, 0.0, PI));
    }
}
