//! What came in last, each message checked when it comes; what is missing, too old or refused, as a sentence.

use std::collections::BTreeMap;

use geometry::{Map, Polyline, Pose2};
use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_perception_msgs::msg::{ObjectClassification, TrackedObject, TrackedObjects};
use msgs::autoware_planning_msgs::msg::Trajectory;
use msgs::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus};
use msgs::geometry_msgs::msg::Pose;
use msgs::nav_msgs::msg::Odometry;
use node::Time;
use vehicle::Vehicle;

use crate::Parameters;
use crate::collision::Obstacle;
use crate::reckoning::Doubt;

/// A command beyond the car's limits by more than this (rad, m/s²) is an error of its sender, not one of rounding.
const EXCESS: (f64, f64) = (0.02, 1.0);
const MAX_POINTS: usize = 10_000;
const MAX_OBJECTS: usize = 2_000;

/// One kind of input: when its last sound message was made, and why the newest was refused, if it was.
#[derive(Debug, Default)]
pub struct Freshness {
    stamp: Option<Time>,
    refusal: Option<String>,
}

impl Freshness {
    fn take<T>(&mut self, stamp: Time, read: Result<T, String>) -> Option<T> {
        match read {
            Ok(value) => {
                (self.stamp, self.refusal) = (Some(stamp), None);
                Some(value)
            }
            Err(reason) => {
                self.refusal = Some(reason);
                None
            }
        }
    }

    fn fault(&self, name: &str, now: Time, limit: f64) -> Option<String> {
        let because = self.refusal.as_ref().map_or(String::new(), |reason| format!(" (newest refused: {reason})"));
        let Some(stamp) = self.stamp else { return Some(format!("waiting for {name}{because}")) };
        let age = now.since(stamp);
        if !(age <= limit) {
            return Some(format!("{name} is {age:.1} s old, limit {limit} s{because}"));
        }
        (age < -limit).then(|| format!("{name} has a stamp {:.1} s ahead of the clock", -age))
    }
}

/// What a required node said of itself.
#[derive(Debug)]
struct Heard {
    at: Time,
    error: Option<(Time, String)>,
}

/// The last sound input of each kind.
#[derive(Debug, Default)]
pub struct Inputs {
    pub control: Option<Control>,
    pub path: Option<Polyline<Map>>,
    pub odometry: Option<(Time, Pose2<Map>, f64, Doubt)>,
    pub obstacles: Vec<Obstacle>,
    /// Stamp of the obstacles.
    pub obstacles_at: Option<Time>,
    control_state: Freshness,
    trajectory_state: Freshness,
    odometry_state: Freshness,
    objects_state: Freshness,
    heard: BTreeMap<String, Heard>,
}

impl Inputs {
    pub fn take_control(&mut self, now: Time, control: &Control, vehicle: &Vehicle) {
        let (steering, acceleration) =
            (f64::from(control.lateral.steering_tire_angle), f64::from(control.longitudinal.acceleration));
        let strongest = -vehicle.max_deceleration_mps2 - EXCESS.1..=vehicle.max_acceleration_mps2 + EXCESS.1;
        let read = if !steering.is_finite() || !acceleration.is_finite() {
            let which = if steering.is_finite() { "acceleration" } else { "steering" };
            Err(format!("expected finite steering and acceleration, got NaN or infinite {which}"))
        } else if !(steering.abs() <= vehicle.max_steering_rad + EXCESS.0) {
            Err(format!("steering of {steering:.2} rad is beyond the car's {}", vehicle.max_steering_rad))
        } else if !strongest.contains(&acceleration) {
            Err(format!("acceleration of {acceleration:.1} m/s² is beyond the car's limits"))
        } else {
            Ok(control.clone())
        };
        if let Some(control) = self.control_state.take(now, read) {
            self.control = Some(control);
        }
    }

    /// `ego` is where the car is, where that is known.
    pub fn take_trajectory(&mut self, trajectory: &Trajectory, ego: Option<Pose2<Map>>, offset_m: f64) {
        let stamp = Time::from(&trajectory.header.stamp);
        let read = read_trajectory(trajectory).and_then(|path| {
            let (Some(line), Some(ego)) = (&path, ego) else { return Ok(path) };
            let distance = line.project(ego.position).foot.position.distance(ego.position);
            if distance <= offset_m { Ok(path) } else { Err(format!("it passes {distance:.1} m beside the car")) }
        });
        // A plan to stand has no length: the path before it still tells the lane.
        if let Some(Some(path)) = self.trajectory_state.take(stamp, read) {
            self.path = Some(path);
        }
    }

    pub fn take_odometry(&mut self, odometry: &Odometry) {
        let (stamp, speed) = (Time::from(&odometry.header.stamp), odometry.twist.twist.linear.x);
        let read = match read_pose(&odometry.pose.pose) {
            _ if odometry.header.frame_id != "map" => {
                Err(format!("expected frame map, got `{}`", odometry.header.frame_id))
            }
            Some(pose) if speed.abs() < 150.0 => Ok((stamp, pose, speed, Doubt::of(odometry))),
            _ => Err("expected a finite pose and speed".into()),
        };
        if let Some(odometry) = self.odometry_state.take(stamp, read) {
            self.odometry = Some(odometry);
        }
    }

