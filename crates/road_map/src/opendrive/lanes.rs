//! Lanes of the graph from roads: geometry in driving direction, neighbours and successors.

use std::collections::BTreeMap;

use geometry::{Map, Point2, Polyline, Vector2, angle_difference};

use super::junction::Junction;
use super::road::{Contact, Link, Road, RoadLane, Section};
use super::xml::Xml;
use crate::{Boundary, Lane, LaneId, LaneKind, MapError, Turn};

/// Largest distance between a polyline and the curve it stands for, m.
const CHORD_ERROR_M: f64 = 0.001;
/// Points of a lane lie at most this far apart, m.
const MAX_STEP_M: f64 = 2.0;
/// And at least this far in the tightest curves, m.
const MIN_STEP_M: f64 = 0.1;
/// Lanes that follow each other must meet within this, m.
const JOINT_M: f64 = 1.0;
/// A junction lane that turns more than this is a turn, rad.
const TURN_RAD: f64 = 30.0 * std::f64::consts::PI / 180.0;

/// Where a lane stands in the file: road, section, lane id.
pub(super) type Key = (usize, usize, i64);

pub(super) struct Builder {
    map: String,
    pub roads: Vec<Road>,
    pub junctions: Vec<Junction>,
    road_by_id: BTreeMap<String, usize>,
    pub ids: BTreeMap<Key, LaneId>,
    pub lanes: BTreeMap<LaneId, Lane>,
}

impl Builder {
    pub fn new(root: &Xml<'_, '_>, roads: Vec<Road>, junctions: Vec<Junction>) -> Result<Self, MapError> {
        let mut builder = Self {
            map: root.map.into(),
            road_by_id: BTreeMap::new(),
            ids: BTreeMap::new(),
            lanes: BTreeMap::new(),
            roads,
            junctions,
        };
        for (index, road) in builder.roads.iter().enumerate() {
            if builder.road_by_id.insert(road.id.clone(), index).is_some() {
                return Err(builder.whole(format!("two roads have the id {}", road.id)));
            }
        }
        for road in 0..builder.roads.len() {
            for section in 0..builder.roads[road].sections.len() {
                let ids: Vec<i64> = builder.roads[road].sections[section].lanes.keys().copied().collect();
                for lane in ids {
                    builder.add_lane((road, section, lane))?;
                }
            }
        }
        Ok(builder)
    }

    fn whole(&self, reason: String) -> MapError {
        MapError::Whole { map: self.map.clone(), reason }
    }

    fn lane_error(&self, key: Key, reason: String) -> MapError {
        let (road, section) = (&self.roads[key.0], &self.roads[key.0].sections[key.1]);
        MapError::Element {
            map: self.map.clone(),
            line: section.lanes.get(&key.2).map_or(0, |l| l.line),
            element: format!("lane id=\"{}\" of road {} section {}", key.2, road.id, key.1),
            reason,
        }
    }

    pub fn road_index(&self, id: &str) -> Option<usize> {
        self.road_by_id.get(id).copied()
    }

    /// Whether the lane runs along its road's reference line.
    pub fn is_forward(&self, key: Key) -> bool {
        (key.2 < 0) == self.roads[key.0].right_hand_traffic
    }

    fn add_lane(&mut self, key: Key) -> Result<(), MapError> {
        let road = &self.roads[key.0];
        let section = &road.sections[key.1];
        let Some(source) = section.lanes.get(&key.2) else { return Ok(()) };
        let Some(kind) = source.kind.filter(|_| key.2 != 0) else { return Ok(()) };
        let samples = samples(road, section, source);
        let widest = samples.iter().map(|&s| width(road, section, key.2, s)).fold(0.0, f64::max);
        if widest < 1e-3 {
            if kind == LaneKind::Driving {
                return Err(self.lane_error(key, "a width above 0 is expected somewhere along the lane".into()));
            }
            return Ok(());
        }
        let forward = self.is_forward(key);
        let (mut center, mut left, mut right, mut elevation) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for &s in &samples {
            let pose = road.plan_view.pose_at(s);
            let normal = pose.forward().perpendicular();
            let (inner, outer) = section.offsets(key.2, s, &road.lane_offset);
            let at = |t: f64| -> Point2<Map> { pose.position + normal * t };
            let middle = (inner + outer) / 2.0;
            if center.last().is_some_and(|last: &Point2<Map>| last.distance(at(middle)) < 1e-6) {
                continue;
            }
            center.push(at(middle));
            // Seen in driving direction the left edge is the inner one where traffic keeps right.
            let (l, r) = if road.right_hand_traffic { (inner, outer) } else { (outer, inner) };
            left.push(at(l));
            right.push(at(r));
            elevation.push(road.elevation_at(s, middle));
        }
        if !forward {
            center.reverse();
            left.reverse();
            right.reverse();
            elevation.reverse();
        }
        let middle_s = (section.s + section.end) / 2.0;
        let speed_limit_mps = road.speed_limit(section, source, middle_s);
        let center = Polyline::new(center).map_err(|e| self.lane_error(key, e.to_string()))?;
        let (left_boundary, right_boundary) = boundaries(section, key.2, middle_s - section.s);
        let id = LaneId(i64::try_from(self.lanes.len()).unwrap_or(i64::MAX - 1) + 1);
        let turn = turn(road, &center);
        let lane = Lane {
            id,
            kind,
            center,
            left,
            right,
            elevation,
            speed_limit_mps,
            successors: Vec::new(),
            predecessors: Vec::new(),
            left_neighbor: None,
            right_neighbor: None,
            left_boundary: if road.right_hand_traffic { left_boundary } else { right_boundary },
            right_boundary: if road.right_hand_traffic { right_boundary } else { left_boundary },
            junction: road.junction.as_deref().map(junction_number),
            turn,
            stop_lines: Vec::new(),
            conflicts: Vec::new(),
            source: format!("road {} section {} lane {}", road.id, key.1, key.2),
        };
        self.ids.insert(key, id);
        self.lanes.insert(id, lane);
        Ok(())
    }

