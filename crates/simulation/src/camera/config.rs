use geometry::Pinhole;
use serde::{Deserialize, Serialize};

/// A camera: its lens, its size and its errors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraConfig {
    /// Width of the image, pixels, 64..=4096, a multiple of 8.
    pub width: usize,
    /// Height of the image, pixels, 64..=4096, a multiple of 4.
    pub height: usize,
    /// Images a second, Hz, 1..=50.
    pub rate_hz: f64,
    /// Focal length of both axes, pixels, 50..=10000.
    pub focal_px: f64,
    /// Where the optical axis meets the image, pixels from the left.
    pub center_x_px: f64,
    /// The same from the top.
    pub center_y_px: f64,
    /// `k1, k2, p1, p2, k3` of the distortion model plumb_bob.
    pub distortion: [f64; 5],
    /// Noise of a pixel by day, standard deviation, steps of 1/255, 0..=30; by night, with the gain turned up, three
    /// times as much.
    pub noise: f64,
}

/// Why a camera cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("camera {field}: expected {expected}, got {value}")]
pub struct CameraConfigError {
    /// The field.
    pub field: &'static str,
    /// What it may be.
    pub expected: &'static str,
    /// What it was.
    pub value: String,
}

impl Default for CameraConfig {
    /// 86 degrees wide, and looking up far enough for the light beside a stop line that one stands at.
    fn default() -> Self {
        Self {
            width: 1152,
            height: 600,
            rate_hz: 10.0,
            focal_px: 620.0,
            center_x_px: 578.0,
            center_y_px: 418.0,
            distortion: [-0.11, 0.014, 0.0004, -0.0003, 0.0],
            noise: 2.0,
        }
    }
}

impl CameraConfig {
    /// The lens.
    pub fn pinhole(&self) -> Pinhole {
        let center = [self.center_x_px, self.center_y_px];
        Pinhole::new([self.width, self.height], [self.focal_px; 2], center, self.distortion)
    }

    /// Checks that the camera can be built.
    ///
    /// # Errors
    /// [`CameraConfigError`] naming the field.
    pub fn check(&self) -> Result<(), CameraConfigError> {
        let wrong = |field, expected, value: String| Err(CameraConfigError { field, expected, value });
        if !(64..=4096).contains(&self.width) || !self.width.is_multiple_of(8) {
            return wrong("width", "a multiple of 8 in 64..=4096", self.width.to_string());
        }
        if !(64..=4096).contains(&self.height) || !self.height.is_multiple_of(4) {
            return wrong("height", "a multiple of 4 in 64..=4096", self.height.to_string());
        }
        let within = |field, expected, value: f64, range: std::ops::RangeInclusive<f64>| {
            if range.contains(&value) { Ok(()) } else { wrong(field, expected, value.to_string()) }
        };
        within("rate_hz", "1..=50", self.rate_hz, 1.0..=50.0)?;
        within("focal_px", "50..=10000", self.focal_px, 50.0..=10_000.0)?;
        within("center_x_px", "0..=width", self.center_x_px, 0.0..=self.width as f64)?;
        within("center_y_px", "0..=height", self.center_y_px, 0.0..=self.height as f64)?;
        within("noise", "0..=30", self.noise, 0.0..=30.0)?;
        if self.distortion.iter().any(|d| !(d.abs() <= 10.0)) {
            return wrong("distortion", "five numbers of -10..=10", format!("{:?}", self.distortion));
        }
        let lens = self.pinhole();
        let corners = [[0.0, 0.0], [self.width as f64, 0.0], [0.0, self.height as f64]];
        let corners = corners.into_iter().chain([[self.width as f64, self.height as f64]]);
        for corner in corners {
            let back = lens.pixel(lens.ray(corner));
            if !back.is_some_and(|b| (b[0] - corner[0]).abs() < 1.0 && (b[1] - corner[1]).abs() < 1.0) {
                let expected = "a lens that sees every corner of the image once";
                return wrong(
                    "distortion",
                    expected,
                    format!("{:?}, and no point is seen at {corner:?}", self.distortion),
                );
            }
        }
        Ok(())
    }
}
