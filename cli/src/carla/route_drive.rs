//! One route: world, ego, traffic and stack are brought up, driven in lockstep, and taken down again.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use evaluation::RunFacts;
use evaluation::leaderboard::{Observation, Place, RouteOutcome};
use middleware::ros::RosParticipant;
use road_map::LaneGraph;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::commands::{self, Commands};
use super::judged::Judged;
use super::operator::Operator;
use super::place::Start;
use super::plan::{self, Planned};
use super::protocol::{Car, Clocked, Ego, Facts, Loaded, Traffic, Weathered};
use super::results::{Frames, write_route};
use super::routes::{Keypoint, RouteEntry};
use super::state::State;
use super::up::{Contract, Options};
use super::worker::Worker;
use crate::launch;
use crate::processes::{Ended, Processes};
use crate::stack;

/// The next goal is said this far before the last one, m: nobody brakes for a goal on the way.
const GOAL_AHEAD_M: f64 = 80.0;
/// How long a frame waits while no command came yet: so long that the bridge does not take the world for one that waits for
/// nobody.
const WAITING_FRAME: Duration = Duration::from_millis(500);
/// A line for the user after so much simulated time, s.
const LINE_S: f64 = 20.0;
/// Frames that a warning of slowness rests on.
const SLOW_FRAMES: u64 = 200;
/// Frames that take this many times their length are slow.
const SLOW: f64 = 4.0;

/// A route, and where its results go.
pub struct Task<'a> {
    /// Of a file; `None`: from the options' start to their goal.
    pub route: Option<&'a RouteEntry>,
    /// Made if it is not there.
    pub out: PathBuf,
}

/// What was driven.
pub struct Driven {
    /// Before it is scored.
    pub outcome: RouteOutcome,
    /// How the lockstep went.
    pub frames: Frames,
    /// Whether the user ended it.
    pub interrupted: bool,
    /// Why it ended early.
    pub failure: Option<anyhow::Error>,
}

/// What has to be ended, whatever happens.
#[derive(Default)]
struct Running {
    processes: Option<Processes>,
    recorder: Option<Child>,
    judged: Option<Judged>,
    lockstep: Lockstep,
    began: Option<Instant>,
    map: String,
}

/// How the frames went so far.
#[derive(Default)]
struct Lockstep {
    ticks: u64,
    misses: u64,
    in_a_row: u64,
    server: Duration,
    command: Duration,
}

/// Drives one route.
///
/// # Errors
/// What could not be brought up or written. Why a drive ended early is in [`Driven::failure`].
pub async fn drive(
    share: &Path,
    options: &Options,
    participant: &RosParticipant,
    task: &Task<'_>,
) -> anyhow::Result<Driven> {
    std::fs::create_dir_all(&task.out).with_context(|| format!("cannot make the folder {}", task.out.display()))?;
    let mut worker = Worker::start(share)?;
    let mut running = Running::default();
    let (result, interrupted) = tokio::select! {
        result = run(share, options, participant, task, &mut worker, &mut running) => (result, false),
        () = middleware::signal() => (Ok(()), true),
    };
    // The world first: a server whose clock nobody ticks stands still for everybody.
    worker.end().await;
    if let Some(recorder) = running.recorder.take() {
        end_recorder(recorder).await;
    }
    if let Some(processes) = running.processes.take() {
        processes.end().await;
    }
    let Some(judged) = running.judged.take() else {
        return result.and_then(|()| bail!("ended before the first frame was driven"));
    };
    let Lockstep { ticks, misses, server, command, .. } = running.lockstep;
    let mean = |time: Duration| time.as_secs_f64() / ticks.max(1) as f64;
    let frames = Frames { ticks, misses, server_s: mean(server), command_s: mean(command) };
    let facts = RunFacts {
        seed: options.seed,
        scenario: name(task),
        map: running.map,
        wall_time_s: running.began.map_or(0.0, |began| began.elapsed().as_secs_f64()),
        ..RunFacts::default()
    };
    let (outcome, record, evaluation) = judged.finish(name(task), facts);
    write_route(&outcome, &record, &evaluation, &task.out)?;
    Ok(Driven { outcome, frames, interrupted, failure: result.err() })
}

fn name(task: &Task<'_>) -> String {
    task.route.map_or_else(|| "route".into(), |route| format!("RouteScenario_{}", route.id))
}

