//! How well the stack sees while it drives, and what its emergency stops were for:
//! `cargo run --release -p system_tests --example perception_check -- SCENARIO FIRST_SEED LAST_SEED [MAP.xodr] [NAME:=VALUE]...`.
//!
//! Compares tracked objects with the world's truth: share of road users with line of sight that are tracked, by class
//! and distance; tracks that nothing true is near (ghosts); errors of position and velocity. Says what the car stood for
//! and how long, and what the traffic lights showed and were taken for when it stood long.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use ferrodrive::drive::{ClockKind, Options, load};
use middleware::{Lockstep, Tap, Topic};
use msgs::autoware_perception_msgs::msg::{TrackedObject, TrackedObjects, TrafficLightElement, TrafficLightGroupArray};
use msgs::autoware_planning_msgs::msg::Trajectory;
use msgs::diagnostic_msgs::msg::DiagnosticArray;
use msgs::nav_msgs::msg::Odometry;
use node::{Shared, Time};

/// Bands of distance, m.
const BANDS: [f64; 4] = [10.0, 20.0, 40.0, 60.0];
/// Centres nearer than this belong together, m.
const NEAR_M: f64 = 2.0;

#[derive(Default)]
struct Check {
    truth: Vec<TrackedObjects>,
    ego: Option<(f64, f64, f64, f64)>,
    /// Where the car takes itself to be.
    believed: Option<(f64, f64, f64)>,
    tracks: Option<TrackedObjects>,
    /// By class and band: true road users, those tracked, sum of position and velocity errors.
    seen: BTreeMap<(u8, usize), (u64, u64, f64, f64)>,
    /// By class and band: tracks, those without truth near them.
    ghosts: BTreeMap<(u8, usize), (u64, u64)>,
    stopping: bool,
    /// Since when the car stands, s.
    standing_since: Option<f64>,
    trajectory: Option<Trajectory>,
    /// What the planner says, and its message alone.
    plan: String,
    plan_message: String,
    odometry_at: Option<f64>,
    /// How long the car stood for each reason, s.
    stood: BTreeMap<String, f64>,
    /// What the recognizer says, and what the lights show.
    read: Option<TrafficLightGroupArray>,
    shown: Option<TrafficLightGroupArray>,
    recognizer: String,
    over: bool,
    summary: String,
}

fn place(object: &TrackedObject) -> (f64, f64) {
    let p = &object.kinematics.pose_with_covariance.pose.position;
    (p.x, p.y)
}

fn yaw(object: &TrackedObject) -> f64 {
    let q = &object.kinematics.pose_with_covariance.pose.orientation;
    (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z))
}

fn color(element: &TrafficLightElement) -> &'static str {
    match element.color {
        TrafficLightElement::RED => "red",
        TrafficLightElement::AMBER => "amber",
        TrafficLightElement::GREEN => "green",
        _ if element.status == TrafficLightElement::SOLID_OFF => "unlit",
        _ => "unknown",
    }
}

fn velocity(object: &TrackedObject) -> (f64, f64) {
    let t = &object.kinematics.twist_with_covariance.twist.linear;
    let (sin, cos) = yaw(object).sin_cos();
    (cos * t.x - sin * t.y, sin * t.x + cos * t.y)
}

