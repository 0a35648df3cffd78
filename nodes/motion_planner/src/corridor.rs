//! A lane to drive along with all that is known of it in one cycle.

use std::sync::Arc;

use geometry::{Map, OrientedBox, angle_difference};
use road_map::LaneId;

#[cfg(feature = "recorder")]
use crate::features::Features;
use crate::forward_simulation::{Leader, Leaders, State};
use crate::planner::{Planner, Situation, Start};
use crate::proposal_path::ProposalPath;
use crate::reference_path::{Axis, AxisEnd, Patience, STEP};
use crate::right_of_way::{GiveWay, give_ways, places};
use crate::road_user::{Class, SAMPLE_S, SAMPLES, UserOnAxis, relate};
use crate::scoring::REFUSED;
use crate::traffic_rules::{Demands, RuleMemory, Scene, demands};

/// Stopped behind something that blocks the lane the car keeps this much more than behind a queue, m.
const SWING_M: f64 = 2.5;

/// How the car lies beside an axis when a plan begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lateral {
    /// Offset (m), slope and second derivative (1/m).
    pub from: [f64; 3],
    /// The offset that the previous path on this axis reaches, and what is left of its blend, m.
    pub going_on: Option<(f64, f64)>,
}

/// An axis with all that is computed once for it.
pub(crate) struct Corridor {
    pub axis: Axis,
    pub lane: LaneId,
    pub changes_lane: bool,
    pub start: State,
    pub lateral: Lateral,
    pub demands: Demands,
    pub gives: Vec<GiveWay>,
    pub relations: Vec<UserOnAxis>,
    pub cost: f64,
}

impl Planner {
    /// The car's lane and those that it may change to.
    pub fn corridors(&mut self, situation: &Situation, begin: Start, segment: usize, lane: LaneId) -> Vec<Corridor> {
        let map = Arc::clone(&self.map);
        let Some(current) = map.lane(lane) else { return Vec::new() };
        let mut lanes = vec![(lane, false)];
        for (can, neighbor) in
            [(current.can_change_left(), current.left_neighbor), (current.can_change_right(), current.right_neighbor)]
        {
            if let Some(id) =
                neighbor.filter(|id| can && self.route.index_of(*id, segment).is_some_and(|i| i <= segment + 2))
            {
                lanes.push((id, true));
            }
        }
        let patience = self.patience(situation);
        let places = places(&map, &situation.users);
        self.departures.update(&map, &situation.users, &places, situation.now_s);
        let mut corridors = Vec::new();
        for (id, changes_lane) in lanes {
            let mut memory = std::mem::take(&mut self.memory);
            let found = if changes_lane {
                self.corridor(situation, begin, (segment, id, true), patience, &places, &mut memory.clone())
            } else {
                self.corridor(situation, begin, (segment, id, false), patience, &places, &mut memory)
            };
            self.memory = memory;
            corridors.extend(found);
        }
        corridors
    }

    /// One lane to drive along; whether that is a change stands after the lane.
    fn corridor(
        &self,
        situation: &Situation,
        begin: Start,
        (segment, id, changes_lane): (usize, LaneId, bool),
        patience: Patience,
        places: &[Vec<(LaneId, f64)>],
        memory: &mut RuleMemory,
    ) -> Option<Corridor> {
        let map = &self.map;
        let at = map.lane(id)?.position_of(begin.pose.position);
        let index = self.route.index_of(id, segment).unwrap_or(segment);
        let axis = Axis::build(map, &self.route, index, (id, at.s), patience)?;
        let (s, d) = axis.project(begin.pose.position);
        let lateral = self.lateral(&axis, id, begin, s, d);
        let start = State { s, speed: begin.speed, acceleration: begin.acceleration };
        let scene = Scene {
            map,
            users: &situation.users,
            lights: &situation.lights,
            views: &self.views,
            departures: &self.departures,
            now_s: situation.now_s,
            front_m: self.vehicle.front_m(),
            length_m: self.vehicle.length_m(),
        };
        let demands = demands(&scene, &axis, start, memory, &self.parameters);
        let gives = give_ways(map, &axis, s + self.vehicle.front_m(), &situation.users, places, &situation.lights);
        let relations = relate(&axis, &situation.users);
        let mut cost = if changes_lane { 4.0 } else { 0.0 };
        if axis.end == AxisEnd::RouteLost {
            cost += 30.0 * (1.0 - (axis.end_s - s) / 150.0).max(0.0);
        }
        if changes_lane && lateral.from[0].abs() > 2.0 && self.cuts_in(&axis, start, &relations, situation) {
            cost += REFUSED;
        }
        if changes_lane && self.previous.as_ref().is_some_and(|p| p.lane == id) {
            cost -= 3.5;
        }
        Some(Corridor { axis, lane: id, changes_lane, start, lateral, demands, gives, relations, cost })
    }

