//! `ferrodrive replay`.

use std::path::PathBuf;

use clap::Args;
use ferrodrive::replay::{self, PARTS};
use ferrodrive::{drive, installation};

#[derive(Args)]
pub struct ReplayArguments {
    /// A rosbag2 folder, or an .mcap or .db3 file
    bag: PathBuf,
    /// Parts of the stack: localization, perception, planning, control, several with commas, or all
    #[arg(long, default_value = "all", value_delimiter = ',', value_parser = ["all", "localization", "perception", "planning", "control"])]
    nodes: Vec<String>,
    /// What the nodes publish is written here: a new folder, or a file if the name ends in .mcap or .db3
    #[arg(long)]
    out: Option<PathBuf>,
    /// Map that was driven on, OpenDRIVE (.xodr) or Lanelet2 (.osm) [default: the town that is shipped]
    #[arg(long)]
    map: Option<PathBuf>,
    /// Launch file of the nodes, instead of --nodes [default: launch/replay.launch.xml]
    #[arg(long, value_name = "FILE", conflicts_with = "nodes")]
    launch: Option<PathBuf>,
    /// New names of recorded topics
    #[arg(long, num_args = 1.., value_name = "FROM:=TO", value_parser = crate::bag_command::remap)]
    remap: Vec<(String, String)>,
    /// Sets parameters of the nodes
    #[arg(long, num_args = 1.., value_name = "NODE.NAME:=VALUE", value_parser = parameter)]
    set: Vec<(String, String, String)>,
    /// Writes the summary here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Arguments of the launch file
    #[arg(value_name = "NAME:=VALUE", value_parser = crate::launch_argument)]
    arguments: Vec<(String, String)>,
}

fn parameter(text: &str) -> Result<(String, String, String), String> {
    let parts = text.split_once(":=").and_then(|(name, value)| Some((name.split_once('.')?, value)));
    let ((node, name), value) = parts.ok_or_else(|| format!("expected NODE.NAME:=VALUE, got `{text}`"))?;
    Ok((node.into(), name.into(), value.into()))
}

impl ReplayArguments {
    /// Whether every topic was there and all of the recording could be read.
    pub fn run(self) -> anyhow::Result<bool> {
        let all = self.nodes.iter().any(|part| part == "all");
        let options = replay::Options {
            bag: self.bag,
            parts: if all { PARTS.map(str::to_owned).to_vec() } else { self.nodes },
            out: self.out,
            map: self.map,
            launch: self.launch,
            arguments: self.arguments.into_iter().collect(),
            remaps: self.remap.into_iter().collect(),
            parameters: self.set,
        };
        let summary = replay::replay(&installation::share()?, &options)?;
        if let Some(file) = &self.json {
            drive::write_json(&summary, file)?;
        }
        print!("{}", summary.table());
        for warning in &summary.warnings {
            eprintln!("warning: {warning}");
        }
        for (topic, readers) in &summary.missing {
            eprintln!("warning: nobody writes {topic}, which {} read", readers.join(", "));
        }
        Ok(summary.warnings.is_empty() && summary.missing.is_empty())
    }
}
