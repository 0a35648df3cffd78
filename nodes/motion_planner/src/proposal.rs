//! Proposals on one corridor: laid, simulated, scored.

use geometry::angle_difference;

use crate::corridor::{Corridor, outline_on};
use crate::forward_simulation::{DT, Policy, State, allowed_speed, simulate};
use crate::planner::{Planner, Situation};
use crate::proposal_path::{ProposalPath, Shape};
use crate::reference_path::{Axis, STEP, Span};
use crate::right_of_way::takes_way;
use crate::road_user::{Class, RoadUser};
use crate::scoring::{REFUSED, bounds_cost, comfort_cost, contact};

/// Nobody is passed in sharper curves, 1/m: one cannot see past them.
const MOST_PASSING_CURVATURE: f64 = 0.015;

/// A drive that could be chosen.
pub(crate) struct Candidate {
    pub cost: f64,
    pub states: Vec<State>,
    pub path: ProposalPath,
    pub reason: String,
    pub verdict: String,
}

/// An offset worth trying.
#[derive(Debug, Clone, Copy)]
struct Aim {
    offset: f64,
    /// Where to return from it, m on the axis.
    return_from: f64,
    /// Within which distance it must be reached, m.
    reach: Option<f64>,
    /// Whether it serves to pass someone: that is worth leaving the middle of the lane for.
    passes: bool,
}

/// From where to where a body lies along an axis and beside it, m.
#[derive(Debug, Clone, Copy)]
struct Extent {
    from: f64,
    to: f64,
    left: f64,
    right: f64,
}

impl Extent {
    fn of(axis: &Axis, user: &RoadUser, near: f64) -> Self {
        let (least, most) = (f64::INFINITY, f64::NEG_INFINITY);
        let none = Self { from: least, to: most, left: most, right: least };
        outline_on(axis, &user.footprint(user.pose), near).fold(none, |e, (s, d)| Self {
            from: e.from.min(s),
            to: e.to.max(s),
            left: e.left.max(d),
            right: e.right.min(d),
        })
    }
}

impl Planner {
    /// Offsets worth trying on a corridor.
    fn aims(&self, corridor: &Corridor, situation: &Situation) -> Vec<Aim> {
        let s = corridor.start.s;
        let nudge = |offset| Aim { offset, return_from: s + 35.0, reach: None, passes: false };
        let mut aims = vec![nudge(0.0)];
        if corridor.changes_lane {
            return aims;
        }
        aims.extend([0.3, -0.3, 0.6, -0.6].map(nudge));
        let half = self.vehicle.width_m / 2.0;
        let front = s + self.vehicle.front_m();
        let mut blockers: Vec<_> = corridor
            .relations
            .iter()
            .zip(&situation.users)
            .filter(|(r, user)| {
                let patience = if r.now.d.abs() > 0.7 { 0.8 } else { 4.0 };
                let queue = self.queues(corridor, situation, r.now.s, user);
                user.speed() < 0.4
                    && user.standing_s > if queue && r.now.d.abs() < 0.9 { 45.0 } else { patience }
                    && r.now.s + r.now.half_s > s
                    && r.now.s < front + 45.0
                    && r.now.d.abs() < r.now.half_d + half + 0.5
            })
            .map(|(r, user)| Extent::of(&corridor.axis, user, r.now.s))
            .collect();
        blockers.sort_by(|a, b| a.from.total_cmp(&b.from));
        // Boxes flicker: an offset once chosen is kept while it does.
        let kept = corridor.lateral.going_on.map(|(kept, _)| kept);
        let settle = |offset: f64| {
            let wider = |kept: &f64| (-0.12..0.3).contains(&((kept - offset) * offset.signum()));
            kept.filter(wider).unwrap_or(offset)
        };
        if let Some(first) = blockers.first().copied() {
            let group: Vec<_> = blockers.iter().take_while(|b| b.from < first.from + 16.0).collect();
            let last = group.iter().fold(0.0f64, |m, b| m.max(b.to));
            let left = group.iter().fold(f64::NEG_INFINITY, |m, b| m.max(b.left));
            let right = group.iter().fold(f64::INFINITY, |m, b| m.min(b.right));
            let reach = Some(first.from - front - 0.5);
            let back = last + self.vehicle.rear_overhang_m + 1.5;
            for clear in [0.35, 0.45, 0.8] {
                for offset in [left + half + clear, right - half - clear] {
                    aims.push(Aim { offset: settle(offset), return_from: back, reach, passes: true });
                }
            }
        }
        for (offset, back) in self.passes(corridor, situation) {
            aims.push(Aim { offset: settle(offset), return_from: back, reach: None, passes: true });
        }
        aims
    }