fn gap(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

fn label(object: &TrackedObject) -> u8 {
    object.classification.first().map_or(0, |c| c.label)
}

/// Distance from a place to a box's nearest side, roughly: to its middle line less half its width.
fn to_body(at: (f64, f64), object: &TrackedObject) -> f64 {
    let (p, size) = (place(object), &object.shape.dimensions);
    let (sin, cos) = yaw(object).sin_cos();
    let (dx, dy) = (at.0 - p.0, at.1 - p.1);
    let (along, across) = (cos * dx + sin * dy, -sin * dx + cos * dy);
    (along.abs() - size.x / 2.0).max(0.0).hypot((across.abs() - size.y / 2.0).max(0.0))
}

/// Whether a nearer true body stands on the line of sight.
fn hidden(eye: (f64, f64), index: usize, truth: &[TrackedObject]) -> bool {
    let target = place(&truth[index]);
    (1..20).map(|i| f64::from(i) / 20.0).any(|s| {
        let at = (eye.0 + (target.0 - eye.0) * s, eye.1 + (target.1 - eye.1) * s);
        gap(at, target) > 3.0 && truth.iter().enumerate().any(|(i, other)| i != index && to_body(at, other) < 0.05)
    })
}

impl Check {
    fn compare(&mut self, tracks: &TrackedObjects) {
        let Some((x, y, ..)) = self.ego else { return };
        let stamp = Time::from(&tracks.header.stamp);
        let Some(truth) = self.truth.iter().find(|t| (Time::from(&t.header.stamp).since(stamp)).abs() < 0.02) else {
            return;
        };
        let band = |at: (f64, f64)| BANDS.iter().position(|b| gap((x, y), at) < *b);
        for (index, object) in truth.objects.iter().enumerate() {
            let at = place(object);
            let Some(band) = band(at).filter(|_| !hidden((x, y), index, &truth.objects)) else { continue };
            let entry = self.seen.entry((label(object), band)).or_default();
            entry.0 += 1;
            let nearest = tracks.objects.iter().min_by(|a, b| gap(place(a), at).total_cmp(&gap(place(b), at)));
            if let Some(track) = nearest.filter(|track| gap(place(track), at) < NEAR_M) {
                let (v, w) = (velocity(track), velocity(object));
                *entry = (entry.0, entry.1 + 1, entry.2 + gap(place(track), at), entry.3 + gap(v, w));
            }
        }
        for track in &tracks.objects {
            let Some(band) = band(place(track)) else { continue };
            let near = truth.objects.iter().any(|object| to_body(place(track), object) < NEAR_M / 2.0);
            let entry = self.ghosts.entry((label(track), band)).or_default();
            *entry = (entry.0 + 1, entry.1 + u64::from(!near));
        }
    }

    /// What stood where when the supervisor stopped the car: tracks near the car, with the truth nearest to each.
    fn explain(&self, now: Time, reason: &str) {
        println!("  {now} {reason}");
        let (Some((x, y, heading, speed)), Some(tracks), Some(truth)) = (self.ego, &self.tracks, self.truth.last())
        else {
            return;
        };
        let (sin, cos) = heading.sin_cos();
        let (bx, by, bearing) = self.believed.unwrap_or((f64::NAN, f64::NAN, f64::NAN));
        let (along, left) = (cos * (bx - x) + sin * (by - y), cos * (by - y) - sin * (bx - x));
        println!(
            "    car at ({x:.1}, {y:.1}) heading {heading:.2}, {speed:.1} m/s; believed {along:.2} m ahead, {left:.2} m left, \
             {:.3} rad turned",
            bearing - heading
        );
        let off = |p: &msgs::geometry_msgs::msg::Point| (p.x - x).hypot(p.y - y);
        let points = self.trajectory.iter().flat_map(|t| &t.points);
        if let Some(point) = points.min_by(|a, b| off(&a.pose.position).total_cmp(&off(&b.pose.position))) {
            let p = &point.pose.position;
            println!(
                "    planned {:.2} m left, {:.1} m/s",
                cos * (p.y - y) - sin * (p.x - x),
                point.longitudinal_velocity_mps
            );
        }
        for group in self.read.iter().flat_map(|read| &read.traffic_light_groups) {
            let of = |array: &TrafficLightGroupArray| {
                let same = array
                    .traffic_light_groups
                    .iter()
                    .find(|g| g.traffic_light_group_id == group.traffic_light_group_id);
                same.and_then(|g| g.elements.first()).map_or("nothing", color)
            };
            let truth = self.shown.as_ref().map_or("nothing", of);
            let read = group.elements.first().map_or("nothing", color);
            println!("    light group {}: read {read}, shows {truth}", group.traffic_light_group_id);
        }
        if !self.recognizer.is_empty() {
            println!("    recognizer: {}", self.recognizer);
        }
        for track in &tracks.objects {
            let at = place(track);
            let (dx, dy) = (at.0 - x, at.1 - y);
            let (ahead, left) = (cos * dx + sin * dy, cos * dy - sin * dx);
            if !(-12.0..60.0).contains(&ahead) || left.abs() > 30.0 {
                continue;
            }
            let nearest = truth.objects.iter().min_by(|a, b| gap(place(a), at).total_cmp(&gap(place(b), at)));
            let true_one = nearest.map_or("nothing true".into(), |o| {
                let (v, size) = (velocity(o), &o.shape.dimensions);
                format!(
                    "truth {:.1} m off: class {} {:.1}x{:.1} v ({:.1}, {:.1})",
                    gap(place(o), at),
                    label(o),
                    size.x,
                    size.y,
                    v.0,
                    v.1
                )
            });
            let (v, size) = (velocity(track), &track.shape.dimensions);
            println!(
                "    track {:04x}: class {} p {:.2} {:.1}x{:.1} ahead {ahead:.1} left {left:.1} yaw {:.2} v ({:.1}, {:.1}); {true_one}",
                u128::from_be_bytes(track.object_id.uuid) & 0xffff,
                label(track),
                track.existence_probability,
                size.x,
                size.y,
                yaw(track) - heading,
                v.0,
                v.1
            );
        }
    }

    fn print(&self) {
        for (reason, time) in self.stood.iter().filter(|(_, time)| **time >= 1.0) {
            println!("  stood {time:.0} s: {reason}");
        }
        println!("  class, distance: road users in sight, tracked, position and velocity error | tracks, ghosts");
        let keys: std::collections::BTreeSet<_> = self.seen.keys().chain(self.ghosts.keys()).collect();
        for key in keys {
            let (count, found, position, speed) = self.seen.get(key).copied().unwrap_or_default();
            let (tracks, ghosts) = self.ghosts.get(key).copied().unwrap_or_default();
            let share = |a: f64, b: u64| if b > 0 { a / b as f64 } else { f64::NAN };
            println!(
                "  class {} to {:2.0} m: {count:6} {:5.1} %  {:.2} m {:.2} m/s | {tracks:6} {:5.1} %",
                key.0,
                BANDS[key.1],
                100.0 * share(found as f64, count),
                share(position, found),
                share(speed, found),
                100.0 * share(ghosts as f64, tracks)
            );
        }
    }
}

impl Tap for Check {
    fn on_message(&mut self, now: Time, topic: &Topic, message: &Shared) -> ControlFlow<()> {
        let any = message.as_any();
        match topic.name.as_str() {
            "/simulation/ground_truth/odometry" => {
                if let Some(odometry) = any.downcast_ref::<Odometry>() {
                    let (p, q) = (&odometry.pose.pose.position, &odometry.pose.pose.orientation);
                    let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
                    self.ego = Some((p.x, p.y, yaw, odometry.twist.twist.linear.x));
                    let last = self.odometry_at.replace(now.seconds());
                    if odometry.twist.twist.linear.x.abs() < 0.1 {
                        let time = last.map_or(0.0, |last| now.seconds() - last);
                        *self.stood.entry(self.plan_message.clone()).or_default() += time;
                    }
                    let since = if odometry.twist.twist.linear.x.abs() < 0.1 { self.standing_since } else { None };
                    let since = *self.standing_since.insert(since.unwrap_or(now.seconds()));
                    if now.seconds() - since >= 30.0 {
                        self.standing_since = Some(f64::INFINITY);
                        self.explain(now, &format!("stands for 30 s; the planner says: {}", self.plan));
                    }
                }
            }
            "/planning/trajectory" => self.trajectory = any.downcast_ref::<Trajectory>().cloned(),
            "/localization/kinematic_state" => {
                if let Some(odometry) = any.downcast_ref::<Odometry>() {
                    let (p, q) = (&odometry.pose.pose.position, &odometry.pose.pose.orientation);
                    let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
                    self.believed = Some((p.x, p.y, yaw));
                }
            }
            "/simulation/ground_truth/objects" => {
                if let Some(objects) = any.downcast_ref::<TrackedObjects>() {
                    self.truth.push(objects.clone());
                    if self.truth.len() > 5 {
                        self.truth.remove(0);
                    }
                }
            }
            "/perception/object_recognition/tracking/objects" => {
                if let Some(objects) = any.downcast_ref::<TrackedObjects>() {
                    self.compare(objects);
                    self.tracks = Some(objects.clone());
                }
            }
            "/simulation/ground_truth/score" => {
                if let Some(score) = any.downcast_ref::<DiagnosticArray>().and_then(|a| a.status.first()) {
                    let value = |key: &str| score.values.iter().find(|v| v.key == key).map_or("", |v| v.value.as_str());
                    let number = |key: &str| value(key).parse().unwrap_or(0.0_f64);
                    self.over = value("goal_reached") == "true" || number("time_s") >= number("duration_s");
                    self.summary = format!(
                        "{:.0} s, {:.1} % of {:.0} m, collisions {} ({} caused), red lights {}, stop signs {}",
                        number("time_s"),
                        100.0 * number("route_completion"),
                        number("route_length_m"),
                        value("collisions"),
                        value("collisions_caused"),
                        value("red_lights_run"),
                        value("stop_signs_run")
                    );
                }
            }
            "/perception/traffic_light_recognition/traffic_signals" => {
                self.read = any.downcast_ref::<TrafficLightGroupArray>().cloned();
            }
            "/v2i/traffic_signals" => self.shown = any.downcast_ref::<TrafficLightGroupArray>().cloned(),
            "/simulation/ground_truth/events" => {
                for status in any.downcast_ref::<DiagnosticArray>().iter().flat_map(|a| &a.status) {
                    self.explain(now, &status.message);
                }
            }
            "/diagnostics" => {
                for status in any.downcast_ref::<DiagnosticArray>().iter().flat_map(|a| &a.status) {
                    if status.name == "traffic_light_recognizer" {
                        self.recognizer.clone_from(&status.message);
                    }
                    if status.name == "motion_planner" {
                        self.plan_message.clone_from(&status.message);
                        let facts = status.values.iter().map(|v| format!("; {}: {}", v.key, v.value));
                        self.plan = status.message.clone() + &facts.collect::<String>();
                    }
                    if status.name == "safety_supervisor" {
                        let stopping = status.level >= 2;
                        if stopping && !self.stopping {
                            self.explain(now, &status.message);
                        }
                        self.stopping = stopping;
                    }
                }
            }
            _ => {}
        }
        if self.over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scenario, first, last, rest @ ..] = arguments.as_slice() else {
        return Err("expected SCENARIO FIRST_SEED LAST_SEED [MAP.xodr] [NAME:=VALUE]...".into());
    };
    let given: BTreeMap<String, String> =
        rest.iter().filter_map(|word| word.split_once(":=")).map(|(name, value)| (name.into(), value.into())).collect();
    for seed in first.parse::<u64>()?..=last.parse()? {
        let options = Options {
            map: rest.iter().find(|word| !word.contains(":=")).map(PathBuf::from),
            scenario: scenario.clone(),
            seed: Some(seed),
            launch: None,
            arguments: given.clone(),
            clock: ClockKind::Lockstep,
            record: false,
            record_images: false,
            out: None,
            quiet: true,
        };
        let graph = load(&system_tests::share(), &options)?.graph()?;
        let mut check = Check::default();
        println!("seed {seed}");
        let _ = Lockstep::new(graph)?.run(Time::from_seconds(3600.0), &mut check);
        println!("  {}", check.summary);
        check.print();
    }
    Ok(())
}
