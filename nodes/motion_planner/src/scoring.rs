//! What a simulated proposal costs: first what must not happen, then what one would rather have.

use geometry::{Map, Pose2, angle_difference};
use vehicle::Vehicle;

use crate::forward_simulation::{DT, State};
use crate::parameters::Parameters;
use crate::proposal_path::ProposalPath;
use crate::reference_path::{Axis, STEP};
use crate::road_user::{Class, RoadUser, SAMPLE_S};

/// Cost from which a proposal counts as refused.
pub(crate) const REFUSED: f64 = 1e4;

/// Who comes towards the car on the other side of the road does not leave it: weight of futures that say so. Headings
/// are measured to a few degrees only, and a future straight on along a wrong one crosses the car's lane.
const AGAINST_TRAFFIC: f64 = 0.15;

/// Kept free to the edge of the lane, m: what the follower may be off.
const EDGE_M: f64 = 0.1;

/// What collisions and nearness cost on a path.
pub(crate) struct Contact {
    /// Largest probability of an at-fault collision with one road user, sooner ones weighing more.
    pub probability: f64,
    /// Time of the first collision of relevant probability, s.
    pub first_s: f64,
    /// Arc length of `base_link` then, m.
    pub first_at: f64,
    /// Soft cost of passing too close.
    pub nearness: f64,
    /// With whom a collision is likeliest.
    pub who: u128,
}

/// Checks a drive against all futures of all road users.
pub(crate) fn contact(
    states: &[State],
    path: &ProposalPath,
    users: &[RoadUser],
    changes_lane: bool,
    vehicle: &Vehicle,
    p: &Parameters,
) -> Contact {
    let stride = (SAMPLE_S / DT).round() as usize;
    let boxes: Vec<_> = states
        .iter()
        .step_by(stride)
        .take(26)
        .map(|state| (vehicle.footprint(path.pose_at(state.s)), path.pose_at(state.s), state.speed, state.s))
        .collect();
    let radius = vehicle.length_m().hypot(vehicle.width_m) / 2.0;
    let mut out = Contact { probability: 0.0, first_s: f64::INFINITY, first_at: 0.0, nearness: 0.0, who: 0 };
    for user in users {
        let reach = radius + user.length.hypot(user.width) / 2.0;
        let wish = if user.is_person() { p.person_clearance_m } else { p.car_clearance_m };
        let now_gap = boxes[0].0.distance(&user.footprint(user.pose));
        // A cyclist just passed is still beside the car when it cuts back in.
        let tail = if user.class == Class::Cyclist { vehicle.rear_overhang_m + 2.0 } else { 0.0 };
        let behind_now = boxes[0].1.inverse_transform::<geometry::BaseLink>(user.pose.position).x < -tail;
        if behind_now && !changes_lane {
            continue;
        }
        let beside_now = user.class != Class::Pedestrian && user.speed() > 1.0 && aside_of(path, user, vehicle) > 0.3;
        let mut probability = 0.0;
        let mut nearest_cost: f64 = 0.0;
        for future in &user.futures {
            for (k, (ego, pose, speed, s)) in boxes.iter().enumerate() {
                let t = k as f64 * SAMPLE_S;
                let center = pose.position + pose.forward() * vehicle.center_offset_m();
                if *speed < 0.3 || center.distance(future.poses[k].position) > reach + wish + 0.6 {
                    continue;
                }
                let relative = pose.inverse_transform::<geometry::BaseLink>(future.poses[k].position);
                if relative.x < -vehicle.rear_overhang_m.max(tail) && !changes_lane {
                    continue;
                }
                let base = if user.is_person() { 0.35 } else { 0.15 };
                let margin = (base + 0.05 * t).min(base + 0.2).min((now_gap - 0.05).max(0.0));
                let gap = ego.distance(&user.footprint(future.poses[k]));
                if gap.is_nan() || gap <= margin {
                    let turn = angle_difference(future.poses[k].yaw, pose.yaw).abs();
                    let likely = if beside_now && turn > 2.6 { AGAINST_TRAFFIC } else { 1.0 } * future.probability;
                    probability += likely * if t < 2.5 { 1.0 } else { 1.0 - 0.2 * (t - 2.5) };
                    if t < out.first_s && likely > 0.1 {
                        out.first_s = t;
                        out.first_at = *s;
                    }
                    break;
                }
                if gap < wish {
                    let cost = future.probability * (1.0 - gap / wish) * (0.3 + speed / 8.0);
                    nearest_cost = nearest_cost.max(cost);
                }
            }
        }
        if probability > out.probability {
            (out.probability, out.who) = (probability, user.id);
        }
        out.nearness += nearest_cost;
    }
    out
}

