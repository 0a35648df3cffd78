//! One planning cycle: proposals laid, simulated, scored; the best one wins.

use std::collections::BTreeMap;
use std::sync::Arc;

use geometry::{BaseLink, Map, Pose2, angle_difference};
use road_map::{LaneGraph, LaneId, SignalGroupId};
use vehicle::Vehicle;

use crate::forward_simulation::{DT, Leaders, Policy, State, allowed_speed, simulate};
use crate::parameters::Parameters;
use crate::proposal_path::{ProposalPath, Shape};
use crate::reference_path::{Axis, AxisEnd, RouteLanes};
use crate::right_of_way::{GiveWay, give_ways, places, takes_way};
use crate::road_user::{RoadUser, SAMPLE_S, SAMPLES, UserOnAxis, relate};
use crate::scoring::{REFUSED, bounds_cost, comfort_cost, contact};
use crate::traffic_rules::{Demands, Light, RuleMemory, Scene, demands};

/// What a cycle starts from.
pub(crate) struct Situation {
    pub now_s: f64,
    pub pose: Pose2<Map>,
    pub speed: f64,
    pub users: Vec<RoadUser>,
    pub lights: BTreeMap<SignalGroupId, Light>,
    /// Nothing is known of other road users: stop in the lane.
    pub blind: bool,
}

/// A point of the planned drive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    pub pose: Pose2<Map>,
    pub speed: f64,
    pub acceleration: f64,
    pub curvature: f64,
}

/// The chosen drive.
pub(crate) struct Plan {
    pub points: Vec<Planned>,
    /// Whether a proposal without conflict was found.
    pub safe: bool,
    /// What the car does and why, for the status.
    pub reason: String,
    /// The plain drive along the lane and the one chosen with what they cost, for a person who looks into it.
    pub verdicts: String,
}

/// What is remembered between cycles.
pub(crate) struct Planner {
    pub map: Arc<LaneGraph>,
    pub vehicle: Vehicle,
    pub parameters: Parameters,
    pub route: RouteLanes,
    segment: usize,
    memory: RuleMemory,
    previous: Option<(f64, Vec<Planned>)>,
    previous_offset: f64,
    previous_lane: Option<LaneId>,
    standing_since: Option<f64>,
}

/// An axis with all that is computed once for it.
struct Corridor {
    axis: Axis,
    lane: LaneId,
    changes_lane: bool,
    start: State,
    lateral: (f64, f64),
    demands: Demands,
    gives: Vec<GiveWay>,
    relations: Vec<UserOnAxis>,
    cost: f64,
}

struct Candidate {
    cost: f64,
    states: Vec<State>,
    path: ProposalPath,
    offset: f64,
    lane: LaneId,
    reason: String,
    verdict: String,
}

impl Planner {
    pub fn new(map: Arc<LaneGraph>, vehicle: Vehicle, parameters: Parameters) -> Self {
        Self {
            map,
            vehicle,
            parameters,
            route: RouteLanes::default(),
            segment: 0,
            memory: RuleMemory::default(),
            previous: None,
            previous_offset: 0.0,
            previous_lane: None,
            standing_since: None,
        }
    }

    pub fn set_route(&mut self, route: RouteLanes) {
        self.route = route;
        self.segment = 0;
        self.previous_lane = None;
    }

    /// Plans; the error says why there can be no plan.
    pub fn plan(&mut self, situation: &Situation) -> Result<Plan, String> {
        if situation.speed > 0.3 {
            self.standing_since = None;
        } else {
            self.standing_since.get_or_insert(situation.now_s);
        }
        let (pose, speed, acceleration) = self.start(situation);
        let (segment, lane) = self.matched(pose)?;
        self.segment = segment;
        let corridors = self.corridors(situation, pose, (speed, acceleration), segment, lane);
        let mut best: Option<Candidate> = None;
        let mut plain = String::new();
        for corridor in &corridors {
            self.propose(corridor, situation, &mut best, &mut plain);
        }
        let best = best.ok_or("no axis could be laid along the route: the map's lanes here are too short")?;
        self.previous_offset = best.offset;
        self.previous_lane = Some(best.lane);
        let points: Vec<Planned> = best
            .states
            .iter()
            .map(|state| Planned {
                pose: best.path.pose_at(state.s),
                speed: state.speed,
                acceleration: state.acceleration,
                curvature: Axis::at(&best.path.curvature, state.s),
            })
            .collect();
        self.previous = Some((situation.now_s, points.clone()));
        let verdicts = format!("plain: {plain}; chosen: {}", best.verdict);
        Ok(Plan { points, safe: best.cost < REFUSED, reason: best.reason, verdicts })
    }

