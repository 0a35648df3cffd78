//! Roads as the file has them.

use std::collections::BTreeMap;

use super::plan_view::PlanView;
use super::xml::{Cubic, Xml, piecewise};
use crate::{Boundary, LaneKind, MapError};

/// Which end of a road.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    Start,
    End,
}

/// What a road's end is joined to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    Road { id: String, contact: Contact },
    Junction(String),
}

#[derive(Debug, Clone)]
pub(super) struct RoadLane {
    pub id: i64,
    pub kind: Option<LaneKind>,
    /// Width over `s` from the section's start, or the outer border's offset where `is_border`.
    pub profile: Vec<Cubic>,
    pub is_border: bool,
    pub predecessor: Option<i64>,
    pub successor: Option<i64>,
    /// Outer road marks: start from the section's start, crossable outward and inward.
    pub marks: Vec<(f64, Boundary)>,
    pub speeds: Vec<(f64, f64)>,
    pub line: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Section {
    pub s: f64,
    pub end: f64,
    /// By lane id; lane 0 included where the file has it.
    pub lanes: BTreeMap<i64, RoadLane>,
}

#[derive(Debug, Clone)]
pub(super) struct Road {
    pub id: String,
    pub length: f64,
    pub junction: Option<String>,
    pub right_hand_traffic: bool,
    pub predecessor: Option<Link>,
    pub successor: Option<Link>,
    pub plan_view: PlanView,
    pub elevation: Vec<Cubic>,
    pub superelevation: Vec<Cubic>,
    pub lane_offset: Vec<Cubic>,
    pub sections: Vec<Section>,
    pub speeds: Vec<(f64, f64)>,
}

/// Speed limit where a map says none, m/s: 50 km/h, the town limit of the Vienna Convention's contracting states.
const DEFAULT_SPEED_MPS: f64 = 50.0 / 3.6;

/// Longest road that is believed, m.
const MAX_LENGTH_M: f64 = 100_000.0;

/// Largest lane number that is believed.
const MAX_LANES: i64 = 1000;

impl Road {
    pub fn parse(road: &Xml<'_, '_>) -> Result<Self, MapError> {
        let length = road.number("length")?;
        if length <= 0.0 || length > MAX_LENGTH_M {
            return Err(road.error(format!("a length above 0 and up to {MAX_LENGTH_M} m is expected, got {length}")));
        }
        let link = road.child("link");
        let end = |tag| link.and_then(|l| l.child(tag)).map(|e| parse_link(&e)).transpose();
        let lanes = road.child("lanes").ok_or_else(|| road.error("<lanes> is expected, none there"))?;
        let mut sections = lanes.children("laneSection").map(|s| parse_section(&s)).collect::<Result<Vec<_>, _>>()?;
        if sections.is_empty() {
            return Err(lanes.error("at least one <laneSection> is expected"));
        }
        for i in 0..sections.len() {
            sections[i].end = sections.get(i + 1).map_or(length, |next| next.s);
            if sections[i].end <= sections[i].s || sections[i].s < 0.0 {
                return Err(lanes.error(format!(
                    "lane sections must start in order of `s` and within the road (length {length}); section {i} runs from {} to {}",
                    sections[i].s, sections[i].end
                )));
            }
        }
        Ok(Self {
            id: road.required("id")?.into(),
            length,
            junction: road.text("junction").filter(|j| *j != "-1").map(Into::into),
            right_hand_traffic: road.text("rule") != Some("LHT"),
            predecessor: end("predecessor")?,
            successor: end("successor")?,
            plan_view: PlanView::parse(road)?,
            elevation: cubics(road.child("elevationProfile"), "elevation")?,
            superelevation: cubics(road.child("lateralProfile"), "superelevation")?,
            lane_offset: cubics(Some(lanes), "laneOffset")?,
            sections,
            speeds: road.children("type").map(|t| parse_type_speed(&t)).collect::<Result<_, _>>()?,
        })
    }

    /// Speed limit of a lane at `s`, m/s.
    pub fn speed_limit(&self, section: &Section, lane: &RoadLane, s: f64) -> f64 {
        let at =
            |speeds: &[(f64, f64)], s: f64| speeds.iter().rev().find(|(from, _)| *from <= s + 1e-6).map(|(_, v)| *v);
        at(&lane.speeds, s - section.s).or_else(|| at(&self.speeds, s)).unwrap_or(DEFAULT_SPEED_MPS)
    }