    /// Offsets at which a slow cyclist can be passed on the left, with where one is past it.
    fn passes(&self, corridor: &Corridor, situation: &Situation) -> Vec<(f64, f64)> {
        let s = corridor.start.s;
        let slow = corridor.relations.iter().zip(&situation.users).filter(|(r, user)| {
            let (i, _) = corridor.axis.between(r.now.s);
            let along = user.velocity.dot(corridor.axis.poses[i].forward());
            user.class == Class::Cyclist
                && (1.0..6.5).contains(&along)
                && r.now.d < 0.0
                && r.now.d.abs() < r.now.half_d + self.vehicle.width_m / 2.0 + 1.0
                && r.now.s + r.now.half_s > s - self.vehicle.rear_overhang_m
                && r.now.s < s + 30.0
        });
        let Some((r, user)) = slow.min_by(|(a, _), (b, _)| a.now.s.total_cmp(&b.now.s)) else { return Vec::new() };
        let gain = r.now.s + r.now.half_s + self.vehicle.rear_overhang_m + 2.0 - s;
        let pace = Axis::at(&corridor.axis.limit_mps, s).min(corridor.start.speed.max(7.0));
        let time = gain / (pace - user.speed()).max(0.5);
        let back = s + pace * time;
        let (from, to) = (corridor.axis.between(s).0, corridor.axis.between(back).0);
        let straight = (from..to.max(from)).all(|i| {
            let turn = angle_difference(corridor.axis.poses[i + 1].yaw, corridor.axis.poses[i].yaw);
            turn.abs() < STEP * MOST_PASSING_CURVATURE
        });
        let crossing = |span: &Span| {
            span.to > s && span.from < back && self.map.lane(span.lane).is_some_and(|lane| lane.junction.is_some())
        };
        let lines = corridor.demands.lines.iter().any(|line| *line > s && *line < back + 5.0);
        if time > 9.0 || !straight || lines || corridor.axis.spans.iter().any(crossing) {
            return Vec::new();
        }
        [0.7, 1.0].map(|clear| (r.now.d + r.now.half_d + self.vehicle.width_m / 2.0 + clear, back)).to_vec()
    }

    /// Whether who stands at an arc length may be waiting: for a line, a junction, or someone ahead of it.
    pub fn queues(&self, corridor: &Corridor, situation: &Situation, s: f64, user: &RoadUser) -> bool {
        let (i, _) = corridor.axis.between(s);
        if angle_difference(user.pose.yaw, corridor.axis.poses[i].yaw).abs() > 0.5 {
            // Across the lane or against it nobody waits in the car's own queue.
            return false;
        }
        let ahead = |from: f64| from > s - 3.0 && from < s + 40.0;
        let junction = |span: &Span| self.map.lane(span.lane).is_some_and(|lane| lane.junction.is_some());
        corridor.demands.lines.iter().any(|line| ahead(*line))
            || corridor.axis.spans.iter().any(|span| ahead(span.from) && junction(span))
            || corridor.relations.iter().zip(&situation.users).any(|(r, user)| {
                r.now.s > s + 2.0
                    && r.now.s < s + 16.0
                    && r.now.d.abs() < 1.2
                    && !user.is_person()
                    && user.speed() < 2.0
            })
    }

