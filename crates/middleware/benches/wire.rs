//! One-way latency and loss between two processes of this machine, ours and those of an independent DDS peer (PyPI
//! `cyclonedds`), every pair in one run. Held against: nothing lost, median at most 1.5 times the peer's own pair.
//!
//! `cargo bench -p middleware --bench wire`, with FERRODRIVE_PYTHON naming a Python with `cyclonedds`; `-- --json FILE`
//! writes the figures. Both ends hold the message as a struct: writing and reading CDR is part of what is measured. For
//! the clouds most of the peer's time is its Python reading and writing 1.5 MB, so a ratio below 1 there says little of
//! the wire; for the small messages it does.
#![allow(missing_docs)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dds::{History, Participant, Qos, Reliability, Settings};
use middleware::ros::names;
use msgs::Message;
use msgs::sensor_msgs::msg::PointCloud2;
use node::Time;
use serde_json::{Value, json};

/// Name, bytes of data, rate in Hz, reliable, messages.
const KINDS: [(&str, usize, u32, bool, usize); 3] = [
    ("cloud_reliable", 1_500_000, 20, true, 200),
    ("cloud_best_effort", 1_500_000, 10, false, 100),
    ("small", 140, 1000, true, 5000),
];
const PAIRS: [(&str, bool, bool); 4] = [
    ("peer -> peer", false, false),
    ("ours -> peer", true, false),
    ("peer -> ours", false, true),
    ("ours -> ours", true, true),
];
const DOMAIN: u32 = 91;
const MOST: f64 = 1.5;

fn now() -> Time {
    Time(0) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

fn qos(reliable: bool) -> Qos {
    let max_blocking = Duration::from_secs(1);
    let reliability = if reliable { Reliability::Reliable { max_blocking } } else { Reliability::BestEffort };
    Qos { reliability, history: History::KeepLast(10), ..Qos::default() }
}

fn send(participant: &Participant, (_, size, rate, reliable, count): (&str, usize, u32, bool, usize)) {
    let type_name = names::type_name(PointCloud2::TYPE_NAME);
    let writer = participant.writer("rt/benchmark", &type_name, &qos(reliable)).unwrap();
    while writer.matched() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(500));
    let mut cloud = PointCloud2 { height: 1, point_step: 4, is_dense: true, ..PointCloud2::default() };
    cloud.data = vec![0; size];
    cloud.header.frame_id = "a".into();
    let (start, mut buffer) = (Instant::now(), Vec::new());
    for n in 0..count {
        cloud.header.stamp = now().to_message();
        buffer.clear();
        msgs::to_cdr_into(&cloud, &mut buffer).unwrap();
        writer.write(&buffer).unwrap();
        let next = Duration::from_secs_f64((n + 1) as f64 / f64::from(rate));
        std::thread::sleep(next.saturating_sub(start.elapsed()));
    }
    std::thread::sleep(Duration::from_secs(2));
}

fn receive(participant: &Participant, (_, _, _, reliable, count): (&str, usize, u32, bool, usize)) {
    let type_name = names::type_name(PointCloud2::TYPE_NAME);
    let reader = participant.reader("rt/benchmark", &type_name, &qos(reliable), Arc::default()).unwrap();
    println!("{}", json!({"ready": true}));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut ages = Vec::new();
    while ages.len() < count {
        let patience = Duration::from_secs(if ages.is_empty() { 30 } else { 5 });
        let Ok(sample) = runtime.block_on(async { tokio::time::timeout(patience, reader.next()).await }) else { break };
        let cloud: PointCloud2 = msgs::from_cdr(&sample.unwrap()).unwrap();
        ages.push(now().0 - Time::from(&cloud.header.stamp).0);
    }
    println!("{}", json!({ "ages_ns": ages }));
}

fn start(ours: bool, role: &str, kind: (&str, usize, u32, bool, usize)) -> Child {
    let mut command = if ours {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([role, kind.0]);
        command
    } else {
        let mut command = Command::new(std::env::var("FERRODRIVE_PYTHON").unwrap());
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/wire_peer.py"));
        command.args([role, kind.0, &DOMAIN.to_string(), &kind.4.to_string()]);
        command
    };
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Ages in ms, sorted.
fn measure(kind: (&str, usize, u32, bool, usize), ours_sends: bool, ours_receives: bool) -> Vec<f64> {
    let mut receiver = start(ours_receives, "receive", kind);
    let mut lines = BufReader::new(receiver.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let mut sender = start(ours_sends, "send", kind);
    let line = lines.next().unwrap().unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    receiver.wait().unwrap();
    sender.wait().unwrap();
    let mut ages: Vec<f64> =
        told["ages_ns"].as_array().unwrap().iter().map(|age| age.as_f64().unwrap() / 1e6).collect();
    ages.sort_by(f64::total_cmp);
    ages
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [role, kind] = arguments.as_slice()
        && let Some(kind) = KINDS.into_iter().find(|(name, ..)| name == kind)
    {
        let participant = Participant::new(&Settings { domain: DOMAIN, ..Settings::default() }, b"").unwrap();
        if role == "send" {
            send(&participant, kind)
        } else {
            receive(&participant, kind)
        }
        return ExitCode::SUCCESS;
    }
    if std::env::var_os("FERRODRIVE_PYTHON").is_none() {
        println!("skipped: FERRODRIVE_PYTHON names no Python with `cyclonedds`");
        return ExitCode::SUCCESS;
    }
    let mut figures = Vec::new();
    let mut good = true;
    for kind in KINDS {
        let mut own = f64::NAN;
        for (pair, ours_sends, ours_receives) in PAIRS {
            let ages = measure(kind, ours_sends, ours_receives);
            let at = |share: f64| ages.get(((ages.len() as f64 * share) as usize).min(ages.len().saturating_sub(1)));
            let (p50, p99) = (at(0.5).copied().unwrap_or(f64::NAN), at(0.99).copied().unwrap_or(f64::NAN));
            if !ours_sends && !ours_receives {
                own = p50;
            }
            let (lost, ratio) = (kind.4 - ages.len(), p50 / own);
            let fine = lost == 0 && ratio <= MOST;
            good &= fine || (!ours_sends && !ours_receives);
            println!(
                "{:<18} {pair}  p50 {p50:8.3} ms  p99 {p99:8.3} ms  lost {lost:4} of {}  {ratio:5.2} x the peer's own",
                kind.0, kind.4
            );
            figures.push(json!({"kind": kind.0, "pair": pair, "p50_ms": p50, "p99_ms": p99, "sent": kind.4, "lost": lost, "ratio": ratio}));
        }
    }
    if let [flag, file] = arguments.as_slice()
        && flag == "--json"
    {
        std::fs::write(file, serde_json::to_string_pretty(&figures).unwrap() + "\n").unwrap();
    }
    println!("nothing lost and at most {MOST} x the peer's own median: {}", if good { "yes" } else { "no" });
    // A noisy machine is no broken build: the figures are the result.
    ExitCode::SUCCESS
}
