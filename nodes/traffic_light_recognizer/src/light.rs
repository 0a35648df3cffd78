use nalgebra::Vector3;
use road_map::{LampShape, LaneGraph, SignalGroupId, SignalKind};

/// A traffic light as the map has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Light {
    /// The map's id.
    pub id: i64,
    /// The groups that it shows the state of.
    pub groups: Vec<SignalGroupId>,
    /// The middle of its face, in the map, m.
    pub center: Vector3<f64>,
    /// Heading that its face looks to, rad.
    pub facing: f64,
    /// Width and height of its face, m.
    pub size: [f64; 2],
    /// What its lamps are shaped as.
    pub lamps: LampShape,
}

impl Light {
    /// All lights of a map, each once, in order of their ids.
    pub fn of_map(map: &LaneGraph) -> Vec<Self> {
        let mut lights: Vec<Self> = Vec::new();
        for signal in &map.signals {
            let SignalKind::Light(group) = signal.kind else { continue };
            match lights.iter_mut().find(|known| known.id == signal.id) {
                Some(known) => known.groups.push(group),
                None => lights.push(Self {
                    id: signal.id,
                    groups: vec![group],
                    center: Vector3::new(signal.position.x, signal.position.y, signal.z),
                    facing: signal.facing,
                    size: signal.size,
                    lamps: signal.lamps,
                }),
            }
        }
        lights.sort_by_key(|light| light.id);
        lights
    }

    /// Out of its face, unit length.
    pub fn normal(&self) -> Vector3<f64> {
        Vector3::new(self.facing.cos(), self.facing.sin(), 0.0)
    }
}
