//! What one cloud costs beside the network: held against 2 ms for 100 000 points, and 1 ms for the boxes, on one core.

use criterion::{Criterion, criterion_group, criterion_main};
use lidar_detector::detection::{BOX, PLACES, decode};
use lidar_detector::{Cloud, Grid, Point, Terrain, Twist, deskew};
use msgs::sensor_msgs::msg::{PointCloud2, PointField};
use nalgebra::{UnitQuaternion, Vector3};
use simulation::lidar::{LidarConfig, Scanner, random_scene};

fn points() -> Vec<Point> {
    let street = random_scene(7001);
    let Ok(mut scanner) = Scanner::new(LidarConfig::default()) else { return Vec::new() };
    let scan = scanner.scan(&street.scene, &street.sweep(1.2, 1.9, 0.1), 1);
    let point = |p: &simulation::lidar::LidarPoint| Point {
        position: [f64::from(p.x) + 1.2, f64::from(p.y), f64::from(p.z) + 1.9],
        intensity: f64::from(p.intensity),
        time_s: f64::from(p.time),
    };
    scan.points.iter().map(point).collect()
}

/// As a driver sends them: x, y, z, intensity and time, 4 bytes each.
fn message(points: &[Point]) -> PointCloud2 {
    let names = ["x", "y", "z", "intensity", "time"];
    let field =
        |(i, name): (usize, &str)| PointField { name: name.into(), offset: 4 * i as u32, datatype: 7, count: 1 };
    let floats = |p: &Point| [p.position[0], p.position[1], p.position[2], p.intensity, p.time_s].map(|v| v as f32);
    PointCloud2 {
        height: 1,
        width: points.len() as u32,
        fields: names.into_iter().enumerate().map(field).collect(),
        point_step: 20,
        row_step: 20 * points.len() as u32,
        data: points.iter().flat_map(floats).flat_map(f32::to_le_bytes).collect(),
        is_dense: true,
        ..PointCloud2::default()
    }
}

fn frame(criterion: &mut Criterion) {
    let points = points();
    let mut grid = Grid::new(&vehicle::Vehicle::default());
    criterion.bench_function("grid_of_a_sweep", |b| b.iter(|| grid.fill(&points)));
    let many: Vec<Point> = points.iter().cycle().take(100_000).copied().collect();
    criterion.bench_function("grid_of_100000_points", |b| b.iter(|| grid.fill(&many)));
    // All that is done before the network: a message's bytes to its input.
    let (cloud, mut read) = (message(&many), Cloud::default());
    let (mount, twist) = (
        UnitQuaternion::from_euler_angles(0.01, 0.02, 0.3).to_rotation_matrix(),
        Twist { forward_mps: 10.0, yaw_rate_radps: 0.2 },
    );
    criterion.bench_function("input_of_a_message_of_100000_points", |b| {
        b.iter(|| {
            let _ = read.read(&cloud, |point| {
                point.position = twist.at_stamp((mount * Vector3::from(point.position)).into(), point.time_s);
            });
            grid.fill(&read.points)
        });
    });
    // What the memory alone takes: the points read, the network's input cleared.
    let mut input = vec![0.0_f32; grid.tensor().len()];
    criterion.bench_function("memory_limit_of_100000_points", |b| {
        b.iter(|| {
            input.fill(0.0);
            std::hint::black_box(&input);
            many.iter().map(|point| point.position[0]).sum::<f64>()
        });
    });
    criterion.bench_function("deskew_of_a_sweep", |b| {
        b.iter_batched_ref(|| points.clone(), |p| deskew(p, twist), criterion::BatchSize::SmallInput);
    });
    let count = PLACES[0] * PLACES[1];
    let heat: Vec<f32> = (0..5 * count).map(|i| if i % 997 == 0 { 0.8 } else { (i % 13) as f32 * 0.01 }).collect();
    let (boxes, terrain) = (vec![0.3; BOX * count], Terrain::default());
    let distance = [1.5, 2.0, 0.6, 0.35, 0.4];
    criterion
        .bench_function("boxes_of_an_answer", |b| b.iter(|| decode(&heat, &boxes, &terrain, &[0.3; 5], &distance)));
}

criterion_group!(benches, frame);
criterion_main!(benches);
