//! TEST ONLY: hears every message of a drive and holds the loop's estimates against the truth.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use geometry::{BaseLink, Map, Point2, Polyline, Pose2, Vector2, angle_difference};
use middleware::{Tap, Topic};
use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_perception_msgs::msg::{TrackedObject, TrackedObjects};
use msgs::autoware_planning_msgs::msg::Trajectory;
use msgs::diagnostic_msgs::msg::DiagnosticArray;
use msgs::geometry_msgs::msg::Pose;
use msgs::nav_msgs::msg::Odometry;
use node::{Shared, Time};
use road_map::LaneGraph;
use vehicle::Vehicle;

use super::oracle_detector::footprint;

/// The true car at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    pub time_s: f64,
    pub pose: Pose2<Map>,
    pub speed_mps: f64,
}

/// Sums for a root mean square and a maximum.
#[derive(Debug, Clone, Copy, Default)]
pub struct Error {
    sum: f64,
    count: f64,
    pub max: f64,
}

impl Error {
    pub fn add(&mut self, value: f64) {
        (self.sum, self.count, self.max) = (self.sum + value * value, self.count + 1.0, self.max.max(value.abs()));
    }

    pub fn rms(&self) -> f64 {
        (self.sum / self.count.max(1.0)).sqrt()
    }
}

/// How the tracker did.
#[derive(Debug, Default)]
pub struct Tracking {
    /// Velocity error of tracks of vehicles, cyclists and people that are a second old or older, m/s.
    pub velocity: BTreeMap<u8, Error>,
    /// The same of all within 30 m.
    pub velocity_near: Error,
    pub position: Error,
    /// Published tracks, and those with nothing near them.
    pub published: u64,
    pub ghosts: u64,
    /// Published tracks beside another one of the same thing.
    pub doubles: u64,
    /// Times that a thing that was seen all the time got another id.
    pub switches: u64,
    /// Things within 30 m that were in sight for a second, and those of them without a track.
    pub near: u64,
    pub near_missed: u64,
    first_seen: BTreeMap<[u8; 16], f64>,
    ids: BTreeMap<[u8; 16], ([u8; 16], f64)>,
}

pub struct Witness {
    vehicle: Vehicle,
    map: Arc<LaneGraph>,
    pub truth: Vec<Truth>,
    objects: BTreeMap<i64, TrackedObjects>,
    path: Option<Polyline<Map>>,
    pub path_at: f64,
    /// The true car beside the newest planned path, m, while it moves.
    pub following: Error,
    pub localization_lateral: Error,
    pub localization_heading: Error,
    pub localization_speed: Error,
    pub tracking: Tracking,
    /// Time, steering (rad) and acceleration (m/s²) of the last hand.
    pub commands: Vec<(f64, f64, f64)>,
    pub trajectories: Vec<(f64, Arc<Trajectory>)>,
    /// Time, node, level and message at each change.
    pub statuses: Vec<(f64, String, u8, String)>,
    told: BTreeMap<String, (u8, String)>,
    pub score: BTreeMap<String, String>,
    pub events: Vec<String>,
}

