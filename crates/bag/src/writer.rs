//! A recording being written: a rosbag2 folder with splits, or one storage file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use node::Time;

use crate::BagError;
use crate::mcap_writer::McapWriter;
use crate::metadata::{FileEntry, Metadata};
use crate::reader::METADATA_FILE;
use crate::sqlite_writer::SqliteWriter;
use crate::topic::{Topic, TopicCount};

/// Kind of the storage files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// MCAP.
    #[default]
    Mcap,
    /// SQLite3.
    Sqlite3,
}

/// How messages are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// MCAP's chunks with zstd.
    Zstd,
    /// MCAP's chunks with lz4.
    Lz4,
    /// Each storage file as a whole, once it is closed, with zstd: rosbag2's file mode. Folders only.
    FileZstd,
    /// Each message by itself with zstd: rosbag2's message mode. Folders only.
    MessageZstd,
}

/// How a recording is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOptions {
    /// Kind of the storage files.
    pub storage: Storage,
    /// How messages are packed.
    pub compression: Compression,
    /// A new file begins once one has this many bytes (before file compression; SQLite3: bytes of the messages).
    pub max_bytes: Option<u64>,
    /// A new file begins with the message that is this much later than the file's first one.
    pub max_duration: Option<Duration>,
}

impl Default for WriteOptions {
    /// MCAP with zstd chunks, not split.
    fn default() -> Self {
        Self { storage: Storage::Mcap, compression: Compression::Zstd, max_bytes: None, max_duration: None }
    }
}

/// Handle of a topic in a [`Writer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicId(usize);

/// Writes a recording. Dropped without [`Writer::finish`] it has no index and no `metadata.yaml`.
pub struct Writer {
    path: PathBuf,
    options: WriteOptions,
    folder: bool,
    topics: Vec<TopicCount>,
    by_name: BTreeMap<String, usize>,
    files: Vec<FileEntry>,
    open: Option<Open>,
    packed: Vec<u8>,
}

/// The storage file that is being written.
struct Open {
    file: StorageWriter,
    path: PathBuf,
    entry: FileEntry,
    /// Messages of each topic in this file.
    counts: Vec<u64>,
}

enum StorageWriter {
    Mcap(Box<McapWriter>),
    Sqlite(SqliteWriter),
}

impl Writer {
    /// Begins a recording: one file where the path ends in `.mcap` or `.db3`, else a new folder. A file that is there
    /// is replaced, a folder that is there is not.
    ///
    /// # Errors
    /// [`BagError`] where it cannot be made, or storage, compression, splits and path do not go together.
    pub fn create(path: &Path, options: WriteOptions) -> Result<Self, BagError> {
        let refuse = |reason: &str| Err(BagError::storage(path, reason));
        let extension = path.extension().and_then(|extension| extension.to_str());
        let folder = !matches!(extension, Some("mcap" | "db3"));
        let packed_by_mcap = matches!(options.compression, Compression::Zstd | Compression::Lz4);
        if options.storage == Storage::Sqlite3 && packed_by_mcap {
            return refuse("sqlite3 has no compression of its own: expected none, file-zstd or message-zstd");
        }
        if !folder {
            let fits = match options.storage {
                Storage::Mcap => extension == Some("mcap"),
                Storage::Sqlite3 => extension == Some("db3"),
            };
            if !fits {
                return refuse(
                    "the name does not go with the storage: .mcap is MCAP, .db3 is SQLite3, a folder can be both",
                );
            }
            if options.max_bytes.is_some() || options.max_duration.is_some() {
                return refuse("one file cannot be split: give the name of a folder");
            }
            if matches!(options.compression, Compression::FileZstd | Compression::MessageZstd) {
                return refuse("file and message compression need metadata.yaml: give the name of a folder");
            }
        } else {
            fs::create_dir(path).map_err(|source| BagError::file(path, source))?;
        }
        let mut writer = Self {
            path: path.into(),
            options,
            folder,
            topics: Vec::new(),
            by_name: BTreeMap::new(),
            files: Vec::new(),
            open: None,
            packed: Vec::new(),
        };
        writer.open = Some(writer.open_file()?);
        Ok(writer)
    }

