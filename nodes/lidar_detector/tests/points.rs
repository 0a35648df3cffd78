//! Point clouds as sensors and faults give them.

use approx::assert_abs_diff_eq;
use lidar_detector::{CloudError, Point, Twist, decode, deskew};
use msgs::sensor_msgs::msg::{PointCloud2, PointField};

fn field(name: &str, offset: u32, datatype: u8) -> PointField {
    PointField { name: name.into(), offset, datatype, count: 1 }
}

/// One row of x, y, z as float32, without anything else.
fn cloud(points: &[[f32; 3]]) -> PointCloud2 {
    let data: Vec<u8> = points.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
    PointCloud2 {
        height: 1,
        width: points.len() as u32,
        fields: vec![field("x", 0, 7), field("y", 4, 7), field("z", 8, 7)],
        point_step: 12,
        row_step: data.len() as u32,
        data,
        ..PointCloud2::default()
    }
}

#[test]
fn reads_a_cloud_without_intensity_and_time() {
    let read = decode(&cloud(&[[1.0, 2.0, 3.0]])).unwrap();
    assert_eq!(read.points, [Point { position: [1.0, 2.0, 3.0], intensity: 0.0, time_s: 0.0 }]);
}

#[test]
fn reads_big_endian_fields_of_any_order_and_type_between_padding() {
    let mut data = vec![0xff; 2 * 40];
    for (row, x) in [(0, 1.5_f32), (1, -2.5)] {
        let point = &mut data[row * 40..];
        point[24..28].copy_from_slice(&x.to_be_bytes());
        point[4..12].copy_from_slice(&7.25_f64.to_be_bytes());
        point[12..14].copy_from_slice(&(-3_i16).to_be_bytes());
        point[14] = 200;
        point[16..20].copy_from_slice(&(-0.05_f32).to_be_bytes());
    }
    let message = PointCloud2 {
        height: 2,
        width: 1,
        fields: vec![
            field("time", 16, 7),
            field("intensity", 14, 2),
            field("z", 12, 3),
            field("y", 4, 8),
            field("x", 24, 7),
        ],
        is_bigendian: true,
        point_step: 32,
        row_step: 40,
        data,
        ..PointCloud2::default()
    };
    let read = decode(&message).unwrap();
    assert_eq!(read.points.iter().map(|p| p.position).collect::<Vec<_>>(), [[1.5, 7.25, -3.0], [-2.5, 7.25, -3.0]]);
    assert_eq!(read.points[0].intensity, 200.0);
    assert_abs_diff_eq!(read.points[0].time_s, -0.05, epsilon = 1e-6);
}

#[test]
fn drops_and_counts_points_that_are_not_finite() {
    let read = decode(&cloud(&[[f32::NAN, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, f32::INFINITY]])).unwrap();
    assert_eq!((read.points.len(), read.dropped), (1, 2));
}

#[test]
fn takes_an_empty_cloud() {
    assert!(decode(&cloud(&[])).unwrap().points.is_empty());
}

#[test]
fn refuses_sizes_that_contradict_each_other() {
    let good = cloud(&[[1.0, 2.0, 3.0]; 2]);
    let mut short = good.clone();
    short.width = 3;
    assert_eq!(decode(&short), Err(CloudError::RowStep { expected: 36, got: 24 }));
    let mut missing = good.clone();
    missing.height = 2;
    assert_eq!(decode(&missing), Err(CloudError::DataSize { expected: 48, got: 24 }));
    let mut outside = good.clone();
    outside.fields[2].offset = u32::MAX;
    assert!(matches!(decode(&outside), Err(CloudError::FieldOutside { .. })));
    let mut huge = good.clone();
    (huge.width, huge.point_step, huge.height) = (u32::MAX, u32::MAX, u32::MAX);
    assert!(matches!(decode(&huge), Err(CloudError::RowStep { .. })));
    let mut unknown = good.clone();
    unknown.fields[0].datatype = 9;
    assert!(matches!(decode(&unknown), Err(CloudError::FieldType { .. })));
    let mut flat = good;
    flat.fields.pop();
    assert!(decode(&flat).unwrap_err().to_string().contains("x, y and z"));
}

#[test]
fn a_standing_wall_is_where_it_was_whatever_the_car_drove() {
    let wall = [20.0, 3.0];
    let (speed, rate) = (15.0, 0.6);
    let mut points: Vec<Point> = (0..10)
        .map(|step| {
            let time_s = -0.01 * f64::from(step);
            let yaw: f64 = rate * time_s;
            let car = [speed / rate * yaw.sin(), speed / rate * (1.0 - yaw.cos())];
            let (dx, dy) = (wall[0] - car[0], wall[1] - car[1]);
            let position = [yaw.cos() * dx + yaw.sin() * dy, yaw.cos() * dy - yaw.sin() * dx, 1.0];
            Point { position, intensity: 0.0, time_s }
        })
        .collect();
    assert!((points[9].position[0] - wall[0]).abs() > 1.0);
    assert!(deskew(&mut points, Twist { forward_mps: speed, yaw_rate_radps: rate }));
    for point in &points {
        assert_abs_diff_eq!(point.position[0], wall[0], epsilon = 1e-9);
        assert_abs_diff_eq!(point.position[1], wall[1], epsilon = 1e-9);
    }
}

#[test]
fn a_twist_that_is_not_finite_moves_nothing() {
    let mut points = [Point { position: [1.0, 2.0, 3.0], intensity: 0.0, time_s: -0.1 }];
    assert!(!deskew(&mut points, Twist { forward_mps: f64::NAN, yaw_rate_radps: 0.0 }));
    assert_eq!(points[0].position, [1.0, 2.0, 3.0]);
}
