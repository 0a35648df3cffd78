//! `ferrodrive carla up`, `status` and `down`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use evaluation::leaderboard::Version;
use middleware::ros::RosParticipant;
use serde_json::json;

use super::place::Start;
use super::protocol::{Cleaned, Connected};
use super::results::Results;
use super::route_drive::{self, Task};
use super::routes::RouteEntry;
use super::state::State;
use super::worker::Worker;

/// Which interface carries the sensors and the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// CARLA's own ROS 2 interface.
    Native,
    /// carla-ros-bridge, started by the user with `passive:=True`.
    CarlaRosBridge,
}

impl Contract {
    /// As `carla_bridge` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::CarlaRosBridge => "carla_ros_bridge",
        }
    }
}

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Server {
    /// Name or address.
    pub host: String,
    /// Its RPC port.
    pub port: u16,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Whether another version than the client's will do.
    pub any_version: bool,
}

impl Server {
    /// Connects.
    ///
    /// # Errors
    /// Why it cannot be reached, or will not do.
    pub async fn connect(&self, worker: &mut Worker) -> anyhow::Result<Connected> {
        let Self { host, port, timeout, any_version } = self;
        let request =
            json!({"host": host, "port": port, "timeout_s": timeout.as_secs_f64(), "any_version": any_version});
        Ok(worker.ask("connect", request).await?)
    }
}

/// What is driven, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server.
    pub server: Server,
    /// The interface.
    pub contract: Contract,
    /// Role name of the ego.
    pub role_name: String,
    /// In the form of carla-ros-bridge's objects.json.
    pub sensors: PathBuf,
    /// A town by name.
    pub town: Option<String>,
    /// Or a road network.
    pub opendrive: Option<PathBuf>,
    /// Where the ego starts; `None`: spawn point 0, or where the route begins.
    pub start: Option<Start>,
    /// Where it is to go; `None`: a spawn point by seed.
    pub goal: Option<Start>,
    /// Routes of a leaderboard's file, in order; empty: one from start to goal.
    pub routes: Vec<RouteEntry>,
    /// Cars.
    pub vehicles: usize,
    /// Pedestrians.
    pub walkers: usize,
    /// Fixes traffic and goal.
    pub seed: u64,
    /// Of CARLA's traffic manager.
    pub traffic_port: u16,
    /// Of a frame, s.
    pub step_s: f64,
    /// Whether the server draws: cameras need it.
    pub rendering: bool,
    /// How long a frame's command is waited for.
    pub command_limit: Duration,
    /// How long the first one is.
    pub startup_limit: Duration,
    /// So many frames in a row without their command end the drive.
    pub misses_in_a_row: u64,
    /// Launch file of the stack; `None`: somebody else starts it.
    pub launch: Option<PathBuf>,
    /// Its arguments.
    pub arguments: BTreeMap<String, String>,
    /// Whether `drive.mcap` is written.
    pub record: bool,
    /// Folder for what is left behind.
    pub out: PathBuf,
    /// By whose formulas the console's score is.
    pub leaderboard: Version,
    /// Whether the stack's lines are left out.
    pub quiet: bool,
}

/// Drives in CARLA; true where every route was completed without infraction.
///
/// # Errors
/// What the server refuses, what cannot be planned or started, or that commands stopped coming.
pub fn up(share: &Path, options: &Options) -> anyhow::Result<Results> {
    let Server { host, port, .. } = &options.server;
    if let Some(other) = State::read(host, *port).filter(State::is_running) {
        bail!(
            "a `carla up` drives at {host}:{port} already (process {}): end it with Ctrl-C or `kill -TERM {}`; two clients \
             must not tick one world",
            other.pid,
            other.pid
        );
    }
    let settings = dds::Settings::from_environment()?;
    if options.contract == Contract::Native && settings.domain != 0 {
        bail!(
            "CARLA's own ROS 2 interface is in domain 0 and cannot be moved, and ROS_DOMAIN_ID is {}: unset it, or use \
             --contract carla-ros-bridge",
            settings.domain
        );
    }
    // A missing file is told before anything is put into the world.
    for (what, file) in [("launch file", options.launch.as_ref()), ("sensor file", Some(&options.sensors))] {
        if let Some(file) = file.filter(|file| !file.is_file()) {
            bail!("{what} {} is not there", file.display());
        }
    }
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make the folder {}", options.out.display()))?;
    let participant = RosParticipant::new(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let tasks: Vec<Task<'_>> = match &options.routes[..] {
        [] => vec![Task { route: None, out: options.out.clone() }],
        routes => {
            routes.iter().map(|r| Task { route: Some(r), out: options.out.join(format!("route_{}", r.id)) }).collect()
        }
    };
    let total = tasks.len();
    let (mut outcomes, mut frames) = (Vec::new(), Vec::new());
    let driven = runtime.block_on(async {
        for task in &tasks {
            let driven = route_drive::drive(share, options, &participant, task).await?;
            outcomes.push(driven.outcome);
            frames.push(driven.frames);
            match driven.failure {
                Some(failure) => return Err(failure),
                None if driven.interrupted => break,
                None => {}
            }
        }
        anyhow::Ok(())
    });
    State::remove(host, *port);
    let results = Results::new(outcomes, frames, total);
    if !results.outcomes.is_empty() {
        results.write(&options.out)?;
    }
    driven.map(|()| results)
}

