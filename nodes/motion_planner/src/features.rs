//! What the proposal network is told of a situation.

use geometry::{BaseLink, Map, Point2, Pose2, Vector2, angle_difference};
use road_map::StopReason;

use crate::corridor::Corridor;
use crate::planner::{Planner, Situation};
use crate::reference_path::{Axis, AxisEnd};
use crate::road_user::{Class, Future, RoadUser, SAMPLE_S, SAMPLES, UserOnAxis};
use crate::traffic_rules::Light;

/// Numbers of the car's own state.
pub const EGO: usize = 11;
/// Points of the way ahead.
pub const ROUTE_POINTS: usize = 40;
/// Numbers of one of them.
pub const ROUTE_POINT: usize = 8;
/// Distance between them, m.
pub const ROUTE_STEP_M: f64 = 2.5;
/// Numbers of what the rules ask.
pub const RULES: usize = 24;
/// Road users that are told of.
pub const OBJECTS: usize = 16;
/// Numbers of one of them.
pub const OBJECT: usize = 37;

/// Road users farther than this are left out, m.
const RANGE_M: f64 = 60.0;
/// Futures of a road user that are told of.
const FUTURES: usize = 2;
/// Moments of a future, s from now.
const MOMENTS_S: [f64; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];
/// Units that numbers are given in, so that most are within -1..1.
const LENGTH_M: f64 = 10.0;
const SPEED_MPS: f64 = 15.0;
const AHEAD_M: f64 = 30.0;
const TIME_S: f64 = 10.0;

/// What the network is told: row-major tensors in the frame of `base_link`, every number finite. What stands where is said
/// by the axes in `models/motion_planner/manifest.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// `[1, EGO]`.
    pub ego: Vec<f32>,
    /// `[1, ROUTE_POINTS, ROUTE_POINT]`.
    pub route: Vec<f32>,
    /// `[1, RULES]`.
    pub rules: Vec<f32>,
    /// `[1, OBJECTS, OBJECT]`.
    pub objects: Vec<f32>,
}

impl Features {
    /// Of the car on its own lane's corridor.
    pub(crate) fn new(planner: &Planner, corridor: &Corridor, situation: &Situation) -> Self {
        Self {
            ego: ego(planner, corridor, situation),
            route: route(&corridor.axis, corridor.start.s, situation.pose),
            rules: rules(planner, corridor, situation),
            objects: objects(planner, corridor, situation),
        }
    }
}

fn flag(on: bool) -> f64 {
    if on { 1.0 } else { 0.0 }
}

/// A number as the network gets it; what is not finite or far out is cut off.
fn number(value: f64) -> f32 {
    if value.is_finite() { value.clamp(-20.0, 20.0) as f32 } else { 0.0 }
}

fn local(pose: Pose2<Map>, point: Point2<Map>) -> [f64; 2] {
    let p: Point2<BaseLink> = pose.inverse_transform(point);
    [p.x / LENGTH_M, p.y / LENGTH_M]
}

fn ego(planner: &Planner, corridor: &Corridor, situation: &Situation) -> Vec<f32> {
    let Corridor { axis, start, lateral, .. } = corridor;
    let (i, _) = axis.between(start.s);
    let (_, offset) = axis.project(situation.pose.position);
    let values: [f64; EGO] = [
        situation.speed / SPEED_MPS,
        start.acceleration / 3.0,
        situation.yaw_rate * 2.0,
        offset / 2.0,
        2.0 * angle_difference(situation.pose.yaw, axis.poses[i].yaw),
        planner.stood(situation).min(20.0) / 20.0,
        Axis::at(&axis.limit_mps, start.s) / SPEED_MPS,
        lateral.going_on.map_or(0.0, |(offset, _)| offset) / 2.0,
        (axis.end_s - start.s).clamp(0.0, 100.0) / 100.0,
        flag(axis.end == AxisEnd::Goal),
        flag(axis.end == AxisEnd::RouteLost),
    ];
    values.map(number).to_vec()
}

fn route(axis: &Axis, from: f64, pose: Pose2<Map>) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(ROUTE_POINTS * ROUTE_POINT);
    for i in 0..ROUTE_POINTS {
        let s = from + i as f64 * ROUTE_STEP_M;
        let at = axis.pose_at(s);
        let turned = angle_difference(at.yaw, pose.yaw);
        let [x, y] = local(pose, at.position);
        let values: [f64; ROUTE_POINT] = [
            x,
            y,
            turned.cos(),
            turned.sin(),
            Axis::at(&axis.limit_mps, s) / SPEED_MPS,
            Axis::at(&axis.left, s) / 4.0,
            Axis::at(&axis.left_passable, s) / 8.0,
            Axis::at(&axis.right, s) / 4.0,
        ];
        numbers.extend(values.map(number));
    }
    numbers
}

/// What stops begin with.
const REASONS: [&str; 6] = ["light", "stop sign", "crosswalk", "no room", "goal", "lane change"];

