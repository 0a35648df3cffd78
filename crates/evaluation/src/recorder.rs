//! Collects what is needed from the messages of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use geometry::{Map, OrientedBox, Point2, Pose2, Vector2};
use msgs::autoware_perception_msgs::msg::{TrackedObject, TrackedObjects};
use msgs::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus};
use msgs::geometry_msgs::msg::Pose;
use msgs::nav_msgs::msg::Odometry;
use node::{Shared, Time};
use road_map::LaneGraph;
use vehicle::Vehicle;

use crate::metrics::{Comfort, HORIZON_S, Moving, time_to_collision};
use crate::record::{EmergencyStop, Event, Record, RunFacts};

const TRUTH: &str = "/simulation/ground_truth/";
/// Objects farther than this are not drawn, m.
const DRAWN_M: f64 = 120.0;

/// A moment of the run.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub t: f64,
    pub ego: Pose2<Map>,
    pub speed: f64,
    /// Gap to the nearest road user, m.
    pub distance: Option<f64>,
    pub time_to_collision: Option<f64>,
    pub objects: Vec<(u32, OrientedBox<Map>)>,
}

/// Listens to a run and turns it into a [`Record`], a picture and a report.
pub struct Evaluation {
    pub(crate) map: Option<Arc<LaneGraph>>,
    pub(crate) vehicle: Vehicle,
    pub(crate) frames: Vec<Frame>,
    ego: Option<(Pose2<Map>, f64, f64)>,
    speeds: Vec<(f64, f64)>,
    distance_m: f64,
    score: BTreeMap<String, String>,
    events: Vec<Event>,
    caused: u32,
    stops: Vec<EmergencyStop>,
    stopping: bool,
    road_users: usize,
    seen_events: BTreeSet<String>,
}

impl Evaluation {
    /// For a run on a map (drawn in the report) with this car.
    pub fn new(map: Option<Arc<LaneGraph>>, vehicle: Vehicle) -> Self {
        Self {
            map,
            vehicle,
            frames: Vec::new(),
            ego: None,
            speeds: Vec::new(),
            distance_m: 0.0,
            score: BTreeMap::new(),
            events: Vec::new(),
            caused: 0,
            stops: Vec::new(),
            stopping: false,
            road_users: 0,
            seen_events: BTreeSet::new(),
        }
    }

    /// Takes a message of any topic; those it does not need are passed over.
    pub fn on_message(&mut self, time: Time, topic: &str, message: &Shared) {
        let message = message.as_any();
        if topic == "/diagnostics" {
            if let Some(array) = message.downcast_ref::<DiagnosticArray>() {
                self.on_diagnostics(time.seconds(), array);
            }
            return;
        }
        match topic.strip_prefix(TRUTH) {
            Some("odometry") => {
                if let Some(odometry) = message.downcast_ref::<Odometry>() {
                    self.on_odometry(time.seconds(), odometry);
                }
            }
            Some("objects") => {
                if let Some(objects) = message.downcast_ref::<TrackedObjects>() {
                    self.on_objects(time.seconds(), objects);
                }
            }
            Some("events") => {
                if let Some(array) = message.downcast_ref::<DiagnosticArray>() {
                    array.status.iter().for_each(|status| self.on_event(time.seconds(), status));
                }
            }
            Some("score") => {
                let array = message.downcast_ref::<DiagnosticArray>();
                for value in array.iter().flat_map(|a| &a.status).flat_map(|s| &s.values) {
                    self.score.insert(value.key.clone(), value.value.clone());
                }
            }
            _ => {}
        }
    }

    fn on_odometry(&mut self, t: f64, odometry: &Odometry) {
        let (pose, speed) = (planar(&odometry.pose.pose), odometry.twist.twist.linear.x);
        if !pose.is_finite() || !speed.is_finite() || self.ego.is_some_and(|(_, _, last)| t <= last) {
            return;
        }
        if let Some((before, _, _)) = self.ego {
            self.distance_m += before.position.distance(pose.position);
        }
        self.ego = Some((pose, speed, t));
        self.speeds.push((t, speed));
    }

    fn on_objects(&mut self, t: f64, message: &TrackedObjects) {
        let Some((ego, speed, _)) = self.ego else { return };
        let car = Moving { body: self.vehicle.footprint(ego), velocity: ego.forward() * speed };
        self.road_users = self.road_users.max(message.objects.len());
        let mut frame = Frame { t, ego, speed, distance: None, time_to_collision: None, objects: Vec::new() };
        for object in &message.objects {
            let Some((id, moving)) = moving(object) else { continue };
            let gap = car.body.distance(&moving.body);
            frame.distance = Some(frame.distance.map_or(gap, |d: f64| d.min(gap)));
            if let Some(ttc) = time_to_collision(&car, &moving) {
                frame.time_to_collision = Some(frame.time_to_collision.map_or(ttc, |d: f64| d.min(ttc)));
            }
            if gap < DRAWN_M {
                frame.objects.push((id, moving.body));
            }
        }
        self.frames.push(frame);
    }

