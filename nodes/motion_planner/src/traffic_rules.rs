//! Where the rules stop the car: lights, stop signs, crosswalks, junctions without room behind, the end of the way.

use std::collections::{BTreeMap, BTreeSet};

use road_map::{LaneGraph, SignalGroupId, StopReason};

use crate::departures::Departures;
use crate::forward_simulation::State;
use crate::light_view::{LightViews, LineKey, key};
use crate::parameters::Parameters;
use crate::reference_path::{Axis, AxisEnd};
use crate::road_user::{Class, RoadUser, distance_to_polygon};

/// What a light shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Light {
    Red,
    Amber,
    Green,
    Unknown,
}

/// So far beyond the place where the car waits in view of a light it still waits there, m.
const PAST_VIEW_M: f64 = 1.0;
/// From so far before that place on a light that was green a moment ago may have left the camera's view, m.
const BEFORE_VIEW_M: f64 = 1.5;
/// No amber is shorter: what was green so long ago is not red yet, s.
const SHORTEST_AMBER_S: f64 = 3.0;
/// So long after somebody set off over a line its light is still green, s: no green is shorter than five.
const AFTER_DEPARTURE_S: f64 = 2.0;

/// What the rules remember from one cycle to the next.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleMemory {
    /// Amber lights that the car decided to pass.
    committed: BTreeSet<LineKey>,
    /// When lights were last known to be green, s; those that have since been read otherwise are not among them.
    green: BTreeMap<LineKey, f64>,
    /// Stop signs that the car has stopped at.
    served: BTreeSet<LineKey>,
    /// Since when the car stands at a stop line, s.
    standing: BTreeMap<LineKey, f64>,
}

impl RuleMemory {
    /// What a light shows. One that the car, where it waits for it or beyond, cannot see goes by when it was last known to
    /// be green.
    fn shown(&mut self, key: LineKey, read: Light, may_be_unseen: bool, departed_s: Option<f64>, now_s: f64) -> Light {
        match read {
            Light::Green => {
                self.green.insert(key, now_s);
            }
            Light::Red | Light::Amber => {
                self.green.remove(&key);
            }
            Light::Unknown if !may_be_unseen => {}
            Light::Unknown => {
                if departed_s.is_some_and(|at| now_s - at <= AFTER_DEPARTURE_S) {
                    self.green.insert(key, now_s);
                }
                if self.green.get(&key).is_some_and(|at| now_s - at <= SHORTEST_AMBER_S) {
                    return Light::Green;
                }
            }
        }
        read
    }
}

/// What the rules ask on one axis.
#[derive(Debug, Clone, Default)]
pub(crate) struct Demands {
    /// Front bumper must stop before these, m on the axis, with the reason.
    pub stops: Vec<(f64, &'static str)>,
    /// Speed caps: from, to (m on the axis), speed.
    pub caps: Vec<(f64, f64, f64)>,
    /// Lines that must not be crossed in any proposal that can still stop.
    pub forbidden: Vec<f64>,
    /// All lines ahead, m on the axis: a yielding car stops at one of them.
    pub lines: Vec<f64>,
    /// Where the car would stand in no light's view: from where it waits for a light to the light's line, m on the axis.
    unseen: Vec<(f64, f64)>,
}

/// What the rules look at.
pub(crate) struct Scene<'a> {
    pub map: &'a LaneGraph,
    pub users: &'a [RoadUser],
    pub lights: &'a BTreeMap<SignalGroupId, Light>,
    pub views: &'a LightViews,
    pub departures: &'a Departures,
    pub now_s: f64,
    pub front_m: f64,
    pub length_m: f64,
}

