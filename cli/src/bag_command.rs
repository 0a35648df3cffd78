//! `ferrodrive bag`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bag::{Compression, Reader, Selection, Storage, WriteOptions, Writer};
use clap::{Args, Subcommand, ValueEnum};
use node::Time;

use crate::play_command::PlayArguments;
use crate::record_command::RecordArguments;

#[derive(Subcommand)]
pub enum BagCommand {
    /// Says what is in a recording, and what is wrong with it.
    Info {
        /// A rosbag2 folder, or an .mcap or .db3 file.
        bag: PathBuf,
    },
    /// Writes a recording anew: other storage, other compression, some of its topics, some of its time.
    ///
    /// Exit status 1 if not all of the recording could be read.
    Convert(ConvertArguments),
    /// Records topics of the live ROS 2 graph until Ctrl-C.
    ///
    /// Messages are written as the bytes that come. Exit status 1 if some were lost.
    Record(RecordArguments),
    /// Plays a recording onto the live ROS 2 graph.
    ///
    /// Messages are sent as the bytes that were recorded. Exit status 1 if not all could be read or sent.
    Play(PlayArguments),
}

#[derive(Args)]
pub struct ConvertArguments {
    /// A rosbag2 folder, or an .mcap or .db3 file
    bag: PathBuf,
    /// What is written: a new folder, or a file if the name ends in .mcap or .db3
    out: PathBuf,
    /// Kind of the storage files [default: as the name says, else mcap]
    #[arg(long)]
    storage: Option<StorageName>,
    /// none; zstd or lz4 (mcap's chunks); file-zstd or message-zstd (rosbag2's own modes) [default: zstd for mcap]
    #[arg(long)]
    compression: Option<CompressionName>,
    /// Only these topics
    #[arg(long, num_args = 1.., value_name = "TOPIC")]
    topics: Vec<String>,
    /// New names of topics
    #[arg(long, num_args = 1.., value_name = "FROM:=TO", value_parser = remap)]
    remap: Vec<(String, String)>,
    /// Passes over this much of the start, s
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    start_offset: Option<Duration>,
    /// Takes no more than this, s
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    duration: Option<Duration>,
    /// Takes the first COUNT messages of a topic and no more
    #[arg(long, num_args = 1.., value_name = "TOPIC:=COUNT", value_parser = limit)]
    limit: Vec<(String, u64)>,
    /// A new file once one has this many bytes
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    max_size: Option<u64>,
    /// A new file after this much time, s
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    max_duration: Option<Duration>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum StorageName {
    Mcap,
    Sqlite3,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum CompressionName {
    None,
    Zstd,
    Lz4,
    FileZstd,
    MessageZstd,
}

/// `FROM:=TO`, both full topic names.
pub fn remap(text: &str) -> Result<(String, String), String> {
    match text.split_once(":=") {
        Some((from, to)) if from.starts_with('/') && to.starts_with('/') => Ok((from.into(), to.into())),
        _ => Err(format!("expected /FROM:=/TO, got `{text}`")),
    }
}

fn limit(text: &str) -> Result<(String, u64), String> {
    let parsed = text.split_once(":=").and_then(|(topic, count)| Some((topic.to_owned(), count.parse().ok()?)));
    parsed.filter(|(topic, _)| topic.starts_with('/')).ok_or_else(|| format!("expected /TOPIC:=COUNT, got `{text}`"))
}

/// Seconds from 0 on.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.parse().map_err(|_| format!("expected seconds, got `{text}`"))?;
    Duration::try_from_secs_f64(value).map_err(|_| format!("expected seconds from 0 on, got `{text}`"))
}

/// The storage that is asked for, else as the name says.
pub fn storage(asked: Option<StorageName>, out: &Path) -> Storage {
    let is_database = out.extension().is_some_and(|extension| extension == "db3");
    match asked {
        Some(StorageName::Mcap) => Storage::Mcap,
        Some(StorageName::Sqlite3) => Storage::Sqlite3,
        None if is_database => Storage::Sqlite3,
        None => Storage::Mcap,
    }
}

/// The compression that is asked for, else zstd where the storage has it.
pub fn compression(asked: Option<CompressionName>, storage: Storage) -> Compression {
    match asked {
        Some(CompressionName::None) => Compression::None,
        Some(CompressionName::Zstd) => Compression::Zstd,
        Some(CompressionName::Lz4) => Compression::Lz4,
        Some(CompressionName::FileZstd) => Compression::FileZstd,
        Some(CompressionName::MessageZstd) => Compression::MessageZstd,
        None if storage == Storage::Mcap => Compression::Zstd,
        None => Compression::None,
    }
}

impl BagCommand {
    /// Whether it runs on the graph, where much is to be told while it does.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Record(_) | Self::Play(_))
    }