    fn on_event(&mut self, t: f64, status: &DiagnosticStatus) {
        let value = |key: &str| status.values.iter().find(|v| v.key == key).map(|v| v.value.as_str());
        let time_s = value("time_s").and_then(|v| v.parse().ok()).filter(|t: &f64| t.is_finite()).unwrap_or(t);
        // The world may send its list again.
        if !self.seen_events.insert(format!("{time_s} {} {}", status.hardware_id, status.message)) {
            return;
        }
        if status.hardware_id == "collision" && value("ego_caused") != Some("false") {
            self.caused += 1;
        }
        self.events.push(Event { time_s, kind: status.hardware_id.clone(), message: status.message.clone() });
    }

    fn on_diagnostics(&mut self, t: f64, array: &DiagnosticArray) {
        for status in array.status.iter().filter(|s| s.name.ends_with("safety_supervisor")) {
            let stopping = status.level >= DiagnosticStatus::ERROR;
            if stopping && !self.stopping {
                self.stops.push(EmergencyStop { time_s: t, reason: status.message.clone() });
            }
            self.stopping = stopping;
        }
    }

    fn scored(&self, key: &str) -> Option<f64> {
        self.score.get(key)?.parse().ok().filter(|v: &f64| v.is_finite())
    }

    pub(crate) fn comfort(&self) -> Comfort {
        Comfort::new(&self.speeds)
    }

    /// The metrics. What the world did not report counts as not driven, or is counted from its events.
    pub fn finish(&self, run: RunFacts) -> Record {
        let count = |kind: &str| self.events.iter().filter(|e| e.kind == kind).count() as u32;
        let counted = |key: &str, events: u32| self.scored(key).map_or(events, |v| v as u32).max(events);
        let comfort = self.comfort();
        let duration_s = match (self.speeds.first(), self.speeds.last()) {
            (Some(first), Some(last)) => last.0 - first.0,
            _ => 0.0,
        };
        let mut latency_ms = run.latencies;
        latency_ms.insert("sensor_to_control".into(), run.sensor_to_control);
        let largest = |f: fn(&(f64, f64, f64)) -> f64| comfort.points.iter().map(|p| f(p).abs()).fold(0.0, f64::max);
        let least = |f: fn(&Frame) -> Option<f64>| self.frames.iter().filter_map(f).reduce(f64::min);
        Record {
            seed: run.seed,
            scenario: run.scenario,
            map: run.map,
            route_completion: self.scored("route_completion").unwrap_or(0.0).clamp(0.0, 1.0),
            collisions: counted("collisions", count("collision")),
            ego_caused_collisions: counted("collisions_caused", self.caused),
            red_lights_run: counted("red_lights_run", count("red_light_run")),
            stop_signs_run: counted("stop_signs_run", count("stop_sign_run")),
            off_road_s: self.scored("off_road_s").unwrap_or(0.0),
            lane_departure_s: self.scored("lane_departure_s").unwrap_or(0.0),
            min_time_to_collision_s: least(|f| f.time_to_collision).filter(|t| *t <= HORIZON_S),
            min_distance_m: least(|f| f.distance),
            mean_speed_mps: if duration_s > 0.0 { self.distance_m / duration_s } else { 0.0 },
            max_abs_acceleration_mps2: largest(|p| p.1),
            max_abs_jerk_mps3: largest(|p| p.2),
            route_length_m: self.scored("route_length_m").unwrap_or(0.0),
            distance_m: self.distance_m,
            duration_s,
            road_users: self.road_users,
            real_time_factor: if run.wall_time_s > 0.0 { duration_s / run.wall_time_s } else { 0.0 },
            latency_ms,
            models: run.models,
            peak_memory_mb: run.peak_memory_mb,
            events: self.events.clone(),
            emergency_stops: self.stops.clone(),
            digest: run.digest,
            missed_commands: run.missed_commands,
        }
    }

    /// Writes the self-contained report. `sections`: HTML that stands below the summary.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_report(&self, record: &Record, sections: &str, path: &Path) -> std::io::Result<()> {
        std::fs::write(path, self.report(record, sections))
    }
}

fn planar(pose: &Pose) -> Pose2<Map> {
    let q = &pose.orientation;
    let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
    Pose2 { position: Point2::new(pose.position.x, pose.position.y), yaw }
}

fn moving(object: &TrackedObject) -> Option<(u32, Moving)> {
    let pose = planar(&object.kinematics.pose_with_covariance.pose);
    let twist = &object.kinematics.twist_with_covariance.twist.linear;
    let size = &object.shape.dimensions;
    let velocity = pose.rotate(Vector2::<geometry::BaseLink>::new(twist.x, twist.y));
    let valid = pose.is_finite() && velocity.norm().is_finite() && size.x > 0.0 && size.y > 0.0;
    let mut id = [0; 4];
    id.copy_from_slice(&object.object_id.uuid[..4]);
    valid.then(|| (u32::from_le_bytes(id), Moving { body: OrientedBox::new(pose, size.x, size.y), velocity }))
}
