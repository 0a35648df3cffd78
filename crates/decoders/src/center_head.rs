use std::cmp::Ordering;

use inference::{TensorSpec, TensorView};
use serde::Deserialize;

use crate::boxes::Box3;
use crate::error::{DecoderError, constant};
use crate::layout::Layout;

const SECTION: &str = "[decoder]";

/// `kind = "center_head"`: a heat map by class and maps of what the box in each place is, as Autoware's CenterPoint exports
/// them: `heatmap` `[1, classes, rows, columns]` (before the sigmoid), `reg` (2), `height` (1), `dim` (3, logarithms), `rot`
/// (2: sine, cosine) and, where there is one, `vel` (2). Rows lie along y, columns along x.
/// Source: Autoware Universe, autoware_lidar_centerpoint; Yin et al., "Center-based 3D Object Detection and Tracking", 2021.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterHead {
    /// Names of the classes, in the order of the heat map.
    pub classes: Vec<String>,
    /// Least x and y of the map, m.
    pub origin_m: [f32; 2],
    /// Side of a place along x and y, m.
    pub place_m: [f32; 2],
    /// Which of length, width and height each of `dim`'s three is.
    pub dim_order: [Dimension; 3],
    /// Whether headings turn clockwise from y, as in models trained with the old conventions of MMDetection3D.
    #[serde(default)]
    pub yaw_from_y: bool,
    /// Boxes that the network is less sure of are left out.
    pub least_score: f32,
    /// Boxes of one class nearer to each other than this are one, m.
    pub least_distance_m: f32,
    #[serde(skip)]
    places: [usize; 2],
    #[serde(skip)]
    order: [Option<usize>; 6],
}

/// A side of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Along the heading.
    Length,
    /// Across it.
    Width,
    /// Upwards.
    Height,
}

/// Tensors and how many channels each has; the heat map has one a class.
const TENSORS: [(&str, usize); 6] = [("heatmap", 0), ("reg", 2), ("height", 1), ("dim", 3), ("rot", 2), ("vel", 2)];

impl CenterHead {
    /// Holds the constants and the layout against a model's outputs.
    ///
    /// # Errors
    /// [`DecoderError`] naming the tensor or constant, what is expected and what there is.
    pub fn check(mut self, outputs: &[TensorSpec]) -> Result<Self, DecoderError> {
        let sides = [Dimension::Length, Dimension::Width, Dimension::Height];
        if !sides.iter().all(|side| self.dim_order.contains(side)) {
            return Err(constant(SECTION, "dim_order", "length, width and height, each once", self.dim_order));
        }
        if !(self.least_score > 0.0 && self.least_score < 1.0) {
            return Err(constant(SECTION, "least_score", "a number between 0 and 1", self.least_score));
        }
        if !self.place_m.iter().all(|side| *side > 0.0) {
            return Err(constant(SECTION, "place_m", "lengths above 0", self.place_m));
        }
        let name = format!("center_head of {} classes", self.classes.len());
        let layout = Layout { section: SECTION, side: "output", name };
        // The heat map says how many places there are; all others must have as many.
        let heat = outputs.iter().find(|spec| spec.name == "heatmap").map(|spec| spec.shape.clone());
        if let Some([_, _, rows, columns]) = heat.as_deref() {
            self.places = [*rows, *columns];
        }
        for (i, (tensor, channels)) in TENSORS.into_iter().enumerate() {
            let channels = if i == 0 { self.classes.len() } else { channels };
            let optional = tensor == "vel" && !outputs.iter().any(|spec| spec.name == tensor);
            if !optional {
                let shape = [1, channels, self.places[0], self.places[1]];
                self.order[i] = Some(layout.find(outputs, tensor, &shape)?);
            }
        }
        Ok(self)
    }

    /// Boxes from a run's outputs, best first.
    pub fn decode(&self, outputs: &[TensorView]) -> Vec<Box3> {
        let [heat, offset, height, dim, rotation, velocity] =
            self.order.map(|at| at.map_or(&[][..], |at| outputs[at].as_f32()));
        let [rows, columns] = self.places;
        let count = rows * columns;
        // The logarithm of the odds that the least score stands for: no sigmoid is computed for what is left out.
        let least = (self.least_score / (1.0 - self.least_score)).ln();
        let mut boxes = Vec::new();
        // Class by class, as the map lies in memory; most places are of none.
        let marks = heat.chunks_exact(count.max(1)).enumerate().flat_map(|(class, odds)| {
            odds.iter().enumerate().filter(|(_, odds)| **odds >= least).map(move |(place, odds)| (class, place, *odds))
        });
        for (class, place, odds) in marks {
            let greater = |other: usize| match heat[other * count + place].total_cmp(&odds) {
                Ordering::Equal => other > class,
                order => order == Ordering::Greater,
            };
            if (0..self.classes.len()).any(greater) {
                continue;
            }
            let at = |tensor: &[f32], channel: usize| tensor[channel * count + place];
            let side = |wanted: Dimension| {
                let channel = self.dim_order.iter().position(|side| *side == wanted).unwrap_or(0);
                at(dim, channel).exp()
            };
            let along = |axis: usize, index: usize| {
                self.origin_m[axis] + self.place_m[axis] * (index as f32 + at(offset, axis))
            };
            let yaw = at(rotation, 0).atan2(at(rotation, 1));
            let one = Box3 {
                class,
                score: 1.0 / (1.0 + (-odds).exp()),
                center: [along(0, place % columns), along(1, place / columns), at(height, 0)],
                size: [side(Dimension::Length), side(Dimension::Width), side(Dimension::Height)],
                yaw: if self.yaw_from_y { -yaw - std::f32::consts::FRAC_PI_2 } else { yaw },
                velocity: (!velocity.is_empty()).then(|| [at(velocity, 0), at(velocity, 1)]),
            };
            boxes.push((place, one));
        }
        boxes.sort_by(|(i, a), (j, b)| b.score.total_cmp(&a.score).then(i.cmp(j)));
        let mut kept: Vec<Box3> = Vec::new();
        for (_, one) in boxes {
            let near = |better: &Box3| {
                let (dx, dy) = (better.center[0] - one.center[0], better.center[1] - one.center[1]);
                better.class == one.class && dx.hypot(dy) < self.least_distance_m
            };
            if !kept.iter().any(near) {
                kept.push(one);
            }
        }
        kept
    }
}
