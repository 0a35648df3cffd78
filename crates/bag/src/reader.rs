//! A recording on disk: a rosbag2 folder, or one storage file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use node::Time;

use crate::metadata::Metadata;
use crate::scratch::Scratch;
use crate::storage::{StorageFile, StorageMessages, Wanted, storage_files};
use crate::topic::{RecordedMessage, Topic, TopicCount};
use crate::unpack::ZSTD_MAGIC;
use crate::{BagError, Selection};

/// Name of a folder's description.
pub(crate) const METADATA_FILE: &str = "metadata.yaml";

/// A recording that was opened: its topics, times and problems are known. Reading holds only what overlaps in memory.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    files: Vec<OpenFile>,
    topics: Vec<TopicCount>,
    warnings: Vec<String>,
    metadata: Option<Metadata>,
}

#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    storage: StorageFile,
    packed: bool,
    // Declared last: the storage is closed before its file goes.
    _scratch: Option<Scratch>,
}

/// What a recording is, in one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// `mcap` or `sqlite3`.
    pub storage: String,
    /// `none`, `zstd` or `lz4`; for what rosbag2 packs itself with the mode behind it: `zstd (file)`.
    pub compression: String,
    /// Version of `metadata.yaml`, where there is one.
    pub metadata_version: Option<u64>,
    /// The ROS distribution that recorded it, where it is told.
    pub ros_distro: Option<String>,
    /// Files and their sizes in bytes.
    pub files: Vec<(PathBuf, u64)>,
    /// First and last message.
    pub times: Option<(Time, Time)>,
    /// Messages that can be read.
    pub messages: u64,
}

impl Reader {
    /// Opens a folder with `metadata.yaml`, a folder of storage files without it, or one `.mcap` or `.db3` file, which
    /// may be packed with zstd. Damage is no error as long as something can be read: see [`Reader::warnings`].
    ///
    /// # Errors
    /// [`BagError`] where nothing is there or nothing of it can be read.
    pub fn open(path: &Path) -> Result<Self, BagError> {
        let about = std::fs::metadata(path).map_err(|source| BagError::file(path, source))?;
        let mut reader =
            Self { path: path.into(), files: Vec::new(), topics: Vec::new(), warnings: Vec::new(), metadata: None };
        let files = if about.is_dir() { reader.files_of_folder()? } else { vec![path.to_owned()] };
        let mut failures = Vec::new();
        for file in files {
            match open_file(&file, &mut reader.warnings) {
                Ok(file) => reader.files.push(file),
                Err(error) => failures.push(error),
            }
        }
        if reader.files.is_empty()
            && let Some(error) = failures.pop()
        {
            return Err(error);
        }
        reader.warnings.extend(failures.iter().map(|error| format!("{error}; it is left out")));
        reader.collect();
        Ok(reader)
    }

    /// Topics by name, with the number of messages that can be read.
    pub fn topics(&self) -> &[TopicCount] {
        &self.topics
    }

    /// What is damaged, missing or unlike its description, one sentence each. Damage inside messages shows only when
    /// they are read: see [`Messages`].
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// First and last message.
    pub fn times(&self) -> Option<(Time, Time)> {
        let times = self.files.iter().filter_map(|file| file.storage.contents().times);
        let whole = times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        whole.map(|(first, last)| (Time(first), Time(last)))
    }

    /// What the recording is.
    pub fn info(&self) -> Info {
        let packed = self.files.iter().any(|file| file.packed);
        let mode =
            self.metadata.as_ref().map(|m| m.compression_mode.as_str()).filter(|m| !m.is_empty() && *m != "none");
        let compression = match (packed, mode) {
            (true, _) => "zstd (file)".to_owned(),
            (false, Some(mode)) => format!("zstd ({mode})"),
            _ => self.files.first().map_or_else(String::new, |file| file.storage.contents().compression.clone()),
        };
        Info {
            storage: self.files.first().map(|file| file.storage.name()).unwrap_or_default().into(),
            compression,
            metadata_version: self.metadata.as_ref().map(|m| m.version),
            ros_distro: self.metadata.as_ref().map(|m| m.ros_distro.clone()).filter(|name| !name.is_empty()),
            files: self
                .files
                .iter()
                .map(|file| (file.path.clone(), std::fs::metadata(&file.path).map_or(0, |about| about.len())))
                .collect(),
            times: self.times(),
            messages: self.topics.iter().map(|topic| topic.messages).sum(),
        }
    }