    /// The best drive on a corridor, and what the plain one along its centre line costs.
    pub fn propose(&self, corridor: &Corridor, situation: &Situation) -> Option<(Candidate, String)> {
        let mut best: Option<Candidate> = None;
        let mut plain = String::new();
        let previous_offset = corridor.lateral.going_on.map_or(0.0, |(offset, _)| offset);
        let stood = self.stood(situation);
        let p = &self.parameters;
        let front_m = self.vehicle.front_m();
        let start = corridor.start;
        for Aim { offset, return_from, reach, passes } in self.aims(corridor, situation) {
            if offset.abs() > 5.0 {
                continue;
            }
            let change = (offset - corridor.lateral.from[0]).abs();
            // From a standstill close behind something the wheels may be turned far.
            let sharpest = if reach.is_some() && start.speed < 3.0 { 0.2 } else { 0.13 };
            let least = (5.8 * change / sharpest).sqrt().max(4.0);
            let wish = (start.speed * (1.5 + 0.6 * change)).max(least);
            let blend = reach.map_or(wish, |reach| wish.min(reach + front_m)).max(least);
            let blend = match corridor.lateral.going_on {
                Some((same, left)) if same == offset => left.max(4.0),
                _ => blend,
            };
            let shape = Shape { from_s: start.s, from: corridor.lateral.from, offset, blend, return_from };
            let path = ProposalPath::lay(&corridor.axis, shape);
            let allowed = allowed_speed(&corridor.axis, &path, &self.caps(corridor, &path, situation), p);
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
            if offset == 0.0 || offset == previous_offset {
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
                    + comfort_cost(&states, &path, Axis::at(&corridor.axis.limit_mps, start.s))
                    + if passes { 2.0 } else { 6.0 } * bounds_cost(&corridor.axis, &path, &states, &self.vehicle)
                    + 7.0 * touch.nearness
                    + if passes { 0.5 } else { 2.0 } * offset.abs()
                    + if offset == 0.0 || passes { 0.5 } else { 3.0 } * (offset - previous_offset).abs()
                    + if policy.brake.is_some() { 1.0 } else { 0.0 };
                if touch.probability > p.accepted_collision_probability {
                    let at = states[((touch.first_s / DT) as usize).min(states.len() - 1)].speed;
                    cost += REFUSED * 5.0 * touch.probability * (0.5 + at / 20.0);
                } else {
                    cost += 40.0 * touch.probability;
                }
                if states[states.len() - 1].s < start.s + 2.0 {
                    cost += (stood - 2.0).clamp(0.0, 10.0);
                }
                let takes = takes_way(&corridor.gives, &states, front_m, self.vehicle.rear_overhang_m, stood);
                if takes.is_some() {
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
                    let leader = leaders.iter().flatten().min_by(|a, b| a.rear.total_cmp(&b.rear));
                    let leader = leader.map_or_else(String::new, |l| {
                        format!(" behind {:04x} by {:.1} m", l.who & 0xffff, l.rear - start.s - front_m)
                    });
                    format!(
                        "cost {cost:.1} lane {} offset {offset:.2} speed {speed_factor} brake {brake:?} stop {stop:.1} \
                         touch {:.2} in {:.1} s of {:04x} near {:.2}{leader}{}{}",
                        corridor.lane.0,
                        touch.probability,
                        touch.first_s,
                        touch.who & 0xffff,
                        touch.nearness,
                        takes.map_or_else(String::new, |at| format!(
                            " takes the way of {:04x}, there from {:.1} to {:.1} s",
                            at.who & 0xffff,
                            at.first,
                            at.last
                        )),
                        if meets { " meets oncoming" } else { "" },
                    )
                };
                if plain.is_empty() {
                    plain = verdict();
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
                    best =
                        Some(Candidate { cost, states, path: path.clone(), reason: reason.into(), verdict: verdict() });
                }
                next += 1;
            }
        }
        best.map(|best| (best, plain))
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
