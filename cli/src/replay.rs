//! `ferrodrive replay`: nodes over a recording, in lockstep.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use bag::{BagError, Reader, Recorder, Selection, Sink, Storage, WriteOptions};
use middleware::{Decoders, NeededTopic, Replay, Tap, Topic};
use node::{Shared, Time};

use crate::stack::Stack;

/// The parts of the stack that can be replayed, as `launch/replay.launch.xml` names them.
pub const PARTS: [&str; 4] = ["localization", "perception", "planning", "control"];

const IMAGES: &str = "/sensing/camera/front/image_raw";
const READ_SIGNALS: &str = "/perception/traffic_light_recognition/traffic_signals";
const RADIO_SIGNALS: &str = "/v2i/traffic_signals";

/// What to replay.
#[derive(Debug, Clone)]
pub struct Options {
    /// The recording.
    pub bag: PathBuf,
    /// Parts of the stack, of [`PARTS`].
    pub parts: Vec<String>,
    /// The new recording of what the nodes publish: `.mcap`, `.db3` or a folder; `None` for the digest alone.
    pub out: Option<PathBuf>,
    /// OpenDRIVE or Lanelet2 file; `None` for the town that is shipped.
    pub map: Option<PathBuf>,
    /// Launch file; `None` for `launch/replay.launch.xml`.
    pub launch: Option<PathBuf>,
    /// Arguments of the launch file.
    pub arguments: BTreeMap<String, String>,
    /// New names of recorded topics.
    pub remaps: BTreeMap<String, String>,
    /// Parameters set anew: executable, name, value.
    pub parameters: Vec<(String, String, String)>,
}

/// What a replay comes to.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Summary {
    /// The nodes that ran.
    pub nodes: Vec<String>,
    /// Messages fed, by topic.
    pub fed: BTreeMap<String, u64>,
    /// Messages published, by topic.
    pub published: BTreeMap<String, u64>,
    /// Topics that nodes read and that nobody wrote, with the nodes.
    pub missing: BTreeMap<String, Vec<String>>,
    /// What was chosen for this recording, one sentence each.
    pub notes: Vec<String>,
    /// What was wrong with the recording, one sentence each.
    pub warnings: Vec<String>,
    /// First to last message, s.
    pub duration_s: f64,
    /// Wall time, s.
    pub wall_time_s: f64,
    /// SHA-256 over everything that the nodes published: equal for equal replays.
    pub digest: String,
}

/// Replays.
///
/// # Errors
/// What could not be read, started or written; a recorded topic with another type or layout than the nodes read; a
/// recording that has nothing the nodes read.
pub fn replay(share: &Path, options: &Options) -> anyhow::Result<Summary> {
    let reader = Reader::open(&options.bag)?;
    let (arguments, notes) = signal_source(&reader, options);
    let stack = load(share, options, arguments)?;
    let mut warnings = reader.warnings().to_vec();
    let (start, end) = reader.times().with_context(|| format!("{} holds no message", options.bag.display()))?;
    let mut replay = Replay::new(stack.graph()?, start)?;
    let decoders = Decoders::default();
    let needed = replay.needed();
    let (topics, missing) = match_topics(&reader, &needed, &options.remaps, &decoders)?;
    if topics.is_empty() {
        let names: Vec<&str> = needed.iter().map(|topic| topic.name.as_str()).collect();
        bail!("{} has none of the topics that the nodes read: {}", options.bag.display(), names.join(", "));
    }

    let recorder = options.out.as_deref().map(create).transpose()?;
    let mut tap = Output { sink: Sink::new(recorder), published: BTreeMap::new(), failure: None };
    let selection =
        Selection { topics: topics.clone(), remaps: relevant(&options.remaps, &topics), ..Selection::default() };
    let began = Instant::now();
    let mut fed: BTreeMap<String, u64> = BTreeMap::new();
    let mut unread: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for item in reader.messages(&selection)? {
        let message = match item {
            Ok(message) => message,
            Err(error) => {
                warnings.push(error.to_string());
                continue;
            }
        };
        let decoded = match decoders.decode(&message.topic.type_name, &message.cdr) {
            Ok(decoded) => decoded,
            Err(error) => {
                unread.entry(message.topic.name.clone()).or_insert((0, error.to_string())).0 += 1;
                continue;
            }
        };
        match replay.feed(message.time, &message.topic.name, &decoded, &mut tap) {
            ControlFlow::Continue(true) => *fed.entry(message.topic.name.clone()).or_default() += 1,
            ControlFlow::Continue(false) => {}
            ControlFlow::Break(()) => break,
        }
    }
    if tap.failure.is_none() {
        // Whether the tap ended it is read off the tap.
        let _ = replay.run_to(end, &mut tap);
    }
    if let Some(failure) = tap.failure {
        return Err(failure.into());
    }
    warnings.extend(unread.into_iter().map(|(topic, (count, error))| format!("{count} messages on {topic}: {error}")));
    Ok(Summary {
        nodes: stack.nodes.iter().map(|node| node.name.clone()).collect(),
        fed,
        published: tap.published,
        missing,
        notes,
        warnings,
        duration_s: end.since(start),
        wall_time_s: began.elapsed().as_secs_f64(),
        digest: tap.sink.finish()?,
    })
}

impl Summary {
    /// The summary for the console.
    pub fn table(&self) -> String {
        use std::fmt::Write;
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "nodes      {}", self.nodes.join(", "));
        let _ = writeln!(out, "time       {:.2} s, replayed in {:.2} s", self.duration_s, self.wall_time_s);
        for (title, topics) in [("fed", &self.fed), ("published", &self.published)] {
            for (index, (topic, count)) in topics.iter().enumerate() {
                let _ = writeln!(out, "{:<10} {count:>6}  {topic}", if index == 0 { title } else { "" });
            }
        }
        for note in &self.notes {
            let _ = writeln!(out, "note       {note}");
        }
        for (topic, readers) in &self.missing {
            let _ = writeln!(out, "missing    {topic}, read by {}", readers.join(", "));
        }
        let _ = writeln!(out, "digest     {}", self.digest);
        out
    }
}

