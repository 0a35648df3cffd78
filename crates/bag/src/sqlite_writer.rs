use std::fs;
use std::path::{Path, PathBuf};

use node::Time;
use rusqlite::{Connection, params};

use crate::topic::Topic;
use crate::{BagError, qos};

/// rosbag2's tables, schema version 4.
const SCHEMA: &str = "
CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL);
CREATE TABLE metadata(id INTEGER PRIMARY KEY, metadata_version INTEGER NOT NULL, metadata TEXT NOT NULL);
CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, serialization_format TEXT NOT NULL,
    offered_qos_profiles TEXT NOT NULL, type_description_hash TEXT NOT NULL);
CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT NOT NULL, encoding TEXT NOT NULL,
    encoded_message_definition TEXT NOT NULL, type_description_hash TEXT NOT NULL);
CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, timestamp INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX timestamp_idx ON messages (timestamp ASC);
INSERT INTO schema VALUES (4, '');
";
/// Messages are made safe on disk in steps of this many bytes.
const COMMIT_BYTES: u64 = 8 << 20;

/// Writes an SQLite3 file as rosbag2 does.
pub(crate) struct SqliteWriter {
    path: PathBuf,
    connection: Connection,
    types: Vec<String>,
    topics: i64,
    bytes: u64,
    committed: u64,
}

impl SqliteWriter {
    pub fn create(path: &Path) -> Result<Self, BagError> {
        match fs::remove_file(path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => return Err(BagError::file(path, source)),
            _ => {}
        }
        let open = || {
            let connection = Connection::open(path)?;
            connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
            connection.execute_batch(SCHEMA)?;
            connection.execute_batch("BEGIN")?;
            Ok(connection)
        };
        let connection = open().map_err(|source| write_error(path, &source))?;
        Ok(Self { path: path.into(), connection, types: Vec::new(), topics: 0, bytes: 0, committed: 0 })
    }

    pub fn add_topic(&mut self, topic: &Topic) -> Result<(), BagError> {
        self.topics += 1;
        let (id, hash) = (self.topics, topic.type_hash.as_deref().unwrap_or_default());
        let new_type = !self.types.contains(&topic.type_name);
        let add = || {
            let sql = "INSERT INTO topics VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let qos = qos::to_yaml(&topic.qos, "");
            self.connection.execute(sql, params![id, topic.name, topic.type_name, topic.serialization, qos, hash])?;
            if let Some(definition) = topic.definition.as_ref().filter(|_| new_type) {
                let sql = "INSERT INTO message_definitions(topic_type, encoding, encoded_message_definition, \
                           type_description_hash) VALUES (?1, ?2, ?3, ?4)";
                self.connection.execute(sql, params![topic.type_name, definition.encoding, definition.text, hash])?;
            }
            Ok(())
        };
        add().map_err(|source| write_error(&self.path, &source))?;
        self.types.push(topic.type_name.clone());
        Ok(())
    }

    pub fn write(&mut self, topic: usize, time: Time, data: &[u8]) -> Result<(), BagError> {
        let insert = || {
            let sql = "INSERT INTO messages(topic_id, timestamp, data) VALUES (?1, ?2, ?3)";
            self.connection.prepare_cached(sql)?.execute(params![topic as i64 + 1, time.0, data])?;
            if self.bytes - self.committed >= COMMIT_BYTES {
                self.connection.execute_batch("COMMIT; BEGIN")?;
                return Ok(true);
            }
            Ok(false)
        };
        let committed = insert().map_err(|source| write_error(&self.path, &source))?;
        if committed {
            self.committed = self.bytes;
        }
        self.bytes += data.len() as u64;
        Ok(())
    }

    /// Bytes of the messages so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn finish(self, about: Option<&str>) -> Result<(), BagError> {
        let close = || {
            if let Some(about) = about {
                let sql = "INSERT INTO metadata(metadata_version, metadata) VALUES (9, ?1)";
                self.connection.execute(sql, [about])?;
            }
            self.connection.execute_batch("COMMIT")?;
            // One file that needs no log beside it.
            self.connection.execute_batch("PRAGMA journal_mode = DELETE")
        };
        close().map_err(|source| write_error(&self.path, &source))?;
        self.connection.close().map_err(|(_, source)| write_error(&self.path, &source))
    }
}

fn write_error(path: &Path, source: &rusqlite::Error) -> BagError {
    BagError::storage(path, format!("cannot be written: {source}"))
}
