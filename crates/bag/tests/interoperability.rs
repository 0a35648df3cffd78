//! Recordings of PyPI rosbags are read, and rosbags reads ours, for each storage and compression.
#![allow(missing_docs)]

mod support;

use bag::{Compression, Reader, Storage, WriteOptions};
use support::{expected_digest, folder, python, read, write};

/// The digest of `bag::Digest`, by an independent reader.
const DIGEST: &str = "
import hashlib, struct, sys
from pathlib import Path
from rosbags.rosbag2 import Reader
total = hashlib.sha256()
with Reader(Path(sys.argv[1])) as reader:
    for connection, time, raw in reader.messages():
        for part in (connection.topic.encode(), connection.msgtype.encode(), struct.pack('<q', time), bytes(raw)):
            total.update(struct.pack('<Q', len(part)) + part)
    for connection in reader.connections:
        profile, = connection.ext.offered_qos_profiles
        print(connection.topic, connection.msgcount, profile.depth, profile.durability.name, profile.reliability.name)
        assert connection.msgdef.data.strip(), connection
print(total.hexdigest())
";

#[test]
fn rosbags_reads_every_storage_and_compression() {
    let folder = folder("to_rosbags");
    let cases = [
        ("m_none", Storage::Mcap, Compression::None),
        ("m_zstd", Storage::Mcap, Compression::Zstd),
        ("m_lz4", Storage::Mcap, Compression::Lz4),
        ("m_file", Storage::Mcap, Compression::FileZstd),
        ("m_message", Storage::Mcap, Compression::MessageZstd),
        ("single.mcap", Storage::Mcap, Compression::Zstd),
        ("s_none", Storage::Sqlite3, Compression::None),
        ("s_file", Storage::Sqlite3, Compression::FileZstd),
        ("s_message", Storage::Sqlite3, Compression::MessageZstd),
        ("single.db3", Storage::Sqlite3, Compression::None),
    ];
    for (name, storage, compression) in cases {
        let path = folder.join(name);
        let max_duration = (!name.contains('.')).then(|| std::time::Duration::from_millis(400));
        write(&path, WriteOptions { storage, compression, max_duration, ..WriteOptions::default() });
        let Some(said) = python(DIGEST, &[path.to_str().unwrap()]) else { return };
        let lines: Vec<&str> = said.lines().collect();
        let [chatter, points, digest] = lines[..] else { panic!("{name}: {said}") };
        assert_eq!(chatter, "/chatter 100 1 TRANSIENT_LOCAL RELIABLE", "{name}");
        assert_eq!(points, "/points 10 1 VOLATILE BEST_EFFORT", "{name}");
        assert_eq!(digest, expected_digest(), "{name}");
    }
}

/// Writes a recording anew: source, target, storage, compression mode, version.
const REWRITE: &str = "
import sys
from pathlib import Path
from rosbags.rosbag2 import Reader, Writer, StoragePlugin, CompressionMode, CompressionFormat
source, target, storage, mode, version = sys.argv[1:]
writer = Writer(Path(target), version=int(version), storage_plugin=StoragePlugin[storage])
writer.set_compression(CompressionMode[mode], CompressionFormat.ZSTD)
with Reader(Path(source)) as reader, writer:
    known = {c.topic: writer.add_connection(c.topic, c.msgtype, msgdef=c.msgdef.data, rihs01=c.digest,
             offered_qos_profiles=c.ext.offered_qos_profiles) for c in reader.connections}
    for connection, time, raw in reader.messages():
        writer.write(known[connection.topic], time, raw)
";

#[test]
fn every_storage_and_compression_of_rosbags_is_read() {
    let folder = folder("from_rosbags");
    let source = folder.join("source");
    write(&source, WriteOptions::default());
    for (storage, mode, version) in [
        ("SQLITE3", "NONE", "8"),
        ("SQLITE3", "NONE", "9"),
        ("SQLITE3", "FILE", "9"),
        ("SQLITE3", "MESSAGE", "8"),
        ("MCAP", "NONE", "9"),
        ("MCAP", "FILE", "8"),
        ("MCAP", "MESSAGE", "9"),
        ("MCAP", "STORAGE", "9"),
    ] {
        let name = format!("{storage}_{mode}_{version}");
        let path = folder.join(&name);
        let arguments = [source.to_str().unwrap(), path.to_str().unwrap(), storage, mode, version];
        if python(REWRITE, &arguments).is_none() {
            return;
        }
        let (messages, problems) = read(&path);
        assert_eq!(problems, Vec::<String>::new(), "{name}");
        assert_eq!(support::digest(&messages), expected_digest(), "{name}");
        let reader = Reader::open(&path).unwrap();
        let info = reader.info();
        assert_eq!(info.metadata_version, Some(version.parse().unwrap()));
        assert_eq!(info.compression.contains("zstd"), mode != "NONE", "{name}: {}", info.compression);
        let chatter = &reader.topics()[0].topic;
        assert_eq!(chatter.qos[0].to_qos(), node::Qos::transient_local(), "{name}");
        assert!(chatter.type_hash.as_ref().is_some_and(|hash| hash.starts_with("RIHS01_")), "{name}");
    }
}