async fn run(
    share: &Path,
    options: &Options,
    participant: &RosParticipant,
    task: &Task<'_>,
    worker: &mut Worker,
    running: &mut Running,
) -> anyhow::Result<()> {
    let server = &options.server;
    let connected = server.connect(worker).await?;
    eprintln!("CARLA {} at {}:{}", connected.server_version, server.host, server.port);
    let map_file = std::path::absolute(task.out.join("map.xodr"))?;
    let town = task.route.map(|route| route.town.clone()).or_else(|| options.town.clone());
    let loaded: Loaded = worker
        .ask("load", json!({"save_map": map_file, "town": town, "opendrive": options.opendrive.as_deref().map(std::path::absolute).transpose()?}))
        .await?;
    let map = Arc::new(LaneGraph::from_file(&map_file, None)?);
    running.map.clone_from(&loaded.town);
    let settings = json!({"fixed_delta_s": options.step_s, "rendering": options.rendering});
    let clocked: Clocked = worker.ask("settings", settings).await?;
    if clocked.was_synchronous {
        eprintln!(
            "warning: the world was synchronous already: where another client ticks it as well, it runs too fast, and where \
             one was killed, `ferrodrive carla down` first"
        );
    }
    if let Some(route) = task.route {
        show(route);
        weather(worker, route, 0.0).await?;
    }
    let (ego, planned) = place_ego(options, task, &map, &loaded, worker).await?;
    if options.vehicles + options.walkers > 0 {
        let request = json!({"vehicles": options.vehicles, "walkers": options.walkers, "seed": options.seed,
            "port": options.traffic_port});
        let found: Traffic = worker.ask("traffic", request).await?;
        eprintln!(
            "traffic by seed {}: {} of {} cars and {} of {} pedestrians found room",
            options.seed, found.vehicles, options.vehicles, found.walkers, options.walkers
        );
    }
    let facts: Facts = worker.ask("facts", json!({})).await?;
    eprintln!(
        "{} ({}) on {} with {}; route of {:.0} m",
        ego.kind,
        options.role_name,
        loaded.town,
        ego.sensors.join(", "),
        planned.scored.length_m()
    );

    let mut commands = Commands::new(participant, &options.role_name, options.step_s)?;
    let operator = Operator::new(participant)?;
    if let Some(file) = &options.launch {
        running.processes = Some(start_stack(share, options, file, &map_file, &facts.vehicle)?);
    }
    if options.record {
        running.recorder = Some(start_recorder(&task.out.join("drive.mcap"))?);
    }
    let mut goals = planned.goals.iter();
    if let Some((goal, _)) = goals.next() {
        operator.go_to(goal, 0.0)?;
    }
    first_command(options, worker, running, &mut commands).await?;
    eprintln!("driving; results go into {}", task.out.display());
    running.judged =
        Some(Judged::new(planned.scored.clone(), &facts, Arc::clone(&map), stack::context(share, None)?.vehicle));
    running.began = Some(Instant::now());
    let mut state = State {
        pid: std::process::id(),
        role_name: options.role_name.clone(),
        out: std::path::absolute(&task.out)?,
        town: loaded.town.clone(),
        route: name(task),
        was_synchronous: connected.synchronous,
        was_delta_s: connected.fixed_delta_s,
        ..State::default()
    };
    let (mut next, mut told_s, mut weather_at) = (planned.goals.first().map(|g| g.1), f64::NEG_INFINITY, 0.0);
    let mut written = Instant::now() - Duration::from_secs(10);
    loop {
        let now = frame(options, worker, running, &mut commands).await?;
        let Some(judged) = &mut running.judged else { bail!("the drive has no judge") };
        let end = judged.observe(&now);
        let completion = judged.completion();
        let along = completion / 100.0 * planned.scored.length_m();
        if next.is_some_and(|way| along > way - GOAL_AHEAD_M) {
            let goal = goals.next();
            next = goal.map(|g| g.1);
            if let Some((goal, _)) = goal {
                operator.go_to(goal, now.time)?;
            }
        }
        if let Some(route) = task.route.filter(|route| route.weathers.len() > 1 && completion > weather_at + 1.0) {
            weather_at = completion;
            weather(worker, route, completion).await?;
        }
        let Lockstep { ticks, misses, .. } = running.lockstep;
        if now.time > told_s + LINE_S || end.is_some() {
            told_s = now.time;
            eprintln!(
                "{:7.1} s  {:4.1} m/s  {completion:5.1} % of the route  {} infractions  {misses} of {ticks} commands missed",
                now.time,
                now.speed(),
                judged.infractions()
            );
        }
        if written.elapsed() > Duration::from_secs(1) {
            written = Instant::now();
            (state.time_s, state.ticks, state.misses, state.completion) = (now.time, ticks, misses, completion);
            // A drive does not end because its state cannot be told.
            if let Err(error) = state.write(&server.host, server.port) {
                tracing::warn!("the state cannot be written: {error}");
            }
        }
        if end.is_some() {
            return Ok(());
        }
    }
}

