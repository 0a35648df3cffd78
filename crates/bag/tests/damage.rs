//! Damaged recordings: what can be read is read, what cannot is told, nothing crashes.
#![allow(missing_docs)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bag::{Compression, Reader, RecordedMessage, Selection, Storage, WriteOptions};
use proptest::prelude::*;
use support::{folder, read, write};

/// The bytes of one recording and its messages.
struct Whole {
    bytes: Vec<u8>,
    messages: Vec<RecordedMessage>,
    scratch: PathBuf,
}

fn whole(name: &str, storage: Storage, compression: Compression) -> Whole {
    let extension = if storage == Storage::Mcap { "mcap" } else { "db3" };
    let scratch = folder(name).join(format!("a.{extension}"));
    write(&scratch, WriteOptions { storage, compression, ..WriteOptions::default() });
    Whole { bytes: std::fs::read(&scratch).unwrap(), messages: read(&scratch).0, scratch }
}

/// Reads bytes as a recording: messages and problems, or why it cannot be opened.
fn attempt(path: &Path, bytes: &[u8]) -> Result<(Vec<RecordedMessage>, Vec<String>), String> {
    std::fs::write(path, bytes).unwrap();
    Reader::open(path).map_err(|error| error.to_string())?;
    Ok(read(path))
}

fn assert_are_of(found: &[RecordedMessage], whole: &[RecordedMessage]) {
    let mut rest = whole.iter();
    for message in found {
        let same = |other: &&RecordedMessage| {
            (other.time, &other.cdr, &other.topic.name) == (message.time, &message.cdr, &message.topic.name)
        };
        assert!(rest.any(|other| same(&other)), "a message at {} was made up or is out of order", message.time);
    }
}

/// Whole messages that end before this byte of an MCAP file without chunk compression.
fn before(bytes: &[u8], messages: &[RecordedMessage], cut: usize) -> usize {
    let mut at = 0;
    messages
        .iter()
        .take_while(|message| {
            let found = bytes[at..].windows(message.cdr.len()).position(|window| window == message.cdr);
            at += found.unwrap() + message.cdr.len();
            at <= cut
        })
        .count()
}

#[test]
fn an_unpacked_mcap_cut_at_any_byte_gives_each_whole_message_before() {
    let whole = whole("cut_each", Storage::Mcap, Compression::None);
    let step = if cfg!(debug_assertions) { 997 } else { 61 };
    for cut in (8..whole.bytes.len()).step_by(step).chain(whole.bytes.len() - 200..whole.bytes.len()) {
        let (found, problems) = attempt(&whole.scratch, &whole.bytes[..cut]).unwrap();
        assert_are_of(&found, &whole.messages);
        assert_eq!(found.len(), before(&whole.bytes, &whole.messages, cut), "cut at {cut}");
        assert!(!problems.is_empty(), "cut at {cut} and nothing said");
    }
}

fn packed() -> &'static Whole {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    WHOLE.get_or_init(|| whole("packed", Storage::Mcap, Compression::Lz4))
}

