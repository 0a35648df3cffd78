//! Proposals on one corridor: laid, simulated, scored.

use geometry::angle_difference;

use crate::corridor::{Corridor, outline_on};
use crate::forward_simulation::{Policy, allowed_speed, simulate};
use crate::laid::Laid;
use crate::planner::{Planner, Situation};
use crate::proposal_path::{ProposalPath, Shape, shortest_blend};
use crate::reference_path::{Axis, STEP, Span};
use crate::road_user::{Class, RoadUser};
use crate::scoring::REFUSED;
use crate::trial::{Candidate, Trial};

/// Nobody is passed in sharper curves, 1/m: one cannot see past them.
const MOST_PASSING_CURVATURE: f64 = 0.015;

/// A learned proposal this near to the offset of a pass is one, m.
const SAME_PASS_M: f64 = 0.6;

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

    /// The best drive on a corridor, and what the plain one along its centre line costs. `learned` are what the network
    /// proposes for it.
    pub fn propose(&self, corridor: &Corridor, situation: &Situation, learned: &[Laid]) -> Option<(Candidate, String)> {
        let mut best: Option<Candidate> = None;
        let mut plain = String::new();
        let previous_offset = corridor.lateral.going_on.map_or(0.0, |(offset, _)| offset);
        let stood = self.stood(situation);
        let p = &self.parameters;
        let front_m = self.vehicle.front_m();
        let start = corridor.start;
        let aims = self.aims(corridor, situation);
        for Aim { offset, return_from, reach, passes } in aims.iter().copied() {
            if offset.abs() > 5.0 {
                continue;
            }
            let change = (offset - corridor.lateral.from[0]).abs();
            // From a standstill close behind something the wheels may be turned far.
            let sharpest = if reach.is_some() && start.speed < 3.0 { 0.2 } else { 0.13 };
            let least = shortest_blend(change, sharpest);
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
                .map(|speed_factor| Policy { speed_factor, stops: demanded.clone(), brake: None, track: None })
                .into();
            if let Some(first) = corridor.gives.iter().map(|g| g.from).min_by(f64::total_cmp) {
                let line = corridor.demands.lines.iter().copied().filter(|l| *l <= first && *l > first - 12.0);
                let line = line.filter(|l| *l > start.s + front_m - 0.5).fold(first - 1.0, f64::min);
                policies.push(Policy::stopping(with(&demanded, line)));
            }
            if offset == 0.0 || offset == previous_offset {
                policies.push(Policy::braking(3.0));
                policies.push(Policy::braking(self.vehicle.max_deceleration_mps2 * 0.95));
            }
            if situation.blind {
                policies = vec![Policy { brake: Some(2.5), ..Policy::stopping(demanded.clone()) }];
            }
            let trial = Trial { corridor, situation, path: &path, leaders: &leaders, passes, previous_offset, stood };
            let mut next = 0;
            while next < policies.len() {
                let policy = policies[next].clone();
                let states = simulate(start, &allowed, &leaders, &policy, front_m, 6.0, p);
                let weighed = self.weigh(&trial, &policy, states);
                if next == 0 && weighed.touch.probability > 0.05 {
                    let stop = (weighed.touch.first_at + front_m - 2.0).max(start.s + front_m + 0.2);
                    policies.push(Policy::stopping(with(&demanded, stop)));
                }
                if plain.is_empty() {
                    plain = weighed.verdict(&trial, &policy);
                }
                if best.as_ref().is_none_or(|b| weighed.cost < b.cost - 1e-9) {
                    best = Some(weighed.candidate(&trial, &policy, None));
                }
                next += 1;
            }
        }
        for laid in learned {
            let path = ProposalPath::lay(&corridor.axis, laid.shape);
            let allowed = allowed_speed(&corridor.axis, &path, &self.caps(corridor, &path, situation), p);
            let leaders = self.leaders(corridor, &path, situation);
            let policy = Policy { track: Some(laid.track.clone()), ..Policy::stopping(Vec::new()) };
            let passes = aims.iter().any(|aim| aim.passes && (aim.offset - laid.shape.offset).abs() < SAME_PASS_M);
            let trial = Trial { corridor, situation, path: &path, leaders: &leaders, passes, previous_offset, stood };
            let states = simulate(start, &allowed, &leaders, &policy, front_m, 6.0, p);
            let mut weighed = self.weigh(&trial, &policy, states);
            weighed.cost += p.learned_proposal_cost;
            if self.breaks_rules(&trial, &weighed.states) {
                weighed.cost += REFUSED;
            }
            if best.as_ref().is_none_or(|b| weighed.cost < b.cost - 1e-9) {
                best = Some(weighed.candidate(&trial, &policy, Some(laid.mode)));
            }
        }
        best.map(|best| (best, plain))
    }
}

fn with(stops: &[f64], stop: f64) -> Vec<f64> {
    stops.iter().copied().chain([stop]).collect()
}
