//! Two participants of one machine, over loopback without multicast.
#![allow(missing_docs)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use dds::{DdsError, Durability, History, Kind, Participant, Qos, Reliability, Settings};

const TYPE: &str = "std_msgs::msg::dds_::String_";

fn settings(domain: u32) -> Settings {
    Settings { domain, localhost_only: true, ..Settings::default() }
}

fn reliable(history: History, max_blocking: Duration) -> Qos {
    Qos { reliability: Reliability::Reliable { max_blocking }, history, ..Qos::default() }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(10), "{what} did not happen in 10 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn cdr(number: u32, size: usize) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, 0];
    bytes.extend(number.to_le_bytes());
    bytes.resize(size.max(8), 7);
    bytes
}

#[test]
fn bytes_of_every_length_arrive_as_they_were_sent() {
    let participant = Participant::new(&settings(61), b"enclave=/;").unwrap();
    let other = Participant::new(&settings(61), b"enclave=/other;").unwrap();
    let writer = participant.writer("rt/a", TYPE, &Qos::default()).unwrap();
    let reader = other.reader("rt/a", TYPE, &Qos::default(), Arc::default()).unwrap();
    until("matching", || writer.matched() == 1 && reader.matched() == 1);
    for size in [4, 5, 6, 7, 8, 9, 1_499_999] {
        let mut sent = cdr(size as u32, size);
        sent.truncate(size);
        writer.write(&sent).unwrap();
        let mut got = None;
        until("arrival", || {
            got = reader.take().unwrap();
            got.is_some()
        });
        // The header's last byte tells the padding.
        let got = got.unwrap();
        assert!(got[..3] == sent[..3] && got[4..] == sent[4..], "{size} bytes");
    }
    assert!(writer.write(&[0, 1]).is_err(), "less than a header is refused");
    let known = participant.known(Kind::Participant).unwrap();
    assert!(known.iter().any(|p| p.guid == other.guid() && p.user_data("enclave").as_deref() == Some("/other")));
}

#[test]
fn late_joiners_get_as_many_as_the_depth() {
    let qos = Qos { durability: Durability::TransientLocal, history: History::KeepLast(3), ..Qos::default() };
    let writer = Participant::new(&settings(62), b"").unwrap().writer("rt/b", TYPE, &qos).unwrap();
    for number in 0..5 {
        writer.write(&cdr(number, 8)).unwrap();
    }
    let reader = Participant::new(&settings(62), b"").unwrap().reader("rt/b", TYPE, &qos, Arc::default()).unwrap();
    let mut numbers = Vec::new();
    until("arrival", || {
        numbers.extend(reader.take().unwrap().map(|sample| sample[4]));
        numbers.len() == 3
    });
    assert_eq!(numbers, [2, 3, 4]);
}

#[test]
fn both_sides_settings_are_told_where_they_do_not_meet() {
    let offered = Qos { reliability: Reliability::BestEffort, ..Qos::default() };
    let writer = Participant::new(&settings(63), b"").unwrap().writer("rt/c", TYPE, &offered).unwrap();
    let requested = Qos { deadline: Some(Duration::from_millis(100)), ..Qos::default() };
    let reader =
        Participant::new(&settings(63), b"").unwrap().reader("rt/c", TYPE, &requested, Arc::default()).unwrap();
    until("refusal", || writer.refused() == 1 && reader.refused() == 1);
    // The core counts before what it counted can be read, or after.
    until("word of it", || !writer.incompatible().unwrap().is_empty() && !reader.incompatible().unwrap().is_empty());
    for told in [writer.incompatible().unwrap(), reader.incompatible().unwrap()] {
        let text = told[0].to_string();
        assert!(
            text.contains("rt/c") && text.contains("offers best effort") && text.contains("asks for reliable"),
            "{text}"
        );
        assert!(text.contains("deadline: the writer offers any time, the reader asks for 100ms"), "{text}");
    }
}

#[test]
fn a_full_history_is_an_error_and_loses_nothing_that_was_accepted() {
    let qos = reliable(History::KeepAll, Duration::from_millis(200));
    let writer = Participant::new(&settings(64), b"").unwrap().writer("rt/d", TYPE, &qos).unwrap();
    let mut bounded = qos.clone();
    bounded.max_samples = Some(100);
    let reader = Participant::new(&settings(64), b"").unwrap().reader("rt/d", TYPE, &bounded, Arc::default()).unwrap();
    until("matching", || writer.matched() == 1);
    let mut accepted = 0;
    let error = loop {
        match writer.write(&cdr(accepted, 100_000)) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 10_000, "a gigabyte went into a reader that takes nothing");
    };
    assert!(matches!(error, DdsError::HistoryFull { .. }), "{error}");
    let mut next = 0;
    until("arrival of all", || {
        while let Some(sample) = reader.take().unwrap() {
            assert_eq!(sample[4..8], u32::to_le_bytes(next));
            next += 1;
        }
        next == accepted
    });
}

#[test]
fn a_reliable_burst_arrives_whole_and_in_order() {
    const COUNT: u32 = 50_000;
    let qos = reliable(History::KeepAll, Duration::from_secs(20));
    let writer = Participant::new(&settings(65), b"").unwrap().writer("rt/e", TYPE, &qos).unwrap();
    let reader = Participant::new(&settings(65), b"").unwrap().reader("rt/e", TYPE, &qos, Arc::default()).unwrap();
    until("matching", || writer.matched() == 1);
    let sender = std::thread::spawn(move || {
        for number in 0..COUNT {
            writer.write(&cdr(number, 200)).unwrap();
        }
        assert!(writer.wait_for_acknowledgments(Duration::from_secs(20)).unwrap());
    });
    let mut next = 0;
    let started = Instant::now();
    while next < COUNT {
        assert!(started.elapsed() < Duration::from_secs(60), "{next} of {COUNT} in a minute");
        while let Some(sample) = reader.take().unwrap() {
            assert_eq!(sample[4..8], u32::to_le_bytes(next));
            next += 1;
        }
    }
    sender.join().unwrap();
    assert_eq!(reader.lost(), 0);
}
