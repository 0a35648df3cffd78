//! The codec and the type hashes: round trips, broken input, and an independent codec.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use msgs::Message;
use msgs::cdr::Field;
use msgs::sensor_msgs::msg::{PointCloud2, PointField};

/// Fills any message with values that depend on a seed, through the generic form of its serde tree.
fn filled<M: Message>(seed: u64) -> M {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    // Random bytes decode as a message more often than not once lengths are small: repair them field by field.
    for _ in 0..20_000 {
        let mut bytes = vec![0, 1, 0, 0];
        let length = 8 + next() % 600;
        for i in 0..length {
            bytes.push(match i % 4 {
                0 => (next() % 4) as u8,
                _ if next() % 3 == 0 => next() as u8,
                _ => 0,
            });
        }
        if let Ok(message) = decode_prefix::<M>(&bytes) {
            return message;
        }
    }
    M::default()
}

/// Decodes as much of `bytes` as the message needs.
fn decode_prefix<M: Message>(bytes: &[u8]) -> Result<M, msgs::CdrError> {
    match msgs::from_cdr::<M>(bytes) {
        Err(msgs::CdrError::TrailingBytes(count)) => msgs::from_cdr::<M>(&bytes[..bytes.len() - count]),
        other => other,
    }
}

fn finite_json(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => false,
        serde_json::Value::Array(items) => items.iter().all(finite_json),
        serde_json::Value::Object(map) => map.values().all(finite_json),
        _ => true,
    }
}

struct RoundTrips {
    types: usize,
    nontrivial: usize,
}

impl msgs::Visitor for RoundTrips {
    fn visit<M: Message>(&mut self) {
        self.types += 1;
        let mut varied = false;
        for seed in 1..12 {
            let message = filled::<M>(seed);
            varied |= message != M::default();
            let bytes = msgs::to_cdr(&message).unwrap();
            let again = msgs::to_cdr(&msgs::from_cdr::<M>(&bytes).unwrap()).unwrap();
            assert_eq!(bytes, again, "{}", M::TYPE_NAME);
            for cut in 0..bytes.len() {
                let _ = msgs::from_cdr::<M>(&bytes[..cut]);
            }
            let json = serde_json::to_value(&message).unwrap();
            if finite_json(&json) {
                assert_eq!(serde_json::from_value::<M>(json).unwrap(), message, "{}", M::TYPE_NAME);
            }
        }
        self.nontrivial += usize::from(varied);
    }
}

#[test]
fn every_type_survives_the_round_trip_and_no_cut_panics() {
    let mut visitor = RoundTrips { types: 0, nontrivial: 0 };
    msgs::visit_all(&mut visitor);
    assert!(visitor.types > 250, "{}", visitor.types);
    assert!(visitor.nontrivial * 10 > visitor.types * 9, "{} of {}", visitor.nontrivial, visitor.types);
}

