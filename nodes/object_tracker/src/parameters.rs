use node::NodeError;
use serde::Deserialize;

/// Parameters of `object_tracker`; units and meaning stand in `params/object_tracker.param.yaml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Standard deviation of a detected position at the sensor, m.
    pub position_noise_m: f64,
    /// Its growth with distance, m per m.
    pub position_noise_per_m: f64,
    /// Standard deviation of a detected heading, rad.
    pub yaw_noise_rad: f64,
    /// Squared Mahalanobis distance within which a detection may belong to a track.
    pub gate: f64,
    /// Detections with a lower existence probability do not start tracks.
    pub birth_score: f64,
    /// Detections with a lower existence probability are not used.
    pub least_score: f64,
    /// Detections of the last `confirm_window` frames that confirm a track.
    pub confirm_hits: u32,
    /// See `confirm_hits`.
    pub confirm_window: u32,
    /// Detections in a row after which a tentative track is published.
    pub publish_hits: u32,
    /// A visible confirmed track is dropped when not detected for this long, s.
    pub coast_s: f64,
    /// An occluded one, s.
    pub occluded_coast_s: f64,
    /// Time constant with which the speed of an occluded track decays, s.
    pub speed_decay_s: f64,
    /// Closer to the car than this the sensor is taken to be blind, m.
    pub blind_range_m: f64,
    /// Intersection over union from which two tracks are one.
    pub merge_overlap: f64,
    /// Odometry must be this near to a detection's stamp, s.
    pub max_odometry_gap_s: f64,
}

impl Parameters {
    /// Checks every range.
    ///
    /// # Errors
    /// [`NodeError`] naming the parameter, its range and the value.
    pub fn check(&self) -> Result<(), NodeError> {
        let ranges = [
            ("position_noise_m", self.position_noise_m, 0.01..=2.0),
            ("position_noise_per_m", self.position_noise_per_m, 0.0..=0.1),
            ("yaw_noise_rad", self.yaw_noise_rad, 0.01..=1.0),
            ("gate", self.gate, 2.0..=50.0),
            ("birth_score", self.birth_score, 0.0..=1.0),
            ("least_score", self.least_score, 0.0..=1.0),
            ("confirm_hits", f64::from(self.confirm_hits), 1.0..=f64::from(self.confirm_window)),
            ("confirm_window", f64::from(self.confirm_window), 1.0..=32.0),
            ("publish_hits", f64::from(self.publish_hits), 1.0..=f64::from(self.confirm_hits)),
            ("coast_s", self.coast_s, 0.1..=5.0),
            ("occluded_coast_s", self.occluded_coast_s, self.coast_s..=20.0),
            ("speed_decay_s", self.speed_decay_s, 0.5..=60.0),
            ("blind_range_m", self.blind_range_m, 0.0..=10.0),
            ("merge_overlap", self.merge_overlap, 0.05..=1.0),
            ("max_odometry_gap_s", self.max_odometry_gap_s, 0.0..=0.5),
        ];
        ranges.into_iter().try_for_each(|(name, value, range)| NodeError::check_range(name, value, range))
    }
}

impl Default for Parameters {
    /// As shipped in `params/object_tracker.param.yaml`.
    fn default() -> Self {
        Self {
            position_noise_m: 0.15,
            position_noise_per_m: 0.004,
            yaw_noise_rad: 0.12,
            gate: 14.0,
            birth_score: 0.3,
            least_score: 0.15,
            confirm_hits: 3,
            confirm_window: 5,
            publish_hits: 2,
            coast_s: 0.8,
            occluded_coast_s: 3.0,
            speed_decay_s: 4.0,
            blind_range_m: 3.0,
            merge_overlap: 0.3,
            max_odometry_gap_s: 0.15,
        }
    }
}
