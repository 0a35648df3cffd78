use serde::{Deserialize, Serialize};

/// A spinning LiDAR: its beams, its spin and its errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LidarConfig {
    /// Number of beams, 1..=128.
    pub beams: usize,
    /// Elevation of the lowest beam, degrees.
    pub min_elevation_deg: f64,
    /// Elevation of the highest beam, degrees.
    pub max_elevation_deg: f64,
    /// Elevation of each beam, degrees, in ascending order; empty for even spacing between lowest and highest.
    #[serde(default)]
    pub elevations_deg: Vec<f64>,
    /// Firings of all beams in one turn, 16..=4096.
    pub columns: usize,
    /// Turns a second, Hz.
    pub rate_hz: f64,
    /// Nearest range measured, m.
    pub min_range_m: f64,
    /// Farthest range measured, m.
    pub max_range_m: f64,
    /// Standard deviation of the range, m.
    pub range_noise_m: f64,
    /// Share of returns lost at random, 0..1.
    pub dropout: f64,
}

/// Why a LiDAR cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("lidar {field}: expected {expected}, got {value}")]
pub struct LidarConfigError {
    /// The field.
    pub field: &'static str,
    /// What it may be.
    pub expected: &'static str,
    /// What it was.
    pub value: String,
}

impl Default for LidarConfig {
    /// A mid-range sensor of 32 beams.
    fn default() -> Self {
        Self {
            beams: 32,
            min_elevation_deg: -25.0,
            max_elevation_deg: 15.0,
            elevations_deg: Vec::new(),
            columns: 1024,
            rate_hz: 10.0,
            min_range_m: 0.9,
            max_range_m: 100.0,
            range_noise_m: 0.02,
            dropout: 0.01,
        }
    }
}

impl LidarConfig {
    /// As the sensor of the KITTI data set: 64 beams, finer above -8.33 degrees, and more columns.
    pub fn hdl64() -> Self {
        let lower = (0..32).map(|i| -24.33 + 0.5 * f64::from(i));
        let upper = (0..32).map(|i| -8.33 + f64::from(i) / 3.0);
        Self {
            beams: 64,
            min_elevation_deg: -24.33,
            max_elevation_deg: 2.0,
            elevations_deg: lower.chain(upper).collect(),
            columns: 2000,
            ..Self::default()
        }
    }

    /// Elevation of each beam, rad, ascending.
    pub fn elevations_rad(&self) -> Vec<f64> {
        if !self.elevations_deg.is_empty() {
            return self.elevations_deg.iter().map(|e| e.to_radians()).collect();
        }
        let step = (self.max_elevation_deg - self.min_elevation_deg) / (self.beams.max(2) - 1) as f64;
        (0..self.beams).map(|i| (self.min_elevation_deg + step * i as f64).to_radians()).collect()
    }

    /// Checks that the sensor can be built.
    ///
    /// # Errors
    /// [`LidarConfigError`] naming the field.
    pub fn check(&self) -> Result<(), LidarConfigError> {
        let within = |field, expected, value: f64, range: std::ops::RangeInclusive<f64>| {
            if range.contains(&value) {
                Ok(())
            } else {
                Err(LidarConfigError { field, expected, value: value.to_string() })
            }
        };
        within("beams", "1..=128", self.beams as f64, 1.0..=128.0)?;
        within("columns", "16..=4096", self.columns as f64, 16.0..=4096.0)?;
        within("rate_hz", "1..=50", self.rate_hz, 1.0..=50.0)?;
        within("min_range_m", "0..=10", self.min_range_m, 0.0..=10.0)?;
        within("max_range_m", "10..=300", self.max_range_m, 10.0..=300.0)?;
        within("range_noise_m", "0..=1", self.range_noise_m, 0.0..=1.0)?;
        within("dropout", "0..=1", self.dropout, 0.0..=1.0)?;
        within("min_elevation_deg", "-89..=89", self.min_elevation_deg, -89.0..=89.0)?;
        within("max_elevation_deg", "min_elevation_deg..=89", self.max_elevation_deg, self.min_elevation_deg..=89.0)?;
        let listed = &self.elevations_deg;
        let ascending = listed.windows(2).all(|w| w[0] < w[1]) && listed.iter().all(|e| e.abs() <= 89.0);
        if !listed.is_empty() && (listed.len() != self.beams || !ascending) {
            return Err(LidarConfigError {
                field: "elevations_deg",
                expected: "none, or one ascending value in -89..=89 for each beam",
                value: format!("{} values for {} beams", listed.len(), self.beams),
            });
        }
        Ok(())
    }
}