/// Collects what the rules ask.
pub(crate) fn demands(scene: &Scene<'_>, axis: &Axis, ego: State, memory: &mut RuleMemory, p: &Parameters) -> Demands {
    let mut out = Demands::default();
    let front = ego.s + scene.front_m;
    for span in &axis.spans {
        let Some(lane) = scene.map.lane(span.lane) else { continue };
        for line in &lane.stop_lines {
            let s = span.from + line.s - span.lane_from;
            let key = key(lane, line);
            if s < span.from - 0.5 || s > axis.end_s || s < front - 1.0 {
                memory.committed.remove(&key);
                memory.served.remove(&key);
                memory.green.remove(&key);
                continue;
            }
            let at_line = s - p.stop_line_margin_m;
            // Where a light is waited for, in its view; who has passed that place goes on to the line.
            let in_view = at_line - scene.views.setback(key);
            let stop = if front < in_view + PAST_VIEW_M { in_view } else { at_line };
            // Whether one can still stop is a matter of the line itself, not of the margin before it.
            let needed = ego.speed * ego.speed / (2.0 * (s - 0.2 - front).max(0.01));
            let passed_view = stop > in_view;
            if !passed_view && in_view < at_line {
                out.unseen.push((in_view, s));
            }
            // Beyond the view one gives way behind the line, or would not know when to go on.
            if !passed_view {
                out.lines.push(stop);
            }
            match line.reason {
                StopReason::Signal(group) => {
                    let read = scene.lights.get(&group).copied().unwrap_or(Light::Unknown);
                    let may_be_unseen = front > in_view - BEFORE_VIEW_M;
                    let departed_s = scene.departures.last_s(group);
                    let light = memory.shown(key, read, may_be_unseen, departed_s, scene.now_s);
                    let pass = match light {
                        Light::Green => true,
                        Light::Amber => needed > if memory.committed.contains(&key) { 2.4 } else { 3.2 },
                        Light::Red | Light::Unknown => {
                            ego.speed > 1.0 && ((memory.committed.contains(&key) && needed > 3.2) || needed > 7.0)
                        }
                    };
                    if pass && light != Light::Green {
                        memory.committed.insert(key);
                    } else {
                        memory.committed.remove(&key);
                    }
                    if !pass && s > front - 0.6 {
                        out.stops.push((stop, "light"));
                        out.forbidden.push(s);
                    }
                }
                StopReason::StopSign => {
                    if ego.speed < 0.15 && stop - front < 2.0 {
                        let since = *memory.standing.entry(key).or_insert(scene.now_s);
                        if scene.now_s - since >= 1.0 {
                            memory.served.insert(key);
                            memory.standing.remove(&key);
                        }
                    }
                    if !memory.served.contains(&key) {
                        out.stops.push((stop, "stop sign"));
                        out.forbidden.push(s);
                    }
                }
                StopReason::Yield => out.caps.push((s - 3.0, s + 2.0, 5.0)),
                StopReason::Crosswalk(_) => {}
            }
        }
    }
    crosswalks(scene, axis, ego, &mut out);
    room_behind_junctions(scene, axis, ego, p.standstill_gap_m, &mut out);
    match axis.end {
        AxisEnd::Goal => out.stops.push((axis.end_s + scene.front_m, "goal")),
        AxisEnd::RouteLost => out.stops.push((axis.end_s - 2.0, "lane change")),
        AxisEnd::Horizon => {}
    }
    out
}

fn crosswalks(scene: &Scene<'_>, axis: &Axis, ego: State, out: &mut Demands) {
    let front = ego.s + scene.front_m;
    for crosswalk in &scene.map.crosswalks {
        let stretch = crosswalk.lanes.iter().find_map(|(lane, from, to)| {
            let span = axis.spans.iter().find(|span| span.lane == *lane)?;
            Some((span.from + from - span.lane_from, span.from + to - span.lane_from))
        });
        let Some((from, to)) = stretch.map(|(a, b)| (a.min(b), a.max(b))) else { continue };
        if from < front - 0.5 || from > front + 80.0 {
            continue;
        }
        if crosswalk.signal.is_none() {
            out.caps.push((from - 4.0, to, 8.0));
        }
        let claimed = scene.users.iter().filter(|u| u.class == Class::Pedestrian).any(|user| {
            let distance = distance_to_polygon(user.pose.position, &crosswalk.outline);
            let ahead = user.pose.position + user.velocity * 2.5;
            let (_, d) = axis.project(user.pose.position);
            let (_, d_ahead) = axis.project(ahead);
            let leaving = d_ahead.abs() > d.abs() && d.abs() > 2.2;
            let enters = distance_to_polygon(ahead, &crosswalk.outline) <= 0.3
                || distance_to_polygon(user.pose.position + user.velocity, &crosswalk.outline) <= 0.3;
            !leaving && (distance <= 0.3 || (distance < 4.0 && enters && user.speed() > 0.3)) && d.abs() < 12.0
        });
        let line = out.lines.iter().copied().filter(|l| *l <= from && *l > from - 8.0).fold(from - 1.0, f64::min);
        let stop = line.max(if from - 1.0 - front > 0.5 { front + 0.2 } else { line });
        let needed = ego.speed * ego.speed / (2.0 * (stop - front).max(0.01));
        if claimed && needed < 6.0 {
            out.stops.push((stop, "crosswalk"));
        }
    }
}

/// A junction is entered only where there is room behind it, and so is the way from where a light is seen to its line.
fn room_behind_junctions(scene: &Scene<'_>, axis: &Axis, ego: State, gap_m: f64, out: &mut Demands) {
    let front = ego.s + scene.front_m;
    let tail = scene
        .users
        .iter()
        .filter(|user| user.speed() < 1.5 && user.standing_s < 40.0)
        .filter_map(|user| {
            let (s, d) = axis.project(user.pose.position);
            (d.abs() < 1.3 && s - user.length / 2.0 > front).then_some(s - user.length / 2.0)
        })
        .fold(f64::INFINITY, f64::min);
    if let Some((from, _)) = out.unseen.iter().find(|(from, to)| (*from..*to).contains(&(tail - gap_m))) {
        out.stops.push((*from, "no room before the light's line"));
    }
    for span in &axis.spans {
        let crossing = scene.map.lane(span.lane).is_some_and(|l| l.junction.is_some() && !l.conflicts.is_empty());
        if crossing && span.from > front && tail > span.from && tail < span.to + scene.length_m + 2.0 {
            let line = out.lines.iter().copied().filter(|l| *l <= span.from && *l > span.from - 10.0);
            out.stops.push((line.fold(span.from - 1.0, f64::min), "no room behind the junction"));
            break;
        }
    }
}
