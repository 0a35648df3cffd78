//! What ten nodes cost that have nothing to do: each its own process, then all in one. Held against: 2 % of a core.
//!
//! `cargo bench -p ferrodrive --bench idle -- --seconds 60`; prints JSON. CPU time is the processes' own (user and
//! system), read from `/proc/<pid>/schedstat` of every thread, in percent of one core. On the wall clock, so that the
//! nodes' timers run. ROS_DOMAIN_ID is obeyed; `--binary FILE` measures another `ferrodrive`.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Two of the ten are there twice: there are eight beside the simulator, which is never idle.
const NODES: [&str; 10] = [
    "localizer",
    "lidar_detector",
    "object_tracker",
    "trajectory_predictor",
    "route_planner",
    "motion_planner",
    "trajectory_follower",
    "safety_supervisor",
    "localizer",
    "object_tracker",
];
const DEFAULT_SECONDS: f64 = 60.0;
/// Models are loaded and everyone is found.
const STARTING: Duration = Duration::from_secs(15);
const MOST_PERCENT: f64 = 2.0;

struct Running(Vec<(String, Child)>);

impl Drop for Running {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        }
        for (_, child) in &mut self.0 {
            let _ = child.wait();
        }
    }
}

fn start(binary: &Path, share: &Path, arguments: &[String]) -> Child {
    let mut command = Command::new(binary);
    command.args(arguments).current_dir(share).env("FERRODRIVE_SHARE", share);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// CPU time of each thread, s.
fn threads(process: u32) -> BTreeMap<(String, String), f64> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
    let time = |task: std::fs::DirEntry| {
        let read = |file| std::fs::read_to_string(task.path().join(file)).ok();
        let nanoseconds: f64 = read("schedstat")?.split(' ').next()?.parse().ok()?;
        Some(((task.file_name().to_string_lossy().into_owned(), read("comm")?.trim().to_owned()), nanoseconds / 1e9))
    };
    tasks.filter_map(time).collect()
}

fn percent(share: f64) -> f64 {
    (share * 1e5).round() / 1e3
}

/// CPU time of each process and of each kind of thread, percent of a core.
fn measure(running: &Running, time: Duration) -> Value {
    std::thread::sleep(STARTING);
    let (before, started) = (running.0.iter().map(|(_, c)| threads(c.id())).collect::<Vec<_>>(), Instant::now());
    std::thread::sleep(time);
    let (mut nodes, mut kinds, mut sum) = (BTreeMap::new(), BTreeMap::<String, f64>::new(), 0.0);
    let elapsed = started.elapsed().as_secs_f64();
    for ((name, child), before) in running.0.iter().zip(before) {
        let mut of_node = 0.0;
        for (thread, at_end) in threads(child.id()) {
            let share = (at_end - before.get(&thread).copied().unwrap_or(0.0)) / elapsed;
            of_node += share;
            *kinds.entry(thread.1).or_default() += share;
        }
        nodes.insert(name.clone(), percent(of_node));
        sum += of_node;
    }
    let kinds: BTreeMap<_, _> = kinds.into_iter().map(|(kind, share)| (kind, percent(share))).collect();
    json!({"percent_of_a_core": percent(sum), "processes": nodes, "threads": kinds})
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |flag: &str| arguments.iter().position(|a| a == flag).and_then(|n| arguments.get(n + 1));
    let seconds: f64 =
        value("--seconds").map_or(DEFAULT_SECONDS, |text| text.parse().expect("--seconds: a number is expected"));
    let time = Duration::from_secs_f64(seconds);
    let binary = PathBuf::from(value("--binary").map_or(env!("CARGO_BIN_EXE_ferrodrive"), String::as_str));
    let share = ferrodrive::installation::share().unwrap();

    let mut apart = Running(Vec::new());
    for (n, node) in NODES.iter().enumerate() {
        let name = format!("{node}_{n}");
        let mut arguments: Vec<String> = ["run", node, "--ros-args", "-r"].map(Into::into).into();
        arguments.extend([format!("__node:={name}"), "-p".into(), "map_path:=maps/town.xodr".into()]);
        arguments.extend(["--params-file".into(), format!("params/{node}.param.yaml")]);
        apart.0.push((name, start(&binary, &share, &arguments)));
    }
    let apart_percent = measure(&apart, time);
    drop(apart);

    let file = std::env::temp_dir().join("ferrodrive_idle.launch.xml");
    let node = |(n, node): (usize, &&str)| {
        format!(
            "<node pkg=\"ferrodrive\" exec=\"{node}\" name=\"{node}_{n}\"><param name=\"map_path\" value=\"maps/town.xodr\"/>\
             <param from=\"$(find-pkg-share ferrodrive)/params/{node}.param.yaml\"/></node>"
        )
    };
    let text: String = NODES.iter().enumerate().map(node).collect();
    std::fs::write(&file, format!("<launch>{text}</launch>")).unwrap();
    let arguments = ["launch".into(), "--composed".into(), file.display().to_string()];
    let together = Running(vec![("all".into(), start(&binary, &share, &arguments))]);
    let together_percent = measure(&together, time);
    drop(together);

    let sum = |of: &Value| of["percent_of_a_core"].as_f64().unwrap();
    let good = sum(&apart_percent) <= MOST_PERCENT && sum(&together_percent) <= MOST_PERCENT;
    let report = json!({
        "seconds": seconds,
        "ten_processes": apart_percent,
        "one_process": together_percent,
        "limit_percent": MOST_PERCENT,
        "within": good,
    });
    println!("{}", serde_json::to_string_pretty(&report).unwrap());
    // A busy machine is no broken build: the figures are the result.
    ExitCode::SUCCESS
}
