/// A camera as `sensor_msgs/CameraInfo` describes it: a pinhole with the distortion model `plumb_bob`.
///
/// Points are in its optical frame (REP-103: z ahead, x to the right, y down), m; pixels count from the middle of the
/// upper left one, x to the right, y down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pinhole {
    /// Width and height of the image, pixels.
    pub size: [usize; 2],
    /// Focal lengths in x and y, pixels.
    pub focal: [f64; 2],
    /// Where the optical axis meets the image, pixels.
    pub center: [f64; 2],
    /// `k1, k2, p1, p2, k3` of Brown's model as OpenCV orders them.
    pub distortion: [f64; 5],
    /// Beyond this squared distance from the axis (at depth 1) the radial polynomial turns back on itself.
    limit: f64,
}

impl Pinhole {
    /// With distortion coefficients `k1, k2, p1, p2, k3`; all zero for none.
    pub fn new(size: [usize; 2], focal: [f64; 2], center: [f64; 2], distortion: [f64; 5]) -> Self {
        let [k1, k2, _, _, k3] = distortion;
        let rises = |r2: f64| 1.0 + 3.0 * k1 * r2 + 5.0 * k2 * r2 * r2 + 7.0 * k3 * r2 * r2 * r2 > 0.0;
        // 9 is a half angle of 71.6 degrees: no lens of this model sees farther.
        let limit = (1..=900).map(|i| f64::from(i) * 0.01).take_while(|r2| rises(*r2)).last().unwrap_or(0.0);
        Self { size, focal, center, distortion, limit }
    }

    /// Where a point at depth 1 (`x / z`, `y / z`) is seen, at depth 1, by the distorting lens.
    pub fn distort(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [k1, k2, p1, p2, k3] = self.distortion;
        let r2 = x * x + y * y;
        let radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
        [
            x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
            y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y,
        ]
    }

    /// The pixel that a point at depth 1 is seen at, in the image or beyond its rim; `None` where the model ends.
    pub fn pixel(&self, flat: [f64; 2]) -> Option<[f64; 2]> {
        let [x, y] = flat;
        if !(x * x + y * y <= self.limit) {
            return None;
        }
        let seen = self.distort(flat);
        Some([self.focal[0] * seen[0] + self.center[0], self.focal[1] * seen[1] + self.center[1]])
    }

    /// The pixel that a point is seen at; `None` behind the camera, and where the model ends.
    pub fn project(&self, [x, y, z]: [f64; 3]) -> Option<[f64; 2]> {
        if z > 1e-6 { self.pixel([x / z, y / z]) } else { None }
    }

    /// The point at depth 1 that a pixel sees: the inverse of [`Pinhole::pixel`], by fixed-point iteration.
    pub fn ray(&self, [u, v]: [f64; 2]) -> [f64; 2] {
        let seen = [(u - self.center[0]) / self.focal[0], (v - self.center[1]) / self.focal[1]];
        let mut flat = seen;
        for _ in 0..20 {
            let again = self.distort(flat);
            let error = [seen[0] - again[0], seen[1] - again[1]];
            flat = [flat[0] + error[0], flat[1] + error[1]];
            if error[0].abs().max(error[1].abs()) < 1e-9 {
                break;
            }
        }
        flat
    }

    /// Whether a pixel lies in the image.
    pub fn sees(&self, [u, v]: [f64; 2]) -> bool {
        let within = |at: f64, count: usize| at >= -0.5 && at < count as f64 - 0.5;
        within(u, self.size[0]) && within(v, self.size[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera() -> Pinhole {
        Pinhole::new([1152, 600], [620.0, 622.0], [570.0, 420.0], [-0.12, 0.02, 0.0005, -0.0003, -0.001])
    }

    #[test]
    fn rays_and_pixels_are_inverse_over_the_whole_image() {
        let camera = camera();
        for u in [0.0, 300.0, 575.5, 1151.0] {
            for v in [0.0, 310.0, 599.0] {
                let [x, y] = camera.ray([u, v]);
                let back = camera.project([2.0 * x, 2.0 * y, 2.0]).unwrap();
                assert!((back[0] - u).abs() < 1e-4 && (back[1] - v).abs() < 1e-4, "{u}, {v}: {back:?}");
            }
        }
    }

    /// By the formulas of OpenCV's calib3d, worked out by hand for one point.
    #[test]
    fn a_point_is_seen_where_the_plumb_bob_model_says() {
        let camera = Pinhole::new([100, 100], [100.0, 100.0], [50.0, 50.0], [-0.1, 0.0, 0.01, 0.0, 0.0]);
        // x = 0.3, y = 0.4: r2 = 0.25, radial 0.975, x' = 0.2925 + 0.0024, y' = 0.39 + 0.01 * (0.25 + 0.32).
        let [u, v] = camera.project([0.6, 0.8, 2.0]).unwrap();
        assert!((u - 79.49).abs() < 1e-9 && (v - 89.57).abs() < 1e-9, "{u}, {v}");
    }

    #[test]
    fn nothing_is_seen_behind_the_camera_or_where_the_lens_would_fold_the_image() {
        let camera = camera();
        assert!(camera.project([0.0, 0.0, -1.0]).is_none() && camera.project([5.0, 0.0, 1.0]).is_none());
        assert!(camera.project([f64::NAN, 0.0, 1.0]).is_none());
        assert!(camera.sees([0.0, 0.0]) && !camera.sees([1151.6, 3.0]) && !camera.sees([f64::NAN, 3.0]));
    }
}