    /// Sets neighbours, successors and predecessors.
    pub fn connect(&mut self) -> Result<(), MapError> {
        let keys: Vec<(Key, LaneId)> = self.ids.iter().map(|(k, id)| (*k, *id)).collect();
        for &(key, id) in &keys {
            let inner = self.neighbor(key, key.2 - key.2.signum());
            let outer = self.neighbor(key, key.2 + key.2.signum());
            let (left, right) = if self.roads[key.0].right_hand_traffic { (inner, outer) } else { (outer, inner) };
            let successors = self.successors(key)?;
            for next in &successors {
                if let Some(lane) = self.lanes.get_mut(next) {
                    lane.predecessors.push(id);
                }
            }
            if let Some(lane) = self.lanes.get_mut(&id) {
                (lane.left_neighbor, lane.right_neighbor, lane.successors) = (left, right, successors);
            }
        }
        Ok(())
    }

    fn neighbor(&self, key: Key, lane: i64) -> Option<LaneId> {
        let id = *self.ids.get(&(key.0, key.1, lane)).filter(|_| lane != 0)?;
        let own = self.ids.get(&key)?;
        (self.lanes[&id].kind == self.lanes[own].kind).then_some(id)
    }

    fn successors(&self, key: Key) -> Result<Vec<LaneId>, MapError> {
        let (road_index, section_index, lane_id) = key;
        let road = &self.roads[road_index];
        let Some(lane) = road.sections[section_index].lanes.get(&lane_id) else { return Ok(Vec::new()) };
        let forward = self.is_forward(key);
        let linked = if forward { lane.successor } else { lane.predecessor };
        let inside = if forward { section_index + 1 < road.sections.len() } else { section_index > 0 };
        if inside {
            let next_section = if forward { section_index + 1 } else { section_index - 1 };
            let Some(next) = linked else { return Ok(Vec::new()) };
            return Ok(self.follow(key, (road_index, next_section, next))?.into_iter().collect());
        }
        let mut found = Vec::new();
        match if forward { &road.successor } else { &road.predecessor } {
            Some(Link::Road { id, contact }) => {
                if let Some(next) = linked {
                    let target = self.road_index(id).ok_or_else(|| {
                        self.lane_error(key, format!("its road is linked to road {id}, which is not in the map"))
                    })?;
                    found.extend(self.follow(key, (target, self.section_at(target, *contact), next))?);
                }
            }
            Some(Link::Junction(junction)) => {
                let junction = self.junctions.iter().find(|j| j.id == *junction).ok_or_else(|| {
                    self.lane_error(key, format!("its road is linked to junction {junction}, which is not in the map"))
                })?;
                for connection in junction.connections.iter().filter(|c| c.incoming == road.id) {
                    let target = self.road_index(&connection.connecting).ok_or_else(|| MapError::Element {
                        map: self.map.clone(),
                        line: connection.line,
                        element: format!("connection in junction {}", junction.id),
                        reason: format!("connectingRoad {} is not in the map", connection.connecting),
                    })?;
                    let section = self.section_at(target, connection.contact);
                    for (_, to) in connection.lane_links.iter().filter(|(from, _)| *from == lane_id) {
                        found.extend(self.follow(key, (target, section, *to))?);
                    }
                }
            }
            None => {}
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    fn section_at(&self, road: usize, contact: Contact) -> usize {
        if contact == Contact::Start { 0 } else { self.roads[road].sections.len() - 1 }
    }

    /// The linked lane, where it exists, is of the graph and begins where this one ends.
    fn follow(&self, from: Key, to: Key) -> Result<Option<LaneId>, MapError> {
        let section = &self.roads[to.0].sections[to.1];
        if !section.lanes.contains_key(&to.2) {
            let road = &self.roads[to.0].id;
            return Err(
                self.lane_error(from, format!("linked to lane {} of road {road}, which has no such lane", to.2))
            );
        }
        let (Some(from_id), Some(to_id)) = (self.ids.get(&from), self.ids.get(&to)) else { return Ok(None) };
        let (a, b) = (&self.lanes[from_id], &self.lanes[to_id]);
        let gap = a.center.pose_at(a.center.length()).position.distance(b.center.pose_at(0.0).position);
        Ok((gap <= JOINT_M).then_some(*to_id))
    }
}

/// A junction's id as a number; other texts become a number of their own that is the same in every run.
pub(super) fn junction_number(id: &str) -> i64 {
    id.parse().unwrap_or_else(|_| {
        id.bytes().fold(1_i64 << 40, |n, b| n.wrapping_mul(31).wrapping_add(i64::from(b)) & i64::MAX)
    })
}

fn width(road: &Road, section: &Section, lane: i64, s: f64) -> f64 {
    let (inner, outer) = section.offsets(lane, s, &road.lane_offset);
    (outer - inner).abs()
}

/// Stations along the section: where a description changes, and between them as dense as the curve needs.
fn samples(road: &Road, section: &Section, lane: &RoadLane) -> Vec<f64> {
    let mut breaks = vec![section.s, section.end];
    let inside = |s: &f64| *s > section.s + 1e-3 && *s < section.end - 1e-3;
    breaks.extend(road.plan_view.starts().filter(inside));
    breaks.extend(road.lane_offset.iter().map(|c| c.start).filter(inside));
    breaks.extend(road.elevation.iter().map(|c| c.start).filter(inside));
    breaks.extend(lane.profile.iter().map(|c| c.start + section.s).filter(inside));
    breaks.sort_by(f64::total_cmp);
    let offset = |s: f64| {
        let (inner, outer) = section.offsets(lane.id, s, &road.lane_offset);
        (inner + outer) / 2.0
    };
    let mut stations = vec![section.s];
    for pair in breaks.windows(2) {
        let mut s = pair[0];
        while s < pair[1] - 1e-9 {
            let reach = MAX_STEP_M.min(pair[1] - s);
            let (here, there) = (road.plan_view.pose_at(s), road.plan_view.pose_at(s + reach));
            let curvature = angle_difference(there.yaw, here.yaw).abs() / reach
                + 2.0 * (offset(s + reach) - 2.0 * offset(s + reach / 2.0) + offset(s)).abs() * 4.0 / (reach * reach);
            let scale = (1.0 - curvature * offset(s)).abs().max(1.0 + curvature * offset(s).abs());
            let step = (8.0 * CHORD_ERROR_M / curvature.max(1e-9)).sqrt() / scale.sqrt();
            let step = step.clamp(MIN_STEP_M, MAX_STEP_M);
            let pieces = ((pair[1] - s) / step).ceil().max(1.0);
            s = if pieces <= 1.0 { pair[1] } else { s + (pair[1] - s) / pieces };
            stations.push(s.min(pair[1]));
        }
    }
    stations
}

/// Marks on the inner and the outer side of a lane, `ds` metres into its section.
fn boundaries(section: &Section, lane: i64, ds: f64) -> (Boundary, Boundary) {
    let mark = |id: i64| {
        let lane = section.lanes.get(&id)?;
        lane.marks.iter().rev().find(|(from, _)| *from <= ds).or(lane.marks.first()).map(|(_, b)| *b)
    };
    (mark(lane - lane.signum()).unwrap_or(Boundary::Solid), mark(lane).unwrap_or(Boundary::Solid))
}

fn turn(road: &Road, center: &Polyline<Map>) -> Turn {
    if road.junction.is_none() {
        return Turn::Straight;
    }
    let directions: Vec<Vector2<Map>> = center.points().windows(2).map(|p| p[1] - p[0]).collect();
    let total: f64 = directions.windows(2).map(|d| angle_difference(d[1].angle(), d[0].angle())).sum();
    if total > TURN_RAD {
        Turn::Left
    } else if total < -TURN_RAD {
        Turn::Right
    } else {
        Turn::Straight
    }
}
