//! Traffic in the shipped town: it flows through every kind of crossing, keeps apart, and is fair to the driven car.

#![allow(clippy::unwrap_used, reason = "a test stops where its set-up fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use road_map::{LaneGraph, LaneId, LaneKind, Priority, StopReason};
use simulation::{Actor, ActorClass, EventKind, Scenario, SensorSuite, World, smoke_scenario};
use support::CarefulDriver;
use vehicle::Vehicle;

#[allow(dead_code, reason = "each user of it uses a part")]
mod support;

fn town() -> Arc<LaneGraph> {
    static TOWN: OnceLock<Arc<LaneGraph>> = OnceLock::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../maps/town.xodr");
    Arc::clone(TOWN.get_or_init(|| Arc::new(LaneGraph::from_opendrive_file(&path).unwrap())))
}

fn world(scenario: Scenario) -> World {
    let mut sensors = SensorSuite::default();
    sensors.lidar.columns = 36;
    World::new(town(), Vehicle::default(), sensors, scenario).unwrap()
}

fn drives(actor: &&Actor) -> bool {
    matches!(actor.class, ActorClass::Car | ActorClass::Truck)
}

/// What was seen of traffic in a few minutes.
#[derive(Default)]
struct Seen {
    overlaps: Vec<String>,
    longest_stand_s: f64,
    /// Vehicles that were on each lane.
    visits: BTreeMap<LaneId, BTreeSet<u32>>,
    /// Stop lines at signs passed, and those of them without a stop.
    signs_passed: usize,
    signs_run: usize,
    crossings_on_foot: BTreeSet<u32>,
    heights: (f64, f64),
    moving_mean_mps: f64,
    events: Vec<EventKind>,
}

/// Watches the town for 100 s, twice, around a careful driver.
fn seen() -> &'static Seen {
    static SEEN: OnceLock<Seen> = OnceLock::new();
    SEEN.get_or_init(|| {
        let map = town();
        let mut seen = Seen { heights: (f64::MAX, f64::MIN), ..Seen::default() };
        let signs: Vec<_> = map
            .lanes()
            .flat_map(|l| l.stop_lines.iter().map(move |x| (l, x)))
            .filter(|(_, x)| x.reason == StopReason::StopSign)
            .map(|(l, x)| l.pose_at(x.s))
            .collect();
        let (mut sum, mut count) = (0.0, 0.0);
        for seed in [2101, 2102] {
            let mut world = world(smoke_scenario(&map, seed).unwrap());
            let mut driver = CarefulDriver::new(&world);
            let mut still: BTreeMap<u32, f64> = BTreeMap::new();
            let mut slowest: BTreeMap<(u32, usize), f64> = BTreeMap::new();
            let mut moved = BTreeSet::new();
            for step in 0..1000 {
                driver.drive(&mut world);
                let driven: Vec<&Actor> = world.actors().iter().filter(drives).collect();
                for (i, a) in driven.iter().enumerate() {
                    if a.speed_mps() > 0.5 {
                        moved.insert(a.id);
                        (sum, count) = (sum + a.speed_mps(), count + 1.0);
                    }
                    let time = still.entry(a.id).or_insert(0.0);
                    *time = if a.speed_mps() < 0.2 && moved.contains(&a.id) { *time + 0.1 } else { 0.0 };
                    seen.longest_stand_s = seen.longest_stand_s.max(*time);
                    for b in &driven[i + 1..] {
                        let near = a.pose.position.distance(b.pose.position) < 12.0;
                        let moving = a.speed_mps() > 0.1 || b.speed_mps() > 0.1;
                        if near && moving && a.footprint().overlaps(&b.footprint()) {
                            seen.overlaps.push(format!("{seed}: {} and {} at {:.1} s", a.id, b.id, world.time_s()));
                        }
                    }
                    for (number, line) in signs.iter().enumerate() {
                        let front = a.pose.position + a.pose.forward() * (a.length / 2.0);
                        let (along, aside) =
                            (line.forward().dot(front - line.position), line.forward().cross(front - line.position));
                        let aligned = a.pose.forward().dot(line.forward()) > 0.8;
                        if !aligned || aside.abs() > 1.7 || !(-4.0..6.0).contains(&along) {
                            continue;
                        }
                        let least = slowest.entry((a.id, number)).or_insert(f64::MAX);
                        *least = least.min(a.speed_mps());
                        if along > 1.5 {
                            seen.signs_passed += usize::from(least.is_finite());
                            seen.signs_run += usize::from(*least > 0.4 && *least < f64::MAX);
                            *least = 0.0;
                        }
                    }
                    seen.heights = (seen.heights.0.min(a.z), seen.heights.1.max(a.z));
                    if step % 5 == 0
                        && let Some(at) = map.nearest_lane(a.pose.position, &[LaneKind::Driving])
                    {
                        seen.visits.entry(at.lane).or_default().insert(a.id);
                    }
                }
                for walker in world.actors().iter().filter(|a| a.class == ActorClass::Pedestrian) {
                    let crosses = map.crosswalks.iter().any(|c| {
                        let p = c.path.project(walker.pose.position);
                        p.d.abs() < 2.0 && (1.0..c.path.length() - 1.0).contains(&p.s)
                    });
                    if crosses {
                        seen.crossings_on_foot.insert(walker.id);
                    }
                }
            }
            seen.events.extend(world.events().iter().map(|e| e.kind.clone()));
        }
        seen.moving_mean_mps = sum / count;
        seen
    })
}

