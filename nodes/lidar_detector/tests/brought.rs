//! The node with a model of somebody else's, made here: pillars in, a centre head out.
#![allow(missing_docs)]

mod support;

use std::path::{Path, PathBuf};

use inference::LoadOptions;
use lidar_detector::BroughtNetwork;
use msgs::autoware_perception_msgs::msg::ObjectClassification;
use onnx::{GraphBuilder, attribute};
use sha2::{Digest, Sha256};
use support::{Bench, cloud, ring, transform};

const MANIFEST: &str = r#"
name = "brought"
version = "1"
opset = 17
default_precision = "fp32"
execution_providers = ["cpu"]
variants = [{ precision = "fp32", file = "m.onnx", sha256 = "HASH", budget = { latency_p50_ms = 50.0, memory_mb = 100 } }]
inputs = [{ name = "points", type = "float32", shape = [1024, 4, 3], axes = "pillar; point; x, y, z" }]
outputs = [
    { name = "heatmap", type = "float32", shape = [1, 1, 4, 4], axes = "one; class; y; x" },
    { name = "reg", type = "float32", shape = [1, 2, 4, 4], axes = "one; offset; y; x" },
    { name = "height", type = "float32", shape = [1, 1, 4, 4], axes = "one; z; y; x" },
    { name = "dim", type = "float32", shape = [1, 3, 4, 4], axes = "one; log of size; y; x" },
    { name = "rot", type = "float32", shape = [1, 2, 4, 4], axes = "one; sine, cosine; y; x" },
]
[encoder]
kind = "pillars"
features = "points"
range_m = [-48.0, -48.0, -5.0, 48.0, 48.0, 3.0]
pillar_m = [1.0, 1.0]
pillars = 1024
points = 4
point_features = ["x", "y", "z"]
shift_m = [-1.0, 0.0, -2.0]
[decoder]
kind = "center_head"
classes = ["CLASS"]
origin_m = [-8.0, -8.0]
place_m = [4.0, 4.0]
dim_order = ["length", "width", "height"]
least_score = 0.3
least_distance_m = 0.5
"#;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A model that sees one thing in the third column of the second row, whatever it is given.
fn model(class: &str) -> Folder {
    let mut graph = GraphBuilder::default();
    graph.input("points", &[1024, 4, 3]).weights("zero", &[], |_| 0.0);
    graph.node("ReduceMean", &["points"], &["mean"], vec![attribute::int("keepdims", 0)]);
    graph.node("Mul", &["mean", "zero"], &["nothing"], vec![]);
    let mut put = |name: &str, channels: i64, at: &dyn Fn(usize) -> f32| {
        let constant = format!("{name}_constant");
        graph.weights(&constant, &[1, channels, 4, 4], at).node("Add", &[&constant, "nothing"], &[name], vec![]);
        graph.output(name, &[1, channels, 4, 4]);
    };
    put("heatmap", 1, &|i| if i == 6 { 2.0 } else { -9.0 });
    put("reg", 2, &|_| 0.5);
    put("height", 1, &|_| -1.0);
    put("dim", 3, &|i| [4.0_f32, 2.0, 1.6][i / 16].ln());
    put("rot", 2, &|i| if i < 16 { 0.0 } else { 1.0 });
    let bytes = graph.build(17);
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = Folder(std::env::temp_dir().join(format!("ferrodrive_brought_{}_{class}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();
    std::fs::write(folder.0.join("m.onnx"), bytes).unwrap();
    std::fs::write(folder.0.join("manifest.toml"), MANIFEST.replace("HASH", &hash).replace("CLASS", class)).unwrap();
    folder
}

#[test]
fn a_model_in_a_known_layout_is_brought_by_its_manifest_alone() {
    let Some(library) = inference::find_library(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")) else {
        println!("skipped: no ONNX Runtime library: run `make setup` once");
        return;
    };
    let options = LoadOptions { library: Some(library), ..LoadOptions::default() };
    let folder = model("bus");
    let mut bench = Bench::new(Box::new(BroughtNetwork::load(&folder.0, &options).unwrap()));
    bench.transforms(0.0, vec![transform("base_link", "lidar", [1.0, 0.0, 1.9])]);
    let objects = bench.cloud(1.0, cloud(1.0, ring(5000, 0.0))).unwrap();
    assert_eq!(objects.objects.len(), 1);
    let one = &objects.objects[0];
    assert_eq!(one.classification[0].label, ObjectClassification::TRUCK);
    // In the network's frame 2, -2 and -1; the frame lies 1 m ahead and 2 m above.
    let place = &one.kinematics.pose_with_covariance.pose.position;
    assert!((place.x - 3.0).abs() < 1e-5 && (place.y + 2.0).abs() < 1e-5 && (place.z - 1.0).abs() < 1e-5, "{place:?}");
    assert!((one.shape.dimensions.x - 4.0).abs() < 1e-5);
    let facts = &bench.status.as_ref().unwrap().values;
    assert!(facts.contains(&("model".into(), "brought 1".into())), "{facts:?}");
    let strange = BroughtNetwork::load(&model("zeppelin").0, &options).err().unwrap().to_string();
    assert!(strange.contains("class `zeppelin`") && strange.contains("bring-your-own-model"), "{strange}");
}
