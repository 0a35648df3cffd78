//! Times one sweep over busy street scenes: `cargo run --release -p simulation --example lidar_speed`.
//!
//! Held against 12 ms for 32 beams x 1024 columns on one core.

use std::time::Instant;

use simulation::lidar::{LidarConfig, Scanner, random_scene};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (name, config) in [("32 x 1024", LidarConfig::default()), ("HDL-64 x 2000", LidarConfig::hdl64())] {
        let mut scanner = Scanner::new(config)?;
        for seed in 1..6 {
            let training = random_scene(seed);
            let motion = training.sweep(1.0, 1.8, 0.1);
            let mut times: Vec<f64> = Vec::new();
            let mut points = 0;
            for key in 0..20 {
                let start = Instant::now();
                points = scanner.scan(&training.scene, &motion, key).points.len();
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
            times.sort_by(f64::total_cmp);
            let (actors, fixtures) = (training.actors.len(), training.scene.fixtures.len());
            println!("{name}: p50 {:.2} ms, {points} points, {actors} road users, {fixtures} fixtures", times[10]);
        }
    }
    Ok(())
}
