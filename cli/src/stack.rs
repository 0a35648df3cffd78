//! Nodes from a launch file, put together as one graph.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use middleware::Graph;
use middleware::live::{Citizen, Declared};
use node::{Context, Definition, Node, NodeError, Parameters, Ports};
use road_map::LaneGraph;
use serde::Deserialize;
use vehicle::Vehicle;

use crate::launch::{self, LaunchedNode, ParameterSource};
use crate::parameter_comments;

/// What a graph is made of.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Folder of launch, parameter, model and map files.
    pub share: PathBuf,
    /// The map, shared by all nodes.
    pub map: Arc<LaneGraph>,
    /// The car.
    pub vehicle: Vehicle,
    /// The nodes.
    pub nodes: Vec<LaunchedNode>,
    onnxruntime: Option<PathBuf>,
}

/// `params/lockstep.param.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockstepParameters {
    simulated_latency_s: BTreeMap<String, f64>,
}

/// Makes a node of one kind from its parameters.
type Factory = fn(&Parameters, &str, &mut Ports, &Context) -> anyhow::Result<Box<dyn Node>>;

/// Every kind of node there is.
const KINDS: [(&str, Factory); 12] = [
    kind::<simulator::Simulator>(),
    kind::<localizer::Localizer>(),
    kind::<lidar_detector::LidarDetector>(),
    kind::<traffic_light_recognizer::TrafficLightRecognizer>(),
    kind::<object_tracker::ObjectTracker>(),
    kind::<trajectory_predictor::TrajectoryPredictor>(),
    kind::<route_planner::RoutePlanner>(),
    kind::<motion_planner::MotionPlanner>(),
    kind::<trajectory_follower::TrajectoryFollower>(),
    kind::<safety_supervisor::SafetySupervisor>(),
    kind::<carla_bridge::CarlaBridge>(),
    kind::<carla_stand_in::CarlaStandIn>(),
];

const fn kind<N: Definition>() -> (&'static str, Factory) {
    (N::NAME, |parameters, name, ports, context| Ok(Box::new(N::new(parameters.parse(name)?, ports, context)?)))
}

impl Stack {
    /// Reads launch file, map and vehicle. `share` as [`crate::installation::share`] finds it.
    ///
    /// # Errors
    /// What is wrong with which file, and what was expected.
    pub fn load(share: &Path, launch: &Path, arguments: &BTreeMap<String, String>, map: &Path) -> anyhow::Result<Self> {
        let nodes = launch::read(launch, share, arguments)?;
        let vehicle = vehicle(share)?;
        let map = Arc::new(LaneGraph::from_file(map, None)?);
        Ok(Self { share: share.into(), map, vehicle, nodes, onnxruntime: inference::find_library(share) })
    }

    /// Sets a parameter of every node of this kind.
    pub fn set(&mut self, executable: &str, name: &str, value: &str) {
        for node in self.nodes.iter_mut().filter(|node| node.executable == executable) {
            node.set(name, value);
        }
    }

    /// The graph, every node made: models loaded and warmed up, parameters checked.
    ///
    /// # Errors
    /// Which node cannot be made, and why.
    pub fn graph(&self) -> anyhow::Result<Graph> {
        let context = Context {
            vehicle: self.vehicle,
            map: Some(Arc::clone(&self.map)),
            share: self.share.clone(),
            onnxruntime: self.onnxruntime.clone(),
        };
        let latencies = self.simulated_latencies()?;
        let mut graph = Graph::default();
        for launched in &self.nodes {
            let Made { node, ports, .. } =
                make(launched, &context).with_context(|| format!("node {} cannot be started", launched.name))?;
            let latency = latencies.get(&launched.executable).copied().unwrap_or_default();
            graph.add(&launched.name, node, ports, &launched.remaps, latency)?;
        }
        Ok(graph)
    }

