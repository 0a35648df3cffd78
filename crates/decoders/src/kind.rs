use std::path::Path;

use inference::{Manifest, ModelError};
use serde::Deserialize;

use crate::anchor_head::AnchorHead;
use crate::center_head::CenterHead;
use crate::pillars::Pillars;
use crate::trajectory_head::TrajectoryHead;
use crate::yolox::Yolox;

/// `[encoder]` of a manifest, by its kind. To be checked against the model's inputs before use.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Encoder {
    /// Points in columns.
    Pillars(Pillars),
}

/// `[decoder]` of a manifest, by its kind. To be checked against the model's outputs before use.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decoder {
    /// Heat and box maps.
    CenterHead(CenterHead),
    /// Boxes relative to anchors.
    AnchorHead(AnchorHead),
    /// Boxes in images.
    Yolox(Yolox),
    /// Several futures.
    TrajectoryHead(TrajectoryHead),
}

impl Encoder {
    /// Reads a manifest's section.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] naming the kinds that there are, or the key that is missing, unknown or of another type.
    pub fn read(manifest: &Manifest, folder: &Path) -> Result<Self, ModelError> {
        manifest.encoder(folder)
    }
}

impl Decoder {
    /// Reads a manifest's section.
    ///
    /// # Errors
    /// As [`Encoder::read`].
    pub fn read(manifest: &Manifest, folder: &Path) -> Result<Self, ModelError> {
        manifest.decoder(folder)
    }
}