    /// Where the plan begins: on the previous plan while the car is near it, else at the car.
    fn start(&self, situation: &Situation) -> (Pose2<Map>, f64, f64) {
        let measured = (situation.pose, situation.speed.max(0.0), 0.0);
        let Some((then, points)) = &self.previous else { return measured };
        let age = situation.now_s - then;
        if !(0.0..0.6).contains(&age) {
            return measured;
        }
        let square = |p: &Planned| p.pose.position.distance(situation.pose.position);
        let Some(near) = points.iter().min_by(|a, b| square(a).total_cmp(&square(b))) else { return measured };
        let off: Pose2<BaseLink> = near.pose.relative(situation.pose);
        let pose = if off.position.y.abs() < 0.5 && off.yaw.abs() < 0.2 && off.position.x.abs() < 2.0 {
            Pose2 { position: near.pose.position + near.pose.forward() * off.position.x, yaw: near.pose.yaw }
        } else {
            situation.pose
        };
        let i = ((age / DT).round() as usize).min(points.len() - 1);
        if (points[i].speed - situation.speed).abs() < 0.9 {
            (pose, points[i].speed, points[i].acceleration)
        } else {
            (pose, situation.speed.max(0.0), points[i].acceleration.clamp(-4.0, 0.5))
        }
    }

    /// The lane of the route that the car is on.
    fn matched(&self, pose: Pose2<Map>) -> Result<(usize, LaneId), String> {
        let from = self.segment.saturating_sub(2);
        let mut best: Option<(f64, usize, LaneId)> = None;
        for window in [8, usize::MAX] {
            for (i, (_, lanes)) in
                self.route.segments.iter().enumerate().skip(if window == 8 { from } else { 0 }).take(window)
            {
                for id in lanes {
                    let Some(lane) = self.map.lane(*id) else { continue };
                    let at = lane.position_of(pose.position);
                    let off = angle_difference(at.heading, pose.yaw).abs();
                    let cost = at.distance + 2.0 * off + if Some(*id) == self.previous_lane { -0.3 } else { 0.0 };
                    if at.distance < 6.0 && off < 1.3 && best.is_none_or(|(least, ..)| cost < least - 1e-6) {
                        best = Some((cost, i, *id));
                    }
                }
            }
            if best.is_some() {
                break;
            }
        }
        best.map(|(_, i, id)| (i, id)).ok_or_else(|| {
            format!("the car at {:?} is off the route: expected it within 6 m of one of its lanes", pose.position)
        })
    }

