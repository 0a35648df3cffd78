//! rosbag2's SQLite3 files, whole or damaged, of every schema that rosbag2 has written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use node::Time;
use rusqlite::{Connection, OpenFlags};

use crate::scratch::Scratch;
use crate::storage::{Contents, Wanted};
use crate::topic::{Definition, RecordedMessage, Topic, TopicCount};
use crate::unpack::{MAX_BYTES, ZSTD_MAGIC, unpack_message};
use crate::{BagError, qos};

/// A damaged page is stepped over by ever larger steps, up to this many message numbers.
const LONGEST_STEP: i64 = 1 << 24;

/// Where a message is.
#[derive(Debug, Clone, Copy)]
struct Place {
    time: i64,
    id: i64,
    topic: i64,
}

/// An SQLite3 file whose messages are listed by time.
#[derive(Debug)]
pub(crate) struct SqliteFile {
    path: PathBuf,
    places: Arc<Vec<Place>>,
    topics: Arc<BTreeMap<i64, Arc<Topic>>>,
    pub contents: Contents,
    _scratch: Option<Scratch>,
}

impl SqliteFile {
    pub fn open(path: &Path) -> Result<Self, BagError> {
        let mut contents = Contents { compression: "none".into(), ..Contents::default() };
        let scratch = without_cut_page(path)?;
        if scratch.is_some() {
            contents.problems.push("was cut short within a page".into());
        }
        let named = path;
        let path = scratch.as_ref().map_or(path, |scratch| &scratch.path);
        let connection = connect(path).map_err(|error| renamed(error, named))?;
        let topics = read_topics(&connection, named)?;
        let mut places = list(&connection, &mut contents.problems);
        let ordered = places.is_sorted_by_key(|place| (place.time, place.id));
        if !ordered {
            places.sort_by_key(|place| (place.time, place.id));
        }
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        for place in &places {
            *counts.entry(place.topic).or_default() += 1;
        }
        for (id, count) in counts.iter().filter(|(id, _)| !topics.contains_key(id)) {
            contents.problems.push(format!("{count} messages are of topic number {id}, which is not described"));
        }
        contents.times = places.first().map(|p| p.time).zip(places.last().map(|p| p.time));
        let mut by_name: Vec<TopicCount> = topics
            .iter()
            .map(|(id, topic)| TopicCount { topic: Arc::clone(topic), messages: counts.get(id).copied().unwrap_or(0) })
            .collect();
        by_name.sort_by(|a, b| (&a.topic.name, &a.topic.type_name).cmp(&(&b.topic.name, &b.topic.type_name)));
        contents.topics = by_name;
        Ok(Self { path: path.into(), places: Arc::new(places), topics: Arc::new(topics), contents, _scratch: scratch })
    }

    pub fn messages(&self, wanted: Wanted) -> Result<SqliteMessages, BagError> {
        Ok(SqliteMessages {
            connection: connect(&self.path)?,
            places: Arc::clone(&self.places),
            topics: Arc::clone(&self.topics),
            next: 0,
            unreadable: BTreeMap::new(),
            wanted,
        })
    }
}

/// A copy of a file whose last page is not whole, without that page: SQLite would fill it up with zeros and give them
/// out as messages.
fn without_cut_page(path: &Path) -> Result<Option<Scratch>, BagError> {
    let failed = |source| BagError::file(path, source);
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut head = [0; 18];
    if length < 512 || file.read_exact(&mut head).is_err() {
        return Err(BagError::storage(path, format!("was cut short: only {length} bytes are left of it")));
    }
    // Source: the SQLite database file format, section 1.3.2; 1 stands for 65536.
    let page = match u64::from(u16::from_be_bytes([head[16], head[17]])) {
        1 => 1 << 16,
        size if size.is_power_of_two() && size >= 512 => size,
        size => return Err(BagError::storage(path, format!("is damaged: it has pages of {size} bytes"))),
    };
    let whole = length - length % page;
    if whole == length {
        return Ok(None);
    }
    if whole == 0 {
        return Err(BagError::storage(path, format!("was cut short: only {length} bytes are left of it")));
    }
    Scratch::copy_start(path, whole).map(Some)
}

/// An error that tells of the user's file, not of its copy.
fn renamed(error: BagError, path: &Path) -> BagError {
    match error {
        BagError::Storage { reason, .. } => BagError::storage(path, reason),
        other => other,
    }
}

fn connect(path: &Path) -> Result<Connection, BagError> {
    let open = |flags: OpenFlags, name: &Path| {
        let connection = Connection::open_with_flags(name, flags)?;
        // Lets a file be read whose end is missing. The connection is read-only: nothing can be changed.
        connection.execute_batch("PRAGMA writable_schema = ON; PRAGMA query_only = ON;")?;
        let limit = i32::try_from(MAX_BYTES).unwrap_or(i32::MAX);
        connection.set_limit(rusqlite::limits::Limit::SQLITE_LIMIT_LENGTH, limit)?;
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
        Ok::<_, rusqlite::Error>(connection)
    };
    open(OpenFlags::SQLITE_OPEN_READ_ONLY, path)
        .or_else(|first| {
            // In a folder that cannot be written a log beside the file cannot be replayed: the file is read as it is.
            let uri = format!("file:{}?immutable=1", percent_encoded(path));
            open(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI, Path::new(&uri)).map_err(|_| first)
        })
        .map_err(|error| BagError::storage(path, format!("is damaged or no database: {error}")))
}