fn database() -> &'static Whole {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    WHOLE.get_or_init(|| whole("database", Storage::Sqlite3, Compression::None))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_packed_mcap_cut_anywhere_gives_true_messages_and_says_so(cut in 0.0..1.0_f64) {
        let whole = packed();
        let cut = (cut * whole.bytes.len() as f64) as usize;
        let path = whole.scratch.with_file_name(format!("cut{cut}.mcap"));
        if let Ok((found, problems)) = attempt(&path, &whole.bytes[..cut]) {
            assert_are_of(&found, &whole.messages);
            prop_assert!(!problems.is_empty());
        }
        let _ = std::fs::remove_file(path);
    }

    #[test]
    fn a_flipped_byte_in_an_mcap_never_gives_a_false_message(at in 8.0..1.0e9_f64, flip in 1..=255_u8) {
        let whole = packed();
        let at = 8 + at as usize % (whole.bytes.len() - 8);
        let mut bytes = whole.bytes.clone();
        bytes[at] ^= flip;
        let path = whole.scratch.with_file_name(format!("flip{at}.mcap"));
        if let Ok((found, problems)) = attempt(&path, &bytes) {
            if problems.is_empty() {
                prop_assert_eq!(found.len(), whole.messages.len(), "lost in silence, byte {}", at);
            }
            let payloads: std::collections::BTreeSet<&[u8]> = whole.messages.iter().map(|m| m.cdr.as_slice()).collect();
            prop_assert!(found.iter().all(|m| payloads.contains(m.cdr.as_slice())), "false message, byte {}", at);
        }
        let _ = std::fs::remove_file(path);
    }

    #[test]
    fn a_database_cut_anywhere_gives_true_messages_and_says_so(cut in 0.0..1.0_f64) {
        let whole = database();
        let cut = (cut * whole.bytes.len() as f64) as usize;
        let path = whole.scratch.with_file_name(format!("cut{cut}.db3"));
        if let Ok((found, problems)) = attempt(&path, &whole.bytes[..cut]) {
            assert_are_of(&found, &whole.messages);
            prop_assert!(!problems.is_empty() || found.len() == whole.messages.len());
        }
        let _ = std::fs::remove_file(path);
    }

    #[test]
    fn a_flipped_byte_in_a_database_never_crashes(at in 0.0..1.0e9_f64, flip in 1..=255_u8) {
        let whole = database();
        let at = at as usize % whole.bytes.len();
        let mut bytes = whole.bytes.clone();
        bytes[at] ^= flip;
        let path = whole.scratch.with_file_name(format!("flip{at}.db3"));
        let _ = attempt(&path, &bytes);
        let _ = std::fs::remove_file(path);
    }

    #[test]
    fn noise_is_no_recording(bytes in proptest::collection::vec(any::<u8>(), 0..2000), magic in 0..3_u8) {
        let start: &[u8] = match magic { 0 => b"", 1 => b"\x89MCAP0\r\n", _ => b"SQLite format 3\0" };
        let path = packed().scratch.with_file_name(format!("noise{}_{magic}", bytes.len()));
        let _ = attempt(&path, &[start, &bytes].concat());
        let _ = std::fs::remove_file(path);
    }
}

#[test]
fn a_database_cut_in_the_middle_still_gives_what_is_before() {
    let whole = database();
    let path = whole.scratch.with_file_name("half.db3");
    let (found, problems) = attempt(&path, &whole.bytes[..whole.bytes.len() / 2]).unwrap();
    assert!(found.len() > whole.messages.len() / 4, "{} messages of {}", found.len(), whole.messages.len());
    assert!(problems.iter().any(|problem| problem.contains("damaged")), "{problems:?}");
}

#[test]
fn a_damaged_chunk_costs_that_chunk_alone() {
    let scratch = folder("chunk").join("a.mcap");
    let options = WriteOptions { compression: Compression::None, ..WriteOptions::default() };
    let mut recorder = bag::Recorder::with_options(&scratch, options).unwrap();
    for i in 0..200_u32 {
        let noise: Vec<u8> =
            (0..16_000_u32).map(|j| (j.wrapping_mul(2_654_435_761).wrapping_add(i) >> 13) as u8).collect();
        let cloud = msgs::sensor_msgs::msg::PointCloud2 { width: 1000, data: noise, ..Default::default() };
        let message: node::Shared = std::sync::Arc::new(cloud);
        recorder.record("/points", node::Time(i64::from(i)), &message, node::Qos::sensor_data()).unwrap();
    }
    recorder.finish().unwrap();
    let mut bytes = std::fs::read(&scratch).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    let (found, problems) = attempt(&scratch, &bytes).unwrap();
    assert!((100..200).contains(&found.len()), "{} messages", found.len());
    assert!(found.last().unwrap().time == node::Time(199), "what follows the damage is read");
    assert!(problems.iter().any(|p| p.contains("left out")), "{problems:?}");
}

