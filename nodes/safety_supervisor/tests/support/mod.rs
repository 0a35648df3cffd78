//! The driving loop in lockstep: simulator, localizer, tracker, predictor, planners, follower, supervisor, and an
//! oracle in the place of the LiDAR detector.

pub mod bench;
pub mod oracle_detector;
pub mod saboteur;
pub mod witness;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use middleware::{Graph, Lockstep};
use msgs::autoware_control_msgs::msg::Control;
use node::{Context, Definition, Node, Ports, Time};
use road_map::LaneGraph;
use simulation::Scenario;

use oracle_detector::OracleDetector;
use saboteur::{Saboteur, Tamper};
use witness::Witness;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn town() -> Arc<LaneGraph> {
    Arc::new(LaneGraph::from_opendrive_file(&root().join("maps/town.xodr")).unwrap())
}

/// CARLA's town, where the data folder has it.
pub fn town01() -> Option<Arc<LaneGraph>> {
    let data = std::env::var_os("FERRODRIVE_TEST_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let path = data.join("opendrive/Town01.xodr");
    path.exists().then(|| Arc::new(LaneGraph::from_opendrive_file(&path).unwrap()))
}

fn parameters<N: Definition>() -> N::Parameters {
    let file = root().join(format!("params/{}.param.yaml", N::NAME));
    node::Parameters::from_file(&file, N::NAME).unwrap().parse(N::NAME).unwrap()
}

/// ONNX Runtime, where it is installed beside the project or named by `ORT_DYLIB_PATH`.
fn onnxruntime() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH") {
        return Some(path.into());
    }
    let entries = std::fs::read_dir(root().join(".ferrodrive/onnxruntime")).ok()?;
    let mut libraries: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    libraries.sort();
    libraries.into_iter().find(|p| p.to_string_lossy().contains("libonnxruntime.so"))
}

/// What goes wrong on purpose.
#[derive(Default)]
pub struct Sabotage {
    /// From then on the detector says nothing, s.
    pub detector_silent_from_s: Option<f64>,
    /// Of the follower's commands.
    pub control: Option<Tamper<Control>>,
}

/// The loop; `None` where ONNX Runtime is missing.
pub struct Loop {
    pub driver: Lockstep,
    pub witness: Witness,
}

impl Loop {
    pub fn new(map: &Arc<LaneGraph>, scenario: Scenario, sabotage: Sabotage) -> Option<Self> {
        let Some(library) = onnxruntime() else {
            println!("skipped: ONNX Runtime is missing; `make drive` installs it");
            return None;
        };
        let vehicle = node::Parameters::from_file(&root().join("params/vehicle_info.param.yaml"), "vehicle").unwrap();
        let context = Context {
            vehicle: vehicle.parse("vehicle").unwrap(),
            map: Some(Arc::clone(map)),
            share: root(),
            onnxruntime: Some(library),
        };
        let seed = scenario.seed;
        let mut graph = Graph::default();
        let mut ports = Ports::default();
        let mut simulator = parameters::<simulator::Simulator>();
        // Nobody looks at the points here: the fewest.
        (simulator.lidar.beams, simulator.lidar.columns, simulator.lidar.rate_hz) = (1, 16, 1.0);
        let node = simulator::Simulator::with_scenario(simulator, scenario, &mut ports, &context).unwrap();
        add(&mut graph, "simulator", Box::new(node), ports, 0);
        make::<localizer::Localizer>(&mut graph, &context, 1);
        let mut ports = Ports::default();
        let silent_from_s = sabotage.detector_silent_from_s.unwrap_or(f64::INFINITY);
        let node = OracleDetector::new(seed, silent_from_s, &mut ports);
        add(&mut graph, "lidar_detector", Box::new(node), ports, 50);
        make::<object_tracker::ObjectTracker>(&mut graph, &context, 5);
        make::<trajectory_predictor::TrajectoryPredictor>(&mut graph, &context, 15);
        make::<route_planner::RoutePlanner>(&mut graph, &context, 5);
        make::<motion_planner::MotionPlanner>(&mut graph, &context, 40);
        make::<trajectory_follower::TrajectoryFollower>(&mut graph, &context, 2);
        let mut ports = Ports::default();
        let tamper = sabotage.control.unwrap_or_else(|| Box::new(|_, _| true));
        let node = Saboteur::new(tamper, &mut ports);
        add(&mut graph, "saboteur", Box::new(node), ports, 0);
        make::<safety_supervisor::SafetySupervisor>(&mut graph, &context, 1);
        Some(Self { driver: Lockstep::new(graph).unwrap(), witness: Witness::new(Arc::clone(map), context.vehicle) })
    }

