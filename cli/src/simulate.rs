//! `ferrodrive simulate`: our simulator in the place of CARLA, on DDS.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use middleware::live::LogLines;

use crate::ros_arguments::RosArguments;
use crate::{launch, run};

/// Whose place is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// CARLA's native ROS 2 interface.
    CarlaNative,
    /// carla_ros_bridge.
    CarlaRosBridge,
}

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose topics are published.
    pub contract: As,
    /// Role name of the vehicle.
    pub role_name: String,
    /// OpenDRIVE file; `None` for the town that is shipped.
    pub map: Option<PathBuf>,
    /// `drive`, `smoke`, or a scenario file (TOML).
    pub scenario: String,
    /// Fixes scenario, traffic and noise.
    pub seed: Option<u64>,
    /// Whether frames wait for nobody.
    pub free_running: bool,
    /// Whether it stands after its first frame until `/carla/control` plays it.
    pub paused: bool,
    /// At most so much simulated time for each of the wall clock's.
    pub speed: f64,
    /// Wall time that a frame waits for its command, s; `None` for what the parameter file says.
    pub wait_limit_s: Option<f64>,
    /// What of the version's peculiarities is left out.
    pub without: Vec<String>,
}

/// Runs the stand-in until SIGINT or SIGTERM.
///
/// # Errors
/// What cannot be loaded, or why it cannot go on the wire.
pub fn simulate(share: &Path, options: &Options, log: LogLines) -> anyhow::Result<()> {
    let contract = match options.contract {
        As::CarlaNative => "native",
        As::CarlaRosBridge => "carla_ros_bridge",
    };
    let map = options.map.clone().unwrap_or_else(|| share.join("maps/town.xodr"));
    let map = std::fs::canonicalize(&map).with_context(|| format!("map {}", map.display()))?;
    let arguments = BTreeMap::from([
        ("contract".to_owned(), contract.to_owned()),
        ("role_name".to_owned(), options.role_name.clone()),
        ("map_path".to_owned(), map.display().to_string()),
        ("lockstep".to_owned(), (!options.free_running).to_string()),
        ("speed".to_owned(), options.speed.to_string()),
        ("without".to_owned(), format!("[{}]", options.without.join(", "))),
    ]);
    let nodes = launch::read(&share.join("launch/carla_stand_in.launch.xml"), share, &arguments)?;
    let Some(mut node) = nodes.into_iter().next() else { bail!("launch/carla_stand_in.launch.xml: no node in it") };
    match options.scenario.as_str() {
        suite @ ("drive" | "smoke") => node.set("suite", suite),
        file => {
            let path = std::fs::canonicalize(file)
                .with_context(|| format!("scenario `{file}`: expected drive, smoke or a scenario file (TOML)"))?;
            node.set("scenario", path.display().to_string());
        }
    }
    if let Some(seed) = options.seed {
        node.set("seed", seed.to_string());
    }
    if options.paused {
        node.set("paused", "true");
    }
    if let Some(limit) = options.wait_limit_s {
        node.set("wait_limit_s", limit.to_string());
    }
    let domain = std::env::var("ROS_DOMAIN_ID").unwrap_or_default();
    if options.contract == As::CarlaNative && !["", "0"].contains(&domain.trim()) {
        tracing::warn!("on domain {domain} as ROS_DOMAIN_ID says; CARLA itself is on domain 0 only");
    }
    tracing::info!("a stand-in for {contract}: Ferrodrive's own simulator on CARLA's topics, no CARLA");
    run::run(share, &RosArguments { node, log_level: None, rosout: true }, Some(log))
}
