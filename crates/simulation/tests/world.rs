//! The world on a real map: determinism, traffic that keeps the rules, a referee that sees everything, faults.

#![allow(clippy::unwrap_used, reason = "a test stops where its set-up fails")]

use std::path::PathBuf;
use std::sync::Arc;

use geometry::{Map, Point2, angle_difference};
use road_map::{LaneGraph, LaneKind, StopReason, Turn};
use simulation::{
    Actor, ActorClass, Command, EventKind, Fault, Place, Scenario, SensorSuite, SignalColor, TrafficConfig, World,
    drive_scenario, smoke_scenario,
};
use vehicle::Vehicle;

fn town01() -> Option<Arc<LaneGraph>> {
    let data = std::env::var_os("FERRODRIVE_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = data.join("opendrive/Town01.xodr");
    if !path.exists() {
        println!("skipped: {} is missing", path.display());
        return None;
    }
    Some(Arc::new(LaneGraph::from_opendrive_file(&path).unwrap()))
}

fn world(map: &Arc<LaneGraph>, scenario: Scenario) -> World {
    World::new(Arc::clone(map), Vehicle::default(), SensorSuite::default(), scenario).unwrap()
}

/// Heads for a place at about this speed.
fn chase(world: &mut World, target: Point2<Map>, speed: f64) {
    let ego = world.ego().vehicle;
    let to = target - ego.pose.position;
    let bearing = angle_difference(to.angle(), ego.pose.yaw);
    let ahead = bearing.abs() < 1.5;
    let curvature = if ahead { 2.0 * bearing.sin() / to.norm().max(4.0) } else { 0.15 * bearing.signum() };
    let command = Command {
        steering_rad: world.vehicle().steering_for_curvature(curvature),
        acceleration_mps2: (speed - ego.speed_mps).clamp(-3.0, 2.0),
        ..Command::default()
    };
    world.set_command(command);
    world.step();
}

fn empty() -> TrafficConfig {
    TrafficConfig {
        cars: 0,
        trucks: 0,
        cyclists: 0,
        pedestrians: 0,
        parked: 0,
        obstacles: 0,
        ..TrafficConfig::default()
    }
}

#[test]
fn two_worlds_of_one_seed_are_equal_and_another_seed_is_not() {
    let Some(map) = town01() else { return };
    let run = |seed: u64| {
        let mut world = world(&map, smoke_scenario(&map, seed).unwrap());
        let mut points = Vec::new();
        for _ in 0..2000 {
            let place = world.goal().position;
            chase(&mut world, place, 4.0);
            if let Some(scan) = world.take_lidar() {
                points = scan.points;
            }
        }
        (world.fingerprint(), points, format!("{:?} {:?}", world.take_imu(), world.take_gnss()))
    };
    let (first, second, other) = (run(7), run(7), run(8));
    assert!(first.1.len() > 5000);
    assert_eq!(first, second);
    assert_ne!(first.0, other.0);
}

#[test]
fn vehicles_do_not_collide_with_each_other_and_stop_at_red() {
    let Some(map) = town01() else { return };
    let lines: Vec<_> = map
        .lanes()
        .flat_map(|lane| lane.stop_lines.iter().map(move |line| (lane.center.pose_at(line.s), line.reason)))
        .filter_map(|(pose, reason)| match reason {
            StopReason::Signal(group) => Some((pose, group)),
            _ => None,
        })
        .collect();
    assert!(!lines.is_empty());
    let (mut overlaps, mut ran, mut crossed) = (Vec::new(), Vec::new(), 0);
    for seed in [3, 4] {
        let mut world = world(&map, smoke_scenario(&map, seed).unwrap());
        let mut red_since = std::collections::BTreeMap::new();
        let mut before: Vec<Actor> = world.actors().to_vec();
        for _ in 0..9000 {
            world.step();
            let now = world.time_s();
            for (group, state) in world.signal_states() {
                if state.color != SignalColor::Red {
                    red_since.remove(group);
                } else {
                    red_since.entry(*group).or_insert(now);
                }
            }
            let driven: Vec<&Actor> =
                world.actors().iter().filter(|a| matches!(a.class, ActorClass::Car | ActorClass::Truck)).collect();
            for (i, a) in driven.iter().enumerate() {
                for b in &driven[i + 1..] {
                    let near = a.pose.position.distance(b.pose.position) < 12.0;
                    let moving = a.speed_mps() > 0.2 || b.speed_mps() > 0.2;
                    if near && moving && a.footprint().overlaps(&b.footprint()) {
                        overlaps.push((a.id, b.id));
                    }
                }
                let Some(then) = before.iter().find(|o| o.id == a.id) else { continue };
                let front = |actor: &Actor| actor.pose.position + actor.pose.forward() * (actor.length / 2.0);
                for (line, group) in &lines {
                    let side = |actor: &Actor| line.forward().dot(front(actor) - line.position);
                    let aside = line.forward().cross(front(a) - line.position).abs();
                    let aligned = angle_difference(a.pose.yaw, line.yaw).abs() < 0.5;
                    let stepped = then.pose.position.distance(a.pose.position) < 1.0;
                    if aligned && stepped && aside < 1.5 && side(then) < 0.0 && side(a) >= 0.0 {
                        crossed += 1;
                        if red_since.get(group).is_some_and(|since| now - since > 1.0) {
                            ran.push((a.id, group.0, now));
                        }
                    }
                }
            }
            before.clear();
            before.extend(world.actors().iter().cloned());
        }
    }
    overlaps.dedup();
    assert!(overlaps.is_empty(), "{overlaps:?}");
    assert!(crossed > 10, "only {crossed} lines crossed");
    assert!(ran.is_empty(), "{ran:?}");
}

#[test]
fn driving_through_red_is_recorded() {
    let Some(map) = town01() else { return };
    let light = map
        .lanes()
        .find_map(|lane| {
            let group = lane.stop_lines.iter().find_map(|l| match l.reason {
                StopReason::Signal(group) => Some(group),
                _ => None,
            })?;
            let before = lane.predecessors.iter().filter_map(|p| map.lane(*p)).find(|l| l.center.length() > 30.0)?;
            let after = lane.successors.iter().filter_map(|p| map.lane(*p)).find(|l| l.center.length() > 20.0)?;
            (lane.turn == Turn::Straight && lane.junction.is_some()).then_some((before, lane, after, group))
        })
        .unwrap();
    let (before, lane, after, group) = light;
    let start = Place { lane: before.id, s_m: before.center.length() - 12.0 };
    let goal = Place { lane: after.id, s_m: 15.0 };
    let scenario = Scenario {
        seed: 1,
        start,
        goal,
        duration_s: 100.0,
        traffic: empty(),
        sky: simulation::Sky::default(),
        faults: vec![],
    };
    let mut world = world(&map, scenario);
    while world.signal_states()[&group].color != SignalColor::Red || world.signal_states()[&group].remaining_s < 9.0 {
        world.step();
        assert!(world.time_s() < 300.0);
    }
    for _ in 0..1300 {
        let ego = world.ego().vehicle.pose;
        let s = lane.center.project(ego.position).s;
        let target = if s + 6.0 < lane.center.length() {
            lane.center.pose_at(s + 6.0).position
        } else {
            after.center.pose_at(after.center.project(ego.position).s + 6.0).position
        };
        chase(&mut world, target, 7.0);
    }
    let ran = world.events().iter().any(|e| e.kind == EventKind::RedLightRun { group });
    assert!(ran && world.counts().red_lights_run == 1, "{:?}", world.events());
    assert!(world.goal_reached() && world.progress() == 1.0, "progress {}", world.progress());
}

#[test]
fn hitting_a_parked_car_is_recorded_and_blamed_on_the_car() {
    let Some(map) = town01() else { return };
    let mut scenario = smoke_scenario(&map, 5).unwrap();
    scenario.traffic = TrafficConfig { parked: 60, ..empty() };
    let mut world = world(&map, scenario);
    let from = world.ego().vehicle.pose.position;
    let distance = |a: &&Actor| a.pose.position.distance(from);
    let parked = world.actors().iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap().pose.position;
    for _ in 0..6000 {
        chase(&mut world, parked, 6.0);
        let hit = world.events().iter().find_map(|e| match &e.kind {
            EventKind::Collision { ego_caused, class, .. } => Some((*ego_caused, *class)),
            _ => None,
        });
        if let Some(hit) = hit {
            assert_eq!(hit, (true, ActorClass::Car));
            return;
        }
    }
    panic!("no collision recorded; at {:?}", world.ego().vehicle.pose);
}

#[test]
fn sensors_at_rest_read_gravity_and_a_place_on_earth() {
    let Some(map) = town01() else { return };
    let mut world = world(&map, smoke_scenario(&map, 1).unwrap());
    for _ in 0..100 {
        world.step();
    }
    let imu = world.take_imu().unwrap();
    assert!((imu.linear_acceleration[2] - 9.81).abs() < 0.3 && imu.angular_velocity[2].abs() < 0.02);
    let gnss = world.take_gnss().unwrap();
    assert!((gnss.latitude_deg - map.origin.latitude_deg).abs() < 0.05 && gnss.horizontal_variance_m2 > 0.0);
    assert_eq!(world.take_wheel_speed().unwrap().value, 0.0);
}

#[test]
fn faults_strike_when_they_should() {
    let Some(map) = town01() else { return };
    let run = |fault: Fault| {
        let scenario = Scenario { faults: vec![fault], ..smoke_scenario(&map, 1).unwrap() };
        let mut world = world(&map, scenario);
        let mut scans = Vec::new();
        let mut fixes = 0;
        for _ in 0..200 {
            world.step();
            fixes += usize::from(world.take_gnss().is_some());
            scans.extend(world.take_lidar().map(|scan| (world.time_s(), scan)));
        }
        (scans, fixes)
    };
    let (scans, _) = run(Fault::LidarDead { from_s: 1.05, until_s: None });
    assert_eq!(scans.len(), 10);
    let (scans, _) = run(Fault::LidarNan { from_s: 1.05, until_s: None, share: 0.5 });
    let nan = |i: usize| scans[i].1.points.iter().filter(|p| p.x.is_nan()).count();
    assert!(nan(5) == 0 && nan(15) > scans[15].1.points.len() / 3);
    let (scans, _) = run(Fault::LidarFrozen { from_s: 1.05, until_s: None });
    assert!(scans[12].1.points == scans[15].1.points && scans[12].1.stamp_s < scans[15].1.stamp_s);
    let (scans, _) = run(Fault::LidarSectorLost { from_s: 0.0, until_s: None, azimuth_deg: 0.0, width_deg: 60.0 });
    assert!(scans[3].1.points.iter().all(|p| f64::from(p.y).atan2(f64::from(p.x)).abs() > 0.5));
    let (scans, _) = run(Fault::LidarDelay { from_s: 0.0, until_s: None, delay_s: 0.3 });
    assert!(scans.iter().all(|(now, scan)| (now - scan.stamp_s - 0.3).abs() < 0.011));
    let (_, fixes) = run(Fault::GnssOutage { from_s: 0.55, until_s: Some(1.55) });
    assert_eq!(fixes, 10);
}

#[test]
fn bad_scenarios_are_refused_with_reasons() {
    let Some(map) = town01() else { return };
    let good = smoke_scenario(&map, 1).unwrap();
    let refuse = |scenario: Scenario| {
        World::new(Arc::clone(&map), Vehicle::default(), SensorSuite::default(), scenario).err().unwrap().to_string()
    };
    let lost = Place { lane: road_map::LaneId(-5), s_m: 0.0 };
    assert!(refuse(Scenario { start: lost, ..good.clone() }).contains("start"));
    assert!(refuse(Scenario { goal: Place { s_m: f64::NAN, ..good.goal }, ..good.clone() }).contains("s_m"));
    let beside = map.lanes().find(|l| l.kind != LaneKind::Driving).unwrap().id;
    assert!(refuse(Scenario { goal: Place { lane: beside, s_m: 0.0 }, ..good.clone() }).contains("driving"));
    let file = |name: &str, text: &str| {
        let path = std::env::temp_dir().join(format!("ferrodrive_{}_{name}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Scenario::from_file(&path)
            .map_err(|e| format!("{e}: {:?}", std::error::Error::source(&e).map(|s| s.to_string())))
    };
    let lane = good.start.lane.0;
    let text = |extra: &str| {
        format!(
            "seed = 1\nduration_s = 60.0\nstart = {{ lane = {lane}, s_m = 1.0 }}\ngoal = {{ lane = {lane}, s_m = 9.0 }}\n\
             [traffic]\ncars = 1\ntrucks = 0\ncyclists = 0\npedestrians = 0\nparked = 0\nobstacles = 0\nfollow_ego = true\n\
             [traffic.manners]\nspeed_factor = 1.0\nheadway_s = 1.5\naggressiveness = 0.5\njaywalk_interval_s = 0.0\n\
             intrusion_m = 0.0\n{extra}"
        )
    };
    assert!(file("good", &text("[[faults]]\nkind = \"lidar_dead\"\nfrom_s = 10.0\n")).is_ok());
    let unknown = file("unknown", &text("[[faults]]\nkind = \"lidar_melts\"\nfrom_s = 1.0\n")).unwrap_err();
    assert!(unknown.contains("lidar_melts"), "{unknown}");
    let share = file("share", &text("[[faults]]\nkind = \"lidar_nan\"\nfrom_s = 1.0\nshare = 2.0\n")).unwrap_err();
    assert!(share.contains("faults[0].share") && share.contains("0..=1"), "{share}");
    assert!(Scenario::from_file(&PathBuf::from("/nowhere.toml")).unwrap_err().to_string().contains("/nowhere.toml"));
}

#[test]
fn a_long_drive_meets_at_least_twenty_road_users() {
    let Some(map) = town01() else { return };
    let scenario = drive_scenario(&map, 1, 1500.0).unwrap();
    let traffic = scenario.traffic;
    let mut world = world(&map, scenario);
    assert!(world.route_length_m() >= 1500.0);
    for actor in world.actors() {
        let from_ego = actor.pose.position.distance(world.start().position);
        assert!(from_ego > 10.0, "{:?} {from_ego} m from the car", actor.class);
    }
    let wanted = traffic.cars + traffic.trucks + traffic.cyclists + traffic.pedestrians;
    assert!(world.actors().len() >= wanted.min(20) && wanted >= 20);
    world.step();
    assert!(world.progress() < 0.01);
}
