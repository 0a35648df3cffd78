//! The `ferrodrive` command.

/// Prints a line; who closed the pipe wants no more of it.
macro_rules! println {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = std::writeln!(std::io::stdout(), $($text)*);
    }};
}
/// Prints; who closed the pipe wants no more of it.
macro_rules! print {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = std::write!(std::io::stdout(), $($text)*);
    }};
}

mod bag_command;
mod carla_command;
mod compare_command;
mod map;
mod map_check;
mod map_plot;
mod models_command;
mod play_command;
mod record_command;
mod replay_command;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ferrodrive::drive::{self, ClockKind};
use ferrodrive::simulate::{self, As};
use ferrodrive::{evaluate, installation, launch, launch_command, parameters, rcl_arguments, ros_arguments, run};
use middleware::live::LogLines;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

#[derive(Parser)]
#[command(version, about = "ROS 2 nodes that drive a car")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Drives in the simulator: raw sensors in, steering and brakes out.
    ///
    /// Leaves runs/<time>/ (and runs/latest) with drive.mcap, report.html, metrics.json and drive.svg. Exit status 0
    /// only if the route was completed without a collision.
    Drive(DriveArguments),
    /// Runs a suite of drives and sums them up.
    Evaluate(EvaluateArguments),
    /// Looks at recordings and converts them; records and plays on the live graph.
    #[command(subcommand)]
    Bag(bag_command::BagCommand),
    /// Runs nodes over a recording, in lockstep by its time: same recording, same messages out, bit for bit.
    ///
    /// Every topic that the chosen nodes read and do not write themselves comes from the recording. Exit status 1 if
    /// a topic is missing or not all of the recording could be read.
    Replay(replay_command::ReplayArguments),
    /// Says what differs between two recordings: objects, trajectories, control, timing.
    Compare(compare_command::CompareArguments),
    /// Runs one node as a ROS 2 node on DDS.
    Run(RunArguments),
    /// Publishes another simulator's topics from our own: a stand-in, to try the way from there to the car.
    Simulate(SimulateArguments),
    /// Starts the nodes of a launch file on DDS, each as a process, until Ctrl-C.
    Launch(LaunchArguments),
    /// Drives in CARLA, which somebody has started.
    #[command(subcommand)]
    Carla(carla_command::CarlaCommand),
    /// Looks at maps.
    #[command(subcommand)]
    Map(map::MapCommand),
    /// Looks at deployed models: what they are, cost and answer.
    #[command(subcommand)]
    Models(models_command::ModelsCommand),
    /// Explains the parameters of nodes and checks parameter files.
    #[command(subcommand)]
    Params(ParamsCommand),
}

#[derive(Subcommand)]
enum ParamsCommand {
    /// Every parameter of a node: value that is shipped, unit, range, meaning
    List {
        /// The node, e.g. motion_planner
        node: String,
    },
    /// Whether a node would start with a parameter file over the one that is shipped. Exit status 1 if not.
    Check {
        /// Parameter file in ROS 2's form; parameters that it leaves out keep the values that are shipped
        file: PathBuf,
        /// The node [default: the file's name up to the first dot]
        #[arg(long)]
        node: Option<String>,
    },
}

#[derive(Args)]
struct DriveArguments {
    /// OpenDRIVE (.xodr) or Lanelet2 (.osm) file [default: the town that is shipped]
    #[arg(long)]
    map: Option<PathBuf>,
    /// drive (a long route in dense traffic), smoke (600 to 1000 m), or a scenario file (TOML)
    #[arg(long, default_value = "drive")]
    scenario: String,
    /// Fixes route, traffic and noise [default: what params/simulator.param.yaml says]
    #[arg(long)]
    seed: Option<u64>,
    /// Also writes the metrics here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// On the wall clock, every node a task of its own
    #[arg(long, conflicts_with = "lockstep")]
    realtime: bool,
    /// On the wall clock, every node a process of its own, over DDS
    #[arg(long, conflicts_with_all = ["lockstep", "realtime"])]
    processes: bool,
    /// In simulated time and one deterministic order, as fast as it goes (the default)
    #[arg(long)]
    lockstep: bool,
    /// Launch file with a simulator in it [default: launch/drive.launch.xml]
    #[arg(long, value_name = "FILE")]
    launch: Option<PathBuf>,
    /// Folder for what is left behind [default: runs/<time>]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Writes no drive.mcap
    #[arg(long)]
    no_record: bool,
    /// Writes the camera's images into drive.mcap as well: about 20 MB for each second driven
    #[arg(long, conflicts_with_all = ["no_record", "processes"])]
    record_images: bool,
    /// Traffic lights' states come by radio from roadside units instead of from the camera
    #[arg(long)]
    v2i: bool,
    /// Shows no progress
    #[arg(long)]
    quiet: bool,
    /// Arguments of the launch file
    #[arg(value_name = "NAME:=VALUE", value_parser = launch_argument)]
    arguments: Vec<(String, String)>,
}