#[test]
fn a_length_beyond_the_bytes_is_refused_before_memory_is_taken() {
    let mut bytes = msgs::to_cdr(&PointCloud2::default()).unwrap();
    let fields_length = 4 + 8 + 8 + 8; // header, stamp, empty frame id with its padding, height and width
    bytes[fields_length..fields_length + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = msgs::from_cdr::<PointCloud2>(&bytes).unwrap_err();
    assert!(matches!(error, msgs::CdrError::EndsEarly { .. }), "{error}");
}

#[test]
fn big_endian_is_read() {
    let bytes = [0, 0, 0, 0, 0, 0, 0, 2, b'x', 0, 0, 0, 0, 0, 0, 4, 7, 0, 0, 0, 0, 0, 0, 1];
    let field = msgs::from_cdr::<PointField>(&bytes).unwrap();
    assert_eq!(field, PointField { name: "x".into(), offset: 4, datatype: PointField::FLOAT32, count: 1 });
}

#[test]
fn bounds_hold_both_ways() {
    let mut path = msgs::shape_msgs::msg::SolidPrimitive { dimensions: vec![1.0; 3], ..Default::default() };
    assert!(msgs::to_cdr(&path).is_ok());
    path.dimensions.push(1.0);
    let error = msgs::to_cdr(&path).unwrap_err().to_string();
    assert!(error.contains("SolidPrimitive.dimensions") && error.contains("at most 3"), "{error}");
}

#[test]
fn defaults_of_the_files_are_taken() {
    assert_eq!(msgs::geometry_msgs::msg::Quaternion::default().w, 1.0);
    assert_eq!(<[f64; 36] as Field>::zero(), [0.0; 36]);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Reads what rosbags encoded big endian and holds it against what we encoded little endian.
struct BigEndian<'a> {
    by_rosbags: BTreeMap<&'a str, Vec<&'a str>>,
    messages: usize,
}

impl msgs::Visitor for BigEndian<'_> {
    fn visit<M: Message>(&mut self) {
        let Some(messages) = self.by_rosbags.get(M::TYPE_NAME) else { return };
        assert_eq!(messages.len(), 8, "{}", M::TYPE_NAME);
        for (seed, text) in (1..9).zip(messages) {
            let bytes: Vec<u8> =
                (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect();
            let ours = msgs::to_cdr(&msgs::from_cdr::<M>(&bytes).unwrap()).unwrap();
            assert_eq!(hex(&ours), hex(&msgs::to_cdr(&filled::<M>(seed)).unwrap()), "{}", M::TYPE_NAME);
            self.messages += 1;
        }
    }
}

/// Reads and writes again what rosbags made of random values.
struct Made<'a> {
    by_rosbags: BTreeMap<&'a str, Vec<&'a str>>,
    messages: usize,
}

impl msgs::Visitor for Made<'_> {
    fn visit<M: Message>(&mut self) {
        for text in self.by_rosbags.get(M::TYPE_NAME).into_iter().flatten() {
            let bytes: Vec<u8> =
                (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect();
            let message = msgs::from_cdr::<M>(&bytes).unwrap_or_else(|e| panic!("{}: {e}: {text}", M::TYPE_NAME));
            assert_eq!(hex(&msgs::to_cdr(&message).unwrap()), *text, "{}", M::TYPE_NAME);
            self.messages += 1;
        }
    }
}

/// The messages of each type in lines of a kind: `KIND <type> <hex>...`.
fn by_type<'a>(lines: &[&'a str]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let entry = |line: &&'a str| {
        let mut words = line.split(' ').skip(1);
        words.next().map(|name| (name, words.collect()))
    };
    lines.iter().filter_map(entry).collect()
}

struct Lines(Vec<String>);

impl msgs::Visitor for Lines {
    fn visit<M: Message>(&mut self) {
        // rosbags names a service's messages otherwise and leaves wide strings out.
        if !M::TYPE_NAME.contains("/msg/") || M::TYPE_NAME.contains("WString") {
            return;
        }
        let cdr: Vec<String> =
            (1..9).map(|seed| msgs::to_cdr(&filled::<M>(seed)).unwrap()).map(|bytes| hex(&bytes)).collect();
        let line =
            serde_json::json!({"type": M::TYPE_NAME, "hash": M::TYPE_HASH, "definition": M::DEFINITION, "cdr": cdr});
        self.0.push(line.to_string());
    }
}

#[test]
fn an_independent_codec_agrees_byte_for_byte_and_on_every_hash() {
    let Ok(python) = std::env::var("FERRODRIVE_PYTHON") else {
        println!("skipped: FERRODRIVE_PYTHON names no Python with `rosbags`");
        return;
    };
    let mut lines = Lines(Vec::new());
    msgs::visit_all(&mut lines);
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.0.join("\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    let (big, rest): (Vec<_>, Vec<_>) = answer.lines().partition(|line| line.starts_with("BIG "));
    let (own, report): (Vec<_>, Vec<_>) = rest.into_iter().partition(|line| line.starts_with("OWN "));
    println!("{}", report.join("\n"));
    assert!(output.status.success(), "{}", report.join("\n"));
    let mut reader = BigEndian { by_rosbags: by_type(&big), messages: 0 };
    msgs::visit_all(&mut reader);
    assert_eq!(reader.messages, lines.0.len() * 8);
    let mut made = Made { by_rosbags: by_type(&own), messages: 0 };
    msgs::visit_all(&mut made);
    assert_eq!(made.messages, lines.0.len() * 4);
}
