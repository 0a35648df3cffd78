use inference::{TensorSpec, TensorView};
use serde::Deserialize;

use crate::boxes::{Box2, non_max_suppression};
use crate::error::{DecoderError, constant};
use crate::layout::Layout;

const SECTION: &str = "[decoder]";

/// `kind = "yolox"`: one row for each place of each stride: centre's offset in places, logarithm of the size in places, how
/// likely a thing is there, how likely it is of each class (the last after the sigmoid), as YOLOX exports them:
/// `[1, places, 5 + classes]`. Source: YOLOX, demo/ONNXRuntime; Ge et al., "YOLOX", 2021.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Yolox {
    /// The output.
    pub tensor: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Height and width of the network's image, pixels.
    pub image: [usize; 2],
    /// Pixels of a place, finest first.
    pub strides: Vec<usize>,
    /// Boxes that the network is less sure of are left out.
    pub least_score: f32,
    /// Boxes of a class that overlap by more are one.
    pub nms_threshold: f32,
    #[serde(skip)]
    at: usize,
}

/// How the camera's image was fitted into the network's: scaled, at the upper left corner, the rest filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Letterbox {
    /// Network's pixels for one of the camera's.
    pub scale: f32,
}

impl Letterbox {
    /// For an image of this height and width.
    pub fn fit(image: [usize; 2], network: [usize; 2]) -> Self {
        let ratio = |i: usize| network[i] as f32 / image[i].max(1) as f32;
        Self { scale: ratio(0).min(ratio(1)) }
    }
}

impl Yolox {
    /// Holds the constants and the layout against a model's outputs.
    ///
    /// # Errors
    /// [`DecoderError`] naming the tensor or constant, what is expected and what there is.
    pub fn check(mut self, outputs: &[TensorSpec]) -> Result<Self, DecoderError> {
        let [height, width] = self.image;
        let whole = |stride: &usize| *stride > 0 && height % stride == 0 && width % stride == 0;
        if self.strides.is_empty() || !self.strides.iter().all(whole) {
            return Err(constant(
                SECTION,
                "strides",
                format!("divisors of the image's {height} by {width}"),
                &self.strides,
            ));
        }
        if !(self.least_score > 0.0 && self.least_score < 1.0) {
            return Err(constant(SECTION, "least_score", "a number between 0 and 1", self.least_score));
        }
        let places: usize = self.strides.iter().map(|stride| (height / stride) * (width / stride)).sum();
        let name =
            format!("yolox of {height} by {width} pixels, strides {:?}, {} classes", self.strides, self.classes.len());
        let layout = Layout { section: SECTION, side: "output", name };
        self.at = layout.find(outputs, &self.tensor, &[1, places, 5 + self.classes.len()])?;
        Ok(self)
    }

    /// Boxes in the camera's image from a run's outputs, best first.
    pub fn decode(&self, outputs: &[TensorView], fitted: Letterbox) -> Vec<Box2> {
        let mut rows = outputs[self.at].as_f32().chunks_exact(5 + self.classes.len());
        let mut boxes = Vec::new();
        for stride in &self.strides {
            let columns = self.image[1] / stride;
            for place in 0..(self.image[0] / stride) * columns {
                let Some(row) = rows.next() else { break };
                let classes = row[5..].iter().copied().enumerate();
                let Some((class, likely)) = classes.max_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
                let score = row[4] * likely;
                if !(score >= self.least_score) {
                    continue;
                }
                let pixels = *stride as f32 / fitted.scale;
                let center = [(place % columns) as f32 + row[0], (place / columns) as f32 + row[1]].map(|v| v * pixels);
                let half = [row[2].exp(), row[3].exp()].map(|v| 0.5 * v * pixels);
                let edges = [center[0] - half[0], center[1] - half[1], center[0] + half[0], center[1] + half[1]];
                boxes.push(Box2 { class, score, edges });
            }
        }
        non_max_suppression(boxes, self.nms_threshold, usize::MAX)
    }
}
