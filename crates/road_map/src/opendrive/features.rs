//! Signals, controllers, crosswalks and objects.

use std::collections::{BTreeMap, BTreeSet};

use geometry::{Map, OrientedBox, Point2, Polyline, Pose2, normalize_angle};

use super::lanes::{Builder, junction_number};
use super::xml::Xml;
use crate::{
    Crosswalk, LampShape, LaneGraph, LaneId, LaneKind, MapError, MapObject, Signal, SignalController, SignalGroupId,
    SignalKind, StopLine, StopReason,
};

/// Group ids of lights that no controller names start here, above any controller's id.
const UNCONTROLLED: i64 = 1 << 32;
/// A stop line of a crosswalk lies this far before it, m.
const BEFORE_CROSSWALK_M: f64 = 1.5;
/// Lower than this no light hangs above the road, m: the lower edge of one that is said to is taken to be at ...
const LOWEST_LIGHT_M: f64 = 1.0;
/// ... this height.
const USUAL_LIGHT_M: f64 = 2.6;
/// A light this near before a crosswalk governs it too, m.
const CROSSWALK_SIGNAL_M: f64 = 15.0;

/// Which roads of a junction go first, and what stands on and beside the roads.
#[derive(Default)]
pub(super) struct Features {
    pub signals: Vec<Signal>,
    pub controllers: Vec<SignalController>,
    pub crosswalks: Vec<Crosswalk>,
    pub objects: Vec<MapObject>,
    /// Lanes of higher and lower priority.
    pub priorities: BTreeSet<(LaneId, LaneId)>,
}

/// A signal and where its stop lines are.
struct Source<'a, 'input> {
    element: Xml<'a, 'input>,
    road: usize,
    kind: SignalKind,
}

impl Features {
    pub fn parse(root: &Xml<'_, '_>, builder: &mut Builder) -> Result<Self, MapError> {
        let mut features = Self::default();
        let groups = groups(root)?;
        let mut sources: BTreeMap<&str, Source<'_, '_>> = BTreeMap::new();
        let mut referenced: Vec<(Xml<'_, '_>, usize)> = Vec::new();
        for road in root.children("road") {
            let Some(index) = builder.road_index(road.required("id")?) else { continue };
            for signal in road.child("signals").into_iter().flat_map(|s| s.children("signal")) {
                let kind = signal_kind(&signal, &groups)?;
                features.signals.push(placed(&signal, index, kind, builder)?);
                sources.insert(signal.required("id")?, Source { element: signal, road: index, kind });
            }
            for reference in road.child("signals").into_iter().flat_map(|s| s.children("signalReference")) {
                referenced.push((reference, index));
            }
            for object in road.child("objects").into_iter().flat_map(|o| o.children("object")) {
                features.add_object(&object, index, builder)?;
            }
        }
        let with_references: BTreeSet<&str> = referenced.iter().filter_map(|(r, _)| r.text("id")).collect();
        for (reference, road) in &referenced {
            let id = reference.required("id")?;
            let source = sources
                .get(id)
                .ok_or_else(|| reference.error(format!("refers to signal {id}, which is not in the map")))?;
            add_stop_lines(builder, reference, *road, source.kind)?;
        }
        for (id, source) in &sources {
            if !with_references.contains(id) {
                add_stop_lines(builder, &source.element, source.road, source.kind)?;
            }
        }
        features.turn_to_traffic(builder);
        features.controllers = controllers(builder, &groups);
        features.priorities = priorities(builder);
        for lane in builder.lanes.values_mut() {
            lane.stop_lines.sort_by(|a, b| a.s.total_cmp(&b.s));
        }
        Ok(features)
    }