/// What is there, as text.
///
/// # Errors
/// Why the server cannot be reached.
pub fn status(share: &Path, server: &Server) -> anyhow::Result<String> {
    let found = with_worker(share, server, async |_, connected| Ok(connected))?;
    let clock = match (found.synchronous, found.fixed_delta_s) {
        (true, step) => format!("waits for a client's tick, step {step} s"),
        (false, 0.0) => "runs by itself, in steps as they come".to_owned(),
        (false, step) => format!("runs by itself, step {step} s"),
    };
    let mut out = format!(
        "server   {} at {}:{}\ntown     {}\nclock    {clock}; frame {}, {:.2} s\nactors   {} vehicles, {} walkers, {} sensors\n",
        found.server_version,
        server.host,
        server.port,
        found.town,
        found.frame,
        found.time,
        found.vehicles,
        found.walkers,
        found.sensors
    );
    for ego in &found.egos {
        let p = ego.place;
        out += &format!(
            "ego      {} ({}, actor {}) at ({:.1}, {:.1}), {:.0} degrees\n",
            ego.role_name, ego.kind, ego.id, p.x, p.y, p.yaw
        );
    }
    match State::read(&server.host, server.port) {
        Some(s) if s.is_running() => {
            out += &format!(
                "driving  process {}: route {} of {}, {:.1} % after {:.1} s; {} of {} commands missed; results in {}\n",
                s.pid,
                s.route,
                s.town,
                s.completion,
                s.time_s,
                s.misses,
                s.ticks,
                s.out.display()
            );
        }
        Some(s) => {
            out += &format!(
                "driving  nobody; process {} ended without cleaning up: `ferrodrive carla down` does it\n",
                s.pid
            )
        }
        None if found.synchronous => {
            out += "driving  no `carla up` here: some other client has the clock, or one was killed\n"
        }
        None => out += "driving  nobody\n",
    }
    Ok(out)
}

/// Takes away what a killed `up` left, and lets the clock go; says what it did.
///
/// # Errors
/// Why the server cannot be reached, or that an `up` is running.
pub fn down(share: &Path, server: &Server, role_name: &str, force: bool) -> anyhow::Result<String> {
    let state = State::read(&server.host, server.port);
    if let Some(running) = state.as_ref().filter(|state| state.is_running() && !force) {
        bail!(
            "a `carla up` is driving there (process {}): end it with Ctrl-C or `kill -TERM {}`, or take its world away with \
             --force",
            running.pid,
            running.pid
        );
    }
    let settings = state.map(|s| json!({"synchronous": s.was_synchronous, "fixed_delta_s": s.was_delta_s}));
    let request = json!({"role_name": role_name, "settings": settings});
    let cleaned = with_worker(share, server, async |worker, _| Ok(worker.ask::<Cleaned>("down", request).await?))?;
    State::remove(&server.host, server.port);
    let clock = if cleaned.was_synchronous { "; the clock is let go" } else { "; the clock was free" };
    Ok(format!("{} actors taken away from {}{clock}\n", cleaned.destroyed, cleaned.town))
}

fn with_worker<T>(
    share: &Path,
    server: &Server,
    act: impl AsyncFnOnce(&mut Worker, Connected) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut worker = Worker::start(share)?;
        let result = async {
            let connected = server.connect(&mut worker).await?;
            act(&mut worker, connected).await
        }
        .await;
        worker.end().await;
        result
    })
}