/// What a route file asks for beyond the way.
fn show(route: &RouteEntry) {
    eprintln!(
        "route {} in {}: {} places, {} scenarios",
        route.id,
        route.town,
        route.keypoints.len(),
        route.scenarios.len()
    );
    for scenario in &route.scenarios {
        let at = scenario.trigger;
        eprintln!("  {} ({}) would be set off at ({:.1}, {:.1})", scenario.name, scenario.kind, at.x, at.y);
    }
}

/// The weather that a route has at this share of its way: between two that the file names, in proportion.
async fn weather(worker: &mut Worker, route: &RouteEntry, share: f64) -> anyhow::Result<()> {
    let Some(after) = route.weathers.iter().position(|(at, _)| *at > share).or(route.weathers.len().checked_sub(1))
    else {
        return Ok(());
    };
    let (later_at, later) = &route.weathers[after];
    let (earlier_at, earlier) = &route.weathers[after.saturating_sub(1)];
    let ratio =
        if later_at > earlier_at { ((share - earlier_at) / (later_at - earlier_at)).clamp(0.0, 1.0) } else { 1.0 };
    let parameters: serde_json::Map<String, Value> = later
        .iter()
        .map(|(key, to)| {
            let from = earlier.get(key).unwrap_or(to);
            (key.clone(), json!(from + (to - from) * ratio))
        })
        .collect();
    let set: Weathered = worker.ask("weather", json!({"parameters": parameters})).await?;
    if !set.unknown.is_empty() && share == 0.0 {
        eprintln!("warning: this server's weather has no {}", set.unknown.join(", "));
    }
    Ok(())
}

/// Puts the car at the start and lays the route from there.
async fn place_ego(
    options: &Options,
    task: &Task<'_>,
    map: &LaneGraph,
    loaded: &Loaded,
    worker: &mut Worker,
) -> anyhow::Result<(Ego, Planned)> {
    let of_file = task.route.map(|route| plan::plan(map, &route.keypoints)).transpose()?;
    let start = match &of_file {
        Some(planned) => planned.scored.points().first().copied().map(Start::Place),
        None => options.start,
    };
    let start = start.unwrap_or(Start::Index { index: 0 });
    let start = match start {
        // The height is the road's.
        Start::Place(place) if place.z == 0.0 => {
            Start::Place(Place { z: map.elevation_at(super::place::to_map(&place).position), ..place })
        }
        other => other,
    };
    let request = json!({"sensors_file": std::path::absolute(&options.sensors)?, "role_name": options.role_name,
        "start": start, "ros": options.contract == Contract::Native});
    let ego: Ego = worker.ask("ego", request).await?;
    if let Some(note) = &ego.note {
        eprintln!("warning: {note}");
    }
    if let Some(planned) = of_file {
        return Ok((ego, planned));
    }
    let points = &loaded.spawn_points;
    let goal = match options.goal {
        Some(goal) => goal.among(points)?,
        None => plan::any_goal(map, ego.start, points, options.seed)?,
    };
    let keypoints = [ego.start, goal].map(|place| Keypoint { place, headed: true });
    let planned = plan::plan(map, &keypoints)?;
    Ok((ego, planned))
}

/// Steps the world until the stack answers.
async fn first_command(
    options: &Options,
    worker: &mut Worker,
    running: &mut Running,
    commands: &mut Commands,
) -> anyhow::Result<()> {
    let until = Instant::now() + options.startup_limit;
    eprintln!("waiting for the first command on {}", commands::topic(&options.role_name));
    // Commands of an earlier run's time say nothing of this one.
    commands.take()?;
    commands.forget();
    loop {
        let now: Observation = worker.ask("tick", json!({})).await?;
        wait(running, commands, now.time, WAITING_FRAME).await?;
        if commands.heard() {
            return Ok(());
        }
        if Instant::now() > until {
            bail!("{}", silence(options, commands));
        }
    }
}

/// Why no command came, as far as can be told.
fn silence(options: &Options, commands: &Commands) -> String {
    let (topic, limit) = (commands::topic(&options.role_name), options.startup_limit.as_secs_f64());
    if commands.has_writer() {
        format!(
            "{topic} has a writer, and no command came within {limit} s: does carla_bridge hear the sensors? Its status on \
             /diagnostics says which it waits for"
        )
    } else {
        format!(
            "nobody writes {topic} after {limit} s: start the stack (`ferrodrive launch launch/carla.launch.xml`), in the \
             same ROS_DOMAIN_ID and with a network between"
        )
    }
}

