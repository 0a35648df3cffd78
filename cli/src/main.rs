//! The `ferrodrive` command.

mod bag_command;
mod compare_command;
mod map;
mod replay_command;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ferrodrive::drive::{self, ClockKind};
use ferrodrive::{evaluate, installation};
use tracing_subscriber::EnvFilter;

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
    /// Looks at recordings and converts them.
    #[command(subcommand)]
    Bag(bag_command::BagCommand),
    /// Runs nodes over a recording, in lockstep by its time: same recording, same messages out, bit for bit.
    ///
    /// Every topic that the chosen nodes read and do not write themselves comes from the recording. Exit status 1 if
    /// a topic is missing or not all of the recording could be read.
    Replay(replay_command::ReplayArguments),
    /// Says what differs between two recordings: objects, trajectories, control, timing.
    Compare(compare_command::CompareArguments),
    /// Looks at maps.
    #[command(subcommand)]
    Map(map::MapCommand),
}

#[derive(Args)]
struct DriveArguments {
    /// OpenDRIVE file [default: the town that is shipped]
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
    /// Shows no progress
    #[arg(long)]
    quiet: bool,
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
    /// OpenDRIVE file [default: the town that is shipped]
    #[arg(long)]
    map: Option<PathBuf>,
    /// Writes {"runs": [...], "summary": {...}} here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Drives at once [default: one a core]
    #[arg(long)]
    jobs: Option<usize>,
    /// Folder with one folder a drive [default: runs/<time>]
    #[arg(long)]
    out: Option<PathBuf>,
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
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .without_time()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let result = match Cli::parse().command {
        Command::Drive(arguments) => run_drive(arguments),
        Command::Evaluate(arguments) => run_evaluate(arguments),
        Command::Bag(command) => command.run(),
        Command::Replay(arguments) => arguments.run(),
        Command::Compare(arguments) => arguments.run(),
        Command::Map(command) => command.run().map(|()| true),
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

fn run_drive(arguments: DriveArguments) -> anyhow::Result<bool> {
    let share = installation::share()?;
    let options = drive::Options {
        map: arguments.map,
        scenario: arguments.scenario,
        seed: arguments.seed,
        launch: arguments.launch,
        arguments: arguments.arguments.into_iter().collect::<BTreeMap<_, _>>(),
        clock: if arguments.realtime { ClockKind::Realtime } else { ClockKind::Lockstep },
        record: !arguments.no_record,
        out: arguments.out,
        quiet: arguments.quiet,
    };
    let (record, out) = drive::drive(&share, &options)?;
    if let Some(file) = &arguments.json {
        drive::write_json(&record, file)?;
    }
    print!("{}", record.table());
    println!("  report                         {}", out.join("report.html").display());
    if let Ok(file) = std::fs::metadata(out.join("drive.mcap")) {
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
