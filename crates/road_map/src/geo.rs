use geometry::{Map, Point2};

use crate::{GeoOrigin, LaneGraph};

/// WGS84: semi-major axis, m, and first eccentricity squared.
const A: f64 = 6_378_137.0;
const E2: f64 = 6.694_379_990_141_316e-3;

/// Latitude and longitude to map coordinates and back: transverse Mercator, either about the map's origin at scale 1 or
/// in the UTM zone of the origin.
///
/// Good to a centimetre within some 50 km of the origin. Source: J. P. Snyder, Map Projections: A Working Manual
/// (USGS 1395), equations 8-9 to 8-25.
#[derive(Debug, Clone, Copy)]
pub struct LocalProjection {
    latitude0: f64,
    longitude0: f64,
    arc0: f64,
    scale: f64,
    /// Projected place of the map's zero, m.
    offset: (f64, f64),
}

/// UTM's scale on a zone's central meridian.
const UTM_SCALE: f64 = 0.9996;
/// UTM's easting of a zone's central meridian, and northing of the equator on the southern half, m.
const FALSE_EASTING: f64 = 500_000.0;
const FALSE_NORTHING: f64 = 10_000_000.0;
/// Side of a square of the military grid, m.
const SQUARE_M: f64 = 100_000.0;

impl LaneGraph {
    /// The projection of this map.
    pub fn geo(&self) -> LocalProjection {
        self.projection
    }
}

impl LocalProjection {
    /// About an origin.
    pub fn new(origin: GeoOrigin) -> Self {
        let latitude0 = origin.latitude_deg.to_radians();
        let longitude0 = origin.longitude_deg.to_radians();
        Self { latitude0, longitude0, arc0: meridian_arc(latitude0), scale: 1.0, offset: (0.0, 0.0) }
    }

    /// About an origin at UTM's scale, as Autoware's `TransverseMercator`.
    pub(crate) fn transverse_mercator(origin: GeoOrigin, scale: f64) -> Self {
        Self { scale, ..Self::new(origin) }
    }

    /// UTM less the origin's UTM coordinates, as Lanelet2's `UtmProjector` and Autoware's `LocalCartesianUTM`. `None`
    /// beyond 72 degrees north and 80 south, where UTM's zones are irregular or end.
    pub(crate) fn utm(origin: GeoOrigin) -> Option<Self> {
        let mut projection = Self::utm_zone(utm_zone(origin)?);
        let zero = projection.to_map(origin.latitude_deg, origin.longitude_deg);
        projection.offset = (zero.x, zero.y);
        Some(projection)
    }

    /// Coordinates within the 100 km square of the military grid that holds a place; with the square's name.
    pub(crate) fn mgrs(place: GeoOrigin) -> Option<(Self, String)> {
        let zone = utm_zone(place)?;
        let mut projection = Self::utm_zone(zone);
        let at = projection.to_map(place.latitude_deg, place.longitude_deg);
        let south = if place.latitude_deg < 0.0 { FALSE_NORTHING } else { 0.0 };
        let column = ((at.x + FALSE_EASTING) / SQUARE_M).floor();
        let row = ((at.y + south) / SQUARE_M).floor();
        projection.offset = (column * SQUARE_M - FALSE_EASTING, row * SQUARE_M - south);
        let bands = b"CDEFGHJKLMNPQRSTUVWX";
        let band = bands[((place.latitude_deg + 80.0) / 8.0).clamp(0.0, 19.0) as usize];
        let columns: [&[u8]; 3] = [b"ABCDEFGH", b"JKLMNPQR", b"STUVWXYZ"];
        let letters = columns[(zone as usize - 1) % 3];
        let column = *letters.get((column as usize).checked_sub(1)?)?;
        let shift = if zone.is_multiple_of(2) { 5 } else { 0 };
        let row = b"ABCDEFGHJKLMNPQRSTUV"[(row as usize + shift) % 20];
        let name = format!("{zone}{}{}{}", char::from(band), char::from(column), char::from(row));
        Some((projection, name))
    }

    fn utm_zone(zone: u32) -> Self {
        let longitude0 = (f64::from(zone) * 6.0 - 183.0).to_radians();
        Self { latitude0: 0.0, longitude0, arc0: 0.0, scale: UTM_SCALE, offset: (0.0, 0.0) }
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
        Point2::new(self.scale * x - self.offset.0, self.scale * y - self.offset.1)
    }

    /// Latitude and longitude in degrees of a place on the map: [`Self::to_map`] inverted by Newton's method.
    pub fn to_geographic(&self, point: Point2<Map>) -> (f64, f64) {
        let (x, y) = ((point.x + self.offset.0) / self.scale, (point.y + self.offset.1) / self.scale);
        let mut latitude = self.latitude0 + y / A;
        let mut longitude = self.longitude0 + x / (A * latitude.cos());
        for _ in 0..8 {
            let error = point - self.to_map(latitude.to_degrees(), longitude.to_degrees());
            let sin = latitude.sin();
            let curvature = (1.0 - E2 * sin * sin).sqrt();
            latitude += error.y * curvature.powi(3) / (A * (1.0 - E2) * self.scale);
            longitude += error.x * curvature / (A * latitude.cos() * self.scale);
        }
        (latitude.to_degrees(), longitude.to_degrees())
    }
}

/// The UTM zone of a place, Norway's widened one included.
fn utm_zone(place: GeoOrigin) -> Option<u32> {
    let (latitude, longitude) = (place.latitude_deg, place.longitude_deg);
    if !(-80.0..72.0).contains(&latitude) || !(-180.0..=180.0).contains(&longitude) {
        return None;
    }
    if (56.0..64.0).contains(&latitude) && (3.0..12.0).contains(&longitude) {
        return Some(32);
    }
    Some(((longitude + 180.0) / 6.0) as u32 % 60 + 1)
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
    fn utm_and_the_military_grid_agree_with_published_coordinates() {
        // Autoware's test map: 54SVE037737 at 3774.4814, 73745.2383 in its square.
        let place =
            GeoOrigin { latitude_deg: 35.903_273_027_357_48, longitude_deg: 139.933_661_610_804_28, altitude_m: 0.0 };
        let (projection, name) = LocalProjection::mgrs(place).unwrap();
        assert_eq!(name, "54SVE");
        let at = projection.to_map(place.latitude_deg, place.longitude_deg);
        assert!(at.distance(Point2::new(3774.4814, 73745.2383)) < 0.02, "{at:?}");
        let utm = LocalProjection::utm(GeoOrigin { latitude_deg: 49.0, longitude_deg: 8.4, altitude_m: 0.0 }).unwrap();
        for point in [Point2::new(0.0, 0.0), Point2::new(1760.4, 290.8), Point2::new(-5000.0, 9000.0)] {
            let (latitude, longitude) = utm.to_geographic(point);
            assert!(utm.to_map(latitude, longitude).distance(point) < 1e-6);
        }
        assert!(LocalProjection::utm(GeoOrigin { latitude_deg: 85.0, longitude_deg: 8.4, altitude_m: 0.0 }).is_none());
    }

    #[test]
    fn a_degree_of_latitude_has_its_length() {
        let projection = LocalProjection::new(GeoOrigin { latitude_deg: 45.0, longitude_deg: 9.0, altitude_m: 0.0 });
        // 111,131.745 m between 44.5 and 45.5 degrees on WGS84.
        let degree = projection.to_map(45.5, 9.0).y - projection.to_map(44.5, 9.0).y;
        assert!((degree - 111_131.745).abs() < 0.1, "{degree}");
    }
}
