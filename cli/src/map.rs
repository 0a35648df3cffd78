//! `ferrodrive map`.

use std::path::PathBuf;

use clap::Subcommand;
use road_map::{LaneGraph, LaneKind};

#[derive(Subcommand)]
pub enum MapCommand {
    /// Reads an OpenDRIVE map and says what is in it, or what is wrong with it.
    Info {
        /// The map.
        file: PathBuf,
    },
}

impl MapCommand {
    pub fn run(self) -> anyhow::Result<()> {
        let Self::Info { file } = self;
        let graph = LaneGraph::from_opendrive_file(&file)?;
        let of = |kind: LaneKind| graph.lanes().filter(move |lane| lane.kind == kind);
        let kilometres: f64 = of(LaneKind::Driving).map(|lane| lane.length()).sum::<f64>() / 1e3;
        let junctions: std::collections::BTreeSet<i64> = graph.lanes().filter_map(|lane| lane.junction).collect();
        println!("map                  {}", graph.name);
        println!("origin               {} deg N, {} deg E", graph.origin.latitude_deg, graph.origin.longitude_deg);
        println!("driving lanes        {}, {kilometres:.2} km", of(LaneKind::Driving).count());
        println!("sidewalks            {}", of(LaneKind::Sidewalk).count());
        println!("junctions            {}, {} with signals", junctions.len(), graph.controllers.len());
        println!("conflicts            {}", graph.lanes().map(|lane| lane.conflicts.len()).sum::<usize>() / 2);
        println!("signals and signs    {}", graph.signals.len());
        println!("crosswalks           {}", graph.crosswalks.len());
        println!("objects              {}", graph.objects.len());
        Ok(())
    }
}
