//! Records training samples of a LiDAR that drives through streets and towns, with the truth:
//! `record_scans OUT.bin (streets|gardens|MAP.xodr) SEEDS (own|varied) [turned]`.
//!
//! `gardens` are streets with front gardens, whose walls and hedges stand close to parked cars. `SEEDS` is `A..B`: one street and one scan a seed, or one simulated world of 30 scans a seed. `own` scans with the car's
//! own sensor, `varied` with others too. A car in its lane sees nearly all others along or across its own heading; `turned`
//! turns it to any heading, as a car is that turns off, and what it sees comes in all directions. The file's form stands
//! in `sample.rs`.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use sample::Recorder;
use simulation::lidar::{TrainingScene, random_scene, residential_scene};

mod label;
mod sample;
mod sensor;
mod street;
mod town;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (out, place, seeds, sensors, turned) = match arguments.as_slice() {
        [out, place, seeds, sensors] => (out, place, seeds, sensors, false),
        [out, place, seeds, sensors, turned] if turned == "turned" => (out, place, seeds, sensors, true),
        _ => return Err("usage: record_scans OUT.bin (streets|gardens|MAP.xodr) A..B (own|varied) [turned]".into()),
    };
    let (from, to) = seeds.split_once("..").ok_or("seeds: expected A..B")?;
    let seeds = from.parse::<u64>()?..to.parse()?;
    let varied = match sensors.as_str() {
        "own" => false,
        "varied" => true,
        other => return Err(format!("sensors: expected own or varied, got {other}").into()),
    };
    let mut file = std::io::BufWriter::new(std::fs::File::create(out)?);
    let mut recorder = Recorder::new();
    let mut count = 0;
    let mut write = |bytes: Vec<u8>| {
        count += 1;
        file.write_all(&bytes)
    };
    let street: Option<fn(u64) -> TrainingScene> = match place.as_str() {
        "streets" => Some(random_scene),
        "gardens" => Some(residential_scene),
        _ => None,
    };
    if let Some(scene) = street {
        for seed in seeds {
            write(street::record(&mut recorder, scene, seed, varied, turned)?)?;
        }
    } else {
        let map = Arc::new(road_map::LaneGraph::from_opendrive_file(Path::new(place))?);
        for seed in seeds {
            for sample in town::record(&mut recorder, &map, seed, varied, turned)? {
                write(sample)?;
            }
        }
    }
    file.flush()?;
    println!("{out}: {count} scans");
    Ok(())
}