    fn corridors(
        &mut self,
        situation: &Situation,
        pose: Pose2<Map>,
        motion: (f64, f64),
        segment: usize,
        lane: LaneId,
    ) -> Vec<Corridor> {
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
        let patience = self.standing_since.is_some_and(|since| situation.now_s - since > 8.0);
        let places = places(&map, &situation.users);
        let mut corridors = Vec::new();
        for (id, changes_lane) in lanes {
            let Some(target) = map.lane(id) else { continue };
            let at = target.position_of(pose.position);
            let index = self.route.index_of(id, segment).unwrap_or(segment);
            let Some(axis) = Axis::build(&map, &self.route, index, (id, at.s), patience) else { continue };
            let (s, d) = axis.project(pose.position);
            let (i, _) = axis.between(s);
            let slope = angle_difference(pose.yaw, axis.poses[i].yaw).clamp(-0.7, 0.7).tan();
            let start = State { s, speed: motion.0, acceleration: motion.1 };
            let scene = Scene {
                map: &map,
                users: &situation.users,
                lights: &situation.lights,
                now_s: situation.now_s,
                front_m: self.vehicle.front_m(),
                length_m: self.vehicle.length_m(),
            };
            let mut memory = std::mem::take(&mut self.memory);
            let demands = if changes_lane {
                demands(&scene, &axis, start, &mut memory.clone(), &self.parameters)
            } else {
                demands(&scene, &axis, start, &mut memory, &self.parameters)
            };
            self.memory = memory;
            let gives =
                give_ways(&map, &axis, s + self.vehicle.front_m(), &situation.users, &places, &situation.lights);
            let relations = relate(&axis, &situation.users);
            let mut cost = if changes_lane { 4.0 } else { 0.0 };
            if axis.end == AxisEnd::RouteLost {
                cost += 30.0 * (1.0 - (axis.end_s - s) / 150.0).max(0.0);
            }
            if changes_lane && self.previous_lane == Some(id) {
                cost -= 3.5;
            }
            corridors.push(Corridor {
                axis,
                lane: id,
                changes_lane,
                start,
                lateral: (d, slope),
                demands,
                gives,
                relations,
                cost,
            });
        }
        corridors
    }

    /// Offsets worth trying on a corridor, with where to return from.
    fn shapes(&self, corridor: &Corridor, situation: &Situation) -> Vec<(f64, f64, Option<f64>)> {
        let s = corridor.start.s;
        let default_return = s + 35.0;
        let mut shapes = vec![(0.0, default_return, None)];
        if corridor.changes_lane {
            return shapes;
        }
        shapes.extend([0.3, -0.3, 0.6, -0.6].map(|d| (d, default_return, None)));
        let half = self.vehicle.width_m / 2.0;
        let front = s + self.vehicle.front_m();
        let mut blockers: Vec<_> = corridor
            .relations
            .iter()
            .zip(&situation.users)
            .filter(|(r, user)| {
                let patience = if r.now.d.abs() > 0.7 { 0.8 } else { 4.0 };
                let queue = corridor.demands.lines.iter().any(|l| *l > r.now.s - 3.0 && *l < r.now.s + 40.0);
                user.speed() < 0.4
                    && user.standing_s > if queue && r.now.d.abs() < 0.9 { 45.0 } else { patience }
                    && r.now.s + r.now.half_s > s
                    && r.now.s < front + 45.0
                    && r.now.d.abs() < r.now.half_d + half + 0.5
            })
            .map(|(r, _)| r.now)
            .collect();
        blockers.sort_by(|a, b| a.s.total_cmp(&b.s));
        if let Some(first) = blockers.first().copied() {
            let group: Vec<_> = blockers.iter().take_while(|b| b.s < first.s + 18.0).collect();
            let last = group.iter().fold(0.0f64, |m, b| m.max(b.s + b.half_s));
            let left = group.iter().fold(f64::NEG_INFINITY, |m, b| m.max(b.d + b.half_d));
            let right = group.iter().fold(f64::INFINITY, |m, b| m.min(b.d - b.half_d));
            let reach = Some(first.s - first.half_s - front - 0.5);
            let back = last + self.vehicle.rear_overhang_m + 1.5;
            for clear in [0.45, 0.8] {
                shapes.push((left + half + clear, back, reach));
                shapes.push((right - half - clear, back, reach));
            }
        }
        shapes
    }

