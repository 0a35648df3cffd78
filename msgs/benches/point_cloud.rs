//! A 1.5 MB point cloud to CDR and back beside a plain copy of its bytes. Limit: three times the copy.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use msgs::sensor_msgs::msg::PointCloud2;

fn point_cloud(c: &mut Criterion) {
    let cloud = PointCloud2 { data: (0..1_500_000_u32).map(|i| i as u8).collect(), ..Default::default() };
    let bytes = msgs::to_cdr(&cloud).expect("a point cloud has no bounds");
    let mut group = c.benchmark_group("point_cloud_1500_kB");
    group.bench_function("memcpy", |b| b.iter(|| black_box(&cloud.data).to_vec()));
    let mut buffer = Vec::new();
    group.bench_function("encode", |b| {
        b.iter(|| {
            buffer.clear();
            msgs::to_cdr_into(black_box(&cloud), &mut buffer)
        })
    });
    group.bench_function("decode", |b| b.iter(|| msgs::from_cdr::<PointCloud2>(black_box(&bytes))));
    group.finish();
}

criterion_group!(benches, point_cloud);
criterion_main!(benches);
