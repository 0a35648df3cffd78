//! ASAM OpenDRIVE 1.4 to 1.8 read into the lane graph.

mod features;
mod junction;
mod lanes;
mod plan_view;
mod road;
pub(crate) mod xml;

use std::path::Path;

use crate::{GeoOrigin, LaneGraph, MapError};
use road::Road;
use xml::Xml;

pub(crate) use features::link_crosswalks;

impl LaneGraph {
    /// Reads an OpenDRIVE file.
    ///
    /// # Errors
    /// [`MapError`] with the element, its line and what is wrong.
    pub fn from_opendrive_file(path: &Path) -> Result<Self, MapError> {
        let text = std::fs::read_to_string(path).map_err(|source| MapError::Read { path: path.into(), source })?;
        let name = path.file_stem().map_or_else(|| path.display().to_string(), |s| s.to_string_lossy().into_owned());
        Self::from_opendrive(&text, &name)
    }

    /// Reads OpenDRIVE text; `name` stands in messages.
    ///
    /// # Errors
    /// [`MapError`] with the element, its line and what is wrong.
    pub fn from_opendrive(text: &str, name: &str) -> Result<Self, MapError> {
        let document = roxmltree::Document::parse(text).map_err(|source| MapError::Xml { map: name.into(), source })?;
        let root = Xml { map: name, node: document.root_element() };
        if root.tag() != "OpenDRIVE" {
            return Err(root.error("the root element <OpenDRIVE> is expected"));
        }
        let roads = root.children("road").map(|r| Road::parse(&r)).collect::<Result<Vec<_>, _>>()?;
        let junctions =
            root.children("junction").map(|j| junction::Junction::parse(&j)).collect::<Result<Vec<_>, _>>()?;
        let mut builder = lanes::Builder::new(&root, roads, junctions)?;
        builder.connect()?;
        let features = features::Features::parse(&root, &mut builder)?;
        let lanes = builder.lanes;
        if !lanes.values().any(|lane| lane.kind == crate::LaneKind::Driving) {
            return Err(MapError::Whole { map: name.into(), reason: "no driving lane is in it".into() });
        }
        let origin = origin(&root)?;
        let mut graph = Self {
            index: crate::index::LaneIndex::new(&lanes),
            lanes,
            crosswalks: features.crosswalks,
            signals: features.signals,
            controllers: features.controllers,
            objects: features.objects,
            origin,
            projection: crate::LocalProjection::new(origin),
            name: name.into(),
        };
        crate::conflicts::find(&mut graph, &features.priorities);
        features::link_crosswalks(&mut graph);
        Ok(graph)
    }
}

/// Latitude and longitude of the map's origin from `+lat_0`, `+lon_0` of the projection; 0, 0 where there is none.
fn origin(root: &Xml<'_, '_>) -> Result<GeoOrigin, MapError> {
    let mut origin = GeoOrigin { latitude_deg: 0.0, longitude_deg: 0.0, altitude_m: 0.0 };
    let Some(reference) = root.child("header").and_then(|h| h.child("geoReference")) else { return Ok(origin) };
    for word in reference.node.text().unwrap_or_default().split_whitespace() {
        let Some((key, text)) = word.trim_start_matches('+').split_once('=') else { continue };
        let target = match key {
            "lat_0" => &mut origin.latitude_deg,
            "lon_0" => &mut origin.longitude_deg,
            _ => continue,
        };
        *target = text
            .parse::<f64>()
            .ok()
            .filter(|v| v.is_finite() && v.abs() <= 180.0)
            .ok_or_else(|| reference.error(format!("{key}: degrees expected, got `{text}`")))?;
    }
    Ok(origin)
}
