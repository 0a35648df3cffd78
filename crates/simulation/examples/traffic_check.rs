//! Runs traffic without a driven car and tells what went wrong:
//! `cargo run --release -p simulation --example traffic_check -- MAP.xodr [SEED] [SECONDS]`.
//!
//! Prints overlaps between road users, cars that stand for long, and how much faster than real time it ran.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use road_map::LaneGraph;
use simulation::{ActorClass, SensorSuite, World, smoke_scenario};
use vehicle::Vehicle;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected a map: MAP.xodr [SEED] [SECONDS]")?;
    let seed: u64 = arguments.next().as_deref().unwrap_or("1").parse()?;
    let seconds: usize = arguments.next().as_deref().unwrap_or("120").parse()?;
    let map = Arc::new(LaneGraph::from_opendrive_file(Path::new(&path))?);
    let mut scenario = smoke_scenario(&map, seed)?;
    scenario.traffic.follow_ego = false;
    let begun = Instant::now();
    let mut world = World::new(map, Vehicle::default(), SensorSuite::default(), scenario)?;
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
    for step in 0..seconds * 100 {
        world.step();
        if step % 10 != 0 {
            continue;
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
                    "  {:.1} s: {:?} {} stands for a minute at {:?}, {:.0} m from the undriven car",
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