    /// Whether all of the recording could be read.
    pub fn run(self) -> anyhow::Result<bool> {
        match self {
            Self::Info { bag } => info(&bag),
            Self::Convert(arguments) => convert(arguments),
            Self::Record(arguments) => arguments.run(),
            Self::Play(arguments) => arguments.run(),
        }
    }
}

fn info(path: &Path) -> anyhow::Result<bool> {
    let reader = Reader::open(path)?;
    let info = reader.info();
    println!("storage      {}, compression {}", info.storage, info.compression);
    if let Some(version) = info.metadata_version {
        let distro = info.ros_distro.map(|name| format!(", recorded with {name}")).unwrap_or_default();
        println!("metadata     version {version}{distro}");
    }
    for (index, (file, bytes)) in info.files.iter().enumerate() {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        println!("{:<12} {name}, {:.2} MB", if index == 0 { "files" } else { "" }, *bytes as f64 / 1e6);
    }
    if let Some((start, end)) = info.times {
        println!("start        {}", moment(start));
        println!("end          {}", moment(end));
        println!("duration     {:.3} s", end.since(start));
    }
    println!("messages     {}", info.messages);
    let width = reader.topics().iter().map(|known| known.topic.name.len()).max().unwrap_or(0);
    for known in reader.topics() {
        let qos = known
            .topic
            .qos
            .first()
            .map(|q| format!(", {}, {}, {} {}", q.reliability, q.durability, q.history, q.depth));
        println!(
            "{:>8}  {:<width$}  {}{}",
            known.messages,
            known.topic.name,
            known.topic.type_name,
            qos.unwrap_or_default()
        );
    }
    for warning in reader.warnings() {
        eprintln!("warning: {warning}");
    }
    Ok(reader.warnings().is_empty())
}

/// Seconds, and the date where the clock is one of this century.
fn moment(time: Time) -> String {
    let seconds = format!("{:.9} s", time.seconds());
    match u64::try_from(time.0) {
        Ok(nanoseconds) if nanoseconds > 946_684_800_000_000_000 => {
            let at = std::time::UNIX_EPOCH + Duration::from_nanos(nanoseconds);
            format!("{seconds} ({})", humantime::format_rfc3339_millis(at))
        }
        _ => seconds,
    }
}

fn convert(arguments: ConvertArguments) -> anyhow::Result<bool> {
    let reader = Reader::open(&arguments.bag)?;
    let mut whole = reader.warnings().is_empty();
    reader.warnings().iter().for_each(|warning| eprintln!("warning: {warning}"));
    let selection = Selection {
        topics: arguments.topics,
        remaps: arguments.remap.into_iter().collect::<BTreeMap<_, _>>(),
        start_offset: arguments.start_offset.unwrap_or_default(),
        duration: arguments.duration,
    };
    // A wrong name is told before anything is written.
    let messages = reader.messages(&selection)?;
    let mut left: BTreeMap<String, u64> = arguments.limit.into_iter().collect();
    for name in left.keys() {
        let is_taken = |known: &bag::TopicCount| selection.renamed(&known.topic.name) == name;
        if !reader.topics().iter().any(is_taken) {
            anyhow::bail!("--limit {name}: no such topic is written");
        }
    }
    let storage = storage(arguments.storage, &arguments.out);
    let compression = compression(arguments.compression, storage);
    if same_file(&arguments.bag, &arguments.out) {
        anyhow::bail!("{} would replace the recording that is read: give another name", arguments.out.display());
    }
    let options =
        WriteOptions { storage, compression, max_bytes: arguments.max_size, max_duration: arguments.max_duration };
    let mut writer = Writer::create(&arguments.out, options)?;
    let (mut taken, mut topics) = (0_u64, std::collections::BTreeSet::new());
    for item in messages {
        let message = match item {
            Ok(message) => message,
            Err(error) => {
                eprintln!("warning: {error}");
                whole = false;
                continue;
            }
        };
        match left.get_mut(&message.topic.name) {
            Some(0) => continue,
            Some(left) => *left -= 1,
            None => {}
        }
        let id = writer.topic(&message.topic).with_context(|| format!("{}", arguments.out.display()))?;
        writer.write(id, message.time, &message.cdr)?;
        taken += 1;
        topics.insert(Arc::as_ptr(&message.topic));
    }
    writer.finish()?;
    println!("{taken} messages on {} topics written to {}", topics.len(), arguments.out.display());
    Ok(whole)
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
