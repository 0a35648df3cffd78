//! `ferrodrive map`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use road_map::{GeoOrigin, LaneGraph, LaneKind};

use crate::map_check;
use crate::map_plot;

#[derive(Subcommand)]
pub enum MapCommand {
    /// Reads a map and says what is in it, or what is wrong with it.
    Info(MapFile),
    /// Looks for what a car could stumble over; exit status 1 if there is something.
    Check(MapFile),
    /// Draws the map from above.
    Plot {
        #[command(flatten)]
        map: MapFile,
        /// The picture, SVG [default: the map's name with .svg]
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Writes the map as Lanelet2, with the map_projector_info.yaml that belongs beside it.
    Convert {
        #[command(flatten)]
        map: MapFile,
        /// The new file, .osm
        out: PathBuf,
    },
}

#[derive(Args)]
pub struct MapFile {
    /// OpenDRIVE (.xodr) or Lanelet2 (.osm); beside the latter map_projector_info.yaml is read where it is there
    file: PathBuf,
    /// The zero of a Lanelet2 map that nothing else tells, degrees
    #[arg(long, value_name = "LATITUDE,LONGITUDE", value_parser = origin, allow_hyphen_values = true)]
    origin: Option<GeoOrigin>,
}

fn origin(text: &str) -> Result<GeoOrigin, String> {
    let numbers = text.split_once(',').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    match numbers {
        Some((latitude_deg, longitude_deg)) if f64::abs(latitude_deg) <= 90.0 && f64::abs(longitude_deg) <= 180.0 => {
            Ok(GeoOrigin { latitude_deg, longitude_deg, altitude_m: 0.0 })
        }
        _ => Err(format!("expected LATITUDE,LONGITUDE in degrees, got `{text}`")),
    }
}

impl MapCommand {
    /// Whether nothing was found to be wrong.
    pub fn run(self) -> anyhow::Result<bool> {
        match self {
            Self::Info(map) => info(&map.read()?),
            Self::Check(map) => {
                let found = map_check::check(&map.read()?);
                found.iter().for_each(|problem| println!("{problem}"));
                println!(
                    "{}",
                    if found.is_empty() { "nothing found".into() } else { format!("{} found", found.len()) }
                );
                return Ok(found.is_empty());
            }
            Self::Plot { map, out } => {
                let out =
                    out.unwrap_or_else(|| Path::new(map.file.file_stem().unwrap_or_default()).with_extension("svg"));
                write(&out, &map_plot::svg(&map.read()?))?;
                println!("drawn to {}", out.display());
            }
            Self::Convert { map, out } => {
                if out.extension().is_none_or(|extension| extension != "osm") {
                    bail!("{}: expected a name that ends in .osm; maps are written as Lanelet2", out.display());
                }
                let info = out.with_file_name("map_projector_info.yaml");
                if out.exists() || info.exists() {
                    bail!("{} or {} is there already; give another folder", out.display(), info.display());
                }
                let graph = map.read()?;
                let (text, projector) = graph.to_lanelet2()?;
                write(&out, &text)?;
                write(&info, &projector)?;
                println!("{} lanes written to {} and {}", graph.lanes().count(), out.display(), info.display());
            }
        }
        Ok(true)
    }
}

impl MapFile {
    fn read(&self) -> anyhow::Result<LaneGraph> {
        Ok(LaneGraph::from_file(&self.file, self.origin)?)
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn info(graph: &LaneGraph) {
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
}
