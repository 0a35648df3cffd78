//! `ferrodrive bag record`. Options have the names and meanings of `ros2 bag record`.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bag::{Compression, WriteOptions};
use clap::{ArgGroup, Args, ValueEnum};
use ferrodrive::record::{self, Options, Recorded};
use ferrodrive::topic_filter::TopicFilter;
use middleware::ros::RosParticipant;
use regex::Regex;

use crate::bag_command::{CompressionName, StorageName, compression, seconds, storage};

#[derive(Args)]
#[command(group = ArgGroup::new("chosen").required(true).multiple(true)
    .args(["all", "topics", "regex", "topic_types", "names"]))]
pub struct RecordArguments {
    /// Every topic
    #[arg(short, long)]
    all: bool,
    /// These topics
    #[arg(long, num_args = 1.., value_name = "TOPIC", value_parser = topic)]
    topics: Vec<String>,
    /// These topics, as older releases of ros2 bag take them
    #[arg(value_name = "TOPIC", value_parser = topic)]
    names: Vec<String>,
    /// Topics in whose names this regular expression is found
    #[arg(short = 'e', long)]
    regex: Option<Regex>,
    /// Topics of these types
    #[arg(long, num_args = 1.., value_name = "TYPE")]
    topic_types: Vec<String>,
    /// Not topics in whose names this regular expression is found
    #[arg(short = 'x', long, visible_alias = "exclude")]
    exclude_regex: Option<Regex>,
    /// Not these topics
    #[arg(long, num_args = 1.., value_name = "TOPIC", value_parser = topic)]
    exclude_topics: Vec<String>,
    /// Hidden topics as well: those with a part that begins with an underscore
    #[arg(long)]
    include_hidden_topics: bool,
    /// What is written: a new folder, or a new file if the name ends in .mcap or .db3 [default: rosbag2_<time>]
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Kind of the storage files [default: as the name says, else mcap]
    #[arg(short, long)]
    storage: Option<StorageName>,
    /// none; zstd or lz4 (mcap's chunks); file-zstd or message-zstd (rosbag2's own modes) [default: zstd for mcap]
    #[arg(long, conflicts_with_all = ["compression_mode", "compression_format"])]
    compression: Option<CompressionName>,
    /// As ros2 bag has it: what is packed by --compression-format
    #[arg(long)]
    compression_mode: Option<CompressionMode>,
    /// As ros2 bag has it
    #[arg(long, requires = "compression_mode", value_parser = ["zstd"])]
    compression_format: Option<String>,
    /// A new file once one has this many bytes; 0: never
    #[arg(short = 'b', long, visible_alias = "max-size", value_name = "BYTES", default_value_t = 0)]
    max_bag_size: u64,
    /// A new file after this much time, s; 0: never
    #[arg(short = 'd', long, visible_alias = "max-duration", value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    max_bag_duration: Duration,
    /// Bytes of messages that may wait to be written; what comes beyond is lost, and told
    #[arg(long, value_name = "BYTES", default_value_t = 100 * 1024 * 1024)]
    max_cache_size: u64,
    /// Quality of service to ask for by topic (YAML), instead of what the publishers offer
    #[arg(long, visible_alias = "qos-overrides", value_name = "FILE")]
    qos_profile_overrides_path: Option<PathBuf>,
    /// Messages get the time of /clock; nothing is recorded before it is heard
    #[arg(long)]
    use_sim_time: bool,
    /// How often new topics are looked for, ms
    #[arg(short, long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    polling_interval: u64,
    /// Name of the recorder on the graph
    #[arg(long, value_name = "NAME", default_value = "rosbag2_recorder")]
    node_name: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum CompressionMode {
    None,
    File,
    Message,
}

/// A full topic name; the slash in front may be left out.
pub fn topic(text: &str) -> Result<String, String> {
    let full = if text.starts_with('/') { text.to_owned() } else { format!("/{text}") };
    middleware::ros::names::check_full("topic", &full).map_err(|error| error.to_string())?;
    Ok(full)
}

impl RecordArguments {
    /// Whether nothing was lost.
    pub fn run(self) -> anyhow::Result<bool> {
        middleware::ros::names::check_node(&self.node_name)?;
        let out = self.output.unwrap_or_else(default_name);
        let storage = storage(self.storage, &out);
        let compression = match self.compression_mode {
            None => compression(self.compression, storage),
            Some(CompressionMode::None) => Compression::None,
            Some(CompressionMode::File) => Compression::FileZstd,
            Some(CompressionMode::Message) => Compression::MessageZstd,
        };
        let max_bytes = (self.max_bag_size > 0).then_some(self.max_bag_size);
        let max_duration = (!self.max_bag_duration.is_zero()).then_some(self.max_bag_duration);
        let qos = match &self.qos_profile_overrides_path {
            Some(path) => bag::read_qos_overrides(path)?,
            None => Default::default(),
        };
        if middleware::backend::is_ros2()? {
            tracing::info!("bag record uses the embedded DDS; only nodes use ROS 2's middleware");
        }
        let participant = RosParticipant::new(&dds::Settings::from_environment()?)?;
        let options = Options {
            write: WriteOptions { storage, compression, max_bytes, max_duration },
            filter: TopicFilter {
                all: self.all,
                topics: [self.topics, self.names].concat(),
                regex: self.regex,
                types: self.topic_types,
                exclude_regex: self.exclude_regex,
                exclude_topics: self.exclude_topics,
                hidden: self.include_hidden_topics,
            },
            qos,
            use_sim_time: self.use_sim_time,
            polling_interval: Duration::from_millis(self.polling_interval),
            cache: self.max_cache_size,
            node: self.node_name,
            out: out.clone(),
        };
        let Recorded { topics, messages, lost } = record::record(&participant, options)?;
        println!("{messages} messages on {topics} topics written to {}", out.display());
        if lost > 0 {
            eprintln!("warning: {lost} messages were lost");
        }
        Ok(lost == 0)
    }
}

/// `rosbag2_2026_01_31-23_59_59`, in universal time.
fn default_name() -> PathBuf {
    let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    format!("rosbag2_{}", time.trim_end_matches('Z').replace('T', "-").replacen('-', "_", 2).replace(':', "_")).into()
}
