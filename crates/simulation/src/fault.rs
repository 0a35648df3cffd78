use serde::{Deserialize, Serialize};

/// Something that goes wrong during a drive. Times in seconds of simulated time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The LiDAR sends nothing.
    LidarDead {
        /// From then on.
        from_s: f64,
        /// Until then; for good where it is missing.
        #[serde(default)]
        until_s: Option<f64>,
    },
    /// The LiDAR sends the same points again and again, with new stamps.
    LidarFrozen {
        /// From then on.
        from_s: f64,
        /// Until then; for good where it is missing.
        #[serde(default)]
        until_s: Option<f64>,
    },
    /// A share of the points is NaN.
    LidarNan {
        /// From then on.
        from_s: f64,
        /// Until then; for good where it is missing.
        #[serde(default)]
        until_s: Option<f64>,
        /// Share of the points, 0..=1.
        share: f64,
    },
    /// A sector of the turn is lost, as when network packets are.
    LidarSectorLost {
        /// From then on.
        from_s: f64,
        /// Until then; for good where it is missing.
        #[serde(default)]
        until_s: Option<f64>,
        /// Middle of the sector, degrees, 0 ahead, left positive.
        azimuth_deg: f64,
        /// Width of the sector, degrees, 0..=360.
        width_deg: f64,
    },
    /// LiDAR scans come late; their stamps are right.
    LidarDelay {
        /// From then on.
        from_s: f64,
        /// Until then; for good where it is missing.
        #[serde(default)]
        until_s: Option<f64>,
        /// How late, s, 0..=2.
        delay_s: f64,
    },
    /// The camera sends nothing.
    CameraDead {
        /// From then on.
        from_s: f64,
        /// Until then; for good where it is missing.
        #[serde(default)]
        until_s: Option<f64>,
    },
    /// The camera sends the same image again and again, with new stamps.
    CameraFrozen {
        /// From then on.
        from_s: f64,
        /// Until then; for good where it is missing.
        #[serde(default)]
        until_s: Option<f64>,
    },
    /// Light floods the camera: its images are white.
    CameraBlinded {
        /// From then on.
        from_s: f64,
        /// Until then; for good where it is missing.
        #[serde(default)]
        until_s: Option<f64>,
    },
    /// GNSS gives no position.
    GnssOutage {
        /// From then on.
        from_s: f64,
        /// Until then; for good where it is missing.
        #[serde(default)]
        until_s: Option<f64>,
    },
    /// The IMU sends nothing.
    ImuDead {
        /// From then on.
        from_s: f64,
        /// Until then; for good where it is missing.
        #[serde(default)]
        until_s: Option<f64>,
    },
}

impl Fault {
    /// Whether it is there at `time_s`.
    pub fn active(&self, time_s: f64) -> bool {
        let (from, until) = self.span();
        time_s >= from && until.is_none_or(|until| time_s < until)
    }

    fn span(&self) -> (f64, Option<f64>) {
        match self {
            Self::LidarDead { from_s, until_s }
            | Self::LidarFrozen { from_s, until_s }
            | Self::LidarNan { from_s, until_s, .. }
            | Self::LidarSectorLost { from_s, until_s, .. }
            | Self::LidarDelay { from_s, until_s, .. }
            | Self::CameraDead { from_s, until_s }
            | Self::CameraFrozen { from_s, until_s }
            | Self::CameraBlinded { from_s, until_s }
            | Self::GnssOutage { from_s, until_s }
            | Self::ImuDead { from_s, until_s } => (*from_s, *until_s),
        }
    }

    /// The field that is out of range, what it may be and what it was.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str, String)> {
        let (from, until) = self.span();
        if !(0.0..=1e6).contains(&from) {
            return Err(("from_s", "0..=1e6", from.to_string()));
        }
        if let Some(until) = until.filter(|until| until.partial_cmp(&from) != Some(std::cmp::Ordering::Greater)) {
            return Err(("until_s", "a time after from_s", until.to_string()));
        }
        let within = |field, expected, value: f64, least: f64, most: f64| {
            if (least..=most).contains(&value) { Ok(()) } else { Err((field, expected, value.to_string())) }
        };
        match self {
            Self::LidarNan { share, .. } => within("share", "0..=1", *share, 0.0, 1.0),
            Self::LidarSectorLost { azimuth_deg, width_deg, .. } => {
                within("azimuth_deg", "-360..=360", *azimuth_deg, -360.0, 360.0)?;
                within("width_deg", "0..=360", *width_deg, 0.0, 360.0)
            }
            Self::LidarDelay { delay_s, .. } => within("delay_s", "0..=2", *delay_s, 0.0, 2.0),
            _ => Ok(()),
        }
    }
}
