//! Records training samples of traffic on a map: `record_traffic MAP.xodr OUT.f32 SEEDS DURATION_S`.
//!
//! `SEEDS` is `A..B`, one simulated world a seed. The file holds rows of little-endian f32 without a header; the
//! number of columns is printed.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use recording::{ROW, record};
use simulation::{SensorSuite, World, drive_scenario};

mod recording;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [map, out, seeds, duration] = arguments.as_slice() else {
        return Err("usage: record_traffic MAP.xodr OUT.f32 A..B DURATION_S".into());
    };
    let (from, to) = seeds.split_once("..").ok_or("seeds: expected A..B")?;
    let (from, to): (u64, u64) = (from.parse()?, to.parse()?);
    let duration_s: f64 = duration.parse()?;
    let map = Arc::new(road_map::LaneGraph::from_opendrive_file(Path::new(map))?);
    let mut file = std::io::BufWriter::new(std::fs::File::create(out)?);
    let mut count = 0;
    for seed in from..to {
        let mut scenario = drive_scenario(&map, seed, 300.0)?;
        scenario.traffic.follow_ego = false;
        scenario.duration_s = duration_s + 1.0;
        let mut sensors = SensorSuite::default();
        // Nobody looks: the coarsest laser costs least.
        sensors.lidar.beams = 16;
        sensors.lidar.columns = 90;
        let mut world = World::new(Arc::clone(&map), vehicle::Vehicle::default(), sensors, scenario)?;
        let rows = record(&mut world, duration_s, seed);
        count += rows.len() / ROW;
        for number in rows {
            file.write_all(&number.to_le_bytes())?;
        }
    }
    file.flush()?;
    println!("{count} samples of {ROW} numbers in {out}");
    Ok(())
}
