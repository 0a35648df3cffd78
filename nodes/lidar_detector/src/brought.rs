use std::path::Path;

use decoders::{AnchorHead, Box3, CenterHead, Decoder, Encoder, Pillars, Scatter};
use inference::{LoadOptions, Manifest, Model, ModelError, TensorView};
use node::NodeError;

use crate::cloud::Point;
use crate::detection::{Class, Detection, LeastDistance};
use crate::network::{Answer, Network};

/// A model of somebody else's: pillars in, boxes out by a centre-point or an anchor head, as its manifest says; one file, or
/// an encoder and a head with the scatter between them.
pub struct BroughtNetwork {
    first: Model,
    /// The head, where the model is two files, and what scatters the first one's pillars for it.
    head: Option<(Model, Scatter)>,
    pillars: Pillars,
    boxes: Boxes,
    classes: Vec<Class>,
}

enum Boxes {
    Center(CenterHead),
    Anchor(AnchorHead),
}

impl Boxes {
    fn decode(&self, outputs: &[TensorView]) -> Vec<Box3> {
        match self {
            Self::Center(head) => head.decode(outputs),
            Self::Anchor(head) => head.decode(outputs),
        }
    }
}

/// What this node calls a class of another data set.
fn class(name: &str) -> Option<Class> {
    match name.to_ascii_lowercase().as_str() {
        "car" | "van" => Some(Class::Car),
        "truck" | "bus" | "trailer" | "construction_vehicle" => Some(Class::Truck),
        "cyclist" | "bicycle" | "motorcycle" => Some(Class::Cyclist),
        "pedestrian" | "person" => Some(Class::Pedestrian),
        "obstacle" | "barrier" | "traffic_cone" => Some(Class::Obstacle),
        _ => None,
    }
}

impl BroughtNetwork {
    /// Loads a model folder and holds what its manifest says against its tensors.
    ///
    /// # Errors
    /// [`NodeError`] naming the file and tensor, what was expected, what came and what to do.
    pub fn load(folder: &Path, options: &LoadOptions) -> Result<Self, NodeError> {
        let failed = |e: ModelError| NodeError::caused_by(format!("{e} (docs/bring-your-own-model.md)"), e);
        let wrong =
            |e: String| NodeError::new(format!("model {}: {e} (docs/bring-your-own-model.md)", folder.display()));
        let manifest = Manifest::read(folder).map_err(failed)?;
        let Encoder::Pillars(pillars) = Encoder::read(&manifest, folder).map_err(failed)?;
        let stages: Vec<&str> = manifest.stages.iter().map(|stage| stage.name.as_str()).collect();
        let (first, head) = match stages[..] {
            [one] => (Model::open(folder, one, options), None),
            [encoder, head] => (Model::open(folder, encoder, options), Some(Model::open(folder, head, options))),
            _ => return Err(wrong(format!("expected one stage, or an encoder and a head, got {stages:?}"))),
        };
        let (first, head) = (first.map_err(failed)?, head.transpose().map_err(failed)?);
        let pillars = pillars.check(first.inputs()).map_err(|e| wrong(e.to_string()))?;
        let outputs = head.as_ref().unwrap_or(&first).outputs();
        let (boxes, names) = match Decoder::read(&manifest, folder).map_err(failed)? {
            Decoder::CenterHead(head) => {
                let head = head.check(outputs).map_err(|e| wrong(e.to_string()))?;
                let names = head.classes.clone();
                (Boxes::Center(head), names)
            }
            Decoder::AnchorHead(head) => {
                let head = head.check(outputs).map_err(|e| wrong(e.to_string()))?;
                let names = head.classes.clone();
                (Boxes::Anchor(head), names)
            }
            _ => return Err(wrong("[decoder]: expected kind center_head or anchor_head for a LiDAR".into())),
        };
        let known = |name: &String| {
            class(name).ok_or_else(|| {
                wrong(format!(
                    "[decoder]: class `{name}`: expected one like car, truck, bus, bicycle, pedestrian, obstacle"
                ))
            })
        };
        let classes = names.iter().map(known).collect::<Result<_, _>>()?;
        let scatter = head.as_ref().map(|head| Scatter::new(&pillars, first.outputs(), head.inputs()));
        let scatter = scatter.transpose().map_err(|e| wrong(e.to_string()))?;
        Ok(Self { first, head: head.zip(scatter), pillars, boxes, classes })
    }

    fn look(&mut self, points: &[Point]) -> Result<Vec<Box3>, ModelError> {
        let number = |p: &Point| {
            let [x, y, z] = p.position.map(|v| v as f32);
            // All points are of the newest sweep.
            [x, y, z, p.intensity as f32, 0.0]
        };
        self.pillars.fill(points.iter().map(number));
        let inputs = self.pillars.tensors(self.first.inputs());
        let boxes = &self.boxes;
        match &mut self.head {
            None => self.first.run_tensors(&inputs, |outputs| boxes.decode(outputs)),
            Some((head, scatter)) => {
                let cells = self.pillars.cells();
                let grid = self.first.run_tensors(&inputs, |outputs| scatter.scatter(outputs[0].as_f32(), cells))?;
                head.run_tensors(&[TensorView::Float32(grid)], |outputs| boxes.decode(outputs))
            }
        }
    }
}

impl Network for BroughtNetwork {
    fn run(&mut self, _: &[f32], _: &mut dyn FnMut(&[f32], &[f32])) -> Result<(), String> {
        Err("this model takes points, not the grid".into())
    }

    fn detect(&mut self, points: &[Point], least_score: &[f64; 5]) -> Option<Answer> {
        let found = self.look(points).map_err(|e| e.to_string());
        let shift = self.pillars.shift_m;
        let read = |one: Box3| {
            let class = self.classes[one.class];
            let center = [0, 1, 2].map(|axis| f64::from(one.center[axis] - shift[axis]));
            let size = one.size.map(f64::from);
            let (score, yaw) = (f64::from(one.score), f64::from(one.yaw));
            Detection { class, score, center, size, yaw, front_known: true }
        };
        let sure = |one: &Detection| one.score >= least_score[one.class as usize];
        Some(found.map(|boxes| boxes.into_iter().map(read).filter(sure).collect()))
    }

    fn facts(&self) -> Vec<(String, String)> {
        let head =
            self.head.iter().flat_map(|(head, _)| head.facts()).map(|(key, value)| (format!("head.{key}"), value));
        self.first.facts().into_iter().chain(head).collect()
    }

    fn least_distance(&self) -> LeastDistance {
        LeastDistance::default()
    }
}
