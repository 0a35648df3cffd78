use geometry::{Map, Point2};

use crate::{GeoOrigin, LaneGraph};

/// WGS84: semi-major axis, m, and first eccentricity squared.
const A: f64 = 6_378_137.0;
const E2: f64 = 6.694_379_990_141_316e-3;

/// Latitude and longitude to map coordinates and back: transverse Mercator about the map's origin, scale 1.
///
/// Good to a centimetre within some 50 km of the origin. Source: J. P. Snyder, Map Projections: A Working Manual
/// (USGS 1395), equations 8-9 to 8-25.
#[derive(Debug, Clone, Copy)]
pub struct LocalProjection {
    latitude0: f64,
    longitude0: f64,
    arc0: f64,
}

impl LaneGraph {
    /// The projection about this map's origin.
    pub fn geo(&self) -> LocalProjection {
        LocalProjection::new(self.origin)
    }
}

impl LocalProjection {
    /// About an origin.
    pub fn new(origin: GeoOrigin) -> Self {
        let latitude0 = origin.latitude_deg.to_radians();
        Self { latitude0, longitude0: origin.longitude_deg.to_radians(), arc0: meridian_arc(latitude0) }
    }

    /// Map coordinates of a latitude and longitude in degrees.
    pub fn to_map(&self, latitude_deg: f64, longitude_deg: f64) -> Point2<Map> {
        let phi = latitude_deg.to_radians();
        let (sin, cos) = phi.sin_cos();
        let n = A / (1.0 - E2 * sin * sin).sqrt();
        let t = phi.tan().powi(2);
        let ep2 = E2 / (1.0 - E2);
        let c = ep2 * cos * cos;
        let a = (longitude_deg.to_radians() - self.longitude0) * cos;
        let x = n
            * (a + (1.0 - t + c) * a.powi(3) / 6.0
                + (5.0 - 18.0 * t + t * t + 72.0 * c - 58.0 * ep2) * a.powi(5) / 120.0);
        let y = meridian_arc(phi) - self.arc0
            + n * phi.tan()
                * (a * a / 2.0
                    + (5.0 - t + 9.0 * c + 4.0 * c * c) * a.powi(4) / 24.0
                    + (61.0 - 58.0 * t + t * t + 600.0 * c - 330.0 * ep2) * a.powi(6) / 720.0);
        Point2::new(x, y)
    }

    /// Latitude and longitude in degrees of a place on the map: [`Self::to_map`] inverted by Newton's method.
    pub fn to_geographic(&self, point: Point2<Map>) -> (f64, f64) {
        let mut latitude = self.latitude0 + point.y / A;
        let mut longitude = self.longitude0 + point.x / (A * self.latitude0.cos());
        for _ in 0..6 {
            let error = point - self.to_map(latitude.to_degrees(), longitude.to_degrees());
            let sin = latitude.sin();
            let curvature = (1.0 - E2 * sin * sin).sqrt();
            latitude += error.y * curvature.powi(3) / (A * (1.0 - E2));
            longitude += error.x * curvature / (A * latitude.cos());
        }
        (latitude.to_degrees(), longitude.to_degrees())
    }
}

/// Length of the meridian from the equator, m (Snyder 3-21).
fn meridian_arc(phi: f64) -> f64 {
    let (e4, e6) = (E2 * E2, E2 * E2 * E2);
    A * ((1.0 - E2 / 4.0 - 3.0 * e4 / 64.0 - 5.0 * e6 / 256.0) * phi
        - (3.0 * E2 / 8.0 + 3.0 * e4 / 32.0 + 45.0 * e6 / 1024.0) * (2.0 * phi).sin()
        + (15.0 * e4 / 256.0 + 45.0 * e6 / 1024.0) * (4.0 * phi).sin()
        - (35.0 * e6 / 3072.0) * (6.0 * phi).sin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projection_and_inverse_cancel() {
        let projection = LocalProjection::new(GeoOrigin { latitude_deg: 48.1, longitude_deg: 11.5, altitude_m: 500.0 });
        for (x, y) in [(0.0, 0.0), (1234.5, -987.6), (-20_000.0, 15_000.0)] {
            let point = Point2::new(x, y);
            let (latitude, longitude) = projection.to_geographic(point);
            assert!(projection.to_map(latitude, longitude).distance(point) < 1e-6);
        }
    }

    #[test]
    fn a_degree_of_latitude_has_its_length() {
        let projection = LocalProjection::new(GeoOrigin { latitude_deg: 45.0, longitude_deg: 9.0, altitude_m: 0.0 });
        // 111,131.745 m between 44.5 and 45.5 degrees on WGS84.
        let degree = projection.to_map(45.5, 9.0).y - projection.to_map(44.5, 9.0).y;
        assert!((degree - 111_131.745).abs() < 0.1, "{degree}");
    }
}
