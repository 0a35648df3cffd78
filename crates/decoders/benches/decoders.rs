//! What encoders and decoders cost: 100 000 points held against 2 ms, boxes against 1 ms, on one core.

use criterion::{Criterion, criterion_group, criterion_main};
use decoders::{CenterHead, Pillars};
use inference::{ElementType, TensorSpec, TensorView};

fn spec(name: &str, shape: &[usize]) -> TensorSpec {
    TensorSpec {
        name: name.into(),
        element: ElementType::Float32,
        shape: shape.into(),
        axes: String::new(),
        range: None,
    }
}

fn points() -> Vec<[f32; 5]> {
    // A spinning sensor's rings over level ground.
    let point = |i: u32| {
        let (ring, turn) = ((i % 64) as f32, (i / 64) as f32 * std::f32::consts::TAU / 1563.0);
        let range = 3.0 + ring * ring * 0.017;
        [range * turn.cos(), range * turn.sin(), -1.5 + 0.03 * ring, 0.3, 0.0]
    };
    (0..100_000).map(point).collect()
}

fn benches(criterion: &mut Criterion) {
    let text = "features = \"f\"\nrange_m = [-76.8, -76.8, -4.0, 76.8, 76.8, 6.0]\npillar_m = [0.32, 0.32]\n\
        pillars = 40000\npoints = 32\n\
        point_features = [\"x\", \"y\", \"z\", \"time_lag\", \"mean_x\", \"mean_y\", \"mean_z\", \"center_x\", \"center_y\"]";
    let pillars = toml::from_str::<Pillars>(text).map(|p| p.check(&[spec("f", &[40_000, 32, 9])]));
    let points = points();
    if let Ok(Ok(mut pillars)) = pillars {
        criterion.bench_function("pillars_of_100000_points", |b| b.iter(|| pillars.fill(points.iter().copied())));
    }
    // What the machine needs to move the points and a dense input of 8 features for each of 90 112 cells.
    let (mut from, mut to) = (vec![1.0_f32; 500_000], vec![0.0_f32; 500_000 + 8 * 90_112]);
    criterion.bench_function("memory_bandwidth_limit", |b| {
        b.iter(|| {
            to[..500_000].copy_from_slice(&from);
            to[500_000..].fill(0.0);
            from[0] += to[1];
        });
    });
    let text = "classes = [\"car\", \"truck\", \"bus\", \"bicycle\", \"pedestrian\"]\norigin_m = [-76.8, -76.8]\n\
        place_m = [0.64, 0.64]\ndim_order = [\"width\", \"length\", \"height\"]\nleast_score = 0.35\nleast_distance_m = 0.5";
    let shapes = [("heatmap", 5), ("reg", 2), ("height", 1), ("dim", 3), ("rot", 2)];
    let specs = shapes.map(|(name, channels)| spec(name, &[1, channels, 240, 240]));
    let data = shapes.map(|(name, channels)| {
        let value = |i: usize| if name == "heatmap" { if i.is_multiple_of(2221) { 2.0 } else { -5.0 } } else { 0.3 };
        (0..channels * 240 * 240).map(value).collect::<Vec<f32>>()
    });
    if let Ok(Ok(head)) = toml::from_str::<CenterHead>(text).map(|head| head.check(&specs)) {
        let views = data.each_ref().map(|data| TensorView::Float32(data));
        criterion.bench_function("boxes_of_a_center_head", |b| b.iter(|| head.decode(&views)));
    }
}

criterion_group!(group, benches);
criterion_main!(group);
