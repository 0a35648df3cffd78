//! Models in the layouts that others export, made here, loaded by their manifests, run and read; and a wrong one of each.
#![allow(missing_docs)]

use std::path::{Path, PathBuf};

use decoders::{
    AnchorHead, CenterHead, Decoder, DecoderError, Encoder, Letterbox, Pillars, Scatter, TrajectoryHead, Yolox,
};
use inference::{LoadOptions, Manifest, Model, TensorView};
use onnx::{ElementType, GraphBuilder, attribute};

struct Bench {
    folder: PathBuf,
    options: LoadOptions,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

type Tensors<'a> = &'a [(&'a str, &'a str, &'a [i64])];
/// An output's name, shape, and value at an index.
type Planted<'a> = (&'a str, &'a [i64], &'a dyn Fn(usize) -> f32);

fn tensors(list: Tensors) -> String {
    let one = |(name, element, shape): &(&str, &str, &[i64])| {
        format!("{{ name = \"{name}\", type = \"{element}\", shape = {shape:?}, axes = \"a\" }}")
    };
    format!("[{}]", list.iter().map(one).collect::<Vec<_>>().join(", "))
}

impl Bench {
    fn new(name: &str) -> Option<Self> {
        let library = inference::find_library(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        if library.is_none() {
            println!("skipped: no ONNX Runtime library: run `make setup` once");
        }
        let folder = std::env::temp_dir().join(format!("ferrodrive_layouts_{}_{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Some(Self { folder, options: LoadOptions { library: Some(library?), ..LoadOptions::default() } })
    }

    /// Writes a model of these stages: name, file, inputs, outputs.
    fn write(&self, sections: &str, stages: &[(&str, Vec<u8>, Tensors, Tensors)]) -> Manifest {
        let (mut files, mut declared) = (Vec::new(), String::new());
        for (stage, bytes, inputs, outputs) in stages {
            std::fs::write(self.folder.join(format!("{stage}.onnx")), bytes).unwrap();
            files.push(format!("{{ stage = \"{stage}\", file = \"{stage}.onnx\", sha256 = \"{}\" }}", sha256(bytes)));
            declared += &format!(
                "[[stages]]\nname = \"{stage}\"\ninputs = {}\noutputs = {}\n",
                tensors(inputs),
                tensors(outputs)
            );
        }
        let text = format!(
            "name = \"brought\"\nversion = \"1\"\nopset = 17\ndefault_precision = \"fp32\"\nexecution_providers = [\"cpu\"]\n\
             [[variants]]\nprecision = \"fp32\"\nfiles = [{}]\nbudget = {{ latency_p50_ms = 50.0, memory_mb = 100 }}\n\
             {declared}{sections}",
            files.join(", ")
        );
        std::fs::write(self.folder.join("manifest.toml"), text).unwrap();
        Manifest::read(&self.folder).unwrap()
    }

    fn center_head(&self, manifest: &Manifest) -> CenterHead {
        let Decoder::CenterHead(head) = Decoder::read(manifest, &self.folder).unwrap() else { panic!("another kind") };
        head
    }

    fn anchor_head(&self, manifest: &Manifest) -> AnchorHead {
        let Decoder::AnchorHead(head) = Decoder::read(manifest, &self.folder).unwrap() else { panic!("another kind") };
        head
    }

    fn yolox(&self, manifest: &Manifest) -> Yolox {
        let Decoder::Yolox(head) = Decoder::read(manifest, &self.folder).unwrap() else { panic!("another kind") };
        head
    }

    fn trajectory_head(&self, manifest: &Manifest) -> TrajectoryHead {
        let Decoder::TrajectoryHead(head) = Decoder::read(manifest, &self.folder).unwrap() else {
            panic!("another kind")
        };
        head
    }

    fn pillars(&self, manifest: &Manifest) -> Pillars {
        let Encoder::Pillars(pillars) = Encoder::read(manifest, &self.folder).unwrap();
        pillars
    }

    fn open(&self, stage: &str) -> Model {
        Model::open(&self.folder, stage, &self.options).unwrap()
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A graph whose outputs are constants, whatever goes in.
fn constants(inputs: Tensors, outputs: &[Planted]) -> Vec<u8> {
    let mut graph = GraphBuilder::default();
    for (name, element, shape) in inputs {
        let element = if *element == "int32" { ElementType::Int32 } else { ElementType::Float32 };
        graph.input_of(name, element, shape);
    }
    graph.weights("zero", &[], |_| 0.0);
    graph.node("ReduceMean", &[inputs[0].0], &["mean"], vec![attribute::int("keepdims", 0)]);
    graph.node("Mul", &["mean", "zero"], &["nothing"], vec![]);
    for (name, shape, at) in outputs {
        let constant = format!("{name}_constant");
        graph.weights(&constant, shape, at).node("Add", &[&constant, "nothing"], &[name], vec![]).output(name, shape);
    }
    graph.build(17)
}

fn refusal<T>(result: Result<T, DecoderError>, parts: &[&str]) {
    let error = result.err().expect("a refusal").to_string();
    assert!(parts.iter().all(|part| error.contains(part)), "{parts:?} not all in: {error}");
}

const CENTER: &str = "[decoder]\nkind = \"center_head\"\nclasses = [\"car\", \"pedestrian\"]\norigin_m = [-8.0, -8.0]\nplace_m = [1.0, 1.0]\n\
    dim_order = [\"width\", \"length\", \"height\"]\nleast_score = 0.5\nleast_distance_m = 0.5\n";
const PILLARS: &str = "[encoder]\nkind = \"pillars\"\nfeatures = \"input_features\"\nrange_m = [-8.0, -8.0, -3.0, 8.0, 8.0, 5.0]\n\
    pillar_m = [1.0, 1.0]\npillars = 64\npoints = 8\n\
    point_features = [\"x\", \"y\", \"z\", \"intensity\", \"mean_x\", \"mean_y\", \"mean_z\", \"center_x\", \"center_y\"]\n";

/// Autoware's CenterPoint: an encoder of pillars and a head, the scatter between them.
#[test]
fn centerpoint_in_two_parts_finds_a_thing_where_its_points_are() {
    let Some(bench) = Bench::new("centerpoint") else { return };
    let mut encoder = GraphBuilder::default();
    encoder.input("input_features", &[64, 8, 9]);
    // The greatest of each feature over a pillar's points.
    let axes = vec![attribute::ints("axes", &[1]), attribute::int("keepdims", 1)];
    encoder.node("ReduceMax", &["input_features"], &["pillar_features"], axes).output("pillar_features", &[64, 1, 9]);
    let mut head = GraphBuilder::default();
    head.input("spatial_features", &[1, 9, 16, 16]);
    // Of nine channels the fourth is intensity, the third z.
    let mut map = |name: &str, channels: usize, weight: &dyn Fn(usize, usize) -> f32, bias: &dyn Fn(usize) -> f32| {
        let (w, b) = (format!("{name}_w"), format!("{name}_b"));
        head.weights(&w, &[channels as i64, 9, 1, 1], |i| weight(i / 9, i % 9)).weights(&b, &[channels as i64], bias);
        head.node("Conv", &["spatial_features", &w, &b], &[name], vec![]).output(name, &[1, channels as i64, 16, 16]);
    };
    map("heatmap", 2, &|c, i| if c == 0 && i == 3 { 20.0 } else { 0.0 }, &|_| -10.0);
    map("reg", 2, &|_, _| 0.0, &|c| [0.5, 0.25][c]);
    map("height", 1, &|_, i| if i == 2 { 1.0 } else { 0.0 }, &|_| 0.0);
    map("dim", 3, &|_, _| 0.0, &|c| [2.0_f32, 4.5, 1.5][c].ln());
    map("rot", 2, &|_, _| 0.0, &|c| [1.0, 0.0][c]);
    let features: Tensors = &[("input_features", "float32", &[64, 8, 9])];
    let pillar: Tensors = &[("pillar_features", "float32", &[64, 1, 9])];
    let spatial: Tensors = &[("spatial_features", "float32", &[1, 9, 16, 16])];
    let outputs: Tensors = &[
        ("heatmap", "float32", &[1, 2, 16, 16]),
        ("reg", "float32", &[1, 2, 16, 16]),
        ("height", "float32", &[1, 1, 16, 16]),
        ("dim", "float32", &[1, 3, 16, 16]),
        ("rot", "float32", &[1, 2, 16, 16]),
    ];
    let stages = [("encoder", encoder.build(17), features, pillar), ("head", head.build(17), spatial, outputs)];
    let manifest = bench.write(&format!("{PILLARS}{CENTER}"), &stages);
    let (mut encoder, mut head) = (bench.open("encoder"), bench.open("head"));
    let mut pillars = bench.pillars(&manifest).check(encoder.inputs()).unwrap();
    let mut scatter = Scatter::new(&pillars, encoder.outputs(), head.inputs()).unwrap();
    let decoder = bench.center_head(&manifest).check(head.outputs()).unwrap();
    let mut look = |points: &[[f32; 5]]| {
        pillars.fill(points.iter().copied());
        let (inputs, cells) = (pillars.tensors(encoder.inputs()), pillars.cells());
        let grid = encoder.run_tensors(&inputs, |out| scatter.scatter(out[0].as_f32(), cells).to_vec()).unwrap();
        head.run_tensors(&[TensorView::Float32(&grid)], |out| decoder.decode(out)).unwrap()
    };
    let boxes = look(&[[3.4, -2.7, 0.8, 0.9, 0.0], [3.6, -2.6, 0.2, 0.1, 0.0], [-5.0, 5.0, 0.0, 0.1, 0.0]]);
    assert_eq!(boxes.len(), 1, "{boxes:?}");
    let (one, near) = (&boxes[0], |a: f32, b: f32| (a - b).abs() < 1e-4);
    assert_eq!(one.class, 0);
    assert!(near(one.center[0], 3.5) && near(one.center[1], -2.75) && near(one.center[2], 0.8), "{one:?}");
    assert!(near(one.size[0], 4.5) && near(one.size[1], 2.0) && near(one.size[2], 1.5), "{one:?}");
    assert!(near(one.yaw, std::f32::consts::FRAC_PI_2) && one.velocity.is_none() && one.score > 0.99, "{one:?}");
    // What was there is gone with the next cloud, and NaN is nowhere.
    assert!(look(&[[f32::NAN, 0.0, 0.0, 0.9, 0.0]]).is_empty());
    // A wrong one of each part.
    let mut three = manifest.stages[1].outputs.clone();
    three[0].shape = vec![1, 3, 16, 16];
    refusal(
        bench.center_head(&manifest).check(&three),
        &["`heatmap`", "2 classes", "[1, 2, 16, 16]", "[1, 3, 16, 16]"],
    );
    let gone = &manifest.stages[1].outputs[..4];
    refusal(bench.center_head(&manifest).check(gone), &["`rot`", "[1, 2, 16, 16]", "only"]);
    let mut narrow = manifest.stages[0].inputs.clone();
    narrow[0].shape = vec![64, 8, 10];
    let wrong = bench.pillars(&manifest).check(&narrow);
    refusal(wrong, &["`input_features`", "9 features", "[64, 8, 9]", "[64, 8, 10]"]);
    let mut flat = manifest.stages[1].inputs.clone();
    flat[0].shape = vec![1, 9, 8, 32];
    refusal(Scatter::new(&pillars, encoder.outputs(), &flat), &["`spatial_features`", "[1, 9, 16, 16]", "8, 32"]);
}

const ANCHORS: &str = "[decoder]\nkind = \"anchor_head\"\nclasses = [\"car\", \"pedestrian\"]\nrange_m = [0.0, -4.0, 9.0, 4.0]\n\
    dir_offset_rad = 0.78539\nleast_score = 0.5\nnms_threshold = 0.1\nnms_most = 100\n\
    [[decoder.anchors]]\nsize_m = [4.0, 2.0, 1.5]\nbottom_m = -1.5\nrotations_rad = [0.0, 1.57]\n\
    [[decoder.anchors]]\nsize_m = [0.8, 0.6, 1.7]\nbottom_m = -0.6\nrotations_rad = [0.0, 1.57]\n";

/// OpenPCDet's PointPillars: the network scatters its pillars itself and answers relative to anchors.
#[test]
fn pointpillars_with_anchors_and_a_scatter_of_its_own_is_read() {
    let Some(bench) = Bench::new("pointpillars") else { return };
    let inputs: Tensors = &[
        ("voxels", "float32", &[32, 8, 4]),
        ("voxel_coords", "int32", &[32, 4]),
        ("voxel_num_points", "int32", &[32]),
    ];
    // 9 rows, 10 columns, 4 anchors a place. The car: row 4, column 6, second rotation; the same thing once more beside it.
    let anchor = |row: usize, column: usize, which: usize| (row * 10 + column) * 4 + which;
    let (car, again) = (anchor(4, 6, 1), anchor(4, 7, 1));
    let classes = move |i: usize| match i {
        i if i == car * 2 => 3.0,
        i if i == again * 2 => 2.0,
        _ => -6.0,
    };
    let boxes = move |i: usize| {
        if i == car * 7 + 3 {
            0.1
        } else if i == again * 7 {
            -0.2
        } else {
            0.0
        }
    };
    let directions = move |i: usize| if i == car * 2 + 1 { 1.0 } else { 0.0 };
    let outputs: [Planted; 3] = [
        ("cls_preds", &[1, 9, 10, 8], &classes),
        ("box_preds", &[1, 9, 10, 28], &boxes),
        ("dir_cls_preds", &[1, 9, 10, 8], &directions),
    ];
    let declared: Vec<(&str, &str, &[i64])> =
        outputs.iter().map(|(name, shape, _)| (*name, "float32", *shape)).collect();
    let pillars = "[encoder]\nkind = \"pillars\"\nfeatures = \"voxels\"\ncoordinates = \"voxel_coords\"\ncounts = \"voxel_num_points\"\n\
        range_m = [0.0, -4.0, -3.0, 9.0, 4.0, 1.0]\npillar_m = [0.5, 0.5]\npillars = 32\npoints = 8\n\
        point_features = [\"x\", \"y\", \"z\", \"intensity\"]\n";
    let manifest =
        bench.write(&format!("{pillars}{ANCHORS}"), &[("all", constants(inputs, &outputs), inputs, &declared)]);
    let mut model = bench.open("all");
    let mut pillars = bench.pillars(&manifest).check(model.inputs()).unwrap();
    assert_eq!(pillars.fill([[1.2, 0.1, 0.0, 0.5, 0.0], [1.3, 0.2, 0.0, 0.5, 0.0], [20.0, 0.0, 0.0, 0.5, 0.0]]), 1);
    let tensors = pillars.tensors(model.inputs());
    // Scan, z, y, x of the pillar; the number of its points.
    assert!(matches!(tensors[1], TensorView::Int32([0, 0, 8, 2, -1, ..])), "{:?}", tensors[1]);
    assert!(matches!(tensors[2], TensorView::Int32([2, 0, ..])));
    let decoder = bench.anchor_head(&manifest).check(model.outputs()).unwrap();
    let found = model.run_tensors(&tensors, |outputs| decoder.decode(outputs)).unwrap();
    assert_eq!(found.len(), 1, "one car, the other suppressed: {found:?}");
    let (one, near) = (&found[0], |a: f32, b: f32| (a - b).abs() < 1e-3);
    assert_eq!(one.class, 0);
    assert!(near(one.center[0], 6.0) && near(one.center[1], 0.0) && near(one.center[2], -0.75), "{one:?}");
    assert!(near(one.size[0], 4.0 * 0.1_f32.exp()) && near(one.size[1], 2.0), "{one:?}");
    assert!(near(one.yaw, 1.57 + std::f32::consts::PI), "{one:?}");
    let mut wrong = manifest.stages[0].outputs.clone();
    wrong[1].shape = vec![1, 9, 10, 36];
    let refused = bench.anchor_head(&manifest).check(&wrong);
    refusal(refused, &["`box_preds`", "4 anchors", "[1, 9, 10, 28]", "[1, 9, 10, 36]"]);
    let mut wrong = manifest.stages[0].inputs.clone();
    wrong[1].element = inference::ElementType::Int64;
    let refused = bench.pillars(&manifest).check(&wrong);
    refusal(refused, &["`voxel_coords`", "int32 [32, 4]", "int64 [32, 4]"]);
}

#[test]
fn yolox_boxes_are_found_in_the_cameras_image() {
    let Some(bench) = Bench::new("yolox") else { return };
    let inputs: Tensors = &[("images", "float32", &[1, 3, 64, 96])];
    // Strides 8, 16 and 32 of 64 by 96 pixels: 96 + 24 + 6 rows of 5 + 3 numbers.
    let row = 96 + 6 + 2;
    let numbers = move |i: usize| match (i / 8, i % 8) {
        (r, 0 | 1) if r == row => 0.5,
        (r, 2) if r == row => 2.0_f32.ln(),
        (r, 3) if r == row => 0.0,
        (r, 4) if r == row => 0.9,
        (r, 6) if r == row => 0.8,
        _ => 0.01,
    };
    let declared: Tensors = &[("output", "float32", &[1, 126, 8])];
    let section = "[decoder]\nkind = \"yolox\"\ntensor = \"output\"\nclasses = [\"car\", \"person\", \"bicycle\"]\nimage = [64, 96]\n\
        strides = [8, 16, 32]\nleast_score = 0.5\nnms_threshold = 0.45\n";
    let manifest =
        bench.write(section, &[("all", constants(inputs, &[("output", &[1, 126, 8], &numbers)]), inputs, declared)]);
    let mut model = bench.open("all");
    let decoder = bench.yolox(&manifest).check(model.outputs()).unwrap();
    let image = vec![0.0; 3 * 64 * 96];
    let fitted = Letterbox::fit([128, 192], decoder.image);
    let found = model.run(&[&image], |outputs| decoder.decode(&[TensorView::Float32(outputs[0])], fitted)).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].class, 1);
    assert!((found[0].score - 0.72).abs() < 1e-5);
    // Place (1, 2) of stride 16, twice as large in the camera's image: centre 80, 48, size 64 by 32.
    let expected = [48.0, 32.0, 112.0, 64.0];
    assert!(found[0].edges.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3), "{found:?}");
    // An export with another image size has another number of places.
    let mut wrong = manifest.stages[0].outputs.clone();
    wrong[0].shape = vec![1, 8400, 8];
    refusal(bench.yolox(&manifest).check(&wrong), &["`output`", "64 by 96", "[1, 126, 8]", "[1, 8400, 8]"]);
}

#[test]
fn futures_are_read_whether_absolute_or_relative() {
    let Some(bench) = Bench::new("trajectories") else { return };
    let inputs: Tensors = &[("agents", "float32", &[2, 4])];
    let points = |i: usize| if i.is_multiple_of(2) { 1.0 } else { 0.5 };
    let scores = |i: usize| [0.0, 2.0, 1.0, 5.0, 0.0, 0.0][i];
    let outputs: [Planted; 2] = [("trajectories", &[2, 3, 4, 2], &points), ("scores", &[2, 3], &scores)];
    let declared: Vec<(&str, &str, &[i64])> =
        outputs.iter().map(|(name, shape, _)| (*name, "float32", *shape)).collect();
    for (kind, last) in [("absolute", [1.0, 0.5]), ("relative", [4.0, 2.0])] {
        let section = format!(
            "[decoder]\nkind = \"trajectory_head\"\ntrajectories = \"trajectories\"\nscores = \"scores\"\npoints = \"{kind}\"\nsoftmax = true\nsize = [2, 3, 4]\n"
        );
        let manifest = bench.write(&section, &[("all", constants(inputs, &outputs), inputs, &declared)]);
        let mut model = bench.open("all");
        let decoder = bench.trajectory_head(&manifest).check(model.outputs()).unwrap();
        let input = [0.0; 8];
        let futures = model
            .run_tensors(&[TensorView::Float32(&input)], |outputs| [0, 1].map(|agent| decoder.decode(outputs, agent)))
            .unwrap();
        assert_eq!(futures[0][0].points.last(), Some(&last), "{kind}");
        for of_agent in &futures {
            assert!((of_agent.iter().map(|f| f.probability).sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(of_agent.windows(2).all(|pair| pair[0].probability >= pair[1].probability));
        }
        assert!(futures[1][0].probability > 0.98);
        let mut wrong = manifest.stages[0].outputs.clone();
        wrong[0].shape = vec![2, 3, 8];
        let refused = bench.trajectory_head(&manifest).check(&wrong);
        refusal(refused, &["`trajectories`", "[2, 3, 4, 2]", "[2, 3, 8]"]);
    }
}

#[test]
fn a_kind_that_there_is_not_is_refused_with_those_there_are() {
    let Some(bench) = Bench::new("kind") else { return };
    let inputs: Tensors = &[("x", "float32", &[2, 4])];
    let file = constants(inputs, &[("y", &[2], &|_| 0.0)]);
    let manifest = bench.write("[decoder]\nkind = \"magic\"\n", &[("all", file, inputs, &[("y", "float32", &[2])])]);
    let error = Decoder::read(&manifest, &bench.folder).unwrap_err().to_string();
    assert!(error.contains("magic") && error.contains("anchor_head") && error.contains("yolox"), "{error}");
    let error = Encoder::read(&manifest, &bench.folder).unwrap_err().to_string();
    assert!(error.contains("expected a section [encoder]") && error.contains("bring-your-own-model"), "{error}");
}