    /// Makes a topic known; one that is known already comes back.
    ///
    /// # Errors
    /// [`BagError::TypeChanged`] where it was known with another type.
    pub fn topic(&mut self, topic: &Arc<Topic>) -> Result<TopicId, BagError> {
        if let Some(&index) = self.by_name.get(&topic.name) {
            let recorded = &self.topics[index].topic;
            if recorded.type_name != topic.type_name {
                return Err(BagError::TypeChanged {
                    topic: topic.name.clone(),
                    recorded: recorded.type_name.clone(),
                    offered: topic.type_name.clone(),
                });
            }
            return Ok(TopicId(index));
        }
        self.topics.push(TopicCount { topic: Arc::clone(topic), messages: 0 });
        self.by_name.insert(topic.name.clone(), self.topics.len() - 1);
        if let Some(open) = &mut self.open {
            open.add_topic(topic)?;
        }
        Ok(TopicId(self.topics.len() - 1))
    }

    /// Writes one message: `cdr` with its encapsulation header.
    ///
    /// # Errors
    /// [`BagError`] where the time lies before the epoch or the file cannot be written.
    pub fn write(&mut self, TopicId(topic): TopicId, time: Time, cdr: &[u8]) -> Result<(), BagError> {
        if time.0 < 0 {
            let topic = self.topics[topic].topic.name.clone();
            return Err(BagError::NegativeTime { topic, nanoseconds: time.0 });
        }
        self.split_before(time)?;
        let mut packed = std::mem::take(&mut self.packed);
        let data = if self.options.compression == Compression::MessageZstd {
            pack_message(cdr, &mut packed).map_err(|source| BagError::file(&self.path, source))?;
            &packed[..]
        } else {
            cdr
        };
        let open = self.open.as_mut().expect("a file is open until the recording is finished");
        match &mut open.file {
            StorageWriter::Mcap(file) => file.write(topic, time, data)?,
            StorageWriter::Sqlite(file) => file.write(topic, time, data)?,
        }
        open.counts[topic] += 1;
        open.entry.messages += 1;
        let times = open.entry.times.get_or_insert((time.0, time.0));
        *times = (times.0.min(time.0), times.1.max(time.0));
        self.topics[topic].messages += 1;
        self.packed = packed;
        Ok(())
    }

    /// Closes the last file and writes `metadata.yaml`.
    ///
    /// # Errors
    /// [`BagError`] where a file cannot be written.
    pub fn finish(mut self) -> Result<(), BagError> {
        self.close_file()?;
        if self.folder {
            let path = self.path.join(METADATA_FILE);
            let text = self.metadata(self.files.clone(), self.topics.clone()).to_yaml();
            fs::write(&path, text).map_err(|source| BagError::file(&path, source))?;
        }
        Ok(())
    }

    fn split_before(&mut self, time: Time) -> Result<(), BagError> {
        let Some(open) = &self.open else { return Ok(()) };
        let Some((first, _)) = open.entry.times else { return Ok(()) };
        let full = self.options.max_bytes.is_some_and(|limit| open.bytes() >= limit);
        let late = self.options.max_duration.is_some_and(|limit| time - Time(first) >= limit);
        if full || late {
            self.close_file()?;
            self.open = Some(self.open_file()?);
        }
        Ok(())
    }

