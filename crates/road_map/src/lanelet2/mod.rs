//! Lanelet2 maps (OSM files) read into the lane graph.

mod bounds;
mod features;
mod junctions;
mod osm;
mod projector;
mod rules;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use geometry::{Map, Point2, Polyline};

use crate::opendrive::xml::Xml;
use crate::{Boundary, GeoOrigin, Lane, LaneGraph, LaneId, LaneKind, MapError, Turn};
use bounds::{Bound, align, sample};
use osm::{Osm, OsmRelation};
use projector::{Projected, project};

/// What a Lanelet2 file does not say itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lanelet2Options {
    /// Text of Autoware's `map_projector_info.yaml`; it goes before `origin`.
    pub projector_info: Option<String>,
    /// The map's zero, for UTM less its coordinates, as Lanelet2's `UtmProjector` has it.
    pub origin: Option<GeoOrigin>,
}

/// The lanes of a file, and what their bounds were made from.
struct Builder {
    lanes: BTreeMap<LaneId, Lane>,
    bounds: BTreeMap<LaneId, (Bound, Bound)>,
}

impl LaneGraph {
    /// Reads a map by what its name ends in: `.osm` is Lanelet2, anything else OpenDRIVE. Beside a Lanelet2 file
    /// Autoware's `map_projector_info.yaml` is read where it is there.
    ///
    /// # Errors
    /// [`MapError`] with the element, its line and what is wrong.
    pub fn from_file(path: &Path, origin: Option<GeoOrigin>) -> Result<Self, MapError> {
        if path.extension().is_none_or(|extension| extension != "osm") {
            return Self::from_opendrive_file(path);
        }
        let read =
            |path: &Path| std::fs::read_to_string(path).map_err(|source| MapError::Read { path: path.into(), source });
        let text = read(path)?;
        let beside = path.with_file_name("map_projector_info.yaml");
        let projector_info = if beside.is_file() { Some(read(&beside)?) } else { None };
        let name = path.file_stem().map_or_else(|| path.display().to_string(), |s| s.to_string_lossy().into_owned());
        Self::from_lanelet2(&text, &name, &Lanelet2Options { projector_info, origin })
    }

    /// Reads Lanelet2 text; `name` stands in messages. A lanelet keeps its id; driven in both directions it becomes two
    /// lanes, the one against its direction with the negated id.
    ///
    /// # Errors
    /// [`MapError`] with the element, its line and what is wrong.
    pub fn from_lanelet2(text: &str, name: &str, options: &Lanelet2Options) -> Result<Self, MapError> {
        let document = roxmltree::Document::parse(text).map_err(|source| MapError::Xml { map: name.into(), source })?;
        let root = Xml { map: name, node: document.root_element() };
        if root.tag() != "osm" {
            return Err(root.error("the root element <osm> is expected"));
        }
        let osm = Osm::parse(&root)?;
        let projected = project(&osm, options.projector_info.as_deref(), options.origin, name)?;
        let mut builder = Builder { lanes: BTreeMap::new(), bounds: BTreeMap::new() };
        for relation in osm.relations.iter().filter(|relation| relation.tag("type") == "lanelet") {
            builder.add(relation, &osm, &projected)?;
        }
        builder.connect(&osm);
        junctions::mark(&mut builder.lanes);
        let features = features::Features::parse(&osm, &projected, &mut builder)?;
        let lanes = builder.lanes;
        if !lanes.values().any(|lane| lane.kind == LaneKind::Driving) {
            return Err(MapError::Whole { map: name.into(), reason: "no lanelet for vehicles is in it".into() });
        }
        let mut graph = Self {
            index: crate::index::LaneIndex::new(&lanes),
            lanes,
            crosswalks: features.crosswalks,
            signals: features.signals,
            controllers: features.controllers,
            objects: Vec::new(),
            origin: projected.origin,
            projection: projected.projection,
            name: name.into(),
        };
        crate::conflicts::find(&mut graph, &features.priorities);
        crate::opendrive::link_crosswalks(&mut graph);
        Ok(graph)
    }
}

impl Builder {
    fn add(&mut self, relation: &OsmRelation<'_, '_>, osm: &Osm<'_, '_>, at: &Projected) -> Result<(), MapError> {
        let Some(kind) = rules::kind(&relation.tags) else { return Ok(()) };
        let (left, right) = both_bounds(relation, osm, at)?;
        let limit = rules::speed_limit(&relation.tags).map_err(|reason| relation.element.error(reason))?;
        let turn = match relation.tag("turn_direction") {
            "left" => Turn::Left,
            "right" => Turn::Right,
            _ => Turn::Straight,
        };
        let two_way = kind == LaneKind::Driving && rules::is_two_way(&relation.tags);
        self.insert(relation, LaneId(relation.id), kind, (left.clone(), right.clone()), limit, turn)?;
        if two_way {
            let turned = (right.reversed(), left.reversed());
            self.insert(relation, LaneId(-relation.id), kind, turned, limit, Turn::Straight)?;
        }
        Ok(())
    }

