//! Makes OpenDRIVE 1.7 towns to drive in: another seed makes another town.
//!
//! Every town has an avenue of two lanes a direction with signalised crossings and merges at both ends, a roundabout,
//! crossings with yield and with stop signs, T-junctions, a ring road with spiral curves, a hill, crosswalks, sidewalks,
//! buildings, trees and poles. Traffic keeps right; every lane leads on, and from each every other can be reached.

mod build;
mod furniture;
mod junction;
mod layout;
mod path;
mod random;
mod road;
mod xml;

use road::{Controller, Junction, Road};

/// A town, ready to be written.
#[derive(Debug, Clone)]
pub struct Town {
    seed: u64,
    roads: Vec<Road>,
    junctions: Vec<Junction>,
    controllers: Vec<Controller>,
}

impl Town {
    /// The town of this seed: the same seed always gives the same town.
    pub fn new(seed: u64) -> Self {
        build::build(seed)
    }

    /// The town as OpenDRIVE 1.7.
    pub fn to_opendrive(&self) -> String {
        xml::write(self)
    }

    /// Length of all roads outside and inside junctions, m, counting only the roads that are not connecting roads.
    pub fn road_length_m(&self) -> f64 {
        self.roads.iter().filter(|r| r.junction.is_none()).map(|r| r.path.length).sum()
    }
}
