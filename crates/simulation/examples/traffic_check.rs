//! Runs traffic around a carefully driven car and tells what went wrong:
//! `cargo run --release -p simulation --example traffic_check -- MAP.xodr [SEED] [SECONDS] [drive]`.
//!
//! Prints overlaps between road users, who stands for long, what the referee saw, and how much faster than real time it
//! ran. With `drive` it is the long drive in dense traffic instead of the smoke suite's.

#[allow(dead_code, reason = "each user of it uses a part")]
#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use road_map::LaneGraph;
use simulation::{ActorClass, SensorSuite, World, drive_scenario, smoke_scenario};
use support::CarefulDriver;
use vehicle::Vehicle;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected a map: MAP.xodr [SEED] [SECONDS]")?;
    let seed: u64 = arguments.next().as_deref().unwrap_or("1").parse()?;
    let seconds: usize = arguments.next().as_deref().unwrap_or("120").parse()?;
    let map = Arc::new(LaneGraph::from_opendrive_file(Path::new(&path))?);
    let long = arguments.next().as_deref() == Some("drive");
    let scenario = if long { drive_scenario(&map, seed, 1500.0)? } else { smoke_scenario(&map, seed)? };
    let begun = Instant::now();
    let mut sensors = SensorSuite::default();
    // Traffic is to be timed, not the LiDAR.
    sensors.lidar.columns = 36;
    let mut world = World::new(map, Vehicle::default(), sensors, scenario)?;
    let mut driver = CarefulDriver::new(&world);
    println!(
        "made in {:.2} s, route {:.0} m, {} actors",
        begun.elapsed().as_secs_f64(),
        world.route_length_m(),
        world.actors().len()
    );
    let (mut overlaps, mut still) = (BTreeMap::new(), BTreeMap::<u32, f64>::new());
    let mut distance = BTreeMap::<ActorClass, (f64, usize)>::new();
    let (mut stuck, mut moved) = (BTreeSet::new(), BTreeSet::new());
    let begun = Instant::now();
    let (mut stood, mut driven) = (0.0, 0.0);
    for _ in 0..seconds * 10 {
        driver.drive(&mut world);
        let speed = world.ego().vehicle.speed_mps;
        driven += speed * 0.1;
        stood = if speed < 0.2 { stood + 0.1 } else { 0.0 };
        if (20.0..20.1).contains(&(stood % 40.0)) {
            println!(
                "  {:.1} s: the car stands for {stood:.0} s at {:?}: {}",
                world.time_s(),
                world.ego().vehicle.pose,
                driver.reason
            );
        }
        let actors = world.actors();
        for (i, a) in actors.iter().enumerate() {
            let sum = distance.entry(a.class).or_default();
            *sum = (sum.0 + a.speed_mps(), sum.1 + 1);
            let moving_kind = matches!(a.class, ActorClass::Car | ActorClass::Truck | ActorClass::Cyclist);
            let ever = moved.contains(&a.id) || (a.speed_mps() > 0.5 && moved.insert(a.id));
            let moving_kind = moving_kind && ever;
            let time = still.entry(a.id).or_insert(0.0);
            *time = if a.speed_mps() < 0.2 && moving_kind { *time + 0.1 } else { 0.0 };
            if *time > 60.0 && a.speed_mps() < 0.2 && *time < seconds as f64 - 1.0 && stuck.insert(a.id) {
                println!(
                    "  {:.1} s: {:?} {} stands for a minute at {:?}, {:.0} m from the driven car",
                    world.time_s(),
                    a.class,
                    a.id,
                    a.pose,
                    a.pose.position.distance(world.ego().vehicle.pose.position)
                );
            }
            for b in &actors[i + 1..] {
                let near = a.pose.position.distance(b.pose.position) < (a.length + b.length) / 2.0 + 1.0;
                let moving = a.speed_mps() > 0.1 || b.speed_mps() > 0.1;
                let walkers = a.class == ActorClass::Pedestrian && b.class == ActorClass::Pedestrian;
                if near && moving && !walkers && a.footprint().overlaps(&b.footprint()) {
                    let first = overlaps.insert((a.id, b.id), world.time_s()).is_none();
                    if first {
                        println!(
                            "  {:.1} s: {:?} {} at {:?} ({:.1} m/s) overlaps {:?} {} at {:?} ({:.1} m/s)",
                            world.time_s(),
                            a.class,
                            a.id,
                            a.pose,
                            a.speed_mps(),
                            b.class,
                            b.id,
                            b.pose,
                            b.speed_mps()
                        );
                    }
                }
            }
        }
    }
    for event in world.events() {
        println!("  {event:?}");
    }
    println!("the car drove {driven:.0} m: {:?}", world.counts());
    let wall = begun.elapsed().as_secs_f64();
    println!(
        "{} pairs overlapped; {seconds} s in {wall:.2} s: {:.1} times real time",
        overlaps.len(),
        seconds as f64 / wall
    );
    for (class, (sum, count)) in distance {
        println!("{class:?}: mean speed {:.2} m/s", sum / count as f64);
    }
    Ok(())
}
