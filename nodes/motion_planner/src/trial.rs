//! A drive that was simulated, with what speaks for and against it.

use crate::corridor::Corridor;
use crate::forward_simulation::{DT, Leaders, Policy, State};
use crate::planner::{Planner, Situation};
use crate::proposal_path::ProposalPath;
use crate::reference_path::Axis;
use crate::right_of_way::{Arrival, takes_way};
use crate::road_user::SAMPLE_S;
use crate::scoring::{Contact, REFUSED, bounds_cost, comfort_cost, contact};

/// Who is not simulated as a follower keeps this much to who is ahead, m and s.
const LEAST_GAP_M: f64 = 1.5;
const LEAST_HEADWAY_S: f64 = 0.6;

/// What a drive is judged in.
pub(crate) struct Trial<'a> {
    pub corridor: &'a Corridor,
    pub situation: &'a Situation,
    pub path: &'a ProposalPath,
    pub leaders: &'a Leaders,
    /// Whether it passes something.
    pub passes: bool,
    /// Offset that the last plan aims at, m.
    pub previous_offset: f64,
    /// For how long the car has been standing, s.
    pub stood: f64,
}

/// A simulated drive and what it costs.
pub(crate) struct Weighed {
    pub cost: f64,
    pub states: Vec<State>,
    pub touch: Contact,
    takes: Option<Arrival>,
    meets: bool,
    front_m: f64,
}

/// A drive that could be chosen.
pub(crate) struct Candidate {
    pub cost: f64,
    pub states: Vec<State>,
    pub path: ProposalPath,
    pub reason: String,
    pub verdict: String,
    /// Which of the network's trajectories it is, counted from the likeliest; `None` where it follows the lane.
    pub learned: Option<usize>,
}

impl Planner {
    /// What a drive costs: first what the rules forbid, then what one would rather have.
    pub fn weigh(&self, trial: &Trial<'_>, policy: &Policy, states: Vec<State>) -> Weighed {
        let Trial { corridor, situation, path, passes, previous_offset, stood, .. } = *trial;
        let (p, front_m) = (&self.parameters, self.vehicle.front_m());
        let (start, offset) = (corridor.start, path.shape.offset);
        let touch = contact(&states, path, &situation.users, corridor.changes_lane, &self.vehicle, p);
        let mut cost = corridor.cost
            + comfort_cost(&states, path, Axis::at(&corridor.axis.limit_mps, start.s))
            + if passes { 2.0 } else { 6.0 } * bounds_cost(&corridor.axis, path, &states, &self.vehicle)
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
        let meets = self.meets_oncoming(corridor, path, &states, situation);
        if meets {
            cost += REFUSED;
        }
        Weighed { cost, states, touch, takes, meets, front_m }
    }

    /// Whether a drive that was not simulated under the rules passes a place where they stop the car, or comes nearer to
    /// who is ahead than who follows the lane would.
    pub fn breaks_rules(&self, trial: &Trial<'_>, states: &[State]) -> bool {
        let front_m = self.vehicle.front_m();
        let from = states[0].s + front_m;
        let reached = states[states.len() - 1].s + front_m;
        let stops = &trial.corridor.demands.stops;
        // How near to the line of a light or stop sign is for `forbidden` to say.
        let held = |reason: &str| reason != "light" && reason != "stop sign";
        let passes_stop = stops.iter().any(|(s, why)| held(why) && *s > from - 0.3 && reached > *s + 0.3);
        passes_stop || follows_too_near(trial.leaders, states, front_m)
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

/// Whether the gap to someone ahead gets shorter than they leave who follow, unless it was so and does not shrink.
fn follows_too_near(leaders: &Leaders, states: &[State], front_m: f64) -> bool {
    let stride = (SAMPLE_S / DT).round() as usize;
    let gap = |k: usize, rear: f64| rear - states[k * stride].s - front_m;
    leaders.iter().enumerate().skip(1).take((states.len() - 1) / stride).any(|(k, ahead)| {
        ahead.iter().any(|leader| {
            let first = leaders[0].iter().filter(|l| l.who == leader.who).map(|l| gap(0, l.rear)).reduce(f64::min);
            let least = LEAST_GAP_M + LEAST_HEADWAY_S * states[k * stride].speed;
            let least = first.map_or(least, |first| least.min(first - 0.2));
            !(gap(k, leader.rear) >= least)
        })
    })
}

impl Weighed {
    /// What was found, for a person.
    pub fn verdict(&self, trial: &Trial<'_>, policy: &Policy) -> String {
        let (corridor, start) = (trial.corridor, trial.corridor.start);
        let stop = policy.stops.iter().fold(f64::INFINITY, |a, b| a.min(*b)) - start.s - self.front_m;
        let leader = trial.leaders.iter().flatten().min_by(|a, b| a.rear.total_cmp(&b.rear));
        let leader = leader.map_or_else(String::new, |l| {
            format!(" behind {:04x} by {:.1} m", l.who & 0xffff, l.rear - start.s - self.front_m)
        });
        let takes = self.takes.map_or_else(String::new, |at| {
            format!(" takes the way of {:04x}, there from {:.1} to {:.1} s", at.who & 0xffff, at.first, at.last)
        });
        format!(
            "cost {:.1} lane {} offset {:.2} speed {} brake {:?} stop {stop:.1} touch {:.2} in {:.1} s of {:04x} near \
             {:.2}{leader}{takes}{}",
            self.cost,
            corridor.lane.0,
            trial.path.shape.offset,
            policy.speed_factor,
            policy.brake,
            self.touch.probability,
            self.touch.first_s,
            self.touch.who & 0xffff,
            self.touch.nearness,
            if self.meets { " meets oncoming" } else { "" },
        )
    }

    /// The drive, to be held against others.
    pub fn candidate(self, trial: &Trial<'_>, policy: &Policy, learned: Option<usize>) -> Candidate {
        let last = self.states[self.states.len() - 1];
        let stops = trial.corridor.demands.stops.iter().filter(|_| last.speed < 0.5);
        let reason = stops.min_by(|a, b| a.0.total_cmp(&b.0)).map_or("", |(_, why)| why).into();
        let rank = learned.map_or_else(String::new, |mode| format!("learned {mode} "));
        let verdict = rank + &self.verdict(trial, policy);
        Candidate { cost: self.cost, states: self.states, path: trial.path.clone(), reason, verdict, learned }
    }
}
