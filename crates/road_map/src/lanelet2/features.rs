//! Traffic lights, signs, right of way, stop lines and crosswalks from regulatory elements.

use std::collections::{BTreeMap, BTreeSet};

use geometry::{Map, Point2, Polyline, normalize_angle};

use super::osm::{Osm, OsmRelation, OsmWay};
use super::projector::Projected;
use super::{Builder, both_bounds, bounds, rules};
use crate::{
    Crosswalk, LampShape, Lane, LaneId, LaneKind, MapError, Signal, SignalController, SignalGroupId, SignalKind,
    StopLine, StopReason,
};

/// A stop line that its lane does not cross may lie this far from the lane's ends, m.
const NEAR_M: f64 = 15.0;

/// What the regulatory elements come to.
#[derive(Default)]
pub(super) struct Features {
    pub signals: Vec<Signal>,
    pub controllers: Vec<SignalController>,
    pub crosswalks: Vec<Crosswalk>,
    pub priorities: BTreeSet<(LaneId, LaneId)>,
}

impl Features {
    pub fn parse(osm: &Osm<'_, '_>, at: &Projected, builder: &mut Builder) -> Result<Self, MapError> {
        let mut features = Self::default();
        let mut governed: BTreeMap<i64, Vec<LaneId>> = BTreeMap::new();
        for lanelet in osm.relations.iter().filter(|r| r.tag("type") == "lanelet") {
            for element in lanelet.members("relation", "regulatory_element") {
                governed.entry(element).or_default().extend(directions(lanelet.id, builder));
            }
            if lanelet.tag("subtype") == "crosswalk" {
                features.crosswalks.push(crosswalk(lanelet, osm, at)?);
            }
        }
        let elements: Vec<&OsmRelation<'_, '_>> =
            osm.relations.iter().filter(|r| r.tag("type") == "regulatory_element").collect();
        for element in &elements {
            let lanes = governed.get(&element.id).cloned().unwrap_or_default();
            match element.tag("subtype") {
                "traffic_light" => features.traffic_light(element, &lanes, osm, at, builder),
                "right_of_way" | "all_way_stop" => features.right_of_way(element, osm, at, builder),
                "traffic_sign" => features.traffic_sign(element, &lanes, osm, at, builder),
                "speed_limit" => speed_limit(element, &lanes, osm, builder)?,
                _ => {}
            }
        }
        for lane in builder.lanes.values_mut() {
            lane.stop_lines.sort_by(|a, b| a.s.total_cmp(&b.s));
            lane.stop_lines.dedup();
        }
        features.controllers = controllers(builder);
        Ok(features)
    }

    fn traffic_light(
        &mut self,
        element: &OsmRelation<'_, '_>,
        lanes: &[LaneId],
        osm: &Osm<'_, '_>,
        at: &Projected,
        builder: &mut Builder,
    ) {
        let group = SignalGroupId(element.id);
        for (id, way) in ways(element, "refers", osm) {
            self.signals.extend(placed(id, way, SignalKind::Light(group), at));
        }
        stop_lines(element, lanes, StopReason::Signal(group), osm, at, builder);
    }

    fn traffic_sign(
        &mut self,
        element: &OsmRelation<'_, '_>,
        lanes: &[LaneId],
        osm: &Osm<'_, '_>,
        at: &Projected,
        builder: &mut Builder,
    ) {
        for (id, way) in ways(element, "refers", osm) {
            let kind = sign_kind(way);
            self.signals.extend(placed(id, way, kind, at));
            let reason = match kind {
                SignalKind::Stop => StopReason::StopSign,
                SignalKind::Yield => StopReason::Yield,
                _ => continue,
            };
            stop_lines(element, lanes, reason, osm, at, builder);
        }
    }