impl Witness {
    pub fn new(map: Arc<LaneGraph>, vehicle: Vehicle) -> Self {
        Self {
            vehicle,
            map,
            truth: Vec::new(),
            objects: BTreeMap::new(),
            path: None,
            path_at: 0.0,
            following: Error::default(),
            localization_lateral: Error::default(),
            localization_heading: Error::default(),
            localization_speed: Error::default(),
            tracking: Tracking::default(),
            commands: Vec::new(),
            trajectories: Vec::new(),
            statuses: Vec::new(),
            told: BTreeMap::new(),
            score: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    pub fn scored(&self, key: &str) -> f64 {
        self.score.get(key).and_then(|v| v.parse().ok()).unwrap_or(f64::NAN)
    }

    /// What a node said at a level or above from a time on.
    pub fn said(&self, node: &str, level: u8, from_s: f64) -> Vec<String> {
        let told = self.statuses.iter().filter(|(t, n, l, _)| *t >= from_s && n == node && *l >= level);
        told.map(|(t, _, _, m)| format!("{t:.2}: {m}")).collect()
    }

    /// True speed at a time, m/s.
    pub fn speed_at(&self, time_s: f64) -> f64 {
        self.truth.iter().find(|t| t.time_s >= time_s).or(self.truth.last()).map_or(0.0, |t| t.speed_mps)
    }

    /// Way driven within a time, m.
    pub fn driven(&self, from_s: f64, to_s: f64) -> f64 {
        let within = |t: &&[Truth]| t[0].time_s >= from_s && t[1].time_s <= to_s;
        self.truth.windows(2).filter(within).map(|t| t[0].pose.position.distance(t[1].pose.position)).sum()
    }

    /// Largest distance from the nearest lane's centre line from a time on, m.
    pub fn off_lane_m(&self, from_s: f64) -> f64 {
        let off = |t: &Truth| self.map.match_pose(t.pose, 6.0, 1.2).map_or(f64::INFINITY, |p| p.d.abs());
        self.truth.iter().filter(|t| t.time_s >= from_s).map(off).fold(0.0, f64::max)
    }

    pub fn summary(&self) -> String {
        let t = &self.tracking;
        let velocity: Vec<String> =
            t.velocity.iter().map(|(label, e)| format!("{label}: {:.2}/{:.2}", e.rms(), e.max)).collect();
        format!(
            "{:.0} s, {:.0} m, completed {:.2}, collisions {} ({} caused), red lights {}, off road {} s, departures {} s\n  \
             localizer rms/max lateral {:.3}/{:.3} m, heading {:.2}/{:.2} deg, speed {:.3}/{:.3} m/s; follower lateral {:.3}/{:.3} m\n  \
             tracks {}: ghosts {}, doubles {}, id switches {}, near missed {}/{}, position rms {:.2} m, velocity rms/max by class {}; within 30 m {:.2}/{:.2}",
            self.truth.last().map_or(0.0, |t| t.time_s),
            self.driven(0.0, f64::MAX),
            self.scored("route_completion"),
            self.scored("collisions"),
            self.scored("collisions_caused"),
            self.scored("red_lights_run"),
            self.scored("off_road_s"),
            self.scored("lane_departure_s"),
            self.localization_lateral.rms(),
            self.localization_lateral.max,
            self.localization_heading.rms().to_degrees(),
            self.localization_heading.max.to_degrees(),
            self.localization_speed.rms(),
            self.localization_speed.max,
            self.following.rms(),
            self.following.max,
            t.published,
            t.ghosts,
            t.doubles,
            t.switches,
            t.near_missed,
            t.near,
            t.position.rms(),
            velocity.join(", "),
            t.velocity_near.rms(),
            t.velocity_near.max,
        )
    }

    fn hear_truth(&mut self, odometry: &Odometry) {
        let pose = planar(&odometry.pose.pose);
        let time_s = Time::from(&odometry.header.stamp).seconds();
        let truth = Truth { time_s, pose, speed_mps: odometry.twist.twist.linear.x };
        if let Some(path) = self.path.as_ref().filter(|_| truth.speed_mps > 0.5) {
            self.following.add(path.project(pose.position).d);
        }
        self.truth.push(truth);
    }

    fn hear_estimate(&mut self, odometry: &Odometry) {
        let stamp = Time::from(&odometry.header.stamp).seconds();
        let Some(truth) = self.truth.iter().rev().find(|t| (t.time_s - stamp).abs() < 0.011) else { return };
        let pose = planar(&odometry.pose.pose);
        // The truth is told at 50 Hz: carried on to the stamp.
        let place = pose.position + truth.pose.forward() * (truth.speed_mps * (truth.time_s - stamp));
        let own: Point2<BaseLink> = truth.pose.inverse_transform(place);
        self.localization_lateral.add(own.y);
        self.localization_heading.add(angle_difference(pose.yaw, truth.pose.yaw));
        self.localization_speed.add(odometry.twist.twist.linear.x - truth.speed_mps);
    }

    fn hear_tracks(&mut self, tracks: &TrackedObjects) {
        let stamp = Time::from(&tracks.header.stamp);
        let (Some(truth), Some(ego)) = (self.objects.remove(&stamp.0), self.truth.last().map(|t| t.pose)) else {
            return;
        };
        let now = stamp.seconds();
        let mut taken: BTreeMap<[u8; 16], u64> = BTreeMap::new();
        let t = &mut self.tracking;
        for track in &tracks.objects {
            t.published += 1;
            let first = *t.first_seen.entry(track.object_id.uuid).or_insert(now);
            let own = footprint(track);
            let gap = |o: &TrackedObject| footprint(o).center.position.distance(own.center.position);
            let reach = |o: &TrackedObject| 1.5 + o.shape.dimensions.x * 0.3;
            let Some(thing) =
                truth.objects.iter().filter(|o| gap(o) < reach(o)).min_by(|a, b| gap(a).total_cmp(&gap(b)))
            else {
                t.ghosts += 1;
                continue;
            };
            let doubled = taken.entry(thing.object_id.uuid).or_default();
            *doubled += 1;
            if *doubled > 1 {
                t.doubles += 1;
                continue;
            }
            t.position.add(gap(thing));
            if let Some((id, at)) = t.ids.insert(thing.object_id.uuid, (track.object_id.uuid, now)) {
                t.switches += u64::from(id != track.object_id.uuid && now - at < 0.35);
            }
            if now - first >= 1.0 {
                let error = (velocity(track) - velocity(thing)).norm();
                t.velocity.entry(thing.classification[0].label).or_default().add(error);
                if own.distance_to_point(ego.position) < 30.0 {
                    t.velocity_near.add(error);
                }
            }
        }
        for thing in &truth.objects {
            let steady = t.ids.get(&thing.object_id.uuid).is_some_and(|(_, at)| now - at < 2.0);
            if steady && footprint(thing).distance_to_point(ego.position) < 30.0 {
                t.near += 1;
                t.near_missed += u64::from(!taken.contains_key(&thing.object_id.uuid));
            }
        }
    }

    /// The car, for boxes around it.
    pub fn vehicle(&self) -> &Vehicle {
        &self.vehicle
    }
}

impl Tap for Witness {
    fn on_message(&mut self, now: Time, topic: &Topic, message: &Shared) -> ControlFlow<()> {
        let any = message.as_any();
        if let Some(odometry) = any.downcast_ref::<Odometry>() {
            if topic.name.starts_with("/simulation") { self.hear_truth(odometry) } else { self.hear_estimate(odometry) }
        } else if let Some(objects) = any.downcast_ref::<TrackedObjects>() {
            if topic.name.starts_with("/simulation") {
                self.objects.insert(Time::from(&objects.header.stamp).0, objects.clone());
                while self.objects.len() > 20 {
                    self.objects.pop_first();
                }
            } else {
                self.hear_tracks(objects);
            }
        } else if let Some(trajectory) = any.downcast_ref::<Trajectory>() {
            let points = trajectory.points.iter().map(|p| planar(&p.pose).position);
            self.path = Polyline::new(points).ok();
            self.path_at = now.seconds();
            if let Ok(trajectory) = Arc::clone(message).into_any().downcast() {
                self.trajectories.push((now.seconds(), trajectory));
            }
        } else if let Some(control) =
            any.downcast_ref::<Control>().filter(|_| topic.name.starts_with("/control/command"))
        {
            let (steering, acceleration) = (control.lateral.steering_tire_angle, control.longitudinal.acceleration);
            assert!(steering.is_finite() && acceleration.is_finite());
            self.commands.push((now.seconds(), f64::from(steering), f64::from(acceleration)));
        } else if let Some(array) = any.downcast_ref::<DiagnosticArray>() {
            for status in &array.status {
                match topic.name.as_str() {
                    "/simulation/ground_truth/score" => {
                        self.score.extend(status.values.iter().map(|v| (v.key.clone(), v.value.clone())));
                    }
                    "/simulation/ground_truth/events" => {
                        self.events.push(format!("{:.2}: {}", now.seconds(), status.message));
                    }
                    _ => {
                        let said = (status.level, status.message.clone());
                        if self.told.get(&status.name) != Some(&said) {
                            self.told.insert(status.name.clone(), said);
                            let told = (now.seconds(), status.name.clone(), status.level, status.message.clone());
                            self.statuses.push(told);
                        }
                    }
                }
            }
        }
        let over = self.score.get("goal_reached").is_some_and(|v| v == "true")
            || self.scored("time_s") >= self.scored("duration_s");
        if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn planar(pose: &Pose) -> Pose2<Map> {
    let q = &pose.orientation;
    let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
    Pose2::new(pose.position.x, pose.position.y, yaw)
}

fn velocity(object: &TrackedObject) -> Vector2<Map> {
    let twist = &object.kinematics.twist_with_covariance.twist.linear;
    Vector2::<Map>::new(twist.x, twist.y).rotated(footprint(object).center.yaw)
}