fn rules(planner: &Planner, corridor: &Corridor, situation: &Situation) -> Vec<f32> {
    let front = corridor.start.s + planner.vehicle.front_m();
    let demands = &corridor.demands;
    let mut numbers = Vec::with_capacity(RULES);
    let ahead = |s: &f64| *s > front - 1.0;
    let stop = demands.stops.iter().filter(|(s, _)| ahead(s)).min_by(|a, b| a.0.total_cmp(&b.0));
    let distance = stop.map_or(3.0 * AHEAD_M, |(s, _)| (s - front).min(3.0 * AHEAD_M));
    let needed = situation.speed * situation.speed / (2.0 * distance.max(0.5));
    numbers.extend([flag(stop.is_some()), distance / AHEAD_M, needed.min(9.0) / 3.0]);
    numbers.extend(REASONS.map(|reason| flag(stop.is_some_and(|(_, why)| why.starts_with(reason)))));
    let light = next_light(planner, corridor, situation, front);
    numbers.extend([flag(light.is_some()), light.map_or(3.0, |(s, _)| (s - front).min(90.0) / AHEAD_M)]);
    let shows = |wanted: Light| flag(light.is_some_and(|(_, shown)| shown == wanted));
    numbers.extend([shows(Light::Red), shows(Light::Amber), shows(Light::Green), shows(Light::Unknown)]);
    let give = corridor.gives.iter().filter(|give| give.to > front).min_by(|a, b| a.from.total_cmp(&b.from));
    let first = give.and_then(|give| give.arrivals.iter().min_by(|a, b| a.first.total_cmp(&b.first)));
    numbers.extend([
        flag(give.is_some()),
        give.map_or(3.0, |give| (give.from - front).min(90.0) / AHEAD_M),
        give.map_or(0.0, |give| (give.to - give.from) / LENGTH_M),
        flag(first.is_some()),
        first.map_or(1.0, |at| at.first.min(20.0) / TIME_S),
        first.map_or(1.0, |at| at.last.min(20.0) / TIME_S),
    ]);
    let cap = demands.caps.iter().filter(|cap| cap.1 > corridor.start.s).min_by(|a, b| a.0.total_cmp(&b.0));
    numbers.extend([
        flag(cap.is_some()),
        cap.map_or(3.0, |cap| (cap.0 - corridor.start.s).min(90.0) / AHEAD_M),
        cap.map_or(1.0, |cap| cap.2 / SPEED_MPS),
    ]);
    numbers.into_iter().map(number).collect()
}

/// The next line of a light on a corridor, m on its axis, and what the light shows.
fn next_light(planner: &Planner, corridor: &Corridor, situation: &Situation, front: f64) -> Option<(f64, Light)> {
    let lines = corridor.axis.spans.iter().flat_map(|span| {
        let lane = planner.map.lane(span.lane);
        lane.into_iter().flat_map(|lane| &lane.stop_lines).filter_map(move |line| match line.reason {
            StopReason::Signal(group) => Some((span.from + line.s - span.lane_from, group)),
            _ => None,
        })
    });
    let next = lines.filter(|(s, _)| *s > front - 1.0).min_by(|a, b| a.0.total_cmp(&b.0))?;
    Some((next.0, situation.lights.get(&next.1).copied().unwrap_or(Light::Unknown)))
}

fn objects(planner: &Planner, corridor: &Corridor, situation: &Situation) -> Vec<f32> {
    let front = corridor.start.s + planner.vehicle.front_m();
    // Who is behind matters less.
    let distance = |user: &RoadUser| {
        let [x, y] = local(situation.pose, user.pose.position).map(|n| n * LENGTH_M);
        if x < -4.0 { 2.0 * x.hypot(y) } else { x.hypot(y) }
    };
    let mut near: Vec<(f64, &RoadUser, &UserOnAxis)> = situation
        .users
        .iter()
        .zip(&corridor.relations)
        .map(|(user, relation)| (distance(user), user, relation))
        .filter(|(distance, ..)| *distance < RANGE_M)
        .collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.id.cmp(&b.1.id)));
    let mut numbers = Vec::with_capacity(OBJECTS * OBJECT);
    for (_, user, relation) in near.into_iter().take(OBJECTS) {
        numbers.extend(object(user, relation, situation.pose, front));
    }
    numbers.resize(OBJECTS * OBJECT, 0.0);
    numbers
}

fn object(user: &RoadUser, relation: &UserOnAxis, pose: Pose2<Map>, front: f64) -> Vec<f32> {
    let turned = angle_difference(user.pose.yaw, pose.yaw);
    let velocity: Vector2<Map> = user.velocity.rotated(-pose.yaw);
    let [x, y] = local(pose, user.pose.position);
    let mut values = vec![
        1.0,
        x,
        y,
        turned.cos(),
        turned.sin(),
        velocity.x / SPEED_MPS,
        velocity.y / SPEED_MPS,
        user.length / LENGTH_M,
        user.width / LENGTH_M,
        flag(user.class == Class::Vehicle),
        flag(user.class == Class::Cyclist),
        flag(user.class == Class::Pedestrian),
        user.standing_s.min(TIME_S) / TIME_S,
        (relation.now.s - front) / AHEAD_M,
        relation.now.d / 4.0,
    ];
    let mut futures: Vec<&Future> = user.futures.iter().collect();
    futures.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    for i in 0..FUTURES {
        match futures.get(i) {
            Some(future) => {
                values.push(future.probability);
                for moment in MOMENTS_S {
                    let sample = ((moment / SAMPLE_S).round() as usize).min(SAMPLES - 1);
                    values.extend(local(pose, future.poses[sample].position));
                }
            }
            None => values.extend([0.0; 1 + 2 * MOMENTS_S.len()]),
        }
    }
    values.into_iter().map(number).collect()
}