    /// The selected messages by time; equal times in the order of the files.
    ///
    /// # Errors
    /// [`BagError`] where the selection names a topic that is not there, or a file cannot be opened again.
    pub fn messages(&self, selection: &Selection) -> Result<Messages, BagError> {
        selection.check(&self.topics)?;
        let start = self.times().map_or(0, |(start, _)| start.0);
        let nanoseconds = |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let from = start.saturating_add(nanoseconds(selection.start_offset));
        let to = selection.duration.map_or(i64::MAX, |duration| from.saturating_add(nanoseconds(duration)));
        let wanted = Wanted {
            topics: (!selection.topics.is_empty()).then(|| selection.topics.clone().into()),
            from: if selection.start_offset.is_zero() { i64::MIN } else { from },
            to,
        };
        let mut streams = Vec::new();
        for file in &self.files {
            let mut messages = file.storage.messages(wanted.clone())?;
            let head = messages.next();
            streams.push(Stream { path: file.path.clone(), messages, head });
        }
        Ok(Messages { streams, selection: selection.clone(), renamed: Vec::new(), problems: None })
    }

    fn files_of_folder(&mut self) -> Result<Vec<PathBuf>, BagError> {
        let there = storage_files(&self.path)?;
        let description = self.path.join(METADATA_FILE);
        let parsed = match std::fs::read_to_string(&description) {
            Ok(text) => Metadata::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err("is missing".into()),
            Err(error) => Err(error.to_string()),
        };
        let metadata = match parsed {
            Ok(metadata) => metadata,
            Err(reason) if there.is_empty() => {
                let expected = "expected a folder with metadata.yaml and .mcap or .db3 files";
                return Err(BagError::storage(
                    &self.path,
                    format!("{METADATA_FILE}: {reason}, and no storage file; {expected}"),
                ));
            }
            Err(reason) => {
                self.warnings.push(format!("{METADATA_FILE}: {reason}; all {} storage files are read", there.len()));
                return Ok(there);
            }
        };
        if !["mcap", "sqlite3"].contains(&metadata.storage.as_str()) {
            let reason = format!("{METADATA_FILE}: storage `{}`; mcap and sqlite3 are read", metadata.storage);
            return Err(BagError::storage(&self.path, reason));
        }
        if !["", "zstd"].contains(&metadata.compression_format.as_str()) && metadata.compression_mode != "none" {
            let reason = format!("{METADATA_FILE}: compression `{}`; zstd is read", metadata.compression_format);
            return Err(BagError::storage(&self.path, reason));
        }
        let mut files = Vec::new();
        for entry in &metadata.files {
            // Only the name counts: no description leads out of its folder.
            let name = Path::new(&entry.path).file_name().unwrap_or_default();
            let path = self.path.join(name);
            if path.is_file() {
                files.push(path);
            } else {
                self.warnings.push(format!("{METADATA_FILE} names {}, which is missing", entry.path));
            }
        }
        for extra in there.iter().filter(|path| !files.contains(path)) {
            let name = extra.file_name().unwrap_or_default().to_string_lossy();
            self.warnings.push(format!("{name} is not in {METADATA_FILE}; it is left out"));
        }
        if files.is_empty() {
            return Err(BagError::storage(
                &self.path,
                format!("none of the files that {METADATA_FILE} names is there"),
            ));
        }
        self.metadata = Some(metadata);
        Ok(files)
    }

