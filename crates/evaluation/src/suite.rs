//! Many runs together.

use std::fmt::Write;

use serde::Serialize;

use crate::Record;

/// Runs and what they come to.
#[derive(Debug, Clone, Serialize)]
pub struct Suite {
    /// The runs.
    pub runs: Vec<Record>,
    /// All together.
    pub summary: Summary,
}

/// All runs together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Number of runs.
    pub runs: usize,
    /// Share that completed the route with no collision that the car caused.
    pub completion_rate: f64,
    /// Mean of the runs' route completion.
    pub mean_route_completion: f64,
    /// All collisions.
    pub collisions: u32,
    /// Those that the car caused.
    pub ego_caused_collisions: u32,
    /// Red lights run.
    pub red_lights_run: u32,
    /// Stop signs run.
    pub stop_signs_run: u32,
    /// Driven distance, km.
    pub distance_km: f64,
    /// Mean speed over all time, m/s.
    pub mean_speed_mps: f64,
    /// Least of all runs, s.
    pub min_time_to_collision_s: Option<f64>,
    /// Largest of all runs, m/s^3.
    pub max_abs_jerk_mps3: f64,
    /// Slowest run's.
    pub min_real_time_factor: f64,
}

impl Suite {
    /// Sums runs up.
    pub fn new(runs: Vec<Record>) -> Self {
        let count = runs.len().max(1) as f64;
        let good = runs.iter().filter(|r| r.route_completion >= 0.999 && r.ego_caused_collisions == 0).count();
        let total = |f: fn(&Record) -> f64| runs.iter().map(f).sum::<f64>();
        let (distance, duration) = (total(|r| r.distance_m), total(|r| r.duration_s));
        let slowest = runs.iter().map(|r| r.real_time_factor).fold(f64::INFINITY, f64::min);
        let summary = Summary {
            runs: runs.len(),
            completion_rate: good as f64 / count,
            mean_route_completion: total(|r| r.route_completion) / count,
            collisions: runs.iter().map(|r| r.collisions).sum(),
            ego_caused_collisions: runs.iter().map(|r| r.ego_caused_collisions).sum(),
            red_lights_run: runs.iter().map(|r| r.red_lights_run).sum(),
            stop_signs_run: runs.iter().map(|r| r.stop_signs_run).sum(),
            distance_km: distance / 1000.0,
            mean_speed_mps: if duration > 0.0 { distance / duration } else { 0.0 },
            min_time_to_collision_s: runs.iter().filter_map(|r| r.min_time_to_collision_s).reduce(f64::min),
            max_abs_jerk_mps3: runs.iter().map(|r| r.max_abs_jerk_mps3).fold(0.0, f64::max),
            min_real_time_factor: if slowest.is_finite() { slowest } else { 0.0 },
        };
        Self { runs, summary }
    }

    /// All runs and their sum, for the console.
    pub fn table(&self) -> String {
        let mut out: String = self.runs.iter().map(|run| run.line().trim_end().to_owned() + "\n").collect();
        let s = &self.summary;
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{} drives, {:.1} km: {:.1} % completed with no collision that the car caused; {} collisions ({} caused), {} red \
             lights and {} stop signs run; mean speed {:.1} m/s, slowest at {:.2} times real time",
            s.runs,
            s.distance_km,
            100.0 * s.completion_rate,
            s.collisions,
            s.ego_caused_collisions,
            s.red_lights_run,
            s.stop_signs_run,
            s.mean_speed_mps,
            s.min_real_time_factor
        );
        out
    }
}