    fn right_of_way(
        &mut self,
        element: &OsmRelation<'_, '_>,
        osm: &Osm<'_, '_>,
        at: &Projected,
        builder: &mut Builder,
    ) {
        let lanes = |role: &str| -> Vec<LaneId> {
            element.members("relation", role).flat_map(|id| directions(id, builder)).collect()
        };
        let (first, yielding) = (lanes("right_of_way"), lanes("yield"));
        for high in &first {
            self.priorities.extend(yielding.iter().map(|low| (*high, *low)));
        }
        let signs: Vec<(i64, &OsmWay)> = ways(element, "refers", osm).collect();
        let stop =
            element.tag("subtype") == "all_way_stop" || signs.iter().any(|(_, way)| sign_kind(way) == SignalKind::Stop);
        for (id, way) in signs {
            self.signals.extend(placed(id, way, sign_kind(way), at));
        }
        // Behind a light that works a fallback rule stops nobody.
        if element.tag("fallback") != "yes" {
            let reason = if stop { StopReason::StopSign } else { StopReason::Yield };
            stop_lines(element, &yielding, reason, osm, at, builder);
        }
    }
}

/// A lanelet's lanes: one, or two where it is driven in both directions.
fn directions(lanelet: i64, builder: &Builder) -> Vec<LaneId> {
    [LaneId(lanelet), LaneId(-lanelet)].into_iter().filter(|id| builder.lanes.contains_key(id)).collect()
}

fn ways<'a>(
    element: &'a OsmRelation<'_, '_>,
    role: &'a str,
    osm: &'a Osm<'_, '_>,
) -> impl Iterator<Item = (i64, &'a OsmWay)> {
    element.members("way", role).filter_map(|id| osm.ways.get(&id).map(|way| (id, way)))
}

/// Puts a stop line on each lane: where the element's line crosses it, at the end that the line is near, or, with no
/// line, at the lane's end.
fn stop_lines(
    element: &OsmRelation<'_, '_>,
    lanes: &[LaneId],
    reason: StopReason,
    osm: &Osm<'_, '_>,
    at: &Projected,
    builder: &mut Builder,
) {
    let lines: Vec<Vec<Point2<Map>>> = ways(element, "ref_line", osm)
        .map(|(_, way)| way.nodes.iter().map(|node| at.points[node].0).collect())
        .collect();
    for id in lanes {
        let Some(lane) = builder.lanes.get_mut(id).filter(|lane| lane.kind == LaneKind::Driving) else { continue };
        let s = lines.iter().filter_map(|line| place(lane, line)).reduce(f64::min);
        lane.stop_lines.push(StopLine { s: s.unwrap_or(lane.length()), reason });
    }
}

fn place(lane: &Lane, line: &[Point2<Map>]) -> Option<f64> {
    let mut s = 0.0;
    for pair in lane.center.points().windows(2) {
        let along = pair[1] - pair[0];
        for other in line.windows(2) {
            let across = other[1] - other[0];
            let turn = along.cross(across);
            let to = other[0] - pair[0];
            let (t, u) = (to.cross(across) / turn, to.cross(along) / turn);
            if (0.0..=1.0).contains(&t) && (0.0..=1.0).contains(&u) {
                return Some(s + t * along.norm());
            }
        }
        s += along.norm();
    }
    let middle = *line.first()? + (*line.last()? - *line.first()?) * 0.5;
    let position = lane.position_of(middle);
    (position.distance < NEAR_M).then_some(position.s)
}

/// A light or sign at the middle of its line. Lines run from left to right as traffic sees them.
fn placed(id: i64, way: &OsmWay, kind: SignalKind, at: &Projected) -> Option<Signal> {
    let (first, last) = (at.points[way.nodes.first()?], at.points[way.nodes.last()?]);
    let height = way.tags.get("height").and_then(|text| text.parse::<f64>().ok()).filter(|h| h.is_finite());
    let across = last.0 - first.0;
    let light = matches!(kind, SignalKind::Light(_));
    let usual = if light { Signal::LIGHT_SIZE } else { Signal::SIGN_SIZE };
    let width = Some(across.norm()).filter(|width| (0.1..=2.0).contains(width));
    let size = [width.unwrap_or(usual[0]), height.filter(|h| (0.1..=5.0).contains(h)).unwrap_or(usual[1])];
    Some(Signal {
        id,
        kind,
        position: first.0 + across * 0.5,
        z: 0.5 * (first.1 + last.1) + 0.5 * height.unwrap_or(0.0),
        facing: normalize_angle(across.y.atan2(across.x) - std::f64::consts::FRAC_PI_2),
        size,
        lamps: lamps(way),
    })
}

