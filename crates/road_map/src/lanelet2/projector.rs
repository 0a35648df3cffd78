//! Where a Lanelet2 map lies: Autoware's `map_projector_info.yaml`, an origin that is given, or the file's own
//! `local_x`, `local_y`.

use std::collections::BTreeMap;

use geometry::{Map, Point2};
use serde::Deserialize;

use super::osm::Osm;
use crate::{GeoOrigin, LocalProjection, MapError};

/// How far `local_x`, `local_y` may lie from where latitude and longitude are, m.
const AGREEMENT_M: f64 = 1.0;

/// Autoware's file; keys that do not matter here are passed over.
#[derive(Debug, Clone, Default, Deserialize)]
struct Info {
    projector_type: String,
    #[serde(default)]
    mgrs_grid: Option<String>,
    #[serde(default)]
    map_origin: Option<Origin>,
    #[serde(default)]
    scale_factor: Option<f64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Origin {
    latitude: f64,
    longitude: f64,
    #[serde(default)]
    altitude: f64,
}

/// Places of all nodes, and the projection that made them.
pub(super) struct Projected {
    pub points: BTreeMap<i64, (Point2<Map>, f64)>,
    pub projection: LocalProjection,
    pub origin: GeoOrigin,
}

/// Projects the nodes. `info` is the text of `map_projector_info.yaml`, `origin` what the caller gave.
pub(super) fn project(
    osm: &Osm<'_, '_>,
    info: Option<&str>,
    origin: Option<GeoOrigin>,
    map: &str,
) -> Result<Projected, MapError> {
    let refuse = |reason: String| MapError::Whole { map: map.into(), reason };
    let first = osm.nodes.values().find_map(|node| node.geographic);
    let first = first.map(|(latitude_deg, longitude_deg)| GeoOrigin { latitude_deg, longitude_deg, altitude_m: 0.0 });
    let has_local = !osm.nodes.is_empty() && osm.nodes.values().all(|node| node.local.is_some());
    if let Some(text) = info {
        let info: Info = serde_saphyr::from_str(text).map_err(|e| refuse(format!("map_projector_info.yaml: {e}")))?;
        let (projection, origin) =
            from_info(&info, first).map_err(|e| refuse(format!("map_projector_info.yaml: {e}")))?;
        return geographic(osm, projection, origin, map);
    }
    if let Some(origin) = origin {
        let projection = LocalProjection::utm(origin)
            .ok_or_else(|| refuse("an origin between 80 degrees south and 72 north is expected".into()))?;
        return geographic(osm, projection, origin, map);
    }
    if has_local {
        return local(osm, first, map);
    }
    Err(refuse(
        "nothing says where its zero is: give an origin, or put Autoware's map_projector_info.yaml beside the file"
            .into(),
    ))
}

fn from_info(info: &Info, first: Option<GeoOrigin>) -> Result<(LocalProjection, GeoOrigin), String> {
    let origin = || {
        let at = info.map_origin.ok_or("map_origin with latitude and longitude is expected")?;
        if !(at.latitude.abs() <= 90.0 && at.longitude.abs() <= 180.0 && at.altitude.is_finite()) {
            return Err(format!("map_origin: degrees are expected, got {}, {}", at.latitude, at.longitude));
        }
        Ok(GeoOrigin { latitude_deg: at.latitude, longitude_deg: at.longitude, altitude_m: at.altitude })
    };
    let beyond = || "the map lies where UTM has no regular zone".to_owned();
    match info.projector_type.as_str() {
        "MGRS" => {
            let first = first.ok_or("the file's nodes have no latitude and longitude")?;
            let (projection, square) = LocalProjection::mgrs(first).ok_or_else(beyond)?;
            if let Some(wanted) = info.mgrs_grid.as_ref().filter(|wanted| **wanted != square) {
                return Err(format!("mgrs_grid is {wanted}, but the map's first node lies in {square}"));
            }
            Ok((projection, zero(projection)))
        }
        "LocalCartesianUTM" => origin().and_then(|at| Ok((LocalProjection::utm(at).ok_or_else(beyond)?, at))),
        "TransverseMercator" => {
            let scale = info.scale_factor.unwrap_or(0.9996);
            if !(0.9..=1.1).contains(&scale) {
                return Err(format!("scale_factor: 0.9..=1.1 is expected, got {scale}"));
            }
            origin().map(|at| (LocalProjection::transverse_mercator(at, scale), at))
        }
        other => Err(format!("projector_type `{other}`: MGRS, LocalCartesianUTM and TransverseMercator are known")),
    }
}

/// Latitude and longitude of a projection's zero.
fn zero(projection: LocalProjection) -> GeoOrigin {
    let (latitude_deg, longitude_deg) = projection.to_geographic(Point2::new(0.0, 0.0));
    GeoOrigin { latitude_deg, longitude_deg, altitude_m: 0.0 }
}

fn geographic(
    osm: &Osm<'_, '_>,
    projection: LocalProjection,
    origin: GeoOrigin,
    map: &str,
) -> Result<Projected, MapError> {
    let mut points = BTreeMap::new();
    for (id, node) in &osm.nodes {
        let Some((latitude, longitude)) = node.geographic else {
            let reason = format!("node {id} has no latitude and longitude");
            return Err(MapError::Whole { map: map.into(), reason });
        };
        points.insert(*id, (projection.to_map(latitude, longitude), node.elevation - origin.altitude_m));
    }
    Ok(Projected { points, projection, origin })
}

/// The file's own coordinates, which must be those of the military grid's square: nothing else says where they are.
fn local(osm: &Osm<'_, '_>, first: Option<GeoOrigin>, map: &str) -> Result<Projected, MapError> {
    let refuse = |reason: String| Err(MapError::Whole { map: map.into(), reason });
    let Some((projection, square)) = first.and_then(LocalProjection::mgrs) else {
        return refuse(
            "its nodes have local_x and local_y, but nothing says where on Earth: latitude and longitude are missing"
                .into(),
        );
    };
    let mut points = BTreeMap::new();
    for (id, node) in &osm.nodes {
        let (Some((x, y)), Some((latitude, longitude))) = (node.local, node.geographic) else {
            return refuse(format!("node {id} lacks local or geographic coordinates, which others have"));
        };
        let point = Point2::new(x, y);
        let apart = projection.to_map(latitude, longitude).distance(point);
        if !(apart <= AGREEMENT_M) {
            return refuse(format!(
                "node {id}: local_x, local_y lie {apart:.1} m from its latitude and longitude in the grid {square}; \
                 put Autoware's map_projector_info.yaml beside the file"
            ));
        }
        points.insert(*id, (point, node.elevation));
    }
    Ok(Projected { points, projection, origin: zero(projection) })
}