fn percent_encoded(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

fn read_topics(connection: &Connection, path: &Path) -> Result<BTreeMap<i64, Arc<Topic>>, BagError> {
    let failed = |error: rusqlite::Error| BagError::storage(path, format!("its list of topics is damaged: {error}"));
    let columns = |table: &str| -> Result<Vec<String>, BagError> {
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)").map_err(failed)?;
        let rows = statement.query_map([table], |row| row.get(0)).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    };
    let has = |columns: &[String], name: &str| columns.iter().any(|column| column == name);
    let (of_topics, of_messages) = (columns("topics")?, columns("messages")?);
    let needed = ["id", "name", "type", "serialization_format"].iter().all(|name| has(&of_topics, name))
        && ["id", "topic_id", "timestamp", "data"].iter().all(|name| has(&of_messages, name));
    if !needed {
        return Err(BagError::storage(path, "is an SQLite database without rosbag2's tables `topics` and `messages`"));
    }
    let definitions = if columns("message_definitions")?.is_empty() {
        BTreeMap::new()
    } else {
        let sql = "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions";
        let mut statement = connection.prepare(sql).map_err(failed)?;
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, Definition { encoding: row.get(1)?, text: row.get(2)? })))
            .map_err(failed)?;
        // Without its definition a topic can still be read.
        rows.filter_map(Result::ok).collect::<BTreeMap<String, Definition>>()
    };
    let optional = |name| if has(&of_topics, name) { name } else { "''" };
    let sql = format!(
        "SELECT id, name, type, serialization_format, {}, {} FROM topics",
        optional("offered_qos_profiles"),
        optional("type_description_hash")
    );
    let mut statement = connection.prepare(&sql).map_err(failed)?;
    let rows = statement
        .query_map([], |row| {
            let type_name: String = row.get(2)?;
            let topic = Topic {
                name: row.get(1)?,
                type_hash: row.get::<_, Option<String>>(5)?.filter(|hash| !hash.is_empty()),
                serialization: row.get(3)?,
                qos: row.get::<_, Option<String>>(4)?.map(|text| qos::from_text(&text)).unwrap_or_default(),
                definition: definitions.get(&type_name).cloned().filter(|d| !d.text.is_empty()),
                type_name,
            };
            Ok((row.get(0)?, Arc::new(topic)))
        })
        .map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// Lists the messages in the order of their numbers; over damaged pages it goes on behind them where that can be.
fn list(connection: &Connection, problems: &mut Vec<String>) -> Vec<Place> {
    let mut places = Vec::new();
    let (mut after, mut step, mut first_error) = (i64::MIN, 1, None);
    loop {
        let before = places.len();
        let result = list_from(connection, after, &mut places);
        if places.len() > before {
            step = 1;
        }
        let Err(error) = result else { break };
        first_error.get_or_insert(error);
        if step > LONGEST_STEP {
            break;
        }
        after = places.last().map_or(0, |place| place.id).saturating_add(step);
        step *= 2;
    }
    if let Some(error) = first_error {
        problems.push(format!("is damaged: {error}; {} messages could be found", places.len()));
    }
    places
}

fn list_from(connection: &Connection, after: i64, places: &mut Vec<Place>) -> Result<(), String> {
    let told = |error: rusqlite::Error| error.to_string();
    let mut statement = connection
        .prepare_cached("SELECT id, topic_id, timestamp FROM messages WHERE id > ?1 ORDER BY id")
        .map_err(told)?;
    let mut rows = statement.query([after]).map_err(told)?;
    while let Some(row) = rows.next().map_err(told)? {
        let read = |row: &rusqlite::Row<'_>| Ok(Place { id: row.get(0)?, topic: row.get(1)?, time: row.get(2)? });
        let place = read(row).map_err(told)?;
        // A damaged tree can lead in a circle.
        if places.last().is_some_and(|last| last.id >= place.id) {
            return Err("message numbers go back".into());
        }
        places.push(place);
    }
    Ok(())
}

/// The messages of an SQLite3 file by time.
pub(crate) struct SqliteMessages {
    connection: Connection,
    places: Arc<Vec<Place>>,
    topics: Arc<BTreeMap<i64, Arc<Topic>>>,
    next: usize,
    unreadable: BTreeMap<String, u64>,
    wanted: Wanted,
}

impl SqliteMessages {
    pub fn take_problems(&mut self) -> Vec<String> {
        let counted = std::mem::take(&mut self.unreadable);
        counted.into_iter().map(|(reason, count)| format!("{count} messages left out: {reason}")).collect()
    }

    fn read(&self, place: Place) -> Result<Option<RecordedMessage>, String> {
        // Messages of undescribed topics were told when the file was opened.
        let Some(topic) = self.topics.get(&place.topic) else { return Ok(None) };
        if !self.wanted.topic(&topic.name) || !self.wanted.time(place.time) {
            return Ok(None);
        }
        if topic.serialization != "cdr" {
            return Err(format!("topic {} is encoded as `{}`; only cdr is read", topic.name, topic.serialization));
        }
        let data: Vec<u8> = self
            .connection
            .prepare_cached("SELECT data FROM messages WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([place.id], |row| row.get(0)))
            .map_err(|error| format!("on {} cannot be read: {error}", topic.name))?;
        let cdr = if data.starts_with(&ZSTD_MAGIC) {
            unpack_message(&data).map_err(|error| format!("on {} cannot be unpacked: {error}", topic.name))?
        } else {
            data
        };
        Ok(Some(RecordedMessage { topic: Arc::clone(topic), time: Time(place.time), cdr }))
    }
}

impl Iterator for SqliteMessages {
    type Item = RecordedMessage;

    fn next(&mut self) -> Option<RecordedMessage> {
        loop {
            let place = *self.places.get(self.next)?;
            self.next += 1;
            match self.read(place) {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(reason) => *self.unreadable.entry(reason).or_default() += 1,
            }
        }
    }
}