    fn propose(&self, corridor: &Corridor, situation: &Situation, best: &mut Option<Candidate>, plain: &mut String) {
        let p = &self.parameters;
        let front_m = self.vehicle.front_m();
        let start = corridor.start;
        for (offset, return_from, reach) in self.shapes(corridor, situation) {
            if offset.abs() > 5.0 {
                continue;
            }
            let change = (offset - corridor.lateral.0).abs();
            let least = (5.8 * change / 0.13).sqrt().max(4.0);
            let wish = (start.speed * (1.5 + 0.6 * change)).max(least);
            let blend = reach.map_or(wish, |reach| wish.min(reach + front_m)).max(least);
            let shape = Shape { from: (start.s, corridor.lateral.0, corridor.lateral.1), offset, blend, return_from };
            let path = ProposalPath::lay(&corridor.axis, shape);
            let allowed = allowed_speed(&corridor.axis, &path, &self.caps(corridor, situation), p);
            let leaders = self.leaders(corridor, &path, situation);
            let demanded: Vec<f64> = corridor.demands.stops.iter().map(|(s, _)| *s).collect();
            let mut policies: Vec<Policy> = [1.0, 0.7, 0.4]
                .map(|speed_factor| Policy { speed_factor, stops: demanded.clone(), brake: None })
                .into();
            if let Some(first) = corridor.gives.iter().map(|g| g.from).min_by(f64::total_cmp) {
                let line = corridor.demands.lines.iter().copied().filter(|l| *l <= first && *l > first - 12.0);
                let line = line.filter(|l| *l > start.s + front_m - 0.5).fold(first - 1.0, f64::min);
                policies.push(Policy { speed_factor: 1.0, stops: with(&demanded, line), brake: None });
            }
            if offset == 0.0 || offset == self.previous_offset {
                policies.push(Policy { speed_factor: 1.0, stops: Vec::new(), brake: Some(3.0) });
                policies.push(Policy {
                    speed_factor: 1.0,
                    stops: Vec::new(),
                    brake: Some(self.vehicle.max_deceleration_mps2 * 0.95),
                });
            }
            if situation.blind {
                policies = vec![Policy { speed_factor: 1.0, stops: demanded.clone(), brake: Some(2.5) }];
            }
            let mut next = 0;
            while next < policies.len() {
                let policy = policies[next].clone();
                let states = simulate(start, &allowed, &leaders, &policy, front_m, 6.0, p);
                let touch = contact(&states, &path, &situation.users, corridor.changes_lane, &self.vehicle, p);
                if next == 0 && touch.probability > 0.05 {
                    let stop = (touch.first_at + front_m - 2.0).max(start.s + front_m + 0.2);
                    policies.push(Policy { speed_factor: 1.0, stops: with(&demanded, stop), brake: None });
                }
                let mut cost = corridor.cost
                    + comfort_cost(&states, &path, &allowed)
                    + bounds_cost(&corridor.axis, &path, &states, &self.vehicle)
                    + 5.0 * touch.nearness
                    + 1.0 * offset.abs()
                    + 3.0 * (offset - self.previous_offset).abs()
                    + if policy.brake.is_some() { 1.0 } else { 0.0 };
                if touch.probability > p.accepted_collision_probability {
                    let at = states[((touch.first_s / DT) as usize).min(states.len() - 1)].speed;
                    cost += REFUSED * 5.0 * touch.probability * (0.5 + at / 20.0);
                } else {
                    cost += 40.0 * touch.probability;
                }
                let takes = takes_way(&corridor.gives, &states, front_m, self.vehicle.rear_overhang_m);
                if takes {
                    cost += REFUSED;
                }
                let reached = states[states.len() - 1].s + front_m;
                if corridor.demands.forbidden.iter().any(|line| *line > start.s + front_m && reached > *line + 0.1) {
                    cost += 2.0 * REFUSED;
                }
                let meets = self.meets_oncoming(corridor, &path, &states, situation);
                if meets {
                    cost += REFUSED;
                }
                let verdict = || {
                    let Policy { speed_factor, brake, .. } = &policy;
                    let stop = policy.stops.iter().fold(f64::INFINITY, |a, b| a.min(*b)) - start.s - front_m;
                    format!(
                        "cost {cost:.1} lane {} offset {offset:.2} speed {speed_factor} brake {brake:?} stop {stop:.1} \
                         touch {:.2} in {:.1} s of {:x} near {:.2}{}{}",
                        corridor.lane.0,
                        touch.probability,
                        touch.first_s,
                        touch.who,
                        touch.nearness,
                        if takes { " takes way" } else { "" },
                        if meets { " meets oncoming" } else { "" },
                    )
                };
                if plain.is_empty() {
                    *plain = verdict();
                }
                if best.as_ref().is_none_or(|b| cost < b.cost - 1e-9) {
                    let last = states[states.len() - 1];
                    let reason = corridor
                        .demands
                        .stops
                        .iter()
                        .filter(|_| last.speed < 0.5)
                        .min_by(|a, b| a.0.total_cmp(&b.0))
                        .map_or("", |(_, why)| why);
                    *best = Some(Candidate {
                        cost,
                        states,
                        path: path.clone(),
                        offset,
                        lane: corridor.lane,
                        reason: reason.into(),
                        verdict: verdict(),
                    });
                }
                next += 1;
            }
        }
    }

