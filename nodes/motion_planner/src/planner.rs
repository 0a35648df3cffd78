//! One planning cycle: proposals laid, simulated, scored; the best one wins.

use std::collections::BTreeMap;
use std::sync::Arc;

use geometry::{Map, Pose2, angle_difference};
use road_map::{LaneGraph, LaneId, SignalGroupId};
use vehicle::Vehicle;

use crate::corridor::Corridor;
use crate::departures::Departures;
use crate::features::Features;
use crate::forward_simulation::DT;
use crate::laid::Laid;
use crate::learner::{Learner, Opinion};
use crate::light_view::LightViews;
use crate::parameters::Parameters;
use crate::proposal_path::ProposalPath;
use crate::reference_path::{Axis, Patience, RouteLanes};
use crate::road_user::RoadUser;
use crate::scoring::REFUSED;
use crate::traffic_rules::{Light, RuleMemory};
use crate::trial::Candidate;

/// What a cycle starts from.
pub(crate) struct Situation {
    pub now_s: f64,
    pub pose: Pose2<Map>,
    pub speed: f64,
    /// rad/s.
    pub yaw_rate: f64,
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
    /// What came of the network's proposals; `None` where it was not asked.
    pub opinion: Option<Opinion>,
}

/// What is remembered between cycles.
pub(crate) struct Planner {
    pub map: Arc<LaneGraph>,
    pub vehicle: Vehicle,
    pub parameters: Parameters,
    pub route: RouteLanes,
    pub views: LightViews,
    /// The network, where there is one.
    pub learner: Option<Learner>,
    segment: usize,
    pub(crate) memory: RuleMemory,
    pub(crate) departures: Departures,
    pub(crate) previous: Option<Previous>,
    standing_since: Option<f64>,
    /// When the car last had stood for so long that it may cross a solid line, s.
    blocked_at: Option<f64>,
}

/// The plan of the last cycle.
pub(crate) struct Previous {
    time_s: f64,
    points: Vec<Planned>,
    pub axis: Axis,
    pub path: ProposalPath,
    pub lane: LaneId,
}

/// Where a plan begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub pose: Pose2<Map>,
    pub speed: f64,
    pub acceleration: f64,
    /// Arc length on the previous axis, where the car still is near the previous path: the plan goes on along it, and
    /// what the car is off is the follower's to mend.
    pub on_previous: Option<f64>,
}

impl Planner {
    pub fn new(map: Arc<LaneGraph>, vehicle: Vehicle, parameters: Parameters) -> Self {
        let views = LightViews::new(&map, vehicle.front_m(), &parameters);
        Self {
            map,
            vehicle,
            parameters,
            views,
            learner: None,
            route: RouteLanes::default(),
            segment: 0,
            memory: RuleMemory::default(),
            departures: Departures::default(),
            previous: None,
            standing_since: None,
            blocked_at: None,
        }
    }

    pub fn set_route(&mut self, route: RouteLanes) {
        self.route = route;
        self.segment = 0;
    }

    /// Plans; the error says why there can be no plan.
    pub fn plan(&mut self, situation: &Situation) -> Result<Plan, String> {
        if situation.speed > 0.3 {
            self.standing_since = None;
        } else {
            self.standing_since.get_or_insert(situation.now_s);
        }
        if self.stood(situation) > 20.0 {
            self.blocked_at = Some(situation.now_s);
        }
        let start = self.start(situation);
        let (segment, lane) = self.matched(start.pose)?;
        self.segment = segment;
        let mut corridors = self.corridors(situation, start, segment, lane);
        let (learned, mut opinion) = self.learn(&corridors, situation);
        let mut best: Option<(usize, Candidate)> = None;
        let mut plain = String::new();
        for (index, corridor) in corridors.iter().enumerate() {
            let learned = learned.get(index).map_or(&[][..], Vec::as_slice);
            if let Some((candidate, first)) = self.propose(corridor, situation, learned) {
                if index == 0 {
                    plain = first;
                }
                if best.as_ref().is_none_or(|(_, b)| candidate.cost < b.cost - 1e-9) {
                    best = Some((index, candidate));
                }
            }
        }
        let (index, best) = best.ok_or("no axis could be laid along the route: the map's lanes here are too short")?;
        let Corridor { axis, lane, .. } = corridors.swap_remove(index);
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
        self.previous = Some(Previous { time_s: situation.now_s, points: points.clone(), axis, path: best.path, lane });
        let verdicts = format!("plain: {plain}; chosen: {}", best.verdict);
        if let Some(opinion) = &mut opinion {
            opinion.chosen = best.learned;
        }
        Ok(Plan { points, safe: best.cost < REFUSED, reason: best.reason, verdicts, opinion })
    }

    /// What the network proposes, for each corridor.
    fn learn(&mut self, corridors: &[Corridor], situation: &Situation) -> (Vec<Vec<Laid>>, Option<Opinion>) {
        let (Some(own), false) = (corridors.first(), situation.blind) else { return (Vec::new(), None) };
        let Some(mut learner) = self.learner.take() else { return (Vec::new(), None) };
        let features = Features::new(self, own, situation);
        let (laid, opinion) = learner.propose(&features, situation.pose, corridors, &self.vehicle);
        self.learner = Some(learner);
        (laid, Some(opinion))
    }

    /// For how long the car has been standing, s.
    pub fn stood(&self, situation: &Situation) -> f64 {
        self.standing_since.map_or(0.0, |since| situation.now_s - since)
    }

    /// What the car may do to get on.
    pub fn patience(&self, situation: &Situation) -> Patience {
        // A pass once begun is not given up halfway.
        let crosses_solid = self.blocked_at.is_some_and(|at| situation.now_s - at < 15.0);
        Patience { leaves_route: self.stood(situation) > 8.0, crosses_solid }
    }

    /// Where the plan begins: on the previous plan while the car is near it, else at the car.
    pub(crate) fn start(&self, situation: &Situation) -> Start {
        let (pose, speed) = (situation.pose, situation.speed.max(0.0));
        let measured = Start { pose, speed, acceleration: 0.0, on_previous: None };
        let Some(previous) = &self.previous else { return measured };
        let age = situation.now_s - previous.time_s;
        if !(0.0..0.6).contains(&age) {
            return measured;
        }
        let (s, d) = previous.axis.project(pose.position);
        let off = (d - previous.path.shape.at(s)[0]).abs();
        let turn = angle_difference(pose.yaw, previous.path.pose_at(s).yaw).abs();
        let on_previous = (off < 0.5 && turn < 0.2).then_some(s);
        let i = ((age / DT).round() as usize).min(previous.points.len() - 1);
        let Planned { speed: planned, acceleration, .. } = previous.points[i];
        if (planned - speed).abs() < 0.9 {
            Start { pose, speed: planned, acceleration, on_previous }
        } else {
            Start { pose, speed, acceleration: acceleration.clamp(-4.0, 0.5), on_previous }
        }
    }

    /// The lane of the route that the car is on.
    pub(crate) fn matched(&self, pose: Pose2<Map>) -> Result<(usize, LaneId), String> {
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
                    let cost = at.distance
                        + 2.0 * off
                        + if self.previous.as_ref().is_some_and(|p| p.lane == *id) { -0.3 } else { 0.0 };
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
}