/// How far a road user is beside the strip that the car sweeps on its path, m.
fn aside_of(path: &ProposalPath, user: &RoadUser, vehicle: &Vehicle) -> f64 {
    let square = |pose: &Pose2<Map>| {
        let v = pose.position - user.pose.position;
        v.dot(v)
    };
    let nearest = path.poses.iter().min_by(|a, b| square(a).total_cmp(&square(b)));
    nearest.map_or(0.0, |pose| {
        let off = pose.forward().cross(user.pose.position - pose.position).abs();
        off - (user.width + vehicle.width_m) / 2.0
    })
}

/// Cost of leaving the own lane: of the road beyond what may be used (refused) and of the neighbour's lane (soft).
///
/// All four corners count: in a bend the front swings out beside the path of `base_link`.
pub(crate) fn bounds_cost(axis: &Axis, path: &ProposalPath, states: &[State], vehicle: &Vehicle) -> f64 {
    let start = over(axis, path.pose_at(states[0].s), states[0].s, vehicle);
    let from = states[0].s as usize + 1;
    let to = (states[states.len() - 1].s as usize + 1).min(path.poses.len() - 1);
    let mut refused = false;
    let mut soft: f64 = 0.0;
    for i in from..=to.max(from).min(path.poses.len() - 1) {
        let (outside, beside) = over(axis, path.poses[i], i as f64 * STEP, vehicle);
        refused |= outside > start.0 + 0.02;
        soft = soft.max(beside);
    }
    soft + if refused { REFUSED } else { 0.0 }
}

/// How far the car's corners are off the usable road, and how far outside its lane, m; `base_link` at `pose`, `s` on the
/// axis.
fn over(axis: &Axis, pose: Pose2<Map>, s: f64, vehicle: &Vehicle) -> (f64, f64) {
    let half = vehicle.width_m / 2.0;
    let (mut outside, mut beside) = (0.0f64, 0.0f64);
    for along in [vehicle.front_m(), -vehicle.rear_overhang_m] {
        for side in [half, -half] {
            let corner = pose.position + pose.forward() * along + pose.forward().perpendicular() * side;
            let (i, d) = axis.offset_near(corner, s + along);
            let (left, right) = (axis.left[i], axis.right[i]);
            outside = outside.max(d + EDGE_M - axis.left_passable[i]).max(EDGE_M - d - axis.right_passable[i]);
            // What the front swings out on the way back to the lane is not held against a pass.
            if along < 0.0 {
                beside = beside.max(d + EDGE_M - left).max(EDGE_M - d - right);
            }
        }
    }
    (outside, beside)
}

/// Progress and comfort: what is left when nothing forbids.
pub(crate) fn comfort_cost(states: &[State], path: &ProposalPath, limit_mps: f64) -> f64 {
    let distance = states[50.min(states.len() - 1)].s - states[0].s;
    let wish = limit_mps.max(3.0) * 5.0;
    let hard = states.iter().fold(0.0f64, |m, s| m.max(-s.acceleration - 2.0));
    let lateral =
        states.iter().map(|s| s.speed * s.speed * Axis::at(&path.curvature, s.s).abs()).fold(0.0f64, f64::max);
    10.0 * (1.0 - distance / wish).max(0.0) + hard.max(0.0) + (lateral - 2.2).max(0.0) * 3.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proposal_path::Shape;
    use crate::reference_path::tests::bend;

    /// How far the car is off the road in the middle of a bend, driving `offset` beside its axis.
    fn outside(radius: f64, offset: f64) -> f64 {
        let axis = bend(radius);
        let shape = Shape { from_s: 0.0, from: [offset, 0.0, 0.0], offset, blend: 4.0, return_from: f64::INFINITY };
        let path = ProposalPath::lay(&axis, shape);
        over(&axis, path.poses[9], 9.0, &Vehicle::default()).0
    }

    #[test]
    fn the_front_that_swings_out_in_a_bend_counts() {
        assert!(outside(13.0, 0.0) <= 0.0 && outside(200.0, -0.5) <= 0.0);
        // The rear axle is in the lane; the front corner is not.
        assert!((0.2..0.6).contains(&outside(13.0, -0.5)), "{}", outside(13.0, -0.5));
    }
}