/// Shape of the lamps by the way's subtype, as Autoware's maps name lights of one arrow.
fn lamps(way: &OsmWay) -> LampShape {
    match way.tags.get("subtype").map(String::as_str).unwrap_or_default() {
        "left" | "left_arrow" => LampShape::LeftArrow,
        "right" | "right_arrow" => LampShape::RightArrow,
        "straight" | "up_arrow" => LampShape::UpArrow,
        _ => LampShape::Circle,
    }
}

/// German and plain names of signs.
fn sign_kind(way: &OsmWay) -> SignalKind {
    let subtype = way.tags.get("subtype").map(String::as_str).unwrap_or_default();
    match subtype {
        "de206" | "stop_sign" | "usR1-1" => SignalKind::Stop,
        "de205" | "yield_sign" | "usR1-2" => SignalKind::Yield,
        sign if sign.starts_with("de274") => rules::speed(sign).map_or(SignalKind::Other, SignalKind::SpeedLimit),
        _ => SignalKind::Other,
    }
}

fn speed_limit(
    element: &OsmRelation<'_, '_>,
    lanes: &[LaneId],
    osm: &Osm<'_, '_>,
    builder: &mut Builder,
) -> Result<(), MapError> {
    if lanes.is_empty() {
        return Ok(());
    }
    let own = element.tags.get("sign_type").and_then(|text| rules::speed(text));
    let by_sign = || {
        ways(element, "refers", osm)
            .find_map(|(_, way)| rules::speed(way.tags.get("subtype").map_or("", String::as_str)))
    };
    let limit = own.or_else(by_sign).ok_or_else(|| {
        element.element.error("a speed is expected in `sign_type` or in the subtype of a sign that it refers to")
    })?;
    for id in lanes {
        if let Some(lane) = builder.lanes.get_mut(id) {
            lane.speed_limit_mps = limit;
        }
    }
    Ok(())
}

fn crosswalk(lanelet: &OsmRelation<'_, '_>, osm: &Osm<'_, '_>, at: &Projected) -> Result<Crosswalk, MapError> {
    let (left, right) = both_bounds(lanelet, osm, at)?;
    let samples = bounds::sample(&left, &right);
    let path = Polyline::new(samples.iter().map(|[l, r]| l.0 + (r.0 - l.0) * 0.5))
        .map_err(|e| lanelet.element.error(format!("the crosswalk has no walking line: {e}")))?;
    let mut outline: Vec<Point2<Map>> = left.points.iter().map(|(point, _)| *point).collect();
    outline.extend(right.points.iter().rev().map(|(point, _)| *point));
    Ok(Crosswalk { id: lanelet.id, outline, path, lanes: Vec::new(), signal: None })
}

/// Each light of a junction is a phase of its own: the file tells no more.
fn controllers(builder: &Builder) -> Vec<SignalController> {
    let mut phases: BTreeMap<i64, Vec<SignalGroupId>> = BTreeMap::new();
    for lane in builder.lanes.values() {
        for line in &lane.stop_lines {
            let StopReason::Signal(group) = line.reason else { continue };
            let beyond = lane.successors.iter().find_map(|id| builder.lanes[id].junction);
            if let Some(junction) = lane.junction.or(beyond) {
                let groups = phases.entry(junction).or_default();
                if !groups.contains(&group) {
                    groups.push(group);
                }
            }
        }
    }
    let phases = phases.into_iter();
    phases
        .map(|(junction, groups)| SignalController { junction, phases: groups.into_iter().map(|g| vec![g]).collect() })
        .collect()
}