    /// Height of the road at `s` and offset `t`, m.
    pub fn elevation_at(&self, s: f64, t: f64) -> f64 {
        piecewise(&self.elevation, s, 0.0) + t * piecewise(&self.superelevation, s, 0.0).sin()
    }
}

impl Section {
    /// Inner and outer offset of a lane from the reference line at `s`, m, left positive.
    pub fn offsets(&self, lane: i64, s: f64, lane_offset: &[Cubic]) -> (f64, f64) {
        let side = lane.signum() as f64;
        let ds = s - self.s;
        let center = piecewise(lane_offset, s, 0.0);
        let (mut inner, mut outer) = (0.0, 0.0);
        for id in 1..=lane.abs() {
            inner = outer;
            let Some(lane) = self.lanes.get(&(id * lane.signum())) else { continue };
            outer = if lane.is_border {
                piecewise(&lane.profile, ds, 0.0).abs()
            } else {
                inner + piecewise(&lane.profile, ds, 0.0).max(0.0)
            };
        }
        (center + side * inner, center + side * outer)
    }
}

fn cubics(parent: Option<Xml<'_, '_>>, tag: &'static str) -> Result<Vec<Cubic>, MapError> {
    let Some(parent) = parent else { return Ok(Vec::new()) };
    parent.children(tag).map(|e| e.cubic("s")).collect()
}

fn parse_link(end: &Xml<'_, '_>) -> Result<Link, MapError> {
    let id = end.required("elementId")?.to_string();
    match end.required("elementType")? {
        "junction" => Ok(Link::Junction(id)),
        "road" => Ok(Link::Road { id, contact: parse_contact(end)? }),
        other => Err(end.error(format!("elementType: `road` or `junction` expected, got `{other}`"))),
    }
}

pub(super) fn parse_contact(element: &Xml<'_, '_>) -> Result<Contact, MapError> {
    match element.required("contactPoint")? {
        "start" => Ok(Contact::Start),
        "end" => Ok(Contact::End),
        other => Err(element.error(format!("contactPoint: `start` or `end` expected, got `{other}`"))),
    }
}

fn parse_section(section: &Xml<'_, '_>) -> Result<Section, MapError> {
    let mut lanes = BTreeMap::new();
    for (side, sign) in [("left", 1), ("center", 0), ("right", -1)] {
        for lane in section.child(side).into_iter().flat_map(|s| s.children("lane")) {
            let parsed = parse_lane(&lane)?;
            if !(-MAX_LANES..=MAX_LANES).contains(&parsed.id) {
                return Err(
                    lane.error(format!("an id from -{MAX_LANES} to {MAX_LANES} is expected, got {}", parsed.id))
                );
            }
            if parsed.id.signum() != sign {
                return Err(lane.error(format!("lane {} cannot lie in <{side}>", parsed.id)));
            }
            if lanes.insert(parsed.id, parsed).is_some() {
                return Err(lane.error("another lane of this section has the same id"));
            }
        }
    }
    Ok(Section { s: section.number("s")?, end: f64::NAN, lanes })
}

fn parse_lane(lane: &Xml<'_, '_>) -> Result<RoadLane, MapError> {
    let link = |tag| -> Result<Option<i64>, MapError> {
        lane.child("link").and_then(|l| l.child(tag)).map(|e| e.integer("id")).transpose()
    };
    let width = lane.children("width").map(|e| e.cubic("sOffset")).collect::<Result<Vec<_>, _>>()?;
    let border = lane.children("border").map(|e| e.cubic("sOffset")).collect::<Result<Vec<_>, _>>()?;
    let is_border = width.is_empty() && !border.is_empty();
    Ok(RoadLane {
        id: lane.integer("id")?,
        kind: lane_kind(lane.text("type").unwrap_or("none")),
        profile: if is_border { border } else { width },
        is_border,
        predecessor: link("predecessor")?,
        successor: link("successor")?,
        marks: lane.children("roadMark").map(|m| parse_mark(&m)).collect::<Result<_, _>>()?,
        speeds: lane.children("speed").map(|e| Ok((e.number("sOffset")?, speed(&e)?))).collect::<Result<_, _>>()?,
        line: lane.node.document().text_pos_at(lane.node.range().start).row,
    })
}

fn lane_kind(name: &str) -> Option<LaneKind> {
    Some(match name {
        "driving" | "bidirectional" | "entry" | "exit" | "onRamp" | "offRamp" | "connectingRamp" | "slipLane"
        | "bus" | "taxi" | "HOV" | "mwyEntry" | "mwyExit" => LaneKind::Driving,
        "biking" => LaneKind::Biking,
        "sidewalk" | "walking" => LaneKind::Sidewalk,
        "parking" => LaneKind::Parking,
        "shoulder" | "stop" | "border" | "restricted" | "curb" | "median" => LaneKind::Shoulder,
        _ => return None,
    })
}

fn parse_mark(mark: &Xml<'_, '_>) -> Result<(f64, Boundary), MapError> {
    let crossable = match (mark.text("laneChange"), mark.text("type")) {
        (Some("none"), _) => false,
        (Some("both" | "increase" | "decrease"), _) => true,
        (_, Some(kind)) => kind.contains("broken"),
        _ => false,
    };
    Ok((mark.number("sOffset")?, if crossable { Boundary::Crossable } else { Boundary::Solid }))
}

fn parse_type_speed(kind: &Xml<'_, '_>) -> Result<(f64, f64), MapError> {
    let limit = kind.child("speed").map(|e| speed(&e)).transpose()?;
    Ok((kind.number("s")?, limit.unwrap_or(DEFAULT_SPEED_MPS)))
}

/// The limit in m/s; none at all counts as 130 km/h.
fn speed(element: &Xml<'_, '_>) -> Result<f64, MapError> {
    if matches!(element.text("max"), Some("no limit" | "undefined")) {
        return Ok(130.0 / 3.6);
    }
    let factor = match element.text("unit") {
        None | Some("m/s") => 1.0,
        Some("km/h") => 1.0 / 3.6,
        Some("mph") => 0.447_04,
        Some(other) => return Err(element.error(format!("unit: m/s, km/h or mph expected, got `{other}`"))),
    };
    let limit = element.number("max")? * factor;
    if limit > 0.0 { Ok(limit) } else { Err(element.error(format!("a speed above 0 is expected, got {limit} m/s"))) }
}
