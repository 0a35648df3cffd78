//! Whole smoke routes by the same seeds in our own simulator and, every node a process, over DDS on each of CARLA's two
//! contracts, with Ferrodrive's simulator standing in for CARLA and a DDS of another make (PyPI `cyclonedds`) as witness.
//!
//! `cargo bench -p ferrodrive --bench carla_routes -- --seeds 2001..2003 --write`; one drive after the other, each of a few
//! minutes. Prints a table; `--write` writes docs/carla_routes.json and the table in docs/carla.md. `--out FOLDER` keeps
//! what each drive came to; one that is there already is not driven again. Needs `FERRODRIVE_PYTHON` as `make test` sets
//! it. A command counts as missed where a frame of the world went on without it.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each user of it uses a part")]
#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use evaluation::Record;
use serde_json::{Value, json};
use support::{Peer, Running, python, share};

/// What drives are of, in the table's order: its name, and the witness's name of the contract.
const WORLDS: [(&str, Option<&str>); 3] =
    [("simulator", None), ("native", Some("native")), ("carla_ros_bridge", Some("ros-bridge"))];
const DOMAIN: u32 = 97;
const BEGIN: &str = "<!-- routes: made by cargo bench -p ferrodrive --bench carla_routes -- --seeds ";
const END: &str = "<!-- end of routes -->";

/// Drives one route; its metrics, and what the witness saw.
fn drive(python: &str, seed: u64, world: &str, contract: Option<&str>, out: &Path) -> Value {
    let kept = out.join(format!("{seed}-{world}.json"));
    if let Some(kept) = std::fs::read(&kept).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
        return kept;
    }
    let folder = out.join(format!("{seed}-{world}"));
    let metrics = folder.join("metrics.json");
    let mut command = format!("drive --no-record --quiet --scenario smoke --seed {seed} --out {}", folder.display());
    let mut witness = None;
    match contract {
        None => command.push_str(" --lockstep"),
        Some(contract) => {
            // Writing to a String cannot fail.
            let _ = write!(command, " --processes --launch launch/carla_rehearsal.launch.xml contract:={world}");
            let mut peer = Peer::start(python, "carla_peer.py", contract, DOMAIN);
            peer.tell("watch");
            witness = Some(peer);
        }
    }
    // That it did not arrive is a result as well.
    let ended = Running::ferrodrive(&command, &share(), DOMAIN).end();
    let seen = witness.map(|mut peer| {
        peer.signal("-USR1");
        let seen = peer.says();
        peer.end();
        seen
    });
    let record: Record =
        serde_json::from_slice(&std::fs::read(&metrics).unwrap_or_else(|error| {
            panic!("{}: {error}: {}", metrics.display(), String::from_utf8_lossy(&ended.stderr))
        }))
        .unwrap();
    let stops: Vec<Value> =
        record.emergency_stops.iter().map(|stop| json!({"time_s": stop.time_s, "reason": stop.reason})).collect();
    let of_witness =
        seen.map(|seen| json!({"frames": seen["frames"], "answered": seen["answered"], "misfits": seen["misfits"]}));
    let told = json!({
        "seed": seed, "world": world, "route_m": record.route_length_m, "completion": record.route_completion,
        "collisions": record.collisions, "red_lights_run": record.red_lights_run, "off_road_s": record.off_road_s,
        "stop_signs_run": record.stop_signs_run, "emergency_stops": stops, "duration_s": record.duration_s,
        "mean_speed_mps": record.mean_speed_mps, "distance_m": record.distance_m,
        "missed_commands": record.missed_commands, "real_time_factor": record.real_time_factor, "witness": of_witness,
    });
    std::fs::write(&kept, serde_json::to_string_pretty(&told).unwrap()).unwrap();
    told
}

fn table(drives: &[Value]) -> String {
    let mut text = String::from(
        "| seed | topics of | completed | collisions | red lights | off road, s | emergency stops | duration, s | missed commands | frames, answered, as the witness saw |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for d in drives {
        let number = |name: &str| d[name].as_f64().unwrap_or(f64::NAN);
        let stops = d["emergency_stops"].as_array().map_or(0, Vec::len);
        let missed = d["missed_commands"].as_u64().map_or("-".into(), |missed| missed.to_string());
        let seen = match &d["witness"] {
            Value::Null => "-".into(),
            seen => format!("{}, {}", seen["frames"], seen["answered"]),
        };
        let name = if d["world"] == "simulator" { "our simulator" } else { d["world"].as_str().unwrap_or_default() };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {name} | {:.1} % of {:.0} m | {} | {} | {:.1} | {stops} | {:.0} | {missed} | {seen} |",
            d["seed"],
            100.0 * number("completion"),
            number("route_m"),
            d["collisions"],
            d["red_lights_run"],
            number("off_road_s"),
            number("duration_s"),
        );
    }
    text
}

/// Puts the table between its marks.
fn put(page: &Path, seeds: &str, table: &str) {
    let text = std::fs::read_to_string(page).unwrap();
    let begin = text.find(BEGIN).expect("the page has the mark where the table begins");
    let end = text.find(END).expect("the page has the mark where the table ends");
    let text = format!("{}{BEGIN}{seeds} --write -->\n{table}{}", &text[..begin], &text[end..]);
    std::fs::write(page, text).unwrap();
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |flag: &str| arguments.iter().position(|a| a == flag).and_then(|n| arguments.get(n + 1));
    let seeds = value("--seeds").map_or("2001..2003", String::as_str);
    let (first, last) = seeds.split_once("..").unwrap_or((seeds, seeds));
    let range: std::ops::RangeInclusive<u64> =
        first.parse().expect("--seeds FIRST..LAST")..=last.parse().expect("--seeds FIRST..LAST");
    let out = value("--out").map_or_else(
        || std::env::temp_dir().join(format!("ferrodrive_{}_carla_routes", std::process::id())),
        PathBuf::from,
    );
    std::fs::create_dir_all(&out).unwrap();
    let Some(python) = python() else { return };
    let mut drives = Vec::new();
    for seed in range {
        for (world, contract) in WORLDS {
            drives.push(drive(&python, seed, world, contract, &out));
            eprint!("{}", table(&drives[drives.len() - 1..]).lines().last().unwrap_or_default().to_owned() + "\n");
        }
    }
    let table = table(&drives);
    print!("{table}");
    if arguments.iter().any(|argument| argument == "--write") {
        let text = serde_json::to_string_pretty(&json!({"seeds": seeds, "drives": drives})).unwrap() + "\n";
        std::fs::write(share().join("docs/carla_routes.json"), text).unwrap();
        put(&share().join("docs/carla.md"), seeds, &table);
    }
}
