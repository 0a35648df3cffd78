//! A soak: every node of `launch/drive.launch.xml` a process over DDS for as long as asked. Held against: memory flat,
//! nothing lost that is reliable.
//!
//! `cargo bench -p ferrodrive --bench soak -- --minutes 60`; prints JSON. A witness reads every reliable topic of the
//! graph with keep-all readers. What the nodes say they published (`published_messages.*` in `/diagnostics`) is
//! compared with what came while all is quiet: the simulator is deactivated for that, and with it stands the time that
//! the others run by, once when all is up and once at the end. Not counted: `/rosout`, parameter and transition events,
//! which say nothing of how many there were. ROS_DOMAIN_ID is obeyed; `--binary FILE` soaks another `ferrodrive`.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dds::{Durability, History, Kind, Participant, Qos, Reader, Settings};
use middleware::ros::Client;
use msgs::diagnostic_msgs::msg::DiagnosticArray;
use msgs::lifecycle_msgs::msg::Transition;
use msgs::lifecycle_msgs::srv::{ChangeState, ChangeStateRequest};
use serde_json::{Value, json};

const DEFAULT_MINUTES: f64 = 2.0;
const MEMORY_PERIOD: Duration = Duration::from_secs(10);
/// Until every node is up and found.
const STARTING: Duration = Duration::from_secs(30);
/// Nothing was published for so long: quiet.
const QUIET: Duration = Duration::from_secs(3);
/// What is filled once (models, histories, allocator) is filled by then, or in half of a shorter run.
const WARM: f64 = 600.0;
/// Growth up to this much an hour is noise of the allocator,
const FLAT_MB_PER_H: f64 = 2.0;
/// and so is this much in all, which in a short run would be many MB an hour.
const FLAT_MB: f64 = 0.25;

struct Launch(Child);

