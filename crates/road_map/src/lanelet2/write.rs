//! The lane graph as a Lanelet2 file.

use std::collections::BTreeMap;
use std::fmt::Write;

use geometry::{Map, Point2, Vector2};

use crate::{
    Boundary, GeoOrigin, LampShape, Lane, LaneGraph, LaneId, LaneKind, LocalProjection, MapError, SignalGroupId,
    SignalKind, StopReason,
};

/// Ends of lanes nearer than this are one node: lanes follow each other by shared nodes, m.
const END_M: f64 = 0.05;
/// Other points nearer than this are one node, m.
const SAME_M: f64 = 0.002;

/// A node's place and id.
type PlacedNode = (Point2<Map>, i64);

/// Numbers the parts of a file as they come.
struct Output<'a> {
    projection: LocalProjection,
    origin: GeoOrigin,
    next: i64,
    grid: BTreeMap<(i64, i64), Vec<PlacedNode>>,
    ways_by_nodes: BTreeMap<Vec<i64>, i64>,
    nodes: String,
    ways: BTreeMap<i64, (Vec<i64>, &'a str, &'a str)>,
    /// Heights of ways that stand up, m.
    heights: BTreeMap<i64, f64>,
    /// The element of each group of lights, and its stop lines.
    lights: BTreeMap<SignalGroupId, (i64, Vec<i64>)>,
    relations: String,
}

impl LaneGraph {
    /// The graph as the text of a Lanelet2 file and of the `map_projector_info.yaml` that goes beside it. Lanes keep
    /// their ids, geometry, limits, neighbours, lights, stop signs and crosswalks; objects, other signs and right of
    /// way beyond the signs are left out.
    ///
    /// # Errors
    /// [`MapError`] where the map's projection has no name in `map_projector_info.yaml`.
    pub fn to_lanelet2(&self) -> Result<(String, String), MapError> {
        let info = self.projector_info()?;
        let next = self.lanes.keys().map(|id| id.0.saturating_abs()).max().unwrap_or(0);
        let next = next.max(self.crosswalks.iter().map(|c| c.id).max().unwrap_or(0));
        let mut out = Output {
            projection: self.projection,
            origin: self.origin,
            next: if next > i64::MAX / 2 { i64::MAX / 4 } else { next },
            grid: BTreeMap::new(),
            ways_by_nodes: BTreeMap::new(),
            nodes: String::new(),
            ways: BTreeMap::new(),
            heights: BTreeMap::new(),
            lights: BTreeMap::new(),
            relations: String::new(),
        };
        for lane in self.lanes.values() {
            out.lane(self, lane);
        }
        out.lights(self);
        for crosswalk in &self.crosswalks {
            out.crosswalk(self, crosswalk);
        }
        Ok((out.finish(), info))
    }

    fn projector_info(&self) -> Result<String, MapError> {
        let origin = self.origin;
        let place = self.lanes.values().next().map_or(Point2::new(0.0, 0.0), |lane| lane.center.points()[0]);
        let (latitude, longitude) = self.projection.to_geographic(place);
        let fits = |projection: LocalProjection| projection.to_map(latitude, longitude).distance(place) < 1e-3;
        let kind = if fits(LocalProjection::new(origin)) {
            "TransverseMercator\nscale_factor: 1.0"
        } else if LocalProjection::utm(origin).is_some_and(fits) {
            "LocalCartesianUTM"
        } else if fits(LocalProjection::transverse_mercator(origin, 0.9996)) {
            "TransverseMercator\nscale_factor: 0.9996"
        } else {
            let reason = "its projection has no name in map_projector_info.yaml".into();
            return Err(MapError::Whole { map: self.name.clone(), reason });
        };
        Ok(format!(
            "projector_type: {kind}\nvertical_datum: WGS84\nmap_origin:\n  latitude: {:?}\n  longitude: {:?}\n  altitude: {:?}\n",
            origin.latitude_deg, origin.longitude_deg, origin.altitude_m
        ))
    }
}

impl<'a> Output<'a> {
    fn id(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    fn node(&mut self, point: Point2<Map>, z: f64, radius: f64) -> i64 {
        let cell = ((point.x / END_M).floor() as i64, (point.y / END_M).floor() as i64);
        for x in cell.0 - 1..=cell.0 + 1 {
            for y in cell.1 - 1..=cell.1 + 1 {
                let near =
                    self.grid.get(&(x, y)).into_iter().flatten().find(|(other, _)| other.distance(point) < radius);
                if let Some((_, id)) = near {
                    return *id;
                }
            }
        }
        let id = self.id();
        self.grid.entry(cell).or_default().push((point, id));
        let (latitude, longitude) = self.projection.to_geographic(point);
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.nodes,
            "<node id=\"{id}\" lat=\"{latitude:.12}\" lon=\"{longitude:.12}\"><tag k=\"local_x\" v=\"{:.4}\"/><tag k=\"local_y\" v=\"{:.4}\"/><tag k=\"ele\" v=\"{:.4}\"/></node>",
            point.x,
            point.y,
            z + self.origin.altitude_m
        );
        id
    }

