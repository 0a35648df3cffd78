use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use crate::random::Random;

/// The light of a drive: where the sun stands and how much of it comes through.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sky {
    /// Direction towards the sun in the map, degrees from x, left positive.
    pub sun_azimuth_deg: f64,
    /// The sun above the horizon, degrees, -90..=90; below -6 it is night.
    pub sun_elevation_deg: f64,
    /// Share of the sun's light that clouds take, 0..=1.
    pub clouds: f64,
}

impl Default for Sky {
    /// A clear noon.
    fn default() -> Self {
        Self { sun_azimuth_deg: 30.0, sun_elevation_deg: 55.0, clouds: 0.1 }
    }
}

impl Sky {
    /// Any time of a year's days: one in seven by night, one in five with the sun low.
    pub fn random(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x05c1_1e57);
        let (low, high) =
            random.pick(&[(0.14, (-30.0, -8.0)), (0.06, (-6.0, 3.0)), (0.2, (3.0, 18.0)), (0.6, (18.0, 62.0))]);
        let sun_elevation_deg = random.uniform(low, high);
        let clouds = if random.chance(0.6) { random.uniform(0.0, 0.2) } else { random.uniform(0.5, 1.0) };
        Self { sun_azimuth_deg: random.uniform(-180.0, 180.0), sun_elevation_deg, clouds }
    }

    /// Towards the sun, unit length, in the map.
    pub fn sun(&self) -> Vector3<f64> {
        let (azimuth, elevation) = (self.sun_azimuth_deg.to_radians(), self.sun_elevation_deg.to_radians());
        Vector3::new(azimuth.cos() * elevation.cos(), azimuth.sin() * elevation.cos(), elevation.sin())
    }

    /// The sun's light on a surface that faces it; 1 is that of a clear noon.
    pub fn direct(&self) -> f64 {
        let elevation = self.sun_elevation_deg;
        // Low sun comes through more air.
        let air = if elevation <= 0.0 { 0.0 } else { (elevation / 12.0).min(1.0).powf(0.7) };
        air * (1.0 - self.clouds)
    }

    /// The sky's light on a surface that faces up; 1 is direct sun at a clear noon.
    pub fn ambient(&self) -> f64 {
        let dusk = ((self.sun_elevation_deg + 7.0) / 19.0).clamp(0.0, 1.0);
        // By night what street lamps give.
        0.004 + 0.35 * dusk * dusk * (1.0 - 0.3 * self.clouds)
    }

    /// Whether lamps of cars are lit.
    pub fn is_dark(&self) -> bool {
        self.sun_elevation_deg < 2.0
    }

    /// The field that is out of range, what it may be and what it was.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str, String)> {
        if !(-360.0..=360.0).contains(&self.sun_azimuth_deg) {
            return Err(("sun_azimuth_deg", "-360..=360", self.sun_azimuth_deg.to_string()));
        }
        if !(-90.0..=90.0).contains(&self.sun_elevation_deg) {
            return Err(("sun_elevation_deg", "-90..=90", self.sun_elevation_deg.to_string()));
        }
        if !(0.0..=1.0).contains(&self.clouds) {
            return Err(("clouds", "0..=1", self.clouds.to_string()));
        }
        Ok(())
    }
}
