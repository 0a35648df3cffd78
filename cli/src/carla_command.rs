//! `ferrodrive carla`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use evaluation::leaderboard::Version;
use ferrodrive::carla::up::{self, Contract, Options, Server};
use ferrodrive::carla::{RouteFile, Start};
use ferrodrive::{drive, installation};

use crate::bag_command::seconds;

#[derive(Subcommand)]
pub enum CarlaCommand {
    /// Drives in a CARLA server: loads the town, brings ego, sensors and traffic, starts the stack, owns the clock in lockstep
    /// with it, and scores the drive as CARLA's leaderboard does.
    ///
    /// Everything is taken down again at the end and on Ctrl-C. Leaves runs/<time>/ with score.json, report.html,
    /// metrics.json, drive.mcap and the town's map.xodr. Exit status 0 only if every route was completed without infraction.
    Up(Box<UpArguments>),
    /// What is on a server: version, town, clock, actors, and how a running `up` goes
    Status(ServerArguments),
    /// Takes away what a killed `up` left on a server, and lets its clock go
    Down(DownArguments),
}

#[derive(Args)]
pub struct ServerArguments {
    /// Where the CARLA server is
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Its RPC port
    #[arg(long, default_value_t = 2000)]
    port: u16,
    /// How long the server may take to answer, s
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Goes on where the server's version is not the client's
    #[arg(long)]
    any_version: bool,
}

impl ServerArguments {
    fn server(self) -> Server {
        Server { host: self.host, port: self.port, timeout: self.timeout, any_version: self.any_version }
    }
}

#[derive(Args)]
pub struct DownArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// Role name of the ego that is taken away with its sensors
    #[arg(long, default_value = "hero")]
    role_name: String,
    /// Also where an `up` is running
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ContractName {
    Native,
    CarlaRosBridge,
}

#[derive(Args)]
pub struct UpArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// native: CARLA's own ROS 2 interface (0.9.16, started with --ros2); carla-ros-bridge: that bridge, started with
    /// passive:=True
    #[arg(long, default_value = "native")]
    contract: ContractName,
    /// Town to load [default: the one that is there]
    #[arg(long, conflicts_with_all = ["opendrive", "route"])]
    town: Option<String>,
    /// OpenDRIVE file that the server makes a world of
    #[arg(long, value_name = "FILE", conflicts_with = "route")]
    opendrive: Option<PathBuf>,
    /// Spawn point's number, or X,Y,YAW in CARLA's frame (m, degrees) [default: 0]
    #[arg(long, value_parser = Start::parse, allow_hyphen_values = true, conflicts_with = "route")]
    start: Option<Start>,
    /// The same for the goal [default: a spawn point by seed, 400 to 1500 m away by road]
    #[arg(long, value_parser = Start::parse, allow_hyphen_values = true, conflicts_with = "route")]
    goal: Option<Start>,
    /// Route file of CARLA's leaderboard (XML of 1.0, 2.0 or 2.1): way and weather; scenarios' trigger points are shown, and not
    /// set off
    #[arg(long, value_name = "FILE")]
    route: Option<PathBuf>,
    /// Of that file, only these routes, in this order
    #[arg(long, value_name = "ID", num_args = 1.., requires = "route")]
    route_id: Vec<String>,
    /// Role name of the ego [default: hero; with carla-ros-bridge ego_vehicle]
    #[arg(long)]
    role_name: Option<String>,
    /// The ego and its sensors, in the form of carla-ros-bridge's objects.json [default: params/carla_sensors.json]
    #[arg(long, value_name = "FILE")]
    sensors: Option<PathBuf>,
    /// Cars by CARLA's traffic manager
    #[arg(long, default_value_t = 0)]
    vehicles: usize,
    /// Pedestrians
    #[arg(long, default_value_t = 0)]
    walkers: usize,
    /// Fixes traffic and goal
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Port of CARLA's traffic manager
    #[arg(long, default_value_t = 8000)]
    traffic_port: u16,
    /// Length of a frame, s
    #[arg(long, value_name = "SECONDS", default_value = "0.05", value_parser = step)]
    step: f64,
    /// The server draws nothing: cameras see nothing
    #[arg(long)]
    no_rendering: bool,
    /// How long each frame waits for its command, s
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    command_limit: Duration,
    /// How long the first command is waited for, s
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    startup_limit: Duration,
    /// So many frames in a row without their command end the drive
    #[arg(long, value_name = "FRAMES", default_value_t = 20)]
    misses_in_a_row: u64,
    /// Launch file of the stack [default: launch/carla.launch.xml]
    #[arg(long, value_name = "FILE", conflicts_with = "no_launch")]
    launch: Option<PathBuf>,
    /// Starts no node: the stack is started by somebody else, as by `ros2 launch`
    #[arg(long)]
    no_launch: bool,
    /// Writes no drive.mcap
    #[arg(long)]
    no_record: bool,
    /// Whose formulas the score on the console is by: 1.0, 2.0 or 2.1; score.json and report.html have all three
    #[arg(long, value_name = "RELEASE", default_value = "2.1")]
    leaderboard: Version,
    /// Folder for what is left behind [default: runs/<time>]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Of the nodes, only what goes wrong is shown
    #[arg(long)]
    quiet: bool,
    /// Arguments of the launch file
    #[arg(value_name = "NAME:=VALUE", value_parser = crate::launch_argument)]
    arguments: Vec<(String, String)>,
}