/// Vehicles that were on lanes of junctions of this kind: lanes for which `is` holds.
fn passed(is: impl Fn(&road_map::Lane) -> bool) -> usize {
    let map = town();
    seen().visits.iter().filter(|(id, _)| is(map.lane(**id).unwrap())).map(|(_, who)| who.len()).sum()
}

#[test]
fn vehicles_keep_apart_and_none_stands_for_long() {
    let seen = seen();
    assert!(seen.overlaps.is_empty(), "{:?}", seen.overlaps);
    assert!(seen.longest_stand_s < 90.0, "{} s", seen.longest_stand_s);
    assert!((4.0..11.0).contains(&seen.moving_mean_mps), "{} m/s", seen.moving_mean_mps);
}

#[test]
fn roundabout_merge_and_hill_are_driven() {
    let map = town();
    // A roundabout's ring: one lane alone, solid on both sides, that bends all the way.
    let ring = |l: &road_map::Lane| {
        l.junction.is_none() && l.center.curvature_at(l.length() / 2.0, 4.0).abs() > 0.04 && l.length() < 30.0
    };
    assert!(passed(ring) >= 2, "{} in the roundabout", passed(ring));
    let merges = |l: &road_map::Lane| {
        l.conflicts.iter().any(|c| {
            let other = map.lane(c.other).unwrap();
            c.priority == Priority::Other
                && other.turn == l.turn
                && other.successors == l.successors
                && l.length() > 30.0
        })
    };
    assert!(passed(merges) >= 1, "{} merged", passed(merges));
    let (low, high) = seen().heights;
    assert!(high - low > 3.0, "heights {low} to {high}");
}

#[test]
fn at_stop_signs_one_stops() {
    let seen = seen();
    assert!(seen.signs_passed >= 2, "only {} passed", seen.signs_passed);
    assert_eq!(seen.signs_run, 0, "of {}", seen.signs_passed);
}

#[test]
fn people_cross_at_crosswalks() {
    assert!(seen().crossings_on_foot.len() >= 2, "{:?}", seen().crossings_on_foot);
}

#[test]
fn nobody_runs_into_a_careful_driver() {
    let hits: Vec<&EventKind> = seen().events.iter().filter(|e| !matches!(e, EventKind::GoalReached)).collect();
    assert!(hits.is_empty(), "{hits:?}");
}

#[test]
fn a_car_that_brakes_hard_now_and_then_is_not_run_into() {
    let map = town();
    for seed in [2103, 2104] {
        let mut world = world(smoke_scenario(&map, seed).unwrap());
        let mut driver = CarefulDriver::new(&world);
        for step in 0..600 {
            let brakes = step % 150 > 120;
            driver.brakes = brakes.then_some(4.0);
            driver.drive(&mut world);
        }
        assert_eq!(world.counts().collisions, 0, "seed {seed}: {:?}", world.events());
    }
}

#[test]
fn a_car_that_stands_in_its_lane_is_not_run_into() {
    let map = town();
    let mut world = world(smoke_scenario(&map, 2105).unwrap());
    let mut driver = CarefulDriver::new(&world);
    for _ in 0..200 {
        driver.drive(&mut world);
    }
    driver.brakes = Some(3.0);
    for _ in 0..250 {
        driver.drive(&mut world);
    }
    assert!(world.ego().vehicle.speed_mps.abs() < 0.1);
    assert_eq!(world.counts().collisions, 0, "{:?}", world.events());
}
