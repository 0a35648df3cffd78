//! What a run comes to: the keys of `metrics.json`.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// Wall times of one thing, ms.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// A model that ran, where, and how fast.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelUse {
    /// The manifest's name.
    pub name: String,
    /// `fp32`, `int8`, ...
    pub precision: String,
    /// The ONNX Runtime execution provider that really ran it.
    pub execution_provider: String,
    /// Median wall time, ms.
    pub p50_ms: f64,
    /// 99th percentile, ms.
    pub p99_ms: f64,
}

/// What the messages of a run do not say.
#[derive(Debug, Clone, Default)]
pub struct RunFacts {
    /// Seed of the drive.
    pub seed: u64,
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the map.
    pub map: String,
    /// Wall time of the run, s.
    pub wall_time_s: f64,
    /// By node.
    pub latencies: BTreeMap<String, Latency>,
    /// From the newest sensor data to the command that rests on it.
    pub sensor_to_control: Latency,
    /// Models that ran.
    pub models: Vec<ModelUse>,
    /// Largest resident memory of the process, MB.
    pub peak_memory_mb: f64,
    /// Digest over every message.
    pub digest: String,
    /// As [`Record::missed_commands`].
    pub missed_commands: Option<u64>,
}

/// Something that happened, as the world saw it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Event {
    /// Simulated time, s.
    pub time_s: f64,
    /// `collision`, `red_light_run`, `stop_sign_run`, `goal_reached`.
    pub kind: String,
    /// In words.
    pub message: String,
}

/// A stop that the safety supervisor commanded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EmergencyStop {
    /// Simulated time, s.
    pub time_s: f64,
    /// The supervisor's reason.
    pub reason: String,
}

/// The metrics of one run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// Seed of the drive.
    pub seed: u64,
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the map.
    pub map: String,
    /// 0..=1 along the scenario's reference route.
    pub route_completion: f64,
    /// Touches of road users, obstacles and fixed things.
    pub collisions: u32,
    /// Those that the car caused.
    pub ego_caused_collisions: u32,
    /// Stop lines crossed at red.
    pub red_lights_run: u32,
    /// Stop signs passed without a stop.
    pub stop_signs_run: u32,
    /// Time off the road, s.
    pub off_road_s: f64,
    /// Time across a solid line, s.
    pub lane_departure_s: f64,
    /// Least time to collision with any road user, both at constant velocity, s; absent if nothing ever was on course.
    pub min_time_to_collision_s: Option<f64>,
    /// Least gap to any road user, m; absent if there was none.
    pub min_distance_m: Option<f64>,
    /// Mean speed over the run, m/s.
    pub mean_speed_mps: f64,
    /// Largest longitudinal acceleration in either direction, m/s^2.
    pub max_abs_acceleration_mps2: f64,
    /// Largest jerk: speed averaged over 0.25 s, differenced twice over 50 ms steps, m/s^3.
    pub max_abs_jerk_mps3: f64,
    /// Length of the reference route, m.
    pub route_length_m: f64,
    /// Driven distance, m.
    pub distance_m: f64,
    /// Simulated time, s.
    pub duration_s: f64,
    /// Most road users at once.
    pub road_users: usize,
    /// Simulated time over wall time.
    pub real_time_factor: f64,
    /// `sensor_to_control` and each node.
    pub latency_ms: BTreeMap<String, Latency>,
    /// Models that ran.
    pub models: Vec<ModelUse>,
    /// Largest resident memory, MB.
    pub peak_memory_mb: f64,
    /// What the world saw.
    pub events: Vec<Event>,
    /// What the safety supervisor stopped for.
    pub emergency_stops: Vec<EmergencyStop>,
    /// Digest over every message of the run.
    pub digest: String,
    /// Frames that went on without their command; absent where the world waits for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed_commands: Option<u64>,
}

impl Record {
    /// Whether the route was completed without a collision.
    pub fn succeeded(&self) -> bool {
        self.route_completion >= 0.999 && self.collisions == 0
    }

    /// One line of a suite's table.
    pub fn line(&self) -> String {
        let failures = self.events.iter().filter(|event| event.kind != "goal_reached");
        let said: Vec<String> = failures.map(|event| format!("{:.0} s: {}", event.time_s, event.message)).collect();
        format!(
            "seed {:>5}  {:>5.1} % of {:>4.0} m  {:>4.0} s  {:>2} collisions ({} caused)  {} red  {} stop signs  {}",
            self.seed,
            100.0 * self.route_completion,
            self.route_length_m,
            self.duration_s,
            self.collisions,
            self.ego_caused_collisions,
            self.red_lights_run,
            self.stop_signs_run,
            said.join("; ")
        )
    }

    /// The summary for the console.
    pub fn table(&self) -> String {
        let optional = |value: Option<f64>, unit: &str| value.map_or("none".into(), |v| format!("{v:.2} {unit}"));
        let mut rows = vec![
            ("route completed", format!("{:.1} % of {:.0} m", 100.0 * self.route_completion, self.route_length_m)),
            ("collisions", format!("{} ({} caused by the car)", self.collisions, self.ego_caused_collisions)),
            ("red lights, stop signs run", format!("{}, {}", self.red_lights_run, self.stop_signs_run)),
            ("off road, across solid lines", format!("{:.1} s, {:.1} s", self.off_road_s, self.lane_departure_s)),
            ("least time to collision", optional(self.min_time_to_collision_s, "s")),
            ("least distance", optional(self.min_distance_m, "m")),
            ("mean speed", format!("{:.1} m/s over {:.0} s", self.mean_speed_mps, self.duration_s)),
            ("largest jerk", format!("{:.1} m/s3", self.max_abs_jerk_mps3)),
            ("other road users", self.road_users.to_string()),
            ("emergency stops", self.emergency_stops.len().to_string()),
            ("real-time factor", format!("{:.2}", self.real_time_factor)),
        ];
        if let Some(l) = self.latency_ms.get("sensor_to_control") {
            rows.push(("sensor to control", format!("p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", l.p50, l.p99, l.max)));
        }
        let mut out = String::new();
        for (name, value) in rows {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "  {name:<30} {value}");
        }
        out
    }
}