    /// What the network would be told in a situation; nothing is remembered of it.
    #[cfg(feature = "recorder")]
    pub fn features(&self, situation: &Situation) -> Option<Features> {
        let begin = self.start(situation);
        let (segment, lane) = self.matched(begin.pose).ok()?;
        let places = places(&self.map, &situation.users);
        let memory = &mut self.memory.clone();
        let own = (segment, lane, false);
        let corridor = self.corridor(situation, begin, own, self.patience(situation), &places, memory)?;
        Some(Features::new(self, &corridor, situation))
    }

    /// Whether a change onto an axis now would leave someone on it too little room behind or ahead of the car.
    fn cuts_in(&self, axis: &Axis, start: State, relations: &[UserOnAxis], situation: &Situation) -> bool {
        relations.iter().zip(&situation.users).any(|(r, user)| {
            let (i, _) = axis.between(r.now.s);
            let speed = user.velocity.dot(axis.poses[i].forward());
            if r.now.d.abs() > 1.6 || speed < -1.0 {
                return false;
            }
            let behind = start.s - self.vehicle.rear_overhang_m - r.now.s - r.now.half_s;
            let ahead = r.now.s - r.now.half_s - start.s - self.vehicle.front_m();
            // Who drives up to the other must be able to slow down gently.
            let (gap, follower, leader) =
                if behind > ahead { (behind, speed, start.speed) } else { (ahead, start.speed, speed) };
            let closing = (follower - leader).max(0.0);
            gap < 2.0 + 0.5 * follower.max(0.0) + closing * closing / 4.0
        })
    }

    /// How the car lies beside an axis: as the previous path has it where that is being followed.
    fn lateral(&self, axis: &Axis, lane: LaneId, begin: Start, s: f64, d: f64) -> Lateral {
        let (i, _) = axis.between(s);
        let slope = angle_difference(begin.pose.yaw, axis.poses[i].yaw).clamp(-0.7, 0.7).tan();
        let Some((previous, at)) = self.previous.as_ref().zip(begin.on_previous) else {
            return Lateral { from: [d, slope, 0.0], going_on: None };
        };
        let shape = previous.path.shape;
        let [offset, slope, second] = shape.at(at);
        if previous.axis.spans.iter().any(|span| span.lane == lane) {
            let left = shape.from_s + shape.blend - at;
            return Lateral { from: [offset, slope, second], going_on: Some((shape.offset, left)) };
        }
        // Beside another axis the same path has another offset.
        let (_, d) = axis.project(previous.path.pose_at(at).position);
        Lateral { from: [d, slope, second], going_on: None }
    }

    /// Speed caps of the rules, where people may step out, and where others may come out of hiding.
    pub fn caps(&self, corridor: &Corridor, path: &ProposalPath, situation: &Situation) -> Vec<(f64, f64, f64)> {
        let mut caps = corridor.demands.caps.clone();
        for give in &corridor.gives {
            caps.push((give.from - 6.0, give.from, 6.5));
        }
        for (relation, user) in corridor.relations.iter().zip(&situation.users) {
            let now = relation.now;
            let beside = now.d - Axis::at(&path.offsets, now.s.max(corridor.start.s));
            let gap = beside.abs() - now.half_d - self.vehicle.width_m / 2.0;
            if user.is_person() && gap < 2.5 && gap > -1.0 && now.s > corridor.start.s {
                caps.push((now.s - 4.0, now.s + 1.0, 5.0 + 3.0 * gap.max(0.0)));
            } else if user.speed() < 0.4 && gap < 1.2 && now.s > corridor.start.s {
                caps.push((now.s - now.half_s - 3.0, now.s + now.half_s, 7.0 + 3.0 * gap.max(0.0)));
            }
        }
        caps
    }

