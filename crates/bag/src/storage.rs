//! What the two kinds of storage have in common for a reader.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::BagError;
use crate::mcap_reader::{McapFile, McapMessages};
use crate::sqlite_reader::{SqliteFile, SqliteMessages};
use crate::topic::{RecordedMessage, TopicCount};

/// A storage file that was opened.
#[derive(Debug)]
pub(crate) enum StorageFile {
    Mcap(McapFile),
    Sqlite(SqliteFile),
}

/// Times and topics of one storage file, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub topics: Vec<TopicCount>,
    /// Nanoseconds of the first and the last message.
    pub times: Option<(i64, i64)>,
    /// How its parts are packed, `none` where they are not.
    pub compression: String,
    /// What is damaged, one sentence each.
    pub problems: Vec<String>,
}

impl StorageFile {
    /// Opens by what the first bytes say, whatever the file's name is.
    pub fn open(path: &Path) -> Result<Self, BagError> {
        let mut head = [0; 16];
        let count = read_head(path, &mut head)?;
        let head = &head[..count];
        if head.is_empty() {
            return Err(BagError::storage(path, "is empty"));
        }
        if head.starts_with(mcap::MAGIC) {
            return McapFile::open(path).map(Self::Mcap);
        }
        if head.starts_with(b"SQLite format 3\0") {
            return SqliteFile::open(path).map(Self::Sqlite);
        }
        if head.starts_with(b"#ROSBAG") {
            return Err(BagError::storage(
                path,
                "is a ROS 1 bag: convert it with `rosbags-convert` (PyPI rosbags) first",
            ));
        }
        if mcap::MAGIC.starts_with(head) || b"SQLite format 3\0".starts_with(head) {
            return Err(BagError::storage(path, format!("was cut short: only {count} bytes are left of it")));
        }
        Err(BagError::storage(path, "is neither an MCAP file nor an SQLite database: no rosbag2 recording"))
    }

    pub fn contents(&self) -> &Contents {
        match self {
            Self::Mcap(file) => &file.contents,
            Self::Sqlite(file) => &file.contents,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Mcap(_) => "mcap",
            Self::Sqlite(_) => "sqlite3",
        }
    }

    /// The messages on topics that `wanted` takes, by time.
    pub fn messages(&self, wanted: Wanted) -> Result<StorageMessages, BagError> {
        Ok(match self {
            Self::Mcap(file) => StorageMessages::Mcap(file.messages(wanted)?),
            Self::Sqlite(file) => StorageMessages::Sqlite(file.messages(wanted)?),
        })
    }
}

/// What is read of a storage file.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Names of the topics; `None` for all.
    pub topics: Option<Arc<[String]>>,
    /// First and last time, nanoseconds.
    pub from: i64,
    pub to: i64,
}

impl Wanted {
    pub fn topic(&self, name: &str) -> bool {
        self.topics.as_ref().is_none_or(|topics| topics.iter().any(|topic| topic == name))
    }

    pub fn time(&self, time: i64) -> bool {
        (self.from..=self.to).contains(&time)
    }
}

/// The messages of one storage file.
pub(crate) enum StorageMessages {
    Mcap(McapMessages),
    Sqlite(SqliteMessages),
}

impl StorageMessages {
    /// What could not be read so far.
    pub fn take_problems(&mut self) -> Vec<String> {
        match self {
            Self::Mcap(messages) => messages.take_problems(),
            Self::Sqlite(messages) => messages.take_problems(),
        }
    }
}

impl Iterator for StorageMessages {
    type Item = RecordedMessage;

    fn next(&mut self) -> Option<RecordedMessage> {
        match self {
            Self::Mcap(messages) => messages.next(),
            Self::Sqlite(messages) => messages.next(),
        }
    }
}

fn read_head(path: &Path, head: &mut [u8]) -> Result<usize, BagError> {
    use std::io::Read;
    let mut file = std::fs::File::open(path).map_err(|source| BagError::file(path, source))?;
    let mut count = 0;
    while count < head.len() {
        match file.read(&mut head[count..]).map_err(|source| BagError::file(path, source))? {
            0 => break,
            more => count += more,
        }
    }
    Ok(count)
}

/// Storage files of a folder, those of a split recording in their order: by the number at the name's end.
pub(crate) fn storage_files(folder: &Path) -> Result<Vec<PathBuf>, BagError> {
    let entries = std::fs::read_dir(folder).map_err(|source| BagError::file(folder, source))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| BagError::file(folder, source))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bare = name.strip_suffix(".zstd").unwrap_or(&name);
        if bare.ends_with(".mcap") || bare.ends_with(".db3") {
            let stem = bare.rsplit_once('.').map_or(bare, |(stem, _)| stem);
            let number = stem.rsplit('_').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
            files.push((number, name, path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, _, path)| path).collect())
}