    fn add_object(&mut self, object: &Xml<'_, '_>, road: usize, builder: &Builder) -> Result<(), MapError> {
        let (s, t) = (object.number("s")?, object.number("t")?);
        let kind = object.text("type").unwrap_or("none");
        let id = object.text("id").map_or(0, junction_number);
        let heading = object.number_or("hdg", 0.0)?;
        let plan = &builder.roads[road];
        let place = |s: f64, t: f64| -> Pose2<Map> {
            let pose = plan.plan_view.pose_at(s.clamp(0.0, plan.length));
            Pose2 {
                position: pose.position + pose.forward().perpendicular() * t,
                yaw: normalize_angle(pose.yaw + heading),
            }
        };
        let outline = outline(object, place(s, t), &|s, t| place(s, t).position)?;
        if kind == "crosswalk" {
            let normal = plan.plan_view.pose_at(s.clamp(0.0, plan.length)).forward().perpendicular();
            let crosswalk = crosswalk(object, id, outline, normal)?;
            self.crosswalks.push(crosswalk);
            return Ok(());
        }
        let radius = object.number_or("radius", 0.0)?;
        let length = object.number_or("length", 0.0)?.max(2.0 * radius);
        let width = object.number_or("width", 0.0)?.max(2.0 * radius);
        let height = object.number_or("height", 0.0)?;
        if length <= 0.0 || width <= 0.0 {
            return Ok(());
        }
        let mut push = |s: f64, t: f64, z: f64| {
            let footprint = OrientedBox::new(place(s, t), length, width);
            let z = plan.elevation_at(s.clamp(0.0, plan.length), t) + z;
            self.objects.push(MapObject { id, kind: kind.into(), footprint, z, height });
        };
        let z = object.number_or("zOffset", 0.0)?;
        let mut repeated = false;
        for repeat in object.children("repeat") {
            let (start, run, step) = (repeat.number("s")?, repeat.number("length")?, repeat.number("distance")?);
            let (from, to) = (repeat.number_or("tStart", t)?, repeat.number_or("tEnd", t)?);
            let count = if step > 1e-3 { (run / step).floor().min(10_000.0) as u32 } else { 0 };
            for i in 0..=count {
                let along = f64::from(i) * step;
                push(start + along, from + (to - from) * if run > 0.0 { along / run } else { 0.0 }, z);
            }
            repeated = true;
        }
        if !repeated {
            push(s, t, z);
        }
        Ok(())
    }

    /// Turns lights round that nobody whom they are for could see: CARLA's files (Town01) give those of orientation `-` the
    /// heading of the traffic, not against it.
    fn turn_to_traffic(&mut self, builder: &Builder) {
        let mut headings: BTreeMap<SignalGroupId, Vec<f64>> = BTreeMap::new();
        for lane in builder.lanes.values() {
            for line in &lane.stop_lines {
                if let StopReason::Signal(group) = line.reason {
                    headings.entry(group).or_default().push(lane.pose_at(line.s).yaw);
                }
            }
        }
        for signal in &mut self.signals {
            let SignalKind::Light(group) = signal.kind else { continue };
            let governed = headings.get(&group).map_or(&[][..], Vec::as_slice);
            let from_behind = |heading: &f64| (signal.facing - heading).cos() > 0.0;
            if !governed.is_empty() && governed.iter().all(from_behind) {
                signal.facing = normalize_angle(signal.facing + std::f64::consts::PI);
            }
        }
    }
}

/// Group of each controlled signal.
fn groups(root: &Xml<'_, '_>) -> Result<BTreeMap<String, SignalGroupId>, MapError> {
    let mut groups = BTreeMap::new();
    for controller in root.children("controller") {
        let group = SignalGroupId(junction_number(controller.required("id")?));
        for control in controller.children("control") {
            groups.entry(control.required("signalId")?.to_string()).or_insert(group);
        }
    }
    Ok(groups)
}

fn signal_kind(signal: &Xml<'_, '_>, groups: &BTreeMap<String, SignalGroupId>) -> Result<SignalKind, MapError> {
    let id = signal.required("id")?;
    let dynamic = signal.text("dynamic") == Some("yes");
    Ok(match signal.text("type").unwrap_or_default() {
        kind if dynamic && (kind.starts_with("10000") || kind == "light") => SignalKind::Light(
            groups.get(id).copied().unwrap_or(SignalGroupId(UNCONTROLLED.saturating_add(junction_number(id)))),
        ),
        "206" => SignalKind::Stop,
        "205" => SignalKind::Yield,
        "274" => SignalKind::SpeedLimit(signal.number_or("value", 0.0)? / 3.6),
        _ => SignalKind::Other,
    })
}

fn placed(signal: &Xml<'_, '_>, road: usize, kind: SignalKind, builder: &Builder) -> Result<Signal, MapError> {
    let road = &builder.roads[road];
    let (s, t) = (signal.number("s")?.clamp(0.0, road.length), signal.number("t")?);
    let pose = road.plan_view.pose_at(s);
    let turned = if signal.text("orientation") == Some("-") { 0.0 } else { std::f64::consts::PI };
    let light = matches!(kind, SignalKind::Light(_));
    let usual = if light { Signal::LIGHT_SIZE } else { Signal::SIGN_SIZE };
    let given = |name: &str, usual: f64| -> Result<f64, MapError> {
        Ok(Some(signal.number_or(name, usual)?).filter(|size| (0.1..=5.0).contains(size)).unwrap_or(usual))
    };
    let size = [given("width", usual[0])?, given("height", usual[1])?];
    let mut foot = signal.number_or("zOffset", 0.0)?;
    // CARLA's files say where the post's foot is.
    if light && foot < LOWEST_LIGHT_M {
        foot = USUAL_LIGHT_M;
    }
    Ok(Signal {
        id: junction_number(signal.required("id")?),
        kind,
        position: pose.position + pose.forward().perpendicular() * t,
        z: road.elevation_at(s, t) + foot + 0.5 * size[1],
        facing: normalize_angle(pose.yaw + turned + signal.number_or("hOffset", 0.0)?),
        size,
        lamps: lamps(signal),
    })
}

