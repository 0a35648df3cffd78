//! Drives without sensors: what a car would know of others is made of the truth, with the tracker's errors.
//!
//! `record_drives record MAP.xodr OUT.f32 SEEDS DURATION_S` records training samples of an expert's drives: the planner itself
//! with what no car has, where everybody truly is and will be. The file holds rows of little-endian f32 without a header; the
//! number of columns is printed.
//!
//! `record_drives compare MAP.xodr OUT.json SEEDS` drives the smoke suite's way of each seed twice, with the network's proposals
//! and without, and writes how it went.
//!
//! `SEEDS` is `A..B`, one drive a seed, `B` left out.

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drive::{Drive, Driver, Outcome, ROW};
use road_map::LaneGraph;
use simulation::{Fault, Scenario, SensorSuite, World, drive_scenario, smoke_scenario};

mod drive;
mod perceived;
mod rehearsal;

/// Length of the routes that are recorded at least, m.
const ROUTE_M: f64 = 900.0;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["record", map, out, seeds, duration] => record(&load(map)?, out, range(seeds)?, duration.parse()?),
        ["compare", map, out, seeds] => compare(&load(map)?, out, range(seeds)?),
        _ => {
            Err("usage: record_drives record MAP.xodr OUT.f32 A..B DURATION_S | compare MAP.xodr OUT.json A..B".into())
        }
    }
}

fn load(map: &str) -> Fallible<Arc<LaneGraph>> {
    Ok(Arc::new(LaneGraph::from_opendrive_file(Path::new(map))?))
}

fn range(seeds: &str) -> Fallible<Range<u64>> {
    let (from, to) = seeds.split_once("..").ok_or("seeds: expected A..B")?;
    Ok(from.parse()?..to.parse()?)
}

fn drive(map: &Arc<LaneGraph>, mut scenario: Scenario, driver: Driver) -> Fallible<Drive> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // Nobody looks through a sensor.
    scenario.faults = vec![Fault::LidarDead { from_s: 0.0, until_s: None }];
    let world = World::new(Arc::clone(map), vehicle::Vehicle::default(), SensorSuite::default(), scenario)?;
    Ok(Drive::new(world, &root, driver)?)
}

fn record(map: &Arc<LaneGraph>, out: &str, seeds: Range<u64>, duration_s: f64) -> Fallible<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(out)?);
    let mut count = 0;
    for seed in seeds {
        let scenario = drive_scenario(map, seed, ROUTE_M)?;
        let (rows, outcome) = drive(map, scenario, Driver::Expert)?.run(duration_s)?;
        println!("{} samples of {}", rows.len() / ROW, serde_json::to_string(&outcome)?);
        count += rows.len() / ROW;
        for number in rows {
            file.write_all(&number.to_le_bytes())?;
        }
    }
    file.flush()?;
    println!("{count} samples of {ROW} numbers in {out}");
    Ok(())
}

fn compare(map: &Arc<LaneGraph>, out: &str, seeds: Range<u64>) -> Fallible<()> {
    let mut report = serde_json::Map::new();
    for learned_proposals in [false, true] {
        let drives: Fallible<Vec<Outcome>> = seeds
            .clone()
            .map(|seed| {
                let scenario = smoke_scenario(map, seed)?;
                let duration_s = scenario.duration_s;
                let (_, outcome) = drive(map, scenario, Driver::Car { learned_proposals })?.run(duration_s)?;
                println!("learned_proposals {learned_proposals}: {}", serde_json::to_string(&outcome)?);
                Ok(outcome)
            })
            .collect();
        let side = if learned_proposals { "with_learned_proposals" } else { "without" };
        report.insert(side.into(), serde_json::to_value(drives?)?);
    }
    std::fs::write(out, serde_json::to_string_pretty(&report)? + "\n")?;
    Ok(())
}