    fn insert(
        &mut self,
        relation: &OsmRelation<'_, '_>,
        id: LaneId,
        kind: LaneKind,
        bounds: (Bound, Bound),
        speed_limit_mps: f64,
        turn: Turn,
    ) -> Result<(), MapError> {
        let mut samples = sample(&bounds.0, &bounds.1);
        let middle = |[l, r]: &[(Point2<Map>, f64); 2]| l.0 + (r.0 - l.0) * 0.5;
        // Where both bounds stand still the centre line would have no direction.
        samples.dedup_by(|b, a| middle(a).distance(middle(b)) < 1e-3);
        let center = Polyline::new(samples.iter().map(middle))
            .map_err(|e| relation.element.error(format!("its bounds give no centre line: {e}")))?;
        let lane = Lane {
            id,
            kind,
            center,
            left: samples.iter().map(|[l, _]| l.0).collect(),
            right: samples.iter().map(|[_, r]| r.0).collect(),
            elevation: samples.iter().map(|[l, r]| 0.5 * (l.1 + r.1)).collect(),
            speed_limit_mps,
            successors: Vec::new(),
            predecessors: Vec::new(),
            left_neighbor: None,
            right_neighbor: None,
            left_boundary: Boundary::Solid,
            right_boundary: Boundary::Solid,
            junction: None,
            turn,
            stop_lines: Vec::new(),
            conflicts: Vec::new(),
            source: format!(
                "lanelet {}{}",
                relation.id,
                if id.0 == relation.id { "" } else { " against its direction" }
            ),
        };
        if self.lanes.insert(id, lane).is_some() {
            return Err(relation.element.error("a second lanelet of this id"));
        }
        self.bounds.insert(id, bounds);
        Ok(())
    }

    /// Successors share the nodes between them, neighbours the way between them in one direction.
    fn connect(&mut self, osm: &Osm<'_, '_>) {
        let mut starts: BTreeMap<(i64, i64), Vec<LaneId>> = BTreeMap::new();
        let mut lefts: BTreeMap<(i64, bool), Vec<LaneId>> = BTreeMap::new();
        let mut rights: BTreeMap<(i64, bool), Vec<LaneId>> = BTreeMap::new();
        for (id, (left, right)) in &self.bounds {
            starts.entry((left.nodes[0], right.nodes[0])).or_default().push(*id);
            lefts.entry((left.way, left.inverted)).or_default().push(*id);
            rights.entry((right.way, right.inverted)).or_default().push(*id);
        }
        let ids: Vec<LaneId> = self.lanes.keys().copied().collect();
        for id in ids {
            let (left, right) = &self.bounds[&id];
            let kind = self.lanes[&id].kind;
            let fits = |other: &&LaneId| **other != id && other.0 != -id.0 && self.lanes[*other].kind == kind;
            let end = (left.nodes[left.nodes.len() - 1], right.nodes[right.nodes.len() - 1]);
            let next: Vec<LaneId> = starts.get(&end).into_iter().flatten().filter(fits).copied().collect();
            let beside = |map: &BTreeMap<(i64, bool), Vec<LaneId>>, bound: &Bound| {
                map.get(&(bound.way, bound.inverted)).into_iter().flatten().find(fits).copied()
            };
            let (left_neighbor, right_neighbor) = (beside(&rights, left), beside(&lefts, right));
            let may_cross = |bound: &Bound, to_left: bool| {
                let (to_right_of_way, to_left_of_way) =
                    osm.ways.get(&bound.way).map_or((false, false), |way| rules::crossing(&way.tags));
                if to_left != bound.inverted { to_left_of_way } else { to_right_of_way }
            };
            let boundary = |may: bool| if may { Boundary::Crossable } else { Boundary::Solid };
            let boundaries = (boundary(may_cross(left, true)), boundary(may_cross(right, false)));
            for successor in &next {
                if let Some(lane) = self.lanes.get_mut(successor) {
                    lane.predecessors.push(id);
                }
            }
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.successors = next;
                (lane.left_neighbor, lane.right_neighbor) = (left_neighbor, right_neighbor);
                (lane.left_boundary, lane.right_boundary) = boundaries;
            }
        }
    }
}

/// The bounds in the lanelet's direction.
fn both_bounds(relation: &OsmRelation<'_, '_>, osm: &Osm<'_, '_>, at: &Projected) -> Result<(Bound, Bound), MapError> {
    let bound = |role: &'static str| -> Result<Bound, MapError> {
        let ids: Vec<i64> = relation.members("way", role).collect();
        let [id] = ids[..] else {
            return Err(relation
                .element
                .error(format!("one member way of role `{role}` is expected, got {}", ids.len())));
        };
        let way = osm
            .ways
            .get(&id)
            .ok_or_else(|| relation.element.error(format!("its {role} bound is way {id}, which is not in the map")))?;
        if way.nodes.len() < 2 {
            return Err(relation.element.error(format!("its {role} bound, way {id}, has fewer than two nodes")));
        }
        let points = way.nodes.iter().map(|node| at.points[node]).collect();
        Ok(Bound { way: id, inverted: false, nodes: way.nodes.clone(), points })
    };
    Ok(align(bound("left")?, bound("right")?))
}
