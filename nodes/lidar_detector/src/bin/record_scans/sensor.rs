use simulation::lidar::{LidarConfig, LidarConfigError, Scanner};
use simulation::{Mount, Random};

/// A sensor on the car.
pub struct Sensor {
    pub scanner: Scanner,
    pub mount: Mount,
}

impl Sensor {
    /// The car's own (every second time, or always), or another: 16 to 128 beams, low and high, fine and coarse, noisy.
    pub fn random(varied: bool, random: &mut Random) -> Result<Self, LidarConfigError> {
        if !varied || random.chance(0.5) {
            let scanner = Scanner::new(LidarConfig::default())?;
            return Ok(Self { scanner, mount: Mount::level(1.2, 0.0, 1.9) });
        }
        let mut config = if random.chance(0.2) {
            LidarConfig { columns: 1600 + random.index(500), ..LidarConfig::hdl64() }
        } else {
            let beams = random.pick(&[(0.25, 16), (0.15, 24), (0.25, 32), (0.15, 40), (0.15, 64), (0.05, 128)]);
            LidarConfig {
                beams,
                min_elevation_deg: random.uniform(-30.0, -15.0),
                max_elevation_deg: random.uniform(2.0, 15.0),
                columns: if beams > 64 { 900 } else { 700 + random.index(1300) },
                ..LidarConfig::default()
            }
        };
        config.range_noise_m = random.uniform(0.005, 0.04);
        config.dropout = random.uniform(0.0, 0.12);
        let mount = Mount::level(random.uniform(0.0, 1.6), random.uniform(-0.2, 0.2), random.uniform(1.5, 2.3));
        Ok(Self { scanner: Scanner::new(config)?, mount })
    }
}