    fn way(&mut self, points: &[Point2<Map>], z: &[f64], kind: (&'a str, &'a str)) -> i64 {
        let mut nodes: Vec<i64> = Vec::with_capacity(points.len());
        for (index, point) in points.iter().enumerate() {
            let radius = if index == 0 || index + 1 == points.len() { END_M } else { SAME_M };
            let id = self.node(*point, z.get(index).copied().unwrap_or(0.0), radius);
            if nodes.last() != Some(&id) {
                nodes.push(id);
            }
        }
        if nodes.len() == 1 {
            nodes.push(nodes[0]);
        }
        if let Some(known) = self.ways_by_nodes.get(&nodes) {
            return *known;
        }
        let id = self.id();
        self.ways_by_nodes.insert(nodes.clone(), id);
        self.ways.insert(id, (nodes, kind.0, kind.1));
        id
    }

    fn lane(&mut self, graph: &LaneGraph, lane: &Lane) {
        let subtype = match lane.kind {
            LaneKind::Driving => "road",
            LaneKind::Biking => "bicycle_lane",
            LaneKind::Sidewalk => "walkway",
            LaneKind::Parking => "parking",
            LaneKind::Shoulder => "road_shoulder",
        };
        // From either side: what this lane says of its side, and what its neighbour says of the same line.
        let neighbor = |id: Option<LaneId>| id.and_then(|id| graph.lanes.get(&id));
        let left_of = neighbor(lane.left_neighbor).map(|other| other.right_boundary);
        let right_of = neighbor(lane.right_neighbor).map(|other| other.left_boundary);
        let left_kind = line(left_of.unwrap_or(Boundary::Solid), lane.left_boundary);
        let right_kind = line(lane.right_boundary, right_of.unwrap_or(Boundary::Solid));
        let left = self.way(&lane.left, &lane.elevation, left_kind);
        let right = self.way(&lane.right, &lane.elevation, right_kind);
        let mut elements = String::new();
        for stop in &lane.stop_lines {
            let at = |side: &[Point2<Map>]| nearest_on(side, lane, stop.s);
            let ends = [at(&lane.left), at(&lane.right)];
            let sign = match stop.reason {
                StopReason::StopSign => "stop_sign",
                StopReason::Yield => "yield_sign",
                StopReason::Signal(_) => "",
                StopReason::Crosswalk(_) => continue,
            };
            let (id, line) = (self.id(), self.id());
            let nodes: Vec<i64> = ends.iter().map(|point| self.node(*point, 0.0, SAME_M)).collect();
            self.ways.insert(line, (nodes.clone(), "stop_line", "solid"));
            let mut member = id;
            if let StopReason::Signal(group) = stop.reason {
                let (element, lines) = self.lights.entry(group).or_insert((id, Vec::new()));
                lines.push(line);
                member = *element;
            } else {
                let post = self.id();
                self.ways.insert(post, (nodes, "traffic_sign", sign));
                self.element(id, "traffic_sign", &[post], &[line]);
            }
            let _ = write!(elements, "<member type=\"relation\" role=\"regulatory_element\" ref=\"{member}\"/>");
        }
        let _ = writeln!(
            self.relations,
            "<relation id=\"{}\"><member type=\"way\" role=\"left\" ref=\"{left}\"/><member type=\"way\" role=\"right\" ref=\"{right}\"/>{elements}<tag k=\"type\" v=\"lanelet\"/><tag k=\"subtype\" v=\"{subtype}\"/><tag k=\"one_way\" v=\"yes\"/><tag k=\"location\" v=\"urban\"/><tag k=\"speed_limit\" v=\"{:.4}\"/></relation>",
            lane.id.0,
            lane.speed_limit_mps * 3.6
        );
    }

    fn element(&mut self, id: i64, subtype: &str, refers: &[i64], lines: &[i64]) {
        let _ = write!(self.relations, "<relation id=\"{id}\">");
        let roles = refers.iter().map(|way| ("refers", way)).chain(lines.iter().map(|way| ("ref_line", way)));
        for (role, way) in roles {
            let _ = write!(self.relations, "<member type=\"way\" role=\"{role}\" ref=\"{way}\"/>");
        }
        let _ = writeln!(
            self.relations,
            "<tag k=\"type\" v=\"regulatory_element\"/><tag k=\"subtype\" v=\"{subtype}\"/></relation>"
        );
    }