/// One frame: the world's step, then the command that belongs to it.
async fn frame(
    options: &Options,
    worker: &mut Worker,
    running: &mut Running,
    commands: &mut Commands,
) -> anyhow::Result<Observation> {
    let began = Instant::now();
    let now: Observation = worker.ask("tick", json!({})).await?;
    let stepped = Instant::now();
    let came = wait(running, commands, now.time, options.command_limit).await?;
    let lockstep = &mut running.lockstep;
    lockstep.ticks += 1;
    lockstep.server += stepped - began;
    lockstep.command += stepped.elapsed();
    if came {
        lockstep.in_a_row = 0;
    } else {
        lockstep.misses += 1;
        lockstep.in_a_row += 1;
        let limit = options.command_limit.as_secs_f64();
        if lockstep.in_a_row == 1 {
            eprintln!(
                "warning: no command for the frame at {:.2} s within {limit} s (miss {} of {} frames)",
                now.time, lockstep.misses, lockstep.ticks
            );
        }
        if lockstep.in_a_row >= options.misses_in_a_row {
            bail!(
                "{} frames in a row had no command within {limit} s each: the stack is gone or too slow; the drive ends",
                lockstep.in_a_row
            );
        }
    }
    if let Some(words) = lockstep.slow(options.step_s) {
        eprintln!("warning: {words}");
    }
    Ok(now)
}

impl Lockstep {
    /// Said once, where frames take much longer than they last.
    fn slow(&self, step_s: f64) -> Option<String> {
        if self.ticks != SLOW_FRAMES {
            return None;
        }
        let mean = |time: Duration| time.as_secs_f64() / self.ticks as f64;
        let (server, command) = (mean(self.server), mean(self.command));
        if server + command < SLOW * step_s {
            return None;
        }
        let (wanted, got) = (1.0 / step_s, 1.0 / (server + command));
        Some(if server > command {
            format!(
                "{wanted:.0} Hz became {got:.0} Hz: the server takes {server:.2} s for a frame of {step_s} s; start it with \
                 -quality-level=Low, or make the camera smaller in the sensor file"
            )
        } else {
            format!(
                "{wanted:.0} Hz became {got:.0} Hz: the stack takes {command:.2} s for the command of a frame of {step_s} s; \
                 `ferrodrive models bench` says what the models take here"
            )
        })
    }
}

/// Waits for a frame's command, and for a node that ends.
async fn wait(running: &mut Running, commands: &mut Commands, time_s: f64, limit: Duration) -> anyhow::Result<bool> {
    let Some(processes) = &mut running.processes else { return commands.of(time_s, limit).await };
    tokio::select! {
        biased;
        came = commands.of(time_s, limit) => came,
        ended = processes.watch() => match ended? {
            Ended::With(label) => bail!("{label} ended before the drive did"),
            Ended::All(_) => bail!("every node ended before the drive did"),
        },
    }
}

fn start_stack(share: &Path, options: &Options, file: &Path, map: &Path, car: &Car) -> anyhow::Result<Processes> {
    let mut arguments = options.arguments.clone();
    for (name, value) in [
        ("map_path", map.display().to_string()),
        ("role_name", options.role_name.clone()),
        ("contract", options.contract.name().to_owned()),
    ] {
        arguments.entry(name.into()).or_insert(value);
    }
    let mut nodes = launch::read(file, share, &arguments)?;
    let sensors = std::path::absolute(&options.sensors)?;
    for node in &mut nodes {
        node.ends_all = !node.respawn;
        if node.executable == "carla_bridge" {
            node.set("sensors_file", sensors.display().to_string());
            if car.max_steer_deg > 0.0 {
                node.set("max_steer_rad", car.max_steer_deg.to_radians().to_string());
            }
            if !car.steering_curve.is_empty() {
                let column =
                    |n: usize| format!("{:?}", car.steering_curve.iter().map(|point| point[n]).collect::<Vec<f64>>());
                node.set("steering_curve.speeds_mps", column(0));
                node.set("steering_curve.shares", column(1));
            }
        }
    }
    Processes::start(&nodes, options.quiet)
}

/// `bag record` of all topics but images, by the simulated clock.
fn start_recorder(file: &Path) -> anyhow::Result<Child> {
    Command::new(std::env::current_exe().context("which program this is")?)
        .args(["bag", "record", "--all", "--use-sim-time", "--exclude-regex", "image", "--output"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .context("the recorder cannot be started")
}

async fn end_recorder(mut recorder: Child) {
    if let Some(pid) = recorder.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::INT);
    }
    if tokio::time::timeout(Duration::from_secs(30), recorder.wait()).await.is_err() {
        eprintln!("warning: the recorder does not end; its file is not whole");
    }
}
