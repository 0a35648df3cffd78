use nalgebra::Isometry3;

use super::config::{CameraConfig, CameraConfigError};
use super::head::LightHead;
use super::renderer::{Camera, CameraFrame};
use crate::lidar::Scene;
use crate::sky::Sky;

/// What a camera caught of one moment: all that its image is drawn from, wherever and whenever that is done.
#[derive(Debug, Clone)]
pub struct CameraShot {
    /// When, s.
    pub stamp_s: f64,
    pub(crate) scene: Scene,
    pub(crate) heads: Vec<LightHead>,
    /// Of the mounting, in the map.
    pub(crate) pose: Isometry3<f64>,
    pub(crate) sky: Sky,
    /// Fixes exposure and noise.
    pub(crate) key: u64,
    /// Light floods the lens.
    pub(crate) blinded: bool,
    /// The image stays what it was when this began.
    pub(crate) frozen: bool,
}

/// Draws shots in the order in which they were taken.
#[derive(Debug, Clone)]
pub struct Darkroom {
    camera: Camera,
    frozen: Option<CameraFrame>,
}

impl Darkroom {
    /// For shots of one camera.
    ///
    /// # Errors
    /// [`CameraConfigError`] naming the field.
    pub fn new(config: CameraConfig) -> Result<Self, CameraConfigError> {
        Ok(Self { camera: Camera::new(config)?, frozen: None })
    }

    /// The image, with the faults that the camera had. Costs milliseconds.
    pub fn develop(&mut self, shot: &CameraShot) -> CameraFrame {
        let of_now = (shot.stamp_s, shot.key);
        if let (true, Some(image)) = (shot.frozen, &self.frozen) {
            return CameraFrame { stamp_s: shot.stamp_s, ..image.clone() };
        }
        let image = if shot.blinded {
            self.camera.blinded(of_now)
        } else {
            self.camera.render(&shot.scene, &shot.heads, &shot.pose, &shot.sky, of_now)
        };
        self.frozen = shot.frozen.then(|| image.clone());
        image
    }
}