    /// One element for each group: all its lights, each a line along its lower edge, and all its stop lines.
    fn lights(&mut self, graph: &LaneGraph) {
        for (group, (id, lines)) in std::mem::take(&mut self.lights) {
            let mut heads = Vec::new();
            for signal in graph.signals.iter().filter(|signal| signal.kind == SignalKind::Light(group)) {
                let [width, height] = signal.size;
                // From left to right as traffic sees it.
                let (sin, cos) = signal.facing.sin_cos();
                let half = Vector2::<Map>::new(-sin, cos) * (0.5 * width);
                let ends = [signal.position + half * -1.0, signal.position + half];
                let nodes = ends.iter().map(|end| self.node(*end, signal.z - 0.5 * height, SAME_M)).collect();
                let way = self.id();
                let subtype = match signal.lamps {
                    LampShape::Circle => "red_yellow_green",
                    LampShape::LeftArrow => "left_arrow",
                    LampShape::RightArrow => "right_arrow",
                    LampShape::UpArrow => "up_arrow",
                };
                self.ways.insert(way, (nodes, "traffic_light", subtype));
                self.heights.insert(way, height);
                heads.push(way);
            }
            if heads.is_empty() {
                // Some light there must be: the line stands for it.
                heads.extend(lines.first());
            }
            self.element(id, "traffic_light", &heads, &lines);
        }
    }

    fn crosswalk(&mut self, graph: &LaneGraph, crosswalk: &crate::Crosswalk) {
        // The two long sides: the outline's corners to the left and to the right of the walking line.
        let (from, to) = (crosswalk.path.points()[0], crosswalk.path.points()[crosswalk.path.points().len() - 1]);
        let along = to - from;
        let mut sides: [Vec<Point2<Map>>; 2] = [Vec::new(), Vec::new()];
        for corner in &crosswalk.outline {
            sides[usize::from(along.cross(*corner - from) < 0.0)].push(*corner);
        }
        for side in &mut sides {
            side.sort_by(|a, b| along.dot(*a - from).total_cmp(&along.dot(*b - from)));
        }
        if sides.iter().any(|side| side.len() < 2) {
            return;
        }
        let z: Vec<f64> = vec![graph.elevation_at(from); crosswalk.outline.len()];
        let left = self.way(&sides[0], &z, ("pedestrian_marking", ""));
        let right = self.way(&sides[1], &z, ("pedestrian_marking", ""));
        let id = self.id();
        let _ = writeln!(
            self.relations,
            "<relation id=\"{id}\"><member type=\"way\" role=\"left\" ref=\"{left}\"/><member type=\"way\" role=\"right\" ref=\"{right}\"/><tag k=\"type\" v=\"lanelet\"/><tag k=\"subtype\" v=\"crosswalk\"/><tag k=\"one_way\" v=\"no\"/><tag k=\"location\" v=\"urban\"/></relation>"
        );
    }

    fn finish(self) -> String {
        let mut ways = String::new();
        for (id, (nodes, kind, subtype)) in &self.ways {
            let _ = write!(ways, "<way id=\"{id}\">");
            for node in nodes {
                let _ = write!(ways, "<nd ref=\"{node}\"/>");
            }
            let _ = write!(ways, "<tag k=\"type\" v=\"{kind}\"/>");
            if !subtype.is_empty() {
                let _ = write!(ways, "<tag k=\"subtype\" v=\"{subtype}\"/>");
            }
            if let Some(height) = self.heights.get(id) {
                let _ = write!(ways, "<tag k=\"height\" v=\"{height:.4}\"/>");
            }
            ways.push_str("</way>\n");
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<osm version=\"0.6\" generator=\"ferrodrive\">\n{}{ways}{}</osm>\n",
            self.nodes, self.relations
        )
    }
}

/// The line's type by who may cross it: from its left, and from its right.
fn line(from_left: Boundary, from_right: Boundary) -> (&'static str, &'static str) {
    let subtype = match (from_left, from_right) {
        (Boundary::Crossable, Boundary::Crossable) => "dashed",
        (Boundary::Crossable, Boundary::Solid) => "dashed_solid",
        (Boundary::Solid, Boundary::Crossable) => "solid_dashed",
        (Boundary::Solid, Boundary::Solid) => "solid",
    };
    ("line_thin", subtype)
}

/// The place on a side abreast of arc length `s` on the centre line.
fn nearest_on(side: &[Point2<Map>], lane: &Lane, s: f64) -> Point2<Map> {
    let lengths = lane.center.arc_lengths();
    let after = lengths.partition_point(|at| *at < s).clamp(1, lengths.len() - 1);
    let share = ((s - lengths[after - 1]) / (lengths[after] - lengths[after - 1])).clamp(0.0, 1.0);
    side[after - 1] + (side[after] - side[after - 1]) * share
}