    fn simulated_latencies(&self) -> anyhow::Result<BTreeMap<String, Duration>> {
        let file = self.share.join("params/lockstep.param.yaml");
        let parameters: LockstepParameters = Parameters::from_file(&file, "lockstep")?.parse("lockstep")?;
        let read = |(name, seconds): (String, f64)| {
            NodeError::check_range(&format!("simulated_latency_s.{name}"), seconds, 0.0..=1.0)?;
            Ok((name, Duration::from_secs_f64(seconds)))
        };
        parameters.simulated_latency_s.into_iter().map(read).collect()
    }
}

/// A node as its parameters make it, and what it is on the graph beyond its ports.
pub struct Made {
    /// The value.
    pub node: Box<dyn Node>,
    /// What it declared.
    pub ports: Ports,
    /// Parameters and how to make it anew.
    pub citizen: Citizen,
}

/// Parameters that every node takes and its driver reads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DriverParameters {
    /// Whether time is `/clock`.
    pub use_sim_time: bool,
    /// OpenDRIVE or Lanelet2 file, relative to the share folder.
    pub map: Option<String>,
    /// As [`middleware::Graph::override_qos`] takes it.
    pub qos_overrides: serde_json::Map<String, serde_json::Value>,
}

/// What a single node may know of its installation.
///
/// # Errors
/// What is wrong with `params/vehicle_info.param.yaml`.
pub fn context(share: &Path, map: Option<Arc<LaneGraph>>) -> anyhow::Result<Context> {
    let onnxruntime = inference::find_library(share);
    Ok(Context { vehicle: vehicle(share)?, map, share: share.into(), onnxruntime })
}

fn vehicle(share: &Path) -> anyhow::Result<Vehicle> {
    let file = share.join("params/vehicle_info.param.yaml");
    read_vehicle(&Parameters::from_file(&file, "vehicle_info")?).with_context(|| file.display().to_string())
}

/// The vehicle of `params/vehicle_info.param.yaml`.
///
/// # Errors
/// The parameter that is unknown, missing, of another type or out of its range.
pub fn read_vehicle(parameters: &Parameters) -> anyhow::Result<Vehicle> {
    let vehicle: Vehicle = parameters.parse("vehicle_info")?;
    check_vehicle(&vehicle)?;
    Ok(vehicle)
}

/// The kinds of nodes.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(name, _)| *name)
}

fn read_parameters(launched: &LaunchedNode) -> anyhow::Result<(Parameters, DriverParameters)> {
    let mut parameters = Parameters::default();
    for given in &launched.parameters {
        match given {
            ParameterSource::File(file) => {
                let of_file = Parameters::from_file(file, launched.name.trim_matches('/'))?;
                if of_file.is_empty() {
                    tracing::warn!("parameter file {}: nothing in it is for node {}", file.display(), launched.name);
                }
                parameters.merge(of_file);
            }
            ParameterSource::Value(name, value) => parameters.set(name, value),
        }
    }
    let use_sim_time = match parameters.take("use_sim_time") {
        None => false,
        Some(value) => value.as_bool().with_context(|| format!("use_sim_time: expected true or false, got {value}"))?,
    };
    let map = match parameters.take("map_path") {
        None => None,
        Some(serde_json::Value::String(path)) => Some(path).filter(|path| !path.is_empty()),
        Some(value) => anyhow::bail!("map_path: expected the path of an OpenDRIVE or Lanelet2 file, got {value}"),
    };
    let qos_overrides = match parameters.take("qos_overrides") {
        None => serde_json::Map::new(),
        Some(serde_json::Value::Object(by_topic)) => by_topic,
        Some(value) => anyhow::bail!("qos_overrides: expected topics, got {value}"),
    };
    Ok((parameters, DriverParameters { use_sim_time, map, qos_overrides }))
}

/// Whether a parameter, by its dotted name, is one of [`DriverParameters`].
pub fn is_of_the_driver(name: &str) -> bool {
    ["use_sim_time", "map_path", "qos_overrides"].contains(&name.split('.').next().unwrap_or(name))
}