#[test]
fn a_length_that_no_record_has_is_told_without_its_number() {
    let whole = whole("length", Storage::Mcap, Compression::None);
    let mut bytes = whole.bytes.clone();
    // Behind the magic number comes the header, behind the header a chunk.
    let header = u64::from_le_bytes(bytes[9..17].try_into().unwrap()) as usize;
    let chunk = 17 + header;
    assert_eq!(bytes[chunk], 6);
    bytes[chunk + 1..chunk + 9].fill(0xff);
    let (found, problems) = attempt(&whole.scratch, &bytes).unwrap();
    assert_eq!(found.len(), whole.messages.len(), "the index knows that chunk's length");
    let told = problems.join("; ");
    let expected = format!("damaged at byte {chunk}: the record there has a wrong length");
    assert!(told.contains(&expected) && !told.contains("18446744073709551615"), "{told}");
}

#[test]
fn what_is_no_recording_is_named_for_what_it_is() {
    let folder = folder("foreign");
    for (name, bytes, expected) in [
        ("empty.mcap", &b""[..], "is empty"),
        ("ros1.bag", b"#ROSBAG V2.0\n", "rosbags-convert"),
        ("text.mcap", b"no recording at all", "neither an MCAP file nor an SQLite database"),
        ("short.mcap", b"\x89MCA", "cut short"),
    ] {
        let error = attempt(&folder.join(name), bytes).unwrap_err();
        assert!(error.contains(expected) && error.contains(name), "{error}");
    }
    let other = folder.join("other.db3");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE birds(name TEXT)").unwrap();
    let error = Reader::open(&other).unwrap_err().to_string();
    assert!(error.contains("`topics` and `messages`"), "{error}");
    assert!(Reader::open(&folder.join("nowhere")).unwrap_err().to_string().contains("nowhere"));
    std::fs::create_dir(folder.join("hollow")).unwrap();
    let error = Reader::open(&folder.join("hollow")).unwrap_err().to_string();
    assert!(error.contains("metadata.yaml") && error.contains(".mcap or .db3"), "{error}");
}

#[test]
fn folders_with_missing_or_damaged_parts_are_read_as_far_as_they_go() {
    let folder = folder("folders");
    let options = WriteOptions { max_duration: Some(std::time::Duration::from_millis(300)), ..WriteOptions::default() };
    let path = folder.join("bag");
    write(&path, options);
    let metadata = path.join("metadata.yaml");
    let text = std::fs::read_to_string(&metadata).unwrap();
    let whole = read(&path).0.len();

    std::fs::remove_file(&metadata).unwrap();
    let (found, problems) = read(&path);
    assert_eq!(found.len(), whole);
    assert!(problems.iter().any(|p| p.contains("metadata.yaml: is missing")), "{problems:?}");

    std::fs::write(&metadata, &text[..text.len() / 3]).unwrap();
    assert_eq!(read(&path).0.len(), whole);

    std::fs::write(&metadata, &text).unwrap();
    std::fs::remove_file(path.join("bag_1.mcap")).unwrap();
    let (found, problems) = read(&path);
    assert!(found.len() < whole && !found.is_empty());
    assert!(problems.iter().any(|p| p.contains("bag_1.mcap") && p.contains("missing")), "{problems:?}");

    std::fs::write(path.join("bag_2.mcap"), b"").unwrap();
    let problems = read(&path).1;
    assert!(problems.iter().any(|p| p.contains("bag_2.mcap") && p.contains("is empty")), "{problems:?}");

    std::fs::write(&metadata, text.replace("storage_identifier: mcap", "storage_identifier: tape")).unwrap();
    let error = Reader::open(&path).unwrap_err().to_string();
    assert!(error.contains("tape"), "{error}");
    let nothing = Reader::open(&folder).and_then(|reader| reader.messages(&Selection::default()).map(|_| ()));
    assert!(nothing.is_err());
}