/// The launch file's arguments, so that traffic lights come from what the recording has: images, else what was read in
/// them in the drive, else roadside units. What the user gives is left as it is.
fn signal_source(reader: &Reader, options: &Options) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut arguments, mut notes) = (options.arguments.clone(), Vec::new());
    if options.launch.is_some() {
        return (arguments, notes);
    }
    let given = |name: &str| options.remaps.get(name).map_or_else(|| name.to_owned(), Clone::clone);
    let has = |name: &str| reader.topics().iter().any(|t| given(&t.topic.name) == name && t.messages > 0);
    let replayed = |part: &str| options.parts.iter().any(|wanted| wanted == part);
    if !arguments.contains_key("camera") && replayed("perception") && !has(IMAGES) {
        arguments.insert("camera".into(), "false".into());
        notes.push(format!("no images on {IMAGES}: traffic lights are not read anew"));
    }
    let anew = replayed("perception") && arguments.get("camera").is_none_or(|camera| camera == "true");
    if !arguments.contains_key("traffic_signals") && !anew && !has(READ_SIGNALS) && has(RADIO_SIGNALS) {
        arguments.insert("traffic_signals".into(), RADIO_SIGNALS.into());
        if replayed("planning") {
            notes.push(format!("no {READ_SIGNALS}: planned on {RADIO_SIGNALS}"));
        }
    }
    (arguments, notes)
}

fn load(share: &Path, options: &Options, mut arguments: BTreeMap<String, String>) -> anyhow::Result<Stack> {
    let launch = options.launch.clone().unwrap_or_else(|| share.join("launch/replay.launch.xml"));
    let map = options.map.clone().unwrap_or_else(|| share.join("maps/town.xodr"));
    if options.launch.is_none() {
        for part in PARTS {
            arguments.insert(part.into(), options.parts.iter().any(|wanted| wanted == part).to_string());
        }
    }
    let mut stack = Stack::load(share, &launch, &arguments, &map)?;
    for (executable, name, value) in &options.parameters {
        if !stack.nodes.iter().any(|node| node.executable == *executable) {
            let there: Vec<&str> = stack.nodes.iter().map(|node| node.executable.as_str()).collect();
            bail!("parameter {executable}.{name}: no such node is replayed; there are: {}", there.join(", "));
        }
        stack.set(executable, name, value);
    }
    if stack.nodes.is_empty() {
        bail!("launch file {}: it starts no node", launch.display());
    }
    if stack.nodes.iter().any(|node| node.executable == "simulator") {
        bail!("launch file {}: a simulator makes its own world and cannot be replayed", launch.display());
    }
    Ok(stack)
}

/// A folder or file for what comes out; its kind follows from the name.
fn create(out: &Path) -> Result<Recorder, BagError> {
    if out.extension().is_some_and(|extension| extension == "db3") {
        let options =
            WriteOptions { storage: Storage::Sqlite3, compression: bag::Compression::None, ..WriteOptions::default() };
        return Recorder::with_options(out, options);
    }
    Recorder::create(out)
}

/// Names of recorded topics that are fed, and the topics that nobody writes with their readers.
#[allow(clippy::type_complexity)]
fn match_topics(
    reader: &Reader,
    needed: &[NeededTopic],
    remaps: &BTreeMap<String, String>,
    decoders: &Decoders,
) -> anyhow::Result<(Vec<String>, BTreeMap<String, Vec<String>>)> {
    let mut topics = Vec::new();
    let mut missing = BTreeMap::new();
    for want in needed {
        let given = |name: &str| remaps.get(name).map_or_else(|| name.to_owned(), Clone::clone);
        let found = reader.topics().iter().find(|known| given(&known.topic.name) == want.name && known.messages > 0);
        let Some(found) = found else {
            missing.insert(want.name.clone(), want.readers.clone());
            continue;
        };
        if found.topic.type_name != want.type_name {
            bail!(
                "topic {} is recorded as {}, and {} read {}",
                found.topic.name,
                found.topic.type_name,
                want.readers.join(", "),
                want.type_name
            );
        }
        decoders
            .check(&found.topic.type_name, found.topic.type_hash.as_deref())
            .with_context(|| format!("topic {} cannot be replayed", found.topic.name))?;
        topics.push(found.topic.name.clone());
    }
    for from in remaps.keys() {
        if !reader.topics().iter().any(|known| known.topic.name == *from) {
            let there: Vec<&str> = reader.topics().iter().map(|known| known.topic.name.as_str()).collect();
            bail!("remap from {from}: the recording has no such topic; it has: {}", there.join(", "));
        }
    }
    Ok((topics, missing))
}

/// Remaps of the topics that are read.
fn relevant(remaps: &BTreeMap<String, String>, topics: &[String]) -> BTreeMap<String, String> {
    remaps.iter().filter(|(from, _)| topics.contains(from)).map(|(from, to)| (from.clone(), to.clone())).collect()
}

/// Takes what the nodes publish.
struct Output {
    sink: Sink,
    published: BTreeMap<String, u64>,
    failure: Option<BagError>,
}

impl Tap for Output {
    fn on_message(&mut self, now: Time, topic: &Topic, message: &Shared) -> ControlFlow<()> {
        *self.published.entry(topic.name.clone()).or_default() += 1;
        if let Err(failure) = self.sink.record(&topic.name, now, message, topic.qos) {
            self.failure = Some(failure);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
