use std::collections::BTreeMap;

use lidar_detector::grid::FEATURES;
use lidar_detector::{Grid, Point, Twist, deskew};
use nalgebra::{Isometry3, Point3};
use simulation::Random;
use simulation::lidar::{Scene, SweepMotion, Target};

use crate::label::Thing;
use crate::sensor::Sensor;

/// Things farther than this from the grid's middle are no labels, m.
const REACH_M: f64 = 80.0;

/// How the car moved during one sweep.
pub struct Drive {
    /// `base_link` in the map, from the sweep's start to its end.
    pub poses: Vec<Isometry3<f64>>,
    /// What its speedometer and gyroscope say.
    pub twist: Twist,
}

/// Turns a scene into one sample:
///
/// u32 cells, u32 things, u32 whether the car moves, u32 points; for each cell u32 `row * COLUMNS + column` and eight u8
/// features (1 as 255); for each thing ten f32: class, x, y of its centre in `base_link`, z of its centre above the ground
/// that the grid takes there, length, width, height (m), heading (rad), points on it, ground (m).
pub struct Recorder {
    grid: Grid,
}

impl Recorder {
    pub fn new() -> Self {
        Self { grid: Grid::new(&vehicle::Vehicle::default()) }
    }

    /// Scans and gives the sample's bytes.
    pub fn sample(&mut self, scene: &Scene, things: &[Thing], sensor: &mut Sensor, drive: &Drive, key: u64) -> Vec<u8> {
        let mount = sensor.mount.isometry();
        let motion = SweepMotion { poses: drive.poses.iter().map(|pose| pose * mount).collect(), end_s: 0.0 };
        let scan = sensor.scanner.scan(scene, &motion, key);
        let mut hits: BTreeMap<u32, u32> = BTreeMap::new();
        for target in &scan.targets {
            if let Target::Actor(id) = target {
                *hits.entry(*id).or_default() += 1;
            }
        }
        let mut points: Vec<Point> = scan
            .points
            .iter()
            .map(|p| {
                let place = mount * Point3::new(f64::from(p.x), f64::from(p.y), f64::from(p.z));
                Point { position: place.into(), intensity: f64::from(p.intensity), time_s: f64::from(p.time) }
            })
            .collect();
        let _ = deskew(&mut points, drive.twist);
        self.grid.fill(&points);
        let ego = drive.poses.last().copied().unwrap_or_default();
        let rows: Vec<[f32; 10]> = things.iter().filter_map(|thing| self.row(thing, &ego, &hits)).collect();
        let cells: Vec<(u32, [f32; FEATURES])> = self.grid.cells().collect();
        let moves = u32::from(drive.twist.forward_mps.abs() > 0.5);
        let mut bytes = Vec::with_capacity(16 + cells.len() * (4 + FEATURES) + rows.len() * 40);
        for number in [cells.len() as u32, rows.len() as u32, moves, points.len() as u32] {
            bytes.extend(number.to_le_bytes());
        }
        for (cell, features) in cells {
            bytes.extend(cell.to_le_bytes());
            bytes.extend(features.map(|f| (f * 255.0).round() as u8));
        }
        for number in rows.iter().flatten() {
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    fn row(&self, thing: &Thing, ego: &Isometry3<f64>, hits: &BTreeMap<u32, u32>) -> Option<[f32; 10]> {
        let [x, y, z] = thing.foot;
        let [length, width, height] = thing.size;
        let center = ego.inverse_transform_point(&Point3::new(x, y, z + height / 2.0));
        if center.x.hypot(center.y) > REACH_M {
            return None;
        }
        let (_, _, ego_yaw) = ego.rotation.euler_angles();
        let yaw = geometry::normalize_angle(thing.yaw - ego_yaw);
        let ground = self.grid.terrain().height(center.x, center.y);
        let points = hits.get(&thing.id).copied().unwrap_or(0);
        let numbers = [center.x, center.y, center.z - ground, length, width, height, yaw, f64::from(points), ground];
        let mut row = [thing.class as f32; 10];
        row[1..].copy_from_slice(&numbers.map(|n| n as f32));
        Some(row)
    }
}

/// What the speedometer and the gyroscope would say of this motion over one sweep of 0.1 s.
pub fn measured(speed_mps: f64, yaw_rate_radps: f64, random: &mut Random) -> Twist {
    Twist {
        forward_mps: speed_mps * (1.0 + random.normal(0.0, 0.01)) + random.normal(0.0, 0.02),
        yaw_rate_radps: yaw_rate_radps + random.normal(0.0, 0.004),
    }
}