    /// Runs until a time or until the drive is over.
    pub fn run(&mut self, until_s: f64) {
        let _ = self.driver.run(Time::from_seconds(until_s), &mut self.witness);
    }
}

fn make<N: Definition>(graph: &mut Graph, context: &Context, latency_ms: u64) {
    let mut ports = Ports::default();
    let node = N::new(parameters::<N>(), &mut ports, context).unwrap();
    add(graph, N::NAME, Box::new(node), ports, latency_ms);
}

/// Topics by node and the end of the port's name.
fn add(graph: &mut Graph, name: &str, node: Box<dyn Node>, ports: Ports, latency_ms: u64) {
    let topic = |port: &str| {
        match (name, port) {
            ("simulator", "~/input/control_cmd") | ("safety_supervisor", "~/output/control_cmd") => {
                "/control/command/control_cmd"
            }
            ("simulator", "~/output/ground_truth/odometry") | (_, "~/input/ground_truth/odometry") => {
                "/simulation/ground_truth/odometry"
            }
            ("simulator", "~/output/ground_truth/objects") | (_, "~/input/ground_truth/objects") => {
                "/simulation/ground_truth/objects"
            }
            (_, "~/output/ground_truth/events") => "/simulation/ground_truth/events",
            (_, "~/output/ground_truth/score") => "/simulation/ground_truth/score",
            (_, "~/output/pointcloud") => "/sensing/lidar/top/pointcloud",
            (_, "~/output/clock") => "/clock",
            (_, "~/output/tf_static") => "/tf_static",
            (_, "~/output/tf") => "/tf",
            (_, "~/output/imu" | "~/input/imu") => "/sensing/imu/imu_data",
            (_, "~/output/gnss" | "~/input/gnss") => "/sensing/gnss/nav_sat_fix",
            (_, "~/output/velocity_status" | "~/input/velocity_status") => "/vehicle/status/velocity_status",
            (_, "~/output/steering_status" | "~/input/steering_status") => "/vehicle/status/steering_status",
            (_, "~/output/initial_pose" | "~/input/initial_pose") => "/initialpose3d",
            (_, "~/output/reckoned_pose" | "~/input/reckoned_pose") => "/localization/reckoned_pose",
            (_, "~/output/goal" | "~/input/goal") => "/planning/mission_planning/goal",
            (_, "~/output/v2i_traffic_signals" | "~/input/traffic_signals") => "/v2i/traffic_signals",
            (_, "~/output/camera_info") => "/sensing/camera/front/camera_info",
            // Nobody reads it, so nothing is drawn.
            (_, "~/output/image") => "/sensing/camera/front/image_raw",
            (_, "~/output/kinematic_state" | "~/input/kinematic_state") => "/localization/kinematic_state",
            ("lidar_detector", "~/output/objects") | ("object_tracker", "~/input/objects") => {
                "/perception/object_recognition/detection/objects"
            }
            ("object_tracker", "~/output/objects")
            | ("trajectory_predictor" | "safety_supervisor", "~/input/objects") => {
                "/perception/object_recognition/tracking/objects"
            }
            ("trajectory_predictor", "~/output/objects") | ("motion_planner", "~/input/objects") => {
                "/perception/object_recognition/objects"
            }
            (_, "~/output/route" | "~/input/route") => "/planning/mission_planning/route",
            (_, "~/output/trajectory" | "~/input/trajectory") => "/planning/trajectory",
            ("trajectory_follower", "~/output/control_cmd") | ("saboteur", "~/input") => {
                "/control/trajectory_follower/control_cmd"
            }
            ("saboteur", "~/output") | ("safety_supervisor", "~/input/control_cmd") => "/test/control_cmd",
            (_, "~/input/diagnostics") => "/diagnostics",
            (_, other) => {
                assert!(other.starts_with('/'), "no topic for {other} of {name}");
                return other.to_owned();
            }
        }
        .to_owned()
    };
    let names =
        ports.inputs().iter().map(|p| &p.name).chain(ports.outputs().iter().filter(|p| !p.debug).map(|p| &p.name));
    let remaps: BTreeMap<String, String> = names.map(|n| (n.clone(), topic(n))).collect();
    graph.add(name, node, ports, &remaps, Duration::from_millis(latency_ms)).unwrap();
}