/// Shape of the lamps by the German catalogue that OpenDRIVE's types of lights are from.
fn lamps(signal: &Xml<'_, '_>) -> LampShape {
    match (signal.text("type"), signal.text("subtype")) {
        (Some("1000011"), Some("10")) => LampShape::LeftArrow,
        (Some("1000011"), Some("20")) => LampShape::RightArrow,
        (Some("1000011"), Some("30")) => LampShape::UpArrow,
        _ => LampShape::Circle,
    }
}

/// Puts a stop line on each lane that a signal or a reference to it governs. On a junction's road the line lies at its
/// entry: each movement has its own.
fn add_stop_lines(builder: &mut Builder, element: &Xml<'_, '_>, road: usize, kind: SignalKind) -> Result<(), MapError> {
    let reason = match kind {
        SignalKind::Light(group) => StopReason::Signal(group),
        SignalKind::Stop => StopReason::StopSign,
        SignalKind::Yield => StopReason::Yield,
        SignalKind::SpeedLimit(_) | SignalKind::Other => return Ok(()),
    };
    let s = element.number("s")?.clamp(0.0, builder.roads[road].length);
    let ranges = element
        .children("validity")
        .map(|v| Ok((v.integer("fromLane")?, v.integer("toLane")?)))
        .collect::<Result<Vec<_>, MapError>>()?;
    let plan = &builder.roads[road];
    let section = plan.sections.iter().position(|x| s <= x.end).unwrap_or(plan.sections.len() - 1);
    let orientation = element.text("orientation").unwrap_or("none");
    let governed: Vec<LaneId> = builder
        .ids
        .range((road, section, i64::MIN)..=(road, section, i64::MAX))
        .filter(|(key, _)| {
            let forward = builder.is_forward(**key);
            let facing = matches!((orientation, forward), ("+", true) | ("-", false)) || orientation == "none";
            let valid = ranges.iter().any(|(a, b)| (a.min(b)..=a.max(b)).contains(&&key.2));
            if ranges.is_empty() { facing } else { valid }
        })
        .map(|(_, id)| *id)
        .collect();
    let at = builder.roads[road].plan_view.pose_at(s).position;
    let in_junction = builder.roads[road].junction.is_some();
    for id in governed {
        let Some(lane) = builder.lanes.get_mut(&id).filter(|l| l.kind == LaneKind::Driving) else { continue };
        let s = if in_junction { 0.0 } else { lane.position_of(at).s };
        let line = StopLine { s, reason };
        if !lane.stop_lines.contains(&line) {
            lane.stop_lines.push(line);
        }
    }
    Ok(())
}

/// Phases of each junction: one a controller; lights without a controller get a phase each.
fn controllers(builder: &Builder, groups: &BTreeMap<String, SignalGroupId>) -> Vec<SignalController> {
    let mut phases: BTreeMap<i64, Vec<Vec<SignalGroupId>>> = BTreeMap::new();
    let known: BTreeSet<SignalGroupId> = groups.values().copied().collect();
    for junction in &builder.junctions {
        for controller in &junction.controllers {
            let group = SignalGroupId(junction_number(controller));
            if known.contains(&group) {
                phases.entry(junction_number(&junction.id)).or_default().push(vec![group]);
            }
        }
    }
    let mut placed: BTreeSet<SignalGroupId> = phases.values().flatten().flatten().copied().collect();
    for lane in builder.lanes.values() {
        for line in &lane.stop_lines {
            let StopReason::Signal(group) = line.reason else { continue };
            let beyond = lane.successors.iter().find_map(|id| builder.lanes[id].junction);
            if let Some(junction) = lane.junction.or(beyond)
                && placed.insert(group)
            {
                phases.entry(junction).or_default().push(vec![group]);
            }
        }
    }
    phases.into_iter().map(|(junction, phases)| SignalController { junction, phases }).collect()
}