    pub fn take_objects(&mut self, objects: &TrackedObjects, least_probability: f64) {
        let stamp = Time::from(&objects.header.stamp);
        let read = if objects.header.frame_id != "map" {
            Err(format!("expected frame map, got `{}`", objects.header.frame_id))
        } else if objects.objects.len() > MAX_OBJECTS {
            Err(format!("expected at most {MAX_OBJECTS} objects, got {}", objects.objects.len()))
        } else {
            let likely = objects.objects.iter().filter(|o| f64::from(o.existence_probability) >= least_probability);
            likely.map(read_object).collect::<Option<Vec<_>>>().ok_or("expected finite poses, twists and sizes".into())
        };
        if let Some(obstacles) = self.objects_state.take(stamp, read) {
            (self.obstacles, self.obstacles_at) = (obstacles, Some(stamp));
        }
    }

    pub fn take_diagnostics(&mut self, now: Time, array: &DiagnosticArray, required: &[String]) {
        for status in array.status.iter().filter(|s| required.contains(&s.name)) {
            let since = self.heard.get(&status.name).and_then(|heard| heard.error.as_ref()).map_or(now, |e| e.0);
            let error = (status.level >= DiagnosticStatus::ERROR).then(|| (since, status.message.clone()));
            self.heard.insert(status.name.clone(), Heard { at: now, error });
        }
    }

    /// What is missing, too old, refused, dead or in error.
    pub fn fault(&self, now: Time, p: &Parameters) -> Option<String> {
        let states = [
            ("kinematic_state", &self.odometry_state, p.odometry_limit_s),
            ("objects", &self.objects_state, p.objects_limit_s),
            ("trajectory", &self.trajectory_state, p.trajectory_limit_s),
            ("control_cmd", &self.control_state, p.control_limit_s),
        ];
        let stale = states.iter().find_map(|(name, state, limit)| state.fault(name, now, *limit));
        stale.or_else(|| p.required_nodes.iter().find_map(|name| self.node_fault(name, now, p)))
    }

    fn node_fault(&self, name: &str, now: Time, p: &Parameters) -> Option<String> {
        let Some(heard) = self.heard.get(name) else { return Some(format!("waiting for node {name}")) };
        let silence = now.since(heard.at);
        if !(silence <= p.heartbeat_limit_s) {
            return Some(format!("no heartbeat of {name} for {silence:.1} s, limit {} s", p.heartbeat_limit_s));
        }
        let (since, message) = heard.error.as_ref()?;
        (now.since(*since) >= p.error_limit_s).then(|| format!("{name} reports an error: {message}"))
    }
}

/// The path of a trajectory; `None` where it stays on one spot.
fn read_trajectory(trajectory: &Trajectory) -> Result<Option<Polyline<Map>>, String> {
    let count = trajectory.points.len();
    if trajectory.header.frame_id != "map" {
        return Err(format!("expected frame map, got `{}`", trajectory.header.frame_id));
    }
    if !(1..=MAX_POINTS).contains(&count) {
        return Err(format!("expected 1..={MAX_POINTS} points, got {count}"));
    }
    let sound = |p: &msgs::autoware_planning_msgs::msg::TrajectoryPoint| {
        p.longitudinal_velocity_mps.is_finite() && p.acceleration_mps2.is_finite()
    };
    let poses: Option<Vec<Pose2<Map>>> =
        trajectory.points.iter().map(|p| read_pose(&p.pose).filter(|_| sound(p))).collect();
    let poses = poses.ok_or("expected finite poses and speeds")?;
    // Points of a standing end lie on each other: apart by centimetres they still give a direction.
    let mut points: Vec<geometry::Point2<Map>> = Vec::with_capacity(poses.len());
    for pose in poses {
        if points.last().is_none_or(|last| last.distance(pose.position) > 0.05) {
            points.push(pose.position);
        }
    }
    Ok(Polyline::new(points).ok())
}

fn read_object(object: &TrackedObject) -> Option<Obstacle> {
    let (kinematics, size) = (&object.kinematics, &object.shape.dimensions);
    let twist = &kinematics.twist_with_covariance.twist;
    let label = object.classification.iter().max_by(|a, b| a.probability.total_cmp(&b.probability)).map(|c| c.label);
    let place = read_pose(&kinematics.pose_with_covariance.pose)?;
    let numbers = [twist.linear.x, twist.linear.y, twist.angular.z, size.x, size.y];
    if !numbers.iter().all(|number| number.is_finite()) {
        return None;
    }
    // What walks may walk any way: its heading is that of its velocity.
    let sideways = twist.linear.y.abs() > 0.3;
    let turn = if sideways { twist.linear.y.atan2(twist.linear.x) } else { 0.0 };
    let speed_mps = if sideways { twist.linear.x.hypot(twist.linear.y) } else { twist.linear.x };
    let person = label == Some(ObjectClassification::PEDESTRIAN);
    let [a, b, c, d, ..] = object.object_id.uuid.map(u32::from);
    let [.., e, f, g, h] = object.object_id.uuid.map(u32::from);
    Some(Obstacle {
        id: ((a ^ e) << 24) | ((b ^ f) << 16) | ((c ^ g) << 8) | (d ^ h),
        pose: Pose2 { yaw: place.yaw + turn, ..place },
        speed_mps,
        yaw_rate_radps: twist.angular.z,
        size_m: (size.x, size.y),
        braking_mps2: if person { 2.0 } else { 3.0 },
    })
}

fn read_pose(pose: &Pose) -> Option<Pose2<Map>> {
    let q = &pose.orientation;
    let norm = (q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w).sqrt();
    let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
    Some(Pose2::new(pose.position.x, pose.position.y, yaw)).filter(|p| p.is_finite() && (norm - 1.0).abs() < 0.05)
}
