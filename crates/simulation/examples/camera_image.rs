//! Drives a town's lanes and writes what the camera sees: `camera_image MAP.xodr SEED OUT.ppm [SECONDS] [ELEVATION_DEG]`.
//!
//! Prints how long an image takes.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use simulation::camera::Darkroom;
use simulation::{Command, SensorSuite, World, smoke_scenario};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [map, seed, out, more @ ..] = arguments.as_slice() else {
        return Err("usage: camera_image MAP.xodr SEED OUT.ppm [SECONDS] [ELEVATION_DEG]".into());
    };
    let seconds: f64 = more.first().map_or(Ok(2.0), |text| text.parse())?;
    let map = Arc::new(road_map::LaneGraph::from_opendrive_file(Path::new(map))?);
    let mut scenario = smoke_scenario(&map, seed.parse()?)?;
    if let Some(elevation) = more.get(1) {
        scenario.sky.sun_elevation_deg = elevation.parse()?;
        scenario.sky.clouds = 0.1;
    }
    let mut world = World::new(map, vehicle::Vehicle::default(), SensorSuite::default(), scenario)?;
    world.set_command(Command { acceleration_mps2: 1.0, ..Command::default() });
    while world.time_s() < seconds {
        world.step();
    }
    let mut times = Vec::new();
    let mut darkroom = Darkroom::new(world.sensors().camera)?;
    let mut image = None;
    for _ in 0..20 {
        let started = Instant::now();
        image = world.camera_shot().map(|shot| darkroom.develop(&shot));
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let Some(image) = image else { return Err("the camera is dead".into()) };
    let config = world.sensors().camera;
    let mut file = std::fs::File::create(out)?;
    writeln!(file, "P6 {} {} 255", config.width, config.height)?;
    file.write_all(&image.pixels)?;
    for truth in &image.heads {
        let away = (truth.head.center.xy()
            - nalgebra::Vector2::new(world.ego().vehicle.pose.position.x, world.ego().vehicle.pose.position.y))
        .norm();
        println!(
            "light {} at {away:.1} m shows {:?}, visible {:.2}, glare {:.2}",
            truth.head.id, truth.head.lit, truth.visible, truth.glare
        );
    }
    println!("{:.2} ms an image (median of 20)", times[10]);
    Ok(())
}
