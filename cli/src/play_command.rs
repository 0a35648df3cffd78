//! `ferrodrive bag play`. Options have the names and meanings of `ros2 bag play`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ferrodrive::play::{self, Options, Played};
use ferrodrive::topic_filter::TopicFilter;
use middleware::ros::RosParticipant;
use regex::Regex;

use crate::bag_command::{remap, seconds};
use crate::record_command::topic;

#[derive(Args)]
pub struct PlayArguments {
    /// A rosbag2 folder, or an .mcap or .db3 file
    bag: PathBuf,
    /// Publishes the recording's time on /clock, at 40 Hz or as told
    #[arg(long, value_name = "HZ", num_args = 0..=1, default_missing_value = "40", value_parser = clock_rate)]
    clock: Option<f64>,
    /// Recorded seconds in a second
    #[arg(short, long, default_value = "1", value_parser = rate)]
    rate: f64,
    /// Begins anew at the end, until Ctrl-C
    #[arg(short, long)]
    r#loop: bool,
    /// Passes over this much of the start, s. Of transient local topics the last messages before it are sent all the same
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    start_offset: Duration,
    /// Plays no more than this, s
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    playback_duration: Option<Duration>,
    /// Only these topics, by the names they were recorded with
    #[arg(long, num_args = 1.., value_name = "TOPIC", value_parser = topic)]
    topics: Vec<String>,
    /// Only topics in whose names this regular expression is found
    #[arg(short = 'e', long)]
    regex: Option<Regex>,
    /// Not topics in whose names this regular expression is found
    #[arg(short = 'x', long)]
    exclude_regex: Option<Regex>,
    /// Not these topics
    #[arg(long, num_args = 1.., value_name = "TOPIC", value_parser = topic)]
    exclude_topics: Vec<String>,
    /// New names of topics
    #[arg(short = 'm', long, num_args = 1.., value_name = "FROM:=TO", value_parser = remap)]
    remap: Vec<(String, String)>,
    /// Quality of service to offer by topic as it is played (YAML), instead of what was recorded
    #[arg(long, visible_alias = "qos-overrides", value_name = "FILE")]
    qos_profile_overrides_path: Option<PathBuf>,
    /// Waits before the first message, s
    #[arg(short, long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    delay: Duration,
    /// Begins only when every topic that is played has a subscriber (ros2 bag has no such option)
    #[arg(long)]
    wait_for_subscribers: bool,
    /// How long reliable subscribers may take at the end to get what they lack, ms
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    wait_for_all_acked: u64,
    /// Messages read ahead
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    read_ahead_queue_size: u32,
    /// Name of the player on the graph
    #[arg(long, value_name = "NAME", default_value = "rosbag2_player")]
    node_name: String,
}

fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let value: Option<f64> = text.parse().ok();
    value
        .filter(|value| (least..=most).contains(value))
        .ok_or_else(|| format!("expected a number from {least} to {most}, got `{text}`"))
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, 0.001, 1000.0)
}

fn clock_rate(text: &str) -> Result<f64, String> {
    number(text, 0.01, 10_000.0)
}

impl PlayArguments {
    /// Whether all of the recording was read and sent.
    pub fn run(self) -> anyhow::Result<bool> {
        middleware::ros::names::check_node(&self.node_name)?;
        let qos = match &self.qos_profile_overrides_path {
            Some(path) => bag::read_qos_overrides(path)?,
            None => Default::default(),
        };
        let options = Options {
            filter: TopicFilter {
                all: self.topics.is_empty() && self.regex.is_none(),
                topics: self.topics,
                regex: self.regex,
                exclude_regex: self.exclude_regex,
                exclude_topics: self.exclude_topics,
                types: Vec::new(),
                hidden: true,
            },
            bag: self.bag,
            remaps: self.remap.into_iter().collect(),
            start_offset: self.start_offset,
            duration: self.playback_duration,
            qos,
            rate: self.rate,
            clock: self.clock,
            looped: self.r#loop,
            delay: self.delay,
            wait_for_subscribers: self.wait_for_subscribers,
            wait_for_acks: Duration::from_millis(self.wait_for_all_acked),
            read_ahead: usize::try_from(self.read_ahead_queue_size)?,
            node: self.node_name,
        };
        if middleware::backend::is_ros2()? {
            tracing::info!("bag play uses the embedded DDS; only nodes use ROS 2's middleware");
        }
        let participant = RosParticipant::new(&dds::Settings::from_environment()?)?;
        let Played { topics, messages, whole } = play::play(&participant, &options)?;
        println!("{messages} messages on {topics} topics played");
        Ok(whole)
    }
}