    /// Speed caps of the rules, where people may step out, and where others may come out of hiding.
    fn caps(&self, corridor: &Corridor, situation: &Situation) -> Vec<(f64, f64, f64)> {
        let mut caps = corridor.demands.caps.clone();
        for give in &corridor.gives {
            caps.push((give.from - 6.0, give.from, 6.5));
        }
        for (relation, user) in corridor.relations.iter().zip(&situation.users) {
            let now = relation.now;
            let gap = now.d.abs() - now.half_d - self.vehicle.width_m / 2.0;
            if user.is_person() && gap < 2.5 && gap > -1.0 && now.s > corridor.start.s {
                caps.push((now.s - 4.0, now.s + 1.0, 5.0 + 3.0 * gap.max(0.0)));
            } else if user.speed() < 0.4 && gap < 1.2 && now.s > corridor.start.s {
                caps.push((now.s - now.half_s - 3.0, now.s + now.half_s, 7.0 + 3.0 * gap.max(0.0)));
            }
        }
        caps
    }

    fn leaders(&self, corridor: &Corridor, path: &ProposalPath, situation: &Situation) -> Leaders {
        let mut leaders: Leaders = vec![Vec::new(); SAMPLES];
        let half = self.vehicle.width_m / 2.0;
        for (relation, user) in corridor.relations.iter().zip(&situation.users) {
            if relation.now.s < corridor.start.s + self.vehicle.front_m() * 0.5
                || relation.now.s > corridor.axis.length()
            {
                continue;
            }
            let margin = if user.is_person() { 0.5 } else { 0.25 };
            for (probability, samples) in &relation.futures {
                if *probability < 0.15 {
                    continue;
                }
                for k in 0..SAMPLES {
                    let at = samples[k];
                    let rear = at.s - at.half_s;
                    let d = at.d - Axis::at(&path.offsets, rear.max(corridor.start.s));
                    if d.abs() < at.half_d + half + margin {
                        let (a, b) = (samples[k.saturating_sub(1)], samples[(k + 1).min(SAMPLES - 1)]);
                        let steps = (k + 1).min(SAMPLES - 1) - k.saturating_sub(1);
                        let speed = (b.s - a.s) / (steps as f64 * SAMPLE_S);
                        leaders[k].push((rear, speed.clamp(-20.0, 40.0)));
                    }
                }
            }
        }
        leaders
    }

    /// Whether someone comes towards the car on the lane that it borrows before it is back.
    fn meets_oncoming(
        &self,
        corridor: &Corridor,
        path: &ProposalPath,
        states: &[State],
        situation: &Situation,
    ) -> bool {
        let half = self.vehicle.width_m / 2.0;
        let s0 = corridor.start.s;
        if path.shape.offset + half < Axis::at(&corridor.axis.left, s0) + 0.2 || states[states.len() - 1].s < s0 + 0.5 {
            return false;
        }
        let back = path.shape.return_from + 8.0;
        let end = states[states.len() - 1];
        let time = states
            .iter()
            .position(|state| state.s > back)
            .map_or_else(|| states.len() as f64 * DT + (back - end.s).max(0.0) / end.speed.max(3.0), |i| i as f64 * DT);
        corridor.relations.iter().zip(&situation.users).any(|(relation, user)| {
            let (i, _) = corridor.axis.between(relation.now.s);
            let along = user.velocity.dot(corridor.axis.poses[i].forward());
            along < -1.0
                && relation.now.s > s0
                && relation.now.d > 0.5
                && relation.now.d < 6.0
                && relation.now.s + along * time < back + 5.0
        })
    }
}

fn with(stops: &[f64], stop: f64) -> Vec<f64> {
    stops.iter().copied().chain([stop]).collect()
}