/// `<priority>` names roads, incoming or connecting; lanes of a connecting road stand for both.
fn priorities(builder: &Builder) -> BTreeSet<(LaneId, LaneId)> {
    let mut pairs = BTreeSet::new();
    for junction in builder.junctions.iter().filter(|j| !j.priorities.is_empty()) {
        let lanes_of = |road: &str| -> Vec<LaneId> {
            let connecting = junction
                .connections
                .iter()
                .filter(|c| c.incoming == road || c.connecting == road)
                .filter_map(|c| builder.road_index(&c.connecting));
            connecting
                .flat_map(|r| builder.ids.range((r, 0, i64::MIN)..(r + 1, 0, i64::MIN)).map(|(_, id)| *id))
                .collect()
        };
        for (high, low) in &junction.priorities {
            let low = lanes_of(low);
            for high in lanes_of(high) {
                pairs.extend(low.iter().map(|low| (high, *low)));
            }
        }
    }
    pairs
}

fn outline(
    object: &Xml<'_, '_>,
    pose: Pose2<Map>,
    place: &dyn Fn(f64, f64) -> Point2<Map>,
) -> Result<Vec<Point2<Map>>, MapError> {
    let nested = object.child("outlines").and_then(|o| o.child("outline"));
    let Some(outline) = nested.or_else(|| object.child("outline")) else { return Ok(Vec::new()) };
    outline
        .elements()
        .filter_map(|corner| match corner.tag() {
            "cornerRoad" => Some(corner.number("s").and_then(|s| Ok(place(s, corner.number("t")?)))),
            "cornerLocal" => {
                Some(corner.number("u").and_then(|u| Ok(pose.transform(Point2::<Map>::new(u, corner.number("v")?)))))
            }
            _ => None,
        })
        .collect()
}

fn crosswalk(
    object: &Xml<'_, '_>,
    id: i64,
    outline: Vec<Point2<Map>>,
    normal: geometry::Vector2<Map>,
) -> Result<Crosswalk, MapError> {
    if outline.len() < 3 {
        return Err(
            object.error(format!("a crosswalk needs an <outline> of at least 3 corners, got {}", outline.len()))
        );
    }
    let count = outline.len() as f64;
    let center =
        Point2::new(outline.iter().map(|p| p.x).sum::<f64>() / count, outline.iter().map(|p| p.y).sum::<f64>() / count);
    let reach = |sign: f64| outline.iter().map(|p| (*p - center).dot(normal) * sign).fold(0.0, f64::max) * sign;
    let path = Polyline::new([center + normal * reach(-1.0), center + normal * reach(1.0)])
        .map_err(|e| object.error(format!("the crosswalk has no extent across the road: {e}")))?;
    Ok(Crosswalk { id, outline, path, lanes: Vec::new(), signal: None })
}

/// Finds the lanes that each crosswalk crosses, puts stop lines before it and finds the light that governs it.
pub(crate) fn link_crosswalks(graph: &mut LaneGraph) {
    for index in 0..graph.crosswalks.len() {
        let outline = graph.crosswalks[index].outline.clone();
        let (mut crossed, mut signal) = (Vec::new(), None);
        for lane in graph.lanes.values_mut().filter(|l| l.kind == LaneKind::Driving) {
            let steps = (lane.center.length() / 0.25).ceil() as usize;
            let inside: Vec<f64> = (0..=steps)
                .map(|i| lane.center.length() * i as f64 / steps as f64)
                .filter(|s| contains(&outline, lane.center.pose_at(*s).position))
                .collect();
            let (Some(&from), Some(&to)) = (inside.first(), inside.last()) else { continue };
            crossed.push((lane.id, from, to));
            for line in &lane.stop_lines {
                if let StopReason::Signal(group) = line.reason
                    && (line.s - from).abs() < CROSSWALK_SIGNAL_M
                {
                    signal = Some(group);
                }
            }
            let s = (from - BEFORE_CROSSWALK_M).max(0.0);
            lane.stop_lines.push(StopLine { s, reason: StopReason::Crosswalk(index) });
            lane.stop_lines.sort_by(|a, b| a.s.total_cmp(&b.s));
        }
        graph.crosswalks[index].lanes = crossed;
        graph.crosswalks[index].signal = signal;
    }
}

/// Whether a polygon holds a point (even-odd rule).
fn contains(polygon: &[Point2<Map>], p: Point2<Map>) -> bool {
    let mut inside = false;
    for (i, a) in polygon.iter().enumerate() {
        let b = polygon[(i + 1) % polygon.len()];
        if (a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x {
            inside = !inside;
        }
    }
    inside
}
