//! `metadata.yaml`, version 9 on write, 4 to 9 on read.

use std::fmt::Write;

use serde_json::Value;

use crate::qos;
use crate::topic::{Topic, TopicCount};

/// The newest version there is, and the one that is written.
const VERSION: u64 = 9;
/// The oldest version whose file paths mean what they mean today.
const OLDEST: u64 = 4;

/// One file of a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileEntry {
    pub path: String,
    /// Nanoseconds of the first and the last message.
    pub times: Option<(i64, i64)>,
    pub messages: u64,
}

/// What `metadata.yaml` says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata {
    pub version: u64,
    pub storage: String,
    pub compression_format: String,
    pub compression_mode: String,
    pub files: Vec<FileEntry>,
    pub topics: Vec<TopicCount>,
    pub messages: u64,
    pub ros_distro: String,
}

impl Metadata {
    /// Reads the text of `metadata.yaml`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: Value = serde_saphyr::from_str(text).map_err(|e| format!("no YAML: {e}"))?;
        let root = document.get("rosbag2_bagfile_information").ok_or("`rosbag2_bagfile_information:` is missing")?;
        let number = |key: &str| root.get(key).and_then(Value::as_u64);
        let text = |key: &str| root.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let version = number("version").ok_or("`version` is missing or no number")?;
        if !(OLDEST..=VERSION).contains(&version) {
            return Err(format!("version {version}; versions {OLDEST} to {VERSION} are read"));
        }
        let paths =
            root.get("relative_file_paths").and_then(Value::as_array).ok_or("`relative_file_paths` is missing")?;
        let paths: Option<Vec<&str>> = paths.iter().map(Value::as_str).collect();
        let paths = paths.ok_or("`relative_file_paths` holds something that is no text")?;
        let details = root.get("files").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let files = paths
            .iter()
            .map(|path| {
                let detail = details.iter().find(|d| d.get("path").and_then(Value::as_str) == Some(path));
                file_entry(path, detail)
            })
            .collect();
        let topics = root.get("topics_with_message_count").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Ok(Self {
            version,
            storage: text("storage_identifier"),
            compression_format: text("compression_format"),
            compression_mode: text("compression_mode").to_lowercase(),
            files,
            topics: topics.iter().filter_map(topic).collect(),
            messages: number("message_count").unwrap_or(0),
            ros_distro: text("ros_distro"),
        })
    }

    /// The text of `metadata.yaml`.
    pub fn to_yaml(&self) -> String {
        format!("rosbag2_bagfile_information:\n{}", self.body("  "))
    }

    /// The text as it stands inside a storage file.
    pub fn to_embedded_yaml(&self) -> String {
        self.body("")
    }

    fn body(&self, i: &str) -> String {
        let times = self.files.iter().filter_map(|file| file.times);
        let whole = times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = write!(out, "{i}version: {VERSION}\n{i}storage_identifier: {}\n{}", self.storage, span(whole, i));
        let _ = writeln!(out, "{i}message_count: {}", self.messages);
        let _ = writeln!(out, "{i}topics_with_message_count:{}", if self.topics.is_empty() { " []" } else { "" });
        for TopicCount { topic, messages } in &self.topics {
            let _ = write!(
                out,
                "{i}  - topic_metadata:\n{i}      name: {}\n{i}      type: {}\n{i}      serialization_format: {}\n\
                 {i}      offered_qos_profiles:{}",
                quoted(&topic.name),
                quoted(&topic.type_name),
                quoted(&topic.serialization),
                if topic.qos.is_empty() { " []\n" } else { "\n" },
            );
            out.push_str(&qos::to_yaml(&topic.qos, &format!("{i}        ")));
            let hash = topic.type_hash.as_deref().unwrap_or_default();
            let _ = writeln!(out, "{i}      type_description_hash: {}\n{i}    message_count: {messages}", quoted(hash));
        }
        let _ = writeln!(
            out,
            "{i}compression_format: {}\n{i}compression_mode: {}",
            quoted(&self.compression_format),
            quoted(&self.compression_mode)
        );
        let none = if self.files.is_empty() { " []" } else { "" };
        let _ = writeln!(out, "{i}relative_file_paths:{none}");
        for file in &self.files {
            let _ = writeln!(out, "{i}  - {}", quoted(&file.path));
        }
        let _ = writeln!(out, "{i}files:{none}");
        for file in &self.files {
            let _ = write!(out, "{i}  - path: {}\n{}", quoted(&file.path), span(file.times, &format!("{i}    ")));
            let _ = writeln!(out, "{i}    message_count: {}", file.messages);
        }
        let _ = writeln!(out, "{i}custom_data: ~\n{i}ros_distro: {}", quoted(&self.ros_distro));
        out
    }
}

