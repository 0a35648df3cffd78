//! How well the car knows where it is on simulated drives.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::sync::Arc;

use road_map::LaneGraph;
use simulation::Fault;
use support::{Bench, Sample, rms_and_max, town, town01};

fn report(name: &str, samples: &[Sample]) -> (f64, f64) {
    let lateral = rms_and_max(samples.iter().map(|s| s.lateral_m));
    let along = rms_and_max(samples.iter().map(|s| s.along_m));
    let heading = rms_and_max(samples.iter().map(|s| s.heading_rad.to_degrees()));
    let speed = rms_and_max(samples.iter().map(|s| s.speed_mps));
    let sigma = rms_and_max(samples.iter().map(|s| s.sigma_m));
    let nees = samples.iter().map(|s| s.nees).sum::<f64>() / samples.len() as f64;
    println!(
        "{name}: rms/max lateral {:.3}/{:.3} m, along {:.3}/{:.3} m, heading {:.2}/{:.2} deg, speed {:.3}/{:.3} m/s; \
         said lateral sigma {:.3} m, NEES {nees:.1} of 3",
        lateral.0, lateral.1, along.0, along.1, heading.0, heading.1, speed.0, speed.1, sigma.0
    );
    (lateral.0, nees)
}

fn drive(map: &Arc<LaneGraph>, seed: u64, seconds: f64, faults: Vec<Fault>) -> Bench {
    let mut bench = Bench::new(map, seed, faults);
    bench.run(seconds);
    bench
}

fn drives_well(name: &str, map: &Arc<LaneGraph>) {
    let mut all = Vec::new();
    for seed in 2000..2003 {
        let bench = drive(map, seed, 130.0, Vec::new());
        assert!(bench.samples.len() > 6400, "50 Hz: {} in 130 s", bench.samples.len());
        assert_eq!(bench.status.message, "ok");
        all.extend(bench.samples);
    }
    let (lateral, nees) = report(name, &all);
    assert!(lateral < 0.12);
    assert!((0.5..6.0).contains(&nees), "{nees}");
}

#[test]
fn knows_its_place_in_the_town() {
    drives_well("town", &town());
}

#[test]
fn knows_its_place_in_town01() {
    if let Some(map) = town01() {
        drives_well("Town01", &map);
    }
}

/// Errors at the end of 20 s without GNSS, and what the filter says of them.
#[test]
fn bridges_twenty_seconds_without_gnss_and_says_how_well() {
    let map = town();
    let mut squares = Vec::new();
    for seed in 2000..2005 {
        let outage = Fault::GnssOutage { from_s: 60.0, until_s: Some(80.0) };
        let mut bench = drive(&map, seed, 79.9, vec![outage]);
        assert!(bench.status.message.contains("no GNSS fix"), "{:?}", bench.status);
        let last = *bench.samples.last().unwrap();
        println!(
            "seed {seed}: lateral {:.2} m, along {:.2} m, heading {:.2} deg; said sigma {:.2} m; {}",
            last.lateral_m,
            last.along_m,
            last.heading_rad.to_degrees(),
            last.sigma_m,
            bench.status.message
        );
        assert_eq!(bench.status.level, node::Level::Warn);

        squares.push((last.lateral_m / last.sigma_m).powi(2));
        bench.run(5.0);
        assert_eq!(bench.status.message, "ok");
        assert!(bench.samples.last().unwrap().lateral_m.abs() < 0.4);
    }
    let mean = squares.iter().sum::<f64>() / squares.len() as f64;
    assert!(mean < 2.5, "errors are {:.1} times what the filter says", mean.sqrt());
}