    fn open_file(&self) -> Result<Open, BagError> {
        let extension = match self.options.storage {
            Storage::Mcap => "mcap",
            Storage::Sqlite3 => "db3",
        };
        let path = if self.folder {
            let name = self.path.file_name().unwrap_or_default().to_string_lossy();
            self.path.join(format!("{name}_{}.{extension}", self.files.len()))
        } else {
            self.path.clone()
        };
        let file = match self.options.storage {
            Storage::Mcap => StorageWriter::Mcap(Box::new(McapWriter::create(&path, self.options.compression)?)),
            Storage::Sqlite3 => StorageWriter::Sqlite(SqliteWriter::create(&path)?),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let entry = FileEntry { path: name, ..FileEntry::default() };
        let mut open = Open { file, path, entry, counts: Vec::new() };
        for known in &self.topics {
            open.add_topic(&known.topic)?;
        }
        Ok(open)
    }

    fn close_file(&mut self) -> Result<(), BagError> {
        let Some(Open { file, path, mut entry, counts }) = self.open.take() else { return Ok(()) };
        if self.options.compression == Compression::FileZstd {
            entry.path.push_str(".zstd");
        }
        let topics = self.topics.iter().zip(counts);
        let topics = topics.map(|(known, messages)| TopicCount { topic: Arc::clone(&known.topic), messages }).collect();
        // A file outside a folder stays free of it: equal recordings under different names are equal files.
        let about = self.folder.then(|| self.metadata(vec![entry.clone()], topics).to_embedded_yaml());
        match file {
            StorageWriter::Mcap(file) => file.finish(about.as_deref())?,
            StorageWriter::Sqlite(file) => file.finish(about.as_deref())?,
        }
        if self.options.compression == Compression::FileZstd {
            pack_file(&path)?;
        }
        self.files.push(entry);
        Ok(())
    }

    fn metadata(&self, files: Vec<FileEntry>, topics: Vec<TopicCount>) -> Metadata {
        let (format, mode) = match self.options.compression {
            Compression::FileZstd => ("zstd", "FILE"),
            Compression::MessageZstd => ("zstd", "MESSAGE"),
            _ => ("", ""),
        };
        let storage = match self.options.storage {
            Storage::Mcap => "mcap",
            Storage::Sqlite3 => "sqlite3",
        };
        Metadata {
            version: 0,
            storage: storage.into(),
            compression_format: format.into(),
            compression_mode: mode.into(),
            messages: files.iter().map(|file| file.messages).sum(),
            files,
            topics,
            ros_distro: String::new(),
        }
    }
}

impl Open {
    fn add_topic(&mut self, topic: &Topic) -> Result<(), BagError> {
        self.counts.push(0);
        match &mut self.file {
            StorageWriter::Mcap(file) => file.add_topic(topic),
            StorageWriter::Sqlite(file) => file.add_topic(topic),
        }
    }

    fn bytes(&self) -> u64 {
        match &self.file {
            StorageWriter::Mcap(file) => file.bytes(),
            StorageWriter::Sqlite(file) => file.bytes(),
        }
    }
}

/// Packs a message in one frame that tells its unpacked size: rosbag2 plays no other.
fn pack_message(cdr: &[u8], packed: &mut Vec<u8>) -> std::io::Result<()> {
    packed.resize(zstd::zstd_safe::compress_bound(cdr.len()), 0);
    let length = zstd::bulk::compress_to_buffer(cdr, packed, 1)?;
    packed.truncate(length);
    Ok(())
}

/// Replaces a file by its packed form.
fn pack_file(path: &Path) -> Result<(), BagError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".zstd");
    let packed = PathBuf::from(name);
    let error = |source| BagError::file(&packed, source);
    let source = fs::File::open(path).map_err(error)?;
    let target = fs::File::create(&packed).map_err(error)?;
    zstd::stream::copy_encode(source, target, 1).map_err(error)?;
    fs::remove_file(path).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_message_tells_its_size() {
        let mut packed = Vec::new();
        for length in [4, 100_000] {
            pack_message(&vec![7; length], &mut packed).unwrap();
            assert_eq!(zstd::zstd_safe::get_frame_content_size(&packed).ok().flatten(), Some(length as u64));
            assert_eq!(zstd::stream::decode_all(&packed[..]).unwrap().len(), length);
        }
    }
}