/// Duration and start. rosbag2 gives a recording without messages the largest start and no duration.
fn span(times: Option<(i64, i64)>, i: &str) -> String {
    let (start, end) = times.unwrap_or((i64::MAX, i64::MAX));
    format!(
        "{i}duration:\n{i}  nanoseconds: {}\n{i}starting_time:\n{i}  nanoseconds_since_epoch: {start}\n",
        end.saturating_sub(start)
    )
}

/// A JSON string is a double-quoted YAML scalar.
fn quoted(text: &str) -> String {
    Value::String(text.into()).to_string()
}

fn file_entry(path: &str, detail: Option<&Value>) -> FileEntry {
    let nested = |outer: &str, inner: &str| detail?.get(outer)?.get(inner)?.as_i64();
    let messages = detail.and_then(|d| d.get("message_count")).and_then(Value::as_u64).unwrap_or(0);
    let times = nested("starting_time", "nanoseconds_since_epoch")
        .zip(nested("duration", "nanoseconds"))
        .filter(|_| messages > 0)
        .map(|(start, duration)| (start, start.saturating_add(duration)));
    FileEntry { path: path.into(), times, messages }
}

fn topic(value: &Value) -> Option<TopicCount> {
    let about = value.get("topic_metadata")?;
    let text = |key: &str| about.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let topic = Topic {
        name: text("name")?,
        type_name: text("type")?,
        type_hash: text("type_description_hash").filter(|hash| !hash.is_empty()),
        serialization: text("serialization_format").unwrap_or_default(),
        qos: about.get("offered_qos_profiles").map(qos::from_value).unwrap_or_default(),
        definition: None,
    };
    let messages = value.get("message_count").and_then(Value::as_u64).unwrap_or(0);
    Some(TopicCount { topic: topic.into(), messages })
}

#[cfg(test)]
mod tests {
    use super::*;
    use node::Qos;

    fn example() -> Metadata {
        let topic = Topic {
            name: "/a \"b\"".into(),
            type_name: "std_msgs/msg/String".into(),
            type_hash: Some("RIHS01_00".into()),
            serialization: "cdr".into(),
            qos: vec![Qos::transient_local().into()],
            definition: None,
        };
        Metadata {
            version: VERSION,
            storage: "mcap".into(),
            files: vec![FileEntry { path: "x_0.mcap".into(), times: Some((5, 25)), messages: 3 }],
            topics: vec![TopicCount { topic: topic.into(), messages: 3 }],
            messages: 3,
            ..Metadata::default()
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let metadata = example();
        let read = Metadata::parse(&metadata.to_yaml()).unwrap();
        assert_eq!((read.version, read.storage.as_str(), read.messages), (VERSION, "mcap", 3));
        assert_eq!((read.files, read.topics), (metadata.files, metadata.topics));
    }

    #[test]
    fn a_recording_of_nothing_has_metadata_too() {
        let metadata = Metadata { storage: "sqlite3".into(), ..Metadata::default() };
        assert_eq!(Metadata::parse(&metadata.to_yaml()).unwrap().messages, 0);
    }

    #[test]
    fn versions_that_are_not_known_and_damage_are_told() {
        let text = example().to_yaml();
        for (from, to, expected) in [
            ("version: 9", "version: 10", "version 10"),
            ("version: 9", "version: 3", "version 3"),
            ("version: 9", "version: x", "`version`"),
            ("relative_file_paths", "paths", "relative_file_paths"),
            ("rosbag2_bagfile_information", "other", "rosbag2_bagfile_information"),
        ] {
            let error = Metadata::parse(&text.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        for length in 0..text.len() {
            // Cut anywhere it is an error or less metadata, never a crash.
            let _ = text.get(..length).map(Metadata::parse);
        }
    }
}