#[derive(Args)]
struct RunArguments {
    /// The node, e.g. lidar_detector
    executable: String,
    /// --ros-args -r FROM:=TO -p KEY:=VALUE --params-file FILE -r __node:=NAME -r __ns:=/NAMESPACE --log-level LEVEL
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

#[derive(Args)]
struct SimulateArguments {
    /// Whose place is taken: carla-native (0.9.16 with --ros2) or carla-ros-bridge (0.9.13). What runs is no CARLA: our
    /// simulator with those topics, types, quality of service, frames and peculiarities
    #[arg(long = "as", value_name = "CONTRACT", value_parser = simulated)]
    contract: As,
    /// Role name of the vehicle: /carla/ROLE_NAME/...
    #[arg(long, default_value = "hero")]
    role_name: String,
    /// OpenDRIVE (.xodr) file [default: the town that is shipped]
    #[arg(long)]
    map: Option<PathBuf>,
    /// drive (a long route in dense traffic), smoke (600 to 1000 m), or a scenario file (TOML)
    #[arg(long, default_value = "smoke")]
    scenario: String,
    /// Fixes route, traffic and noise [default: what params/carla_stand_in.param.yaml says]
    #[arg(long)]
    seed: Option<u64>,
    /// Frames wait for no command
    #[arg(long)]
    free_running: bool,
    /// Makes one frame and stands until /carla/control plays it (carla-ros-bridge)
    #[arg(long)]
    paused: bool,
    /// At most so much simulated time for each of the wall clock's
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Wall time, s, that a frame waits for its command at most [default: what params/carla_stand_in.param.yaml says]
    #[arg(long, value_name = "S")]
    wait_limit: Option<f64>,
    /// Leaves out a peculiarity of the version, for tests: imu_axes, imu_yaw, focal_length, georeference, steer_sign,
    /// steering_curve, frames
    #[arg(long)]
    without: Vec<String>,
}

fn simulated(text: &str) -> Result<As, String> {
    match text {
        "carla-native" => Ok(As::CarlaNative),
        "carla-ros-bridge" => Ok(As::CarlaRosBridge),
        _ => Err(format!("expected carla-native or carla-ros-bridge, got `{text}`")),
    }
}

#[derive(Args)]
struct LaunchArguments {
    /// Launch file in ROS 2's XML format
    file: PathBuf,
    /// All nodes in this process
    #[arg(long)]
    composed: bool,
    /// Prints the launch file's arguments and starts nothing
    #[arg(long, short)]
    show_args: bool,
    /// Arguments of the launch file
    #[arg(value_name = "NAME:=VALUE", value_parser = launch_argument)]
    arguments: Vec<(String, String)>,
}

#[derive(Args)]
struct EvaluateArguments {
    /// smoke: one drive of 600 to 1000 m for each seed, which chooses start, goal, traffic and its manners
    #[arg(long, default_value = "smoke", value_parser = ["smoke", "drive"])]
    suite: String,
    /// FIRST..LAST, both included
    #[arg(long, value_parser = seeds)]
    seeds: RangeInclusive<u64>,
    /// OpenDRIVE (.xodr) or Lanelet2 (.osm) file [default: the town that is shipped]
    #[arg(long)]
    map: Option<PathBuf>,
    /// Writes {"runs": [...], "summary": {...}} here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Drives at once [default: one a core]
    #[arg(long)]
    jobs: Option<usize>,
    /// Traffic lights' states come by radio from roadside units instead of from the camera
    #[arg(long)]
    v2i: bool,
    /// Folder with one folder a drive [default: runs/<time>]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Arguments of the launch file
    #[arg(value_name = "NAME:=VALUE", value_parser = launch_argument)]
    arguments: Vec<(String, String)>,
}

fn launch_argument(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(":=").ok_or_else(|| format!("expected NAME:=VALUE, got `{text}`"))?;
    Ok((name.into(), value.into()))
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let wrong = || format!("expected FIRST..LAST with FIRST at most LAST, both included, got `{text}`");
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let (first, last) = (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
    if first > last { Err(wrong()) } else { Ok(first..=last) }
}

fn main() -> ExitCode {
    let command = Cli::parse_from(rcl_arguments::given(std::env::args_os())).command;
    match &command {
        // They choose their own.
        Command::Run(_) | Command::Launch(_) | Command::Simulate(_) => {}
        Command::Bag(bag) if bag.is_live() => log_to_console("info"),
        Command::Carla(_) => log_to_console("warn"),
        _ => log_to_console("error"),
    }
    let result = match command {
        Command::Drive(arguments) => run_drive(arguments),
        Command::Evaluate(arguments) => run_evaluate(arguments),
        Command::Bag(command) => command.run(),
        Command::Replay(arguments) => arguments.run(),
        Command::Compare(arguments) => arguments.run(),
        Command::Run(arguments) => run_node(&arguments),
        Command::Simulate(arguments) => run_simulate(arguments),
        Command::Launch(arguments) => run_launch(arguments),
        Command::Carla(command) => command.run(),
        Command::Map(command) => command.run(),
        Command::Models(command) => command.run(),
        Command::Params(command) => run_params(command),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn console(level: &str) -> (EnvFilter, impl Layer<Registry> + use<>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt::layer()
        .with_target(false)
        .without_time()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    (filter, lines)
}

fn log_to_console(level: &str) {
    let (filter, lines) = console(level);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
}

/// Lines of the console's level go to `/rosout` as well.
fn log_to_rosout(level: &str) -> LogLines {
    let (filter, lines) = console(level);
    let (rosout, log) = middleware::live::rosout();
    tracing_subscriber::registry().with(lines).with(rosout).with(filter).init();
    log
}

fn run_node(arguments: &RunArguments) -> anyhow::Result<bool> {
    rcl_arguments::hide()?;
    let parsed = ros_arguments::parse(&arguments.executable, &arguments.arguments);
    let level = parsed.as_ref().ok().and_then(|parsed| parsed.log_level.clone()).unwrap_or_else(|| "info".into());
    let log = log_to_rosout(&level);
    let (share, mut parsed) = (installation::share()?, parsed?);
    parsed.node.parameters.splice(0..0, launch::shipped_parameters(&share, &arguments.executable));
    run::run(&share, &parsed, Some(log))?;
    Ok(true)
}

fn run_simulate(arguments: SimulateArguments) -> anyhow::Result<bool> {
    rcl_arguments::hide()?;
    let log = log_to_rosout("info");
    let options = simulate::Options {
        contract: arguments.contract,
        role_name: arguments.role_name,
        map: arguments.map,
        scenario: arguments.scenario,
        seed: arguments.seed,
        free_running: arguments.free_running,
        paused: arguments.paused,
        speed: arguments.speed,
        wait_limit_s: arguments.wait_limit,
        without: arguments.without,
    };
    simulate::simulate(&installation::share()?, &options, log)?;
    Ok(true)
}

fn run_launch(arguments: LaunchArguments) -> anyhow::Result<bool> {
    let share = installation::share()?;
    let given = arguments.arguments.into_iter().collect::<BTreeMap<_, _>>();
    if arguments.show_args {
        launch_command::show_arguments(&share, &arguments.file)?;
        return Ok(true);
    }
    if arguments.composed {
        rcl_arguments::hide()?;
        let log = log_to_rosout("info");
        launch_command::launch_composed(&share, &arguments.file, &given, Some(log))?;
        return Ok(true);
    }
    log_to_console("info");
    launch_command::launch(&share, &arguments.file, &given)
}

fn run_params(command: ParamsCommand) -> anyhow::Result<bool> {
    let share = installation::share()?;
    match command {
        ParamsCommand::List { node } => print!("{}", parameters::list(&share, &node)?),
        ParamsCommand::Check { file, node } => {
            let found = parameters::check(&share, &file, node.as_deref())?;
            found.faults.iter().for_each(|fault| println!("{}: {fault}", file.display()));
            if !found.faults.is_empty() {
                return Ok(false);
            }
            println!("{}: sets {} of {} parameters of {}", file.display(), found.set, found.known, found.node);
        }
    }
    Ok(true)
}

fn run_drive(arguments: DriveArguments) -> anyhow::Result<bool> {
    if arguments.processes {
        rcl_arguments::hide()?;
    }
    let share = installation::share()?;
    let mut launch_arguments: BTreeMap<String, String> = arguments.arguments.into_iter().collect();
    if arguments.v2i {
        launch_arguments.insert("v2i".into(), "true".into());
    }
    let options = drive::Options {
        map: arguments.map,
        scenario: arguments.scenario,
        seed: arguments.seed,
        launch: arguments.launch,
        arguments: launch_arguments,
        clock: match (arguments.processes, arguments.realtime) {
            (true, _) => ClockKind::Processes,
            (false, true) => ClockKind::Realtime,
            (false, false) => ClockKind::Lockstep,
        },
        record: !arguments.no_record,
        record_images: arguments.record_images,
        out: arguments.out,
        quiet: arguments.quiet,
    };
    let (record, out) = drive::drive(&share, &options)?;
    if let Some(file) = &arguments.json {
        drive::write_json(&record, file)?;
    }
    print!("{}", record.table());
    println!("  report                         {}", out.join("report.html").display());
    if !arguments.no_record
        && let Ok(file) = std::fs::metadata(out.join("drive.mcap"))
    {
        let megabytes = file.len() as f64 / 1e6;
        println!("  recording                      {}, {megabytes:.0} MB", out.join("drive.mcap").display());
    }
    Ok(record.succeeded())
}

fn run_evaluate(arguments: EvaluateArguments) -> anyhow::Result<bool> {
    let options = evaluate::Options {
        suite: arguments.suite,
        seeds: arguments.seeds,
        map: arguments.map,
        jobs: arguments.jobs,
        v2i: arguments.v2i,
        arguments: arguments.arguments,
        out: arguments.out.map_or_else(drive::new_run_folder, Ok)?,
    };
    let suite = evaluate::evaluate(&options)?;
    if let Some(file) = &arguments.json {
        drive::write_json(&suite, file)?;
    }
    drive::write_json(&suite, &options.out.join("evaluation.json"))?;
    print!("{}", suite.table());
    Ok(suite.summary.completion_rate >= 0.9)
}
