//! CARLA's own quantities: left-handed (x ahead, y right, z up), degrees, and its idea of latitude and longitude.

use geometry::{Map, Point2, normalize_angle};
use road_map::GeoOrigin;

const EARTH_RADIUS_M: f64 = 6_378_137.0;

/// A place, m: y is to the south where OpenDRIVE's is to the north.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    /// East.
    pub x: f64,
    /// South.
    pub y: f64,
    /// Up.
    pub z: f64,
}

/// An attitude, degrees, as Unreal turns: yaw clockwise from above, pitch nose up, roll right side down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotation {
    /// Nose up.
    pub pitch: f64,
    /// Clockwise from above.
    pub yaw: f64,
    /// Right side down.
    pub roll: f64,
}

impl Location {
    /// Of a place in the map.
    pub fn of_map(point: Point2<Map>, z: f64) -> Self {
        Self { x: point.x, y: -point.y, z }
    }

    /// `GeoLocation::Transform` up to 0.9.15: degrees of latitude and longitude.
    pub fn mercator(self, origin: GeoOrigin) -> (f64, f64) {
        let scale = origin.latitude_deg.to_radians().cos();
        let east = scale * EARTH_RADIUS_M * origin.longitude_deg.to_radians() + self.x;
        let tangent = ((90.0 + origin.latitude_deg).to_radians() / 2.0).tan();
        let north = scale * EARTH_RADIUS_M * tangent.ln() - self.y;
        let longitude = (east / (scale * EARTH_RADIUS_M)).to_degrees();
        let latitude = 2.0 * (north / (scale * EARTH_RADIUS_M)).exp().atan().to_degrees() - 90.0;
        (latitude, longitude)
    }

    /// `GeoLocation::Transform` of 0.9.16: y goes into the projection as it is, as if it were north.
    pub fn transverse_mercator(self, origin: GeoOrigin) -> (f64, f64) {
        let unit = EARTH_RADIUS_M * 0.9996;
        let (d, e) = (self.x / unit, self.y / unit + origin.latitude_deg.to_radians());
        let latitude = (e.sin() / d.cosh()).asin().to_degrees();
        let longitude = origin.longitude_deg + d.sinh().atan2(e.cos()).to_degrees();
        (latitude, longitude)
    }
}

impl Rotation {
    /// Of an attitude in REP-103's angles, rad.
    pub fn of_rpy(roll: f64, pitch: f64, yaw: f64) -> Self {
        Self { pitch: -pitch.to_degrees(), yaw: -yaw.to_degrees(), roll: roll.to_degrees() }
    }

    /// The IMU's compass, rad: 0 to the north (minus CARLA's y), clockwise.
    pub fn compass_rad(self) -> f64 {
        let (sin, cos) = self.yaw.to_radians().sin_cos();
        normalize_angle(cos.atan2(-sin)).rem_euclid(std::f64::consts::TAU)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compass_points_north_for_a_car_that_drives_north() {
        let north = Rotation::of_rpy(0.0, 0.0, std::f64::consts::FRAC_PI_2);
        assert!((north.yaw + 90.0).abs() < 1e-9 && north.compass_rad().abs() < 1e-9, "{}", north.compass_rad());
        let east = Rotation::of_rpy(0.0, 0.0, 0.0);
        assert!((east.compass_rad() - std::f64::consts::FRAC_PI_2).abs() < 1e-9);
    }

    /// `carla.Map.transform_to_geolocation` of the PyPI package 0.9.16 on maps/town.xodr.
    #[test]
    fn latitude_and_longitude_of_0_9_16_are_carlas() {
        let origin = GeoOrigin { latitude_deg: 48.1, longitude_deg: 11.5, altitude_m: 0.0 };
        for (x, y, latitude, longitude) in [
            (1000.0, 0.0, 48.099_999_214_511_88, 11.513_456_587_790_158),
            (0.0, 1000.0, 48.108_986_747_540_21, 11.5),
            (300.0, -200.0, 48.098_202_579_802_496, 11.504_036_835_255_421),
        ] {
            let (ours, lon) = Location { x, y, z: 0.0 }.transverse_mercator(origin);
            assert!((ours - latitude).abs() < 1e-9 && (lon - longitude).abs() < 1e-9, "{ours} {lon}");
        }
    }
}
