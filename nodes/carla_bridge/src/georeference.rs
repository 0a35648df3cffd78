//! CARLA's latitude and longitude, which no geodesist would call that, back to metres in the map.

use geometry::{Map, Point2};
use road_map::GeoOrigin;
use serde::Deserialize;

/// The sphere that CARLA computes on, m.
const RADIUS_M: f64 = 6_378_137.0;
/// Scale of the transverse Mercator projection in 0.9.16, whatever the map's `+k` says.
const SCALE_0_9_16: f64 = 0.9996;
/// What 0.9.16 takes where the map says no `+lat_0` and `+lon_0`, degrees.
const DEFAULT_ORIGIN: [f64; 2] = [42.0, 2.0];

/// How a version of CARLA computes latitude and longitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeoReference {
    /// Up to 0.9.15: Mercator on a sphere, scaled by the cosine of the origin's latitude; north is minus CARLA's y.
    Carla0_9_13,
    /// 0.9.16: transverse Mercator on a sphere, and CARLA's y is taken for north, so that latitude is mirrored about the
    /// origin (CARLA's pull request 9552 is of it). Measured on the PyPI package `carla` 0.9.16.
    Carla0_9_16,
}

/// What the user says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum GeoReferenceChoice {
    /// As the contract's version has it.
    #[serde(rename = "auto")]
    Auto,
    /// See [`GeoReference::Carla0_9_13`].
    #[serde(rename = "carla_0_9_13")]
    Carla0_9_13,
    /// See [`GeoReference::Carla0_9_16`].
    #[serde(rename = "carla_0_9_16")]
    Carla0_9_16,
}

impl GeoReferenceChoice {
    /// The one that holds; `version`: what the contract's version has.
    pub fn resolve(self, version: GeoReference) -> GeoReference {
        match self {
            Self::Auto => version,
            Self::Carla0_9_13 => GeoReference::Carla0_9_13,
            Self::Carla0_9_16 => GeoReference::Carla0_9_16,
        }
    }
}

impl GeoReference {
    /// Map coordinates (m, y to the north as in OpenDRIVE) of a fix in degrees. `origin`: the map's; one that says none
    /// has 0, 0 in our reader. Not finite where the fix is not.
    pub fn to_map(self, origin: GeoOrigin, latitude_deg: f64, longitude_deg: f64) -> Point2<Map> {
        let [phi, lambda] = [latitude_deg, longitude_deg].map(f64::to_radians);
        let [phi0, lambda0] = [origin.latitude_deg, origin.longitude_deg].map(f64::to_radians);
        match self {
            Self::Carla0_9_13 => {
                let scale = RADIUS_M * phi0.cos();
                let northing = |phi: f64| scale * (std::f64::consts::FRAC_PI_4 + phi / 2.0).tan().ln();
                Point2::new(scale * (lambda - lambda0), northing(phi) - northing(phi0))
            }
            Self::Carla0_9_16 => {
                let across = phi.cos() * (lambda - lambda0).sin();
                let x = RADIUS_M * SCALE_0_9_16 * across.atanh();
                let carla_y = RADIUS_M * SCALE_0_9_16 * ((phi.tan() / (lambda - lambda0).cos()).atan() - phi0);
                Point2::new(x, -carla_y)
            }
        }
    }

    /// The origin that CARLA takes for a map: a fix a continent away from the map's own tells that it found none.
    pub fn origin_for(self, map: GeoOrigin, latitude_deg: f64, longitude_deg: f64) -> GeoOrigin {
        let far = |origin: GeoOrigin| {
            (latitude_deg - origin.latitude_deg).abs().max((longitude_deg - origin.longitude_deg).abs())
        };
        let [latitude_deg, longitude_deg] = DEFAULT_ORIGIN;
        let default = GeoOrigin { latitude_deg, longitude_deg, altitude_m: 0.0 };
        if self == Self::Carla0_9_16 && far(map) > 1.0 && far(default) < 1.0 { default } else { map }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOWN: GeoOrigin = GeoOrigin { latitude_deg: 48.1, longitude_deg: 11.5, altitude_m: 0.0 };

    /// `carla.Map.transform_to_geolocation` of the PyPI package 0.9.16 on maps/town.xodr; its locations have y to the south.
    #[test]
    fn fixes_of_carla_0_9_16_are_where_carla_has_them() {
        for (x, carla_y, latitude, longitude) in [
            (1000.0, 0.0, 48.099_999_214_511_88, 11.513_456_587_790_158),
            (0.0, 1000.0, 48.108_986_747_540_21, 11.5),
            (300.0, -200.0, 48.098_202_579_802_496, 11.504_036_835_255_421),
        ] {
            let at = GeoReference::Carla0_9_16.to_map(TOWN, latitude, longitude);
            assert!(at.distance(Point2::new(x, -carla_y)) < 1e-3, "{at:?}");
        }
    }

    /// Closed form of the older projection: a metre north is a metre of Mercator at the origin's scale.
    #[test]
    fn fixes_of_carla_0_9_13_are_where_its_formula_has_them() {
        let scale = TOWN.latitude_deg.to_radians().cos();
        let longitude = 11.5 + (250.0 / (RADIUS_M * scale)).to_degrees();
        let northing = |latitude: f64| RADIUS_M * scale * ((90.0 + latitude).to_radians() / 2.0).tan().ln();
        let latitude = 2.0 * ((northing(48.1) + 400.0) / (RADIUS_M * scale)).exp().atan().to_degrees() - 90.0;
        let at = GeoReference::Carla0_9_13.to_map(TOWN, latitude, longitude);
        assert!(at.distance(Point2::new(250.0, 400.0)) < 1e-6, "{at:?}");
    }

    #[test]
    fn a_map_without_a_georeference_is_found_where_carla_puts_it() {
        let none = GeoOrigin { latitude_deg: 0.0, longitude_deg: 0.0, altitude_m: 0.0 };
        let (latitude, longitude) = (41.998_202_593_382_91, 2.003_627_756_017_793);
        let origin = GeoReference::Carla0_9_16.origin_for(none, latitude, longitude);
        let at = GeoReference::Carla0_9_16.to_map(origin, latitude, longitude);
        assert!(at.distance(Point2::new(300.0, 200.0)) < 1e-3, "{at:?}");
        assert_eq!(GeoReference::Carla0_9_16.origin_for(TOWN, 48.2, 11.4), TOWN);
    }
}
