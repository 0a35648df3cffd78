//! Drives planners and follower through a simulated town with imperfect objects:
//! `cargo run --release -p motion_planner --example town_drive -- MAP.xodr smoke|drive FIRST_SEED LAST_SEED [failures|all] [ONNXRUNTIME] [supervised]`.
//!
//! One line a drive; with `failures` the seconds before each failure, with `all` a line each second. With the ONNX
//! Runtime library the shipped predictor gives the futures, else they go on at constant velocity.

#[allow(dead_code, reason = "each user of it uses a part")]
#[path = "../../tests/support/mod.rs"]
mod support;
mod trace;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use road_map::LaneGraph;
use simulation::EventKind;
use support::Loop;
use trace::{Trace, line};

/// What a drive came to.
#[derive(Default)]
struct Summary {
    longest_stand_s: f64,
    hardest_braking_mps2: f64,
    jerks: Vec<f64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, suite, first, last, show @ ..] = arguments.as_slice() else {
        return Err("expected MAP smoke|drive FIRST_SEED LAST_SEED [failures|all] [ONNXRUNTIME] [supervised]".into());
    };
    let supervised = show.iter().any(|word| word == "supervised");
    let onnxruntime = show.get(1).map(PathBuf::from);
    let show = show.first().map_or("", String::as_str);
    let map = Arc::new(LaneGraph::from_opendrive_file(Path::new(path))?);
    let (mut good, mut all, mut cycles) = (0, 0, Vec::new());
    for seed in first.parse::<u64>()?..=last.parse()? {
        let scenario = match suite.as_str() {
            "drive" => simulation::drive_scenario(&map, seed, 1500.0)?,
            _ => simulation::smoke_scenario(&map, seed)?,
        };
        let mut drive = Loop::new(Arc::clone(&map), scenario, onnxruntime.clone(), supervised);
        let summary = run(&mut drive, show);
        all += 1;
        good += u32::from(report(seed, &mut drive, &summary));
        cycles.append(&mut drive.cycles_s);
    }
    cycles.sort_by(f64::total_cmp);
    let at = |share: f64| cycles[((cycles.len() - 1) as f64 * share) as usize] * 1e3;
    println!(
        "{good} of {all} without fault; cycle p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    Ok(())
}

fn run(drive: &mut Loop, show: &str) -> Summary {
    let mut summary = Summary::default();
    let mut trace = Trace::default();
    let (mut stood, mut told, mut off) = (0.0_f64, 0, 0.0);
    let (mut before, mut braked) = (0.0, 0.0);
    let mut steps = 0;
    while !drive.world.goal_reached() && drive.world.time_s() < drive.world.scenario().duration_s {
        drive.step();
        trace.note(drive);
        steps += 1;
        let ego = drive.world.ego().vehicle;
        stood = if ego.speed_mps < 0.2 { stood + 0.1 } else { 0.0 };
        summary.longest_stand_s = stood.max(summary.longest_stand_s);
        // Coming to rest ends the deceleration at once: no braking harder than before.
        if ego.speed_mps > 0.3 {
            summary.hardest_braking_mps2 = summary.hardest_braking_mps2.max(-ego.acceleration_mps2);
            summary.jerks.push((ego.acceleration_mps2 - before).abs() * 10.0);
        }
        before = ego.acceleration_mps2;
        if show == "all" && steps % 10 == 0 {
            println!("{}", line(drive));
        }
        if show != "failures" {
            continue;
        }
        let counts = drive.world.counts();
        let out = counts.off_road_s + counts.lane_departure_s;
        if drive.world.events().len() > told {
            told = drive.world.events().len();
            let event = drive.world.events().last().map(|e| &e.kind);
            if !matches!(event, Some(EventKind::GoalReached)) {
                trace.print(50, 3);
                println!("    ^ {event:?}");
            }
        } else if ego.acceleration_mps2 < -4.5 && ego.speed_mps > 0.5 && drive.world.time_s() > braked + 5.0 {
            braked = drive.world.time_s();
            trace.print(20, 3);
            println!("    ^ brakes hard");
        } else if out > off + 0.25 {
            trace.print(30, 3);
            println!("    ^ off the road {:.1} s, across a line {:.1} s", counts.off_road_s, counts.lane_departure_s);
            off = out + 3.0;
        } else if (39.95..40.05).contains(&stood) || (99.95..100.05).contains(&stood) {
            trace.print(80, 20);
            println!("    ^ has stood for {stood:.0} s");
        }
    }
    summary
}

/// Prints the result; whether nothing was wrong.
fn report(seed: u64, drive: &mut Loop, summary: &Summary) -> bool {
    let counts = drive.world.counts();
    let mut jerks = summary.jerks.clone();
    jerks.sort_by(f64::total_cmp);
    let fine = drive.world.goal_reached()
        && counts.collisions_caused + counts.red_lights_run + counts.stop_signs_run == 0
        && counts.off_road_s + counts.lane_departure_s < 1.0;
    println!(
        "{} seed {seed}: {:.0} of {:.0} s, {:.0} m, {:.1} %, collisions {} (caused {}), red {}, stop signs {}, off road {:.1} s, \
         line {:.1} s, stood {:.0} s, braking {:.1} m/s², jerk p95 {:.1} m/s³",
        if fine { "good" } else { "BAD " },
        drive.world.time_s(),
        drive.world.scenario().duration_s,
        drive.world.route_length_m(),
        drive.world.progress() * 100.0,
        counts.collisions,
        counts.collisions_caused,
        counts.red_lights_run,
        counts.stop_signs_run,
        counts.off_road_s,
        counts.lane_departure_s,
        summary.longest_stand_s,
        summary.hardest_braking_mps2,
        jerks[(jerks.len() - 1) * 95 / 100],
    );
    for event in drive.world.events().iter().filter(|e| !matches!(e.kind, EventKind::GoalReached)) {
        println!("    {:.1} s {:?}", event.time_s, event.kind);
    }
    fine
}
