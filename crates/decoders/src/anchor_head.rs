use std::f32::consts::PI;

use inference::{TensorSpec, TensorView};
use serde::Deserialize;

use crate::boxes::{Box3, non_max_suppression};
use crate::error::{DecoderError, constant};
use crate::layout::Layout;

const SECTION: &str = "[decoder]";

/// `kind = "anchor_head"`: boxes relative to anchors, as OpenPCDet's PointPillars exports them: `cls_preds`
/// `[1, rows, columns, anchors * classes]` (before the sigmoid), `box_preds` `[1, rows, columns, anchors * 7]` and
/// `dir_cls_preds` `[1, rows, columns, anchors * 2]`. Rows lie along y, columns along x; the anchors of a place are, for each
/// of [`anchors`](Self::anchors), its rotations.
/// Source: OpenPCDet, ResidualCoder and AnchorHeadTemplate; Lang et al., "PointPillars", 2019.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorHead {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Least x, y and greatest x, y of the points, m: anchors lie from edge to edge.
    pub range_m: [f32; 4],
    /// The anchors of a place.
    pub anchors: Vec<Anchor>,
    /// Headings are told modulo half a turn from here on, rad.
    pub dir_offset_rad: f32,
    /// Boxes that the network is less sure of are left out.
    pub least_score: f32,
    /// Boxes of a class that overlap by more are one.
    pub nms_threshold: f32,
    /// Boxes that go into suppression: the best.
    pub nms_most: usize,
    #[serde(skip)]
    places: [usize; 2],
    #[serde(skip)]
    order: [usize; 3],
}

/// An anchor box with its rotations.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Length, width and height, m.
    pub size_m: [f32; 3],
    /// Height of its underside, m.
    pub bottom_m: f32,
    /// Its headings, rad.
    pub rotations_rad: Vec<f32>,
}

impl AnchorHead {
    fn anchor_count(&self) -> usize {
        self.anchors.iter().map(|anchor| anchor.rotations_rad.len()).sum()
    }

    /// Holds the constants and the layout against a model's outputs.
    ///
    /// # Errors
    /// [`DecoderError`] naming the tensor or constant, what is expected and what there is.
    pub fn check(mut self, outputs: &[TensorSpec]) -> Result<Self, DecoderError> {
        let (anchors, classes) = (self.anchor_count(), self.classes.len());
        if anchors == 0 || classes == 0 {
            return Err(constant(SECTION, "anchors", "at least one with a rotation, and a class", anchors));
        }
        if !(self.least_score > 0.0 && self.least_score < 1.0) {
            return Err(constant(SECTION, "least_score", "a number between 0 and 1", self.least_score));
        }
        if !(self.range_m[0] < self.range_m[2] && self.range_m[1] < self.range_m[3]) {
            return Err(constant(SECTION, "range_m", "[least x, least y, greatest x, greatest y]", self.range_m));
        }
        let name = format!("anchor_head of {anchors} anchors and {classes} classes");
        let layout = Layout { section: SECTION, side: "output", name };
        let found = outputs.iter().find(|spec| spec.name == "cls_preds").map(|spec| spec.shape.clone());
        if let Some([_, rows, columns, _]) = found.as_deref() {
            self.places = [*rows, *columns];
        }
        let [rows, columns] = self.places;
        for (i, (tensor, each)) in
            [("cls_preds", classes), ("box_preds", 7), ("dir_cls_preds", 2)].into_iter().enumerate()
        {
            self.order[i] = layout.find(outputs, tensor, &[1, rows, columns, anchors * each])?;
        }
        Ok(self)
    }

    /// Boxes from a run's outputs, best first.
    pub fn decode(&self, outputs: &[TensorView]) -> Vec<Box3> {
        let [classes, boxes, directions] = self.order.map(|at| outputs[at].as_f32());
        let least = (self.least_score / (1.0 - self.least_score)).ln();
        let count = self.classes.len();
        let anchors: Vec<(&Anchor, f32)> = self
            .anchors
            .iter()
            .flat_map(|anchor| anchor.rotations_rad.iter().map(move |turn| (anchor, *turn)))
            .collect();
        let mut found = Vec::new();
        for (i, scores) in classes.chunks_exact(count).enumerate() {
            let Some((class, odds)) = scores.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)) else {
                continue;
            };
            if odds >= least {
                let (place, (anchor, turn)) = (i / anchors.len(), anchors[i % anchors.len()]);
                let residual = &boxes[i * 7..(i + 1) * 7];
                let backwards = directions[2 * i + 1] > directions[2 * i];
                found.push(self.read(class, odds, place, anchor, turn, residual, backwards));
            }
        }
        found.sort_by(|a: &Box3, b| b.score.total_cmp(&a.score));
        found.truncate(self.nms_most);
        non_max_suppression(found, self.nms_threshold, self.nms_most)
    }

    #[expect(clippy::too_many_arguments, reason = "all parts of one anchor's answer")]
    fn read(
        &self,
        class: usize,
        odds: f32,
        place: usize,
        anchor: &Anchor,
        turn: f32,
        residual: &[f32],
        backwards: bool,
    ) -> Box3 {
        let [rows, columns] = self.places;
        let [x0, y0, x1, y1] = self.range_m;
        let along = |low: f32, high: f32, index: usize, count: usize| {
            low + (high - low) * index as f32 / (count.max(2) - 1) as f32
        };
        let [length, width, height] = anchor.size_m;
        let diagonal = length.hypot(width);
        let yaw = turn + residual[6];
        // The heading modulo half a turn, and which half by the direction.
        let within = yaw - self.dir_offset_rad;
        let yaw = within - (within / PI).floor() * PI + self.dir_offset_rad + if backwards { PI } else { 0.0 };
        Box3 {
            class,
            score: 1.0 / (1.0 + (-odds).exp()),
            center: [
                along(x0, x1, place % columns, columns) + residual[0] * diagonal,
                along(y0, y1, place / columns, rows) + residual[1] * diagonal,
                anchor.bottom_m + 0.5 * height + residual[2] * height,
            ],
            size: [length * residual[3].exp(), width * residual[4].exp(), height * residual[5].exp()],
            yaw,
            velocity: None,
        }
    }
}