    pub fn leaders(&self, corridor: &Corridor, path: &ProposalPath, situation: &Situation) -> Leaders {
        let mut leaders: Leaders = vec![Vec::new(); SAMPLES];
        let half = self.vehicle.width_m / 2.0;
        for (relation, user) in corridor.relations.iter().zip(&situation.users) {
            if relation.now.s < corridor.start.s + self.vehicle.front_m() * 0.5
                || relation.now.s > corridor.axis.length()
            {
                continue;
            }
            let margin = match user.class {
                Class::Pedestrian => 0.5,
                Class::Cyclist => 0.35,
                Class::Vehicle => 0.25,
            };
            let (i, _) = corridor.axis.between(relation.now.s);
            let beside = (relation.now.d - path.offsets[i]).abs() - relation.now.half_d - half;
            if beside > margin && user.velocity.dot(corridor.axis.poses[i].forward()) < -1.0 {
                // Who comes towards the car is not followed; the collision check looks after them.
                continue;
            }
            // Room to swing out, behind what does not seem to wait for anything.
            let blocks = user.standing_s > 1.0 && !self.queues(corridor, situation, relation.now.s, user);
            let room = if blocks { SWING_M } else { 0.0 };
            let likeliest = relation.futures.iter().map(|(p, _)| *p).fold(0.0, f64::max);
            for ((probability, samples), future) in relation.futures.iter().zip(&user.futures) {
                // What may happen is for the collision check; one follows what is likely to.
                if *probability < 0.3 && *probability < likeliest {
                    continue;
                }
                for k in 0..SAMPLES {
                    let at = samples[k];
                    let d = at.d - Axis::at(&path.offsets, (at.s - at.half_s).max(corridor.start.s));
                    if d.abs() >= at.half_d + half + margin {
                        continue;
                    }
                    // In bends and across the lane only the outline itself tells.
                    let body = user.footprint(future.poses[k]);
                    if let Some(rear) = nearest_in_way(&corridor.axis, path, &body, at.s, half + margin) {
                        let (a, b) = (samples[k.saturating_sub(1)], samples[(k + 1).min(SAMPLES - 1)]);
                        let steps = (k + 1).min(SAMPLES - 1) - k.saturating_sub(1);
                        let speed = (b.s - a.s) / (steps as f64 * SAMPLE_S);
                        let speed = speed.clamp(-20.0, 40.0);
                        leaders[k].push(Leader { rear: rear - room, speed, who: user.id });
                    }
                }
            }
        }
        leaders
    }
}

/// Arc length at which a body begins to reach into the strip `half_width` to either side of a path; `near` is that of its
/// middle. All in m.
fn nearest_in_way(
    axis: &Axis,
    path: &ProposalPath,
    body: &OrientedBox<Map>,
    near: f64,
    half_width: f64,
) -> Option<f64> {
    outline_on(axis, body, near)
        .filter(|(s, d)| (d - Axis::at(&path.offsets, *s)).abs() < half_width)
        .map(|(s, _)| s)
        .reduce(f64::min)
}

/// Points of a body's outline, at most 1 m apart, with arc length and offset beside the axis; `near` as above.
pub(crate) fn outline_on(axis: &Axis, body: &OrientedBox<Map>, near: f64) -> impl Iterator<Item = (f64, f64)> {
    let [a, b, c, d] = body.corners();
    let sides = [(a, b), (b, c), (c, d), (d, a)];
    let points = sides.into_iter().flat_map(|(from, to)| {
        let steps = from.distance(to).ceil().max(1.0);
        (0..steps as usize).map(move |i| from.lerp(to, i as f64 / steps))
    });
    points.map(move |point| {
        let (i, d) = axis.offset_near(point, near);
        (i as f64 * STEP + (point - axis.poses[i].position).dot(axis.poses[i].forward()), d)
    })
}

#[cfg(test)]
mod tests {
    use geometry::Pose2;

    use super::*;
    use crate::proposal_path::Shape;
    use crate::reference_path::tests::bend;

    #[test]
    fn a_lorry_beside_a_bend_is_in_the_way_only_where_it_reaches_into_the_strip() {
        let axis = bend(25.0);
        let path = ProposalPath::lay(
            &axis,
            Shape { from_s: 0.0, from: [0.0; 3], offset: 0.0, blend: 4.0, return_from: f64::INFINITY },
        );
        // On the outside, along the bend's tangent: its ends are farther from the bend than its middle.
        let at = axis.poses[20];
        let beside = |d: f64| {
            let pose = Pose2 { position: at.position + at.forward().perpendicular() * -d, yaw: at.yaw };
            nearest_in_way(&axis, &path, &OrientedBox::new(pose, 9.5, 2.4), 20.0, 1.2)
        };
        assert_eq!(beside(2.6), None);
        // Turned away by 0.3 rad a box along the lane would be 5.1 m wide; the lorry itself stays clear.
        let turned = Pose2 { position: at.position + at.forward().perpendicular() * -3.9, yaw: at.yaw - 0.3 };
        assert_eq!(nearest_in_way(&axis, &path, &OrientedBox::new(turned, 9.5, 2.4), 20.0, 1.2), None);
        let reaches = beside(2.0).unwrap();
        assert!((16.0..20.0).contains(&reaches), "{reaches}");
    }
}