impl Launch {
    fn start(binary: &Path, share: &Path) -> Self {
        let log = std::fs::File::create(std::env::temp_dir().join("ferrodrive_soak.log")).unwrap();
        let mut command = Command::new(binary);
        command.args(["launch", "launch/drive.launch.xml"]).current_dir(share).env("FERRODRIVE_SHARE", share);
        Self(command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    /// The processes of its nodes that run now, by node name.
    fn nodes(&self) -> BTreeMap<String, u32> {
        let parent = self.0.id().to_string();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
        let node = |id: u32| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
            let its_parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
            let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?;
            let mut words = line.split('\0').skip_while(|word| *word != "run");
            (its_parent.trim() == parent).then(|| Some((words.nth(1)?.to_owned(), id)))?
        };
        ids.filter_map(node).collect()
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

/// Resident memory, MB.
fn resident_mb(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1e3)
}

/// Counts what comes.
#[derive(Default)]
struct Witness {
    readers: BTreeMap<String, Reader>,
    received: BTreeMap<String, u64>,
    /// By node and topic, as the nodes say.
    published: BTreeMap<(String, String), u64>,
    diagnostics_lost: u64,
    changed: Option<Instant>,
}

impl Witness {
    /// Reads every reliable topic there is.
    fn find(&mut self, participant: &Participant) {
        for writer in participant.known(Kind::Writer).unwrap() {
            let Some(topic) = writer.topic.strip_prefix("rt/") else { continue };
            let silent = ["rosout", "parameter_events"].contains(&topic) || topic.ends_with("/transition_event");
            let reliable = matches!(writer.qos.reliability, dds::Reliability::Reliable { .. });
            let topic = format!("/{topic}");
            if silent || !reliable || self.readers.contains_key(&topic) {
                continue;
            }
            let kept = writer.qos.durability >= Durability::TransientLocal;
            let durability = if kept { Durability::TransientLocal } else { Durability::Volatile };
            let qos = Qos { history: History::KeepAll, durability, ..Qos::default() };
            let reader = participant.reader(&writer.topic, &writer.type_name, &qos, Arc::default()).unwrap();
            self.readers.insert(topic, reader);
        }
    }

    fn take(&mut self) {
        for (topic, reader) in &self.readers {
            while let Some(sample) = reader.take().unwrap() {
                if topic != "/diagnostics" {
                    *self.received.entry(topic.clone()).or_default() += 1;
                    self.changed = Some(Instant::now());
                    continue;
                }
                let array: DiagnosticArray = msgs::from_cdr(&sample).unwrap();
                for status in array.status.iter().filter(|status| status.hardware_id == "ferrodrive") {
                    for value in &status.values {
                        let Some(topic) = value.key.strip_prefix("published_messages.") else { continue };
                        let count: u64 = value.value.parse().unwrap();
                        let before = self.published.insert((status.name.clone(), topic.into()), count);
                        if topic == "/diagnostics" {
                            let expected = before.map_or(count, |before| before + 1);
                            self.diagnostics_lost += count.saturating_sub(expected);
                        } else if before != Some(count) {
                            self.changed = Some(Instant::now());
                        }
                    }
                }
            }
        }
    }

    fn take_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.take();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until nothing is published any more; published and received by topic.
    fn quiet(&mut self) -> BTreeMap<String, (u64, u64)> {
        let end = Instant::now() + Duration::from_secs(60);
        self.changed = Some(Instant::now());
        while self.changed.is_some_and(|at| at.elapsed() < QUIET) {
            assert!(Instant::now() < end, "nodes publish while the time stands still");
            self.take_for(Duration::from_millis(100));
        }
        let published = |topic: &str| self.published.iter().filter(|((_, of), _)| of == topic).map(|(_, n)| n).sum();
        let count = |topic: &String| (published(topic), self.received.get(topic).copied().unwrap_or(0));
        self.readers.keys().filter(|t| *t != "/diagnostics").map(|t| (t.clone(), count(t))).collect()
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Change per hour: the median over all pairs of points (Theil and Sen), which single peaks do not move; x in s.
fn slope_per_hour(points: &[(f64, f64)]) -> f64 {
    let pairs = points.iter().enumerate().flat_map(|(n, a)| points[n + 1..].iter().map(move |b| (a, b)));
    3600.0 * median(pairs.map(|((x0, y0), (x1, y1))| (y1 - y0) / (x1 - x0)).collect())
}

/// From the first tenth to the last: a step in between counts, though it hardly moves the slope.
fn growth(points: &[(f64, f64)]) -> f64 {
    let tenth = points.len().div_ceil(10);
    let level = |part: &[(f64, f64)]| median(part.iter().map(|(_, y)| *y).collect());
    level(&points[points.len() - tenth..]) - level(&points[..tenth])
}

fn change(simulator: &Client<ChangeState>, id: u8) {
    let request = ChangeStateRequest { transition: Transition { id, label: String::new() } };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(async {
        while !simulator.is_ready().unwrap() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::timeout(Duration::from_secs(20), simulator.call(&request)).await
    });
    assert!(answer.expect("an answer of the simulator").unwrap().success);
}

fn memory(points: &[(f64, f64)]) -> Value {
    let round = |value: f64| (value * 100.0).round() / 100.0;
    let at = |second: f64| points.iter().find(|(at, _)| *at >= second).map(|(_, mb)| round(*mb));
    let last = points.last().map_or(0.0, |(at, _)| *at);
    let warm = f64::min(WARM, last / 2.0);
    let settled: Vec<_> = points.iter().copied().filter(|(at, _)| *at >= warm).collect();
    let (slope, grown) = (slope_per_hour(&settled), growth(&settled));
    let flat = slope <= FLAT_MB_PER_H && grown <= FLAT_MB.max(FLAT_MB_PER_H * (last - warm) / 3600.0);
    json!({
        "rss_1min_mb": at(60.0),
        "rss_10min_mb": at(600.0),
        "rss_end_mb": points.last().map(|(_, mb)| round(*mb)),
        "warm_after_s": round(warm),
        "grown_when_warm_mb": round(grown),
        "slope_mb_per_h": round(slope),
        "flat": flat,
    })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |flag: &str| arguments.iter().position(|a| a == flag).and_then(|n| arguments.get(n + 1));
    let minutes =
        value("--minutes").map_or(DEFAULT_MINUTES, |text| text.parse().expect("--minutes: a number is expected"));
    let binary = PathBuf::from(value("--binary").map_or(env!("CARGO_BIN_EXE_ferrodrive"), String::as_str));
    let share = ferrodrive::installation::share().unwrap();
    let participant = Participant::new(&Settings::from_environment().unwrap(), b"").unwrap();
    let simulator = Client::<ChangeState>::new(&participant, "/simulator/change_state").unwrap();
    let mut witness = Witness::default();
    let launch = Launch::start(&binary, &share);
    let started = Instant::now();
    let mut memories: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    while started.elapsed() < STARTING {
        witness.find(&participant);
        witness.take_for(Duration::from_millis(200));
    }
    let nodes = launch.nodes();
    change(&simulator, Transition::TRANSITION_DEACTIVATE);
    let first = witness.quiet();
    change(&simulator, Transition::TRANSITION_ACTIVATE);
    let end = started + Duration::from_secs_f64(minutes * 60.0);
    while Instant::now() < end {
        for (node, process) in &nodes {
            let Some(mb) = resident_mb(*process) else { panic!("{node} ended; see ferrodrive_soak.log") };
            memories.entry(node.clone()).or_default().push((started.elapsed().as_secs_f64(), mb));
        }
        witness.take_for(MEMORY_PERIOD.min(end.saturating_duration_since(Instant::now())));
    }
    change(&simulator, Transition::TRANSITION_DEACTIVATE);
    let last = witness.quiet();
    let mut lost = witness.diagnostics_lost;
    let mut topics = BTreeMap::new();
    for (topic, (published, received)) in last {
        let (published_before, received_before) = first.get(&topic).copied().unwrap_or_default();
        let (published, received) = (published - published_before, received - received_before);
        lost += published.abs_diff(received);
        let missing = i128::from(published) - i128::from(received);
        topics.insert(topic, json!({"published": published, "received": received, "lost": missing as i64}));
    }
    let all_run = launch.nodes() == nodes;
    let processes: BTreeMap<_, _> = memories.iter().map(|(node, points)| (node, memory(points))).collect();
    let flat = processes.values().all(|of| of["flat"] == true);
    let report = json!({
        "minutes": minutes,
        "processes": processes,
        "topics": topics,
        "diagnostics_lost": witness.diagnostics_lost,
        "lost": lost,
        "all_processes_ran_to_the_end": all_run,
        "memory_flat": flat,
    });
    println!("{}", serde_json::to_string_pretty(&report).unwrap());
    // Of a short run the slope says nothing.
    if lost == 0 && all_run && (flat || minutes < 20.0) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
