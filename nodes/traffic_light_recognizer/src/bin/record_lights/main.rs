//! Records training samples of traffic lights as the node cuts them out of images, with the truth:
//! `record_lights OUT.bin MAP.xodr SEEDS (varied|own)`.
//!
//! `SEEDS` is `A..B`, one simulated world a seed. `varied` draws sizes, places and shapes of lights, lamps out of order and
//! lenses at random and has the sun ahead more often; `own` leaves lights and lens as they are. A sample is a piece of
//! [`CROP`](traffic_light_recognizer::crop::CROP) u8 numbers, then u8 state, shape, light of day (0 day, 1 sun below 15
//! degrees, 2 night) and colour that is lit (3 for none), then f32 distance (m), glare, visible share.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

mod scene;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, map, seeds, kind] = arguments.as_slice() else {
        return Err("usage: record_lights OUT.bin MAP.xodr A..B (varied|own)".into());
    };
    let (from, to) = seeds.split_once("..").ok_or("seeds: expected A..B")?;
    let varied = match kind.as_str() {
        "varied" => true,
        "own" => false,
        other => return Err(format!("expected varied or own, got {other}").into()),
    };
    let map = Arc::new(road_map::LaneGraph::from_opendrive_file(Path::new(map))?);
    let mut file = std::io::BufWriter::new(std::fs::File::create(out)?);
    let mut count = 0;
    for seed in from.parse::<u64>()?..to.parse()? {
        for sample in scene::record(&map, seed, varied)? {
            file.write_all(&sample)?;
            count += 1;
        }
    }
    file.flush()?;
    println!("{count} lights in {out}");
    Ok(())
}