/// The parameters of a node that its driver reads.
///
/// # Errors
/// What is wrong with them or with their files.
pub fn driver_parameters(launched: &LaunchedNode) -> anyhow::Result<DriverParameters> {
    Ok(read_parameters(launched)?.1)
}

/// Makes a node: its model loaded, its parameters checked.
///
/// # Errors
/// Why it cannot be made.
pub fn make(launched: &LaunchedNode, context: &Context) -> anyhow::Result<Made> {
    let (_, factory) = *KINDS.iter().find(|(name, _)| *name == launched.executable).with_context(|| {
        let known: Vec<&str> = kinds().collect();
        format!("there is no node `{}`; there are: {}", launched.executable, known.join(", "))
    })?;
    let (parameters, driver) = read_parameters(launched)?;
    let mut ports = Ports::default();
    let node = factory(&parameters, &launched.name, &mut ports, context)?;
    let mut values = parameters.values().clone();
    let own: Vec<String> = values.keys().cloned().collect();
    values.insert("use_sim_time".into(), driver.use_sim_time.into());
    if !driver.qos_overrides.is_empty() {
        values.insert("qos_overrides".into(), driver.qos_overrides.into());
    }
    let files = launched.parameters.iter().filter_map(|given| match given {
        ParameterSource::File(file) => Some(file),
        ParameterSource::Value(..) => None,
    });
    let mut declared: Vec<Declared> = files.flat_map(|file| parameter_comments::read(file)).collect();
    declared.push(Declared {
        name: "use_sim_time".into(),
        description: "whether time is the topic /clock; read when the process starts".into(),
        range: None,
        fixed: true,
    });
    declared.push(Declared {
        name: "qos_overrides".into(),
        description: "quality of service of a topic's end, times in ns; read when the process starts".into(),
        range: None,
        fixed: true,
    });
    let (name, context) = (launched.name.clone(), context.clone());
    let make = move |values: &serde_json::Map<String, serde_json::Value>| {
        let own = values.iter().filter(|(key, _)| own.contains(key)).map(|(key, value)| (key.clone(), value.clone()));
        let parameters = Parameters::from_values(own.collect(), "values set on the graph");
        factory(&parameters, &name, &mut Ports::default(), &context).map_err(|error| format!("{error:#}"))
    };
    Ok(Made { node, ports, citizen: Citizen { parameters: values, declared, make: Box::new(make) } })
}

/// The ranges that `params/vehicle_info.param.yaml` names.
fn check_vehicle(v: &Vehicle) -> Result<(), NodeError> {
    let ranges = [
        ("wheelbase_m", v.wheelbase_m, 1.0..=8.0),
        ("rear_overhang_m", v.rear_overhang_m, 0.0..=4.0),
        ("front_overhang_m", v.front_overhang_m, 0.0..=4.0),
        ("width_m", v.width_m, 1.0..=3.0),
        ("height_m", v.height_m, 1.0..=4.0),
        ("max_steering_rad", v.max_steering_rad, 0.1..=1.2),
        ("max_steering_rate_radps", v.max_steering_rate_radps, 0.05..=5.0),
        ("max_acceleration_mps2", v.max_acceleration_mps2, 0.5..=10.0),
        ("max_deceleration_mps2", v.max_deceleration_mps2, 1.0..=12.0),
        ("max_jerk_mps3", v.max_jerk_mps3, 1.0..=100.0),
        ("actuator_delay_s", v.actuator_delay_s, 0.0..=0.5),
        ("steering_time_constant_s", v.steering_time_constant_s, 0.01..=2.0),
        ("acceleration_time_constant_s", v.acceleration_time_constant_s, 0.01..=2.0),
        ("max_speed_mps", v.max_speed_mps, 1.0..=100.0),
    ];
    ranges.into_iter().try_for_each(|(name, value, range)| NodeError::check_range(name, value, range))
}