    /// Sums up the files' topics and compares them with the description.
    fn collect(&mut self) {
        for file in &self.files {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            let contents = file.storage.contents();
            self.warnings.extend(contents.problems.iter().map(|problem| format!("{name} {problem}")));
            for found in &contents.topics {
                let same = |known: &&mut TopicCount| {
                    known.topic.name == found.topic.name && known.topic.type_name == found.topic.type_name
                };
                match self.topics.iter_mut().find(same) {
                    Some(known) => known.messages += found.messages,
                    None => self.topics.push(found.clone()),
                }
            }
        }
        let mut details = Vec::new();
        if let Some(metadata) = &self.metadata {
            let found: u64 = self.topics.iter().map(|topic| topic.messages).sum();
            if metadata.messages != found {
                details.push(format!("{METADATA_FILE} tells of {} messages, {found} are there", metadata.messages));
            }
            for described in &metadata.topics {
                let same = |known: &&mut TopicCount| known.topic.name == described.topic.name;
                match self.topics.iter_mut().find(same) {
                    // Old storage files do not carry what their description does.
                    Some(known) if known.topic.qos.is_empty() || known.topic.type_hash.is_none() => {
                        let mut topic = Topic::clone(&known.topic);
                        if topic.qos.is_empty() {
                            topic.qos.clone_from(&described.topic.qos);
                        }
                        topic.type_hash = topic.type_hash.or_else(|| described.topic.type_hash.clone());
                        known.topic = Arc::new(topic);
                    }
                    Some(_) => {}
                    None if described.messages > 0 => {
                        details.push(format!("topic {} is described and not there", described.topic.name));
                    }
                    // A topic nobody published on.
                    None => self.topics.push(TopicCount { messages: 0, ..described.clone() }),
                }
            }
        }
        self.warnings.extend(details);
        self.topics.sort_by(|a, b| (&a.topic.name, &a.topic.type_name).cmp(&(&b.topic.name, &b.topic.type_name)));
        for pair in self.topics.windows(2) {
            if let [a, b] = pair
                && a.topic.name == b.topic.name
            {
                let (name, one, two) = (&a.topic.name, &a.topic.type_name, &b.topic.type_name);
                self.warnings.push(format!("topic {name} was recorded with two types, {one} and {two}"));
            }
        }
    }
}

fn open_file(path: &Path, warnings: &mut Vec<String>) -> Result<OpenFile, BagError> {
    let packed = starts_with_zstd(path)?;
    let scratch = if packed {
        let (scratch, problem) = Scratch::unpack(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        warnings.extend(problem.map(|problem| format!("{name} {problem}")));
        Some(scratch)
    } else {
        None
    };
    let storage =
        StorageFile::open(scratch.as_ref().map_or(path, |scratch| &scratch.path)).map_err(|error| match error {
            // The file that the reader of the message knows.
            BagError::Storage { reason, .. } => BagError::storage(path, reason),
            other => other,
        })?;
    Ok(OpenFile { path: path.into(), storage, packed, _scratch: scratch })
}

fn starts_with_zstd(path: &Path) -> Result<bool, BagError> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|source| BagError::file(path, source))?;
    let mut head = Vec::new();
    file.take(4).read_to_end(&mut head).map_err(|source| BagError::file(path, source))?;
    Ok(head == ZSTD_MAGIC)
}

struct Stream {
    path: PathBuf,
    messages: StorageMessages,
    head: Option<RecordedMessage>,
}

/// The messages of a recording by time. What could not be read comes as errors behind the last message, so that
/// everything readable is read first.
pub struct Messages {
    streams: Vec<Stream>,
    selection: Selection,
    /// Topics as recorded and as given.
    renamed: Vec<(Arc<Topic>, Arc<Topic>)>,
    problems: Option<std::vec::IntoIter<BagError>>,
}

impl Messages {
    fn rename(&mut self, mut message: RecordedMessage) -> RecordedMessage {
        let name = self.selection.renamed(&message.topic.name);
        if name == message.topic.name {
            return message;
        }
        let known = self.renamed.iter().find(|(recorded, _)| Arc::ptr_eq(recorded, &message.topic));
        let given = known.map(|(_, given)| Arc::clone(given)).unwrap_or_else(|| {
            let given = Arc::new(Topic { name: name.to_owned(), ..Topic::clone(&message.topic) });
            self.renamed.push((Arc::clone(&message.topic), Arc::clone(&given)));
            given
        });
        message.topic = given;
        message
    }

    fn next_problem(&mut self) -> Option<BagError> {
        let streams = &mut self.streams;
        let told = self.problems.get_or_insert_with(|| {
            let of = |stream: &mut Stream| {
                let path = stream.path.clone();
                let problems = stream.messages.take_problems();
                problems.into_iter().map(move |reason| BagError::storage(&path, reason)).collect::<Vec<_>>()
            };
            streams.iter_mut().flat_map(of).collect::<Vec<_>>().into_iter()
        });
        told.next()
    }
}

impl Iterator for Messages {
    type Item = Result<RecordedMessage, BagError>;

    fn next(&mut self) -> Option<Self::Item> {
        let earliest = self
            .streams
            .iter()
            .enumerate()
            .filter_map(|(index, stream)| stream.head.as_ref().map(|head| (head.time, index)))
            .min();
        let Some((_, index)) = earliest else { return self.next_problem().map(Err) };
        let stream = &mut self.streams[index];
        let next = stream.messages.next();
        let message = std::mem::replace(&mut stream.head, next)?;
        Some(Ok(self.rename(message)))
    }
}