fn step(text: &str) -> Result<f64, String> {
    let wrong =
        || format!("expected a frame's length of 0.005 to 0.1 s (CARLA's physics takes no longer ones), got `{text}`");
    text.parse().ok().filter(|s| (0.005..=0.1).contains(s)).ok_or_else(wrong)
}

impl CarlaCommand {
    /// Whether all went well.
    pub fn run(self) -> anyhow::Result<bool> {
        let share = installation::share()?;
        match self {
            Self::Up(arguments) => {
                let options = arguments.options(&share)?;
                let results = up::up(&share, &options)?;
                print!("{}", results.table(options.leaderboard));
                println!("results in {}", options.out.display());
                let sum = results.sum(Version::V2_1);
                Ok(sum.is_some_and(|sum| sum.status == "Perfect"))
            }
            Self::Status(server) => {
                print!("{}", up::status(&share, &server.server())?);
                Ok(true)
            }
            Self::Down(arguments) => {
                print!("{}", up::down(&share, &arguments.server.server(), &arguments.role_name, arguments.force)?);
                Ok(true)
            }
        }
    }
}

impl UpArguments {
    fn options(self, share: &std::path::Path) -> anyhow::Result<Options> {
        let (contract, role) = match self.contract {
            ContractName::Native => (Contract::Native, "hero"),
            ContractName::CarlaRosBridge => (Contract::CarlaRosBridge, "ego_vehicle"),
        };
        let routes = match &self.route {
            Some(file) => RouteFile::read(file)?
                .select(&self.route_id)
                .map_err(|reason| anyhow::anyhow!("route file {}: {reason}", file.display()))?,
            None => Vec::new(),
        };
        let launch = self.launch.unwrap_or_else(|| share.join("launch/carla.launch.xml"));
        Ok(Options {
            server: self.server.server(),
            contract,
            role_name: self.role_name.unwrap_or_else(|| role.into()),
            sensors: self.sensors.unwrap_or_else(|| share.join("params/carla_sensors.json")),
            town: self.town,
            opendrive: self.opendrive,
            start: self.start,
            goal: self.goal,
            routes,
            vehicles: self.vehicles,
            walkers: self.walkers,
            seed: self.seed,
            traffic_port: self.traffic_port,
            step_s: self.step,
            rendering: !self.no_rendering,
            command_limit: self.command_limit,
            startup_limit: self.startup_limit,
            misses_in_a_row: self.misses_in_a_row.max(1),
            launch: (!self.no_launch).then_some(launch),
            arguments: self.arguments.into_iter().collect(),
            record: !self.no_record,
            out: self.out.map_or_else(drive::new_run_folder, Ok)?,
            leaderboard: self.leaderboard,
            quiet: self.quiet,
        })
    }
}
