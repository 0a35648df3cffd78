//! Helps the whole-system tests: the shipped stack driven in lockstep, watched from outside.

pub mod sabotage;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ferrodrive::stack::Stack;
use middleware::{Lockstep, Tap, Topic};
use msgs::diagnostic_msgs::msg::DiagnosticArray;
use msgs::nav_msgs::msg::Odometry;
use node::{Shared, Time};
use simulation::{Fault, Scenario};

/// The project's root.
pub fn share() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// CARLA's Town01 where it is found beside the project.
pub fn town01() -> Option<PathBuf> {
    let file = share().join("../shared/data/opendrive/Town01.xodr");
    if !file.is_file() {
        eprintln!("skipped: no Town01.xodr beside the project");
    }
    Some(file).filter(|file| file.is_file())
}

/// The shipped stack on the shipped town.
pub fn stack() -> Stack {
    let share = share();
    Stack::load(&share, &share.join("launch/drive.launch.xml"), &BTreeMap::new(), &share.join("maps/town.xodr"))
        .unwrap_or_else(|error| panic!("{error:#}"))
}

/// A smoke drive of a seed that is neither trained on nor evaluated, with faults, ended after `duration_s`.
pub fn scenario(stack: &Stack, seed: u64, duration_s: f64, faults: Vec<Fault>) -> Scenario {
    let made = simulation::smoke_scenario(&stack.map, seed).unwrap_or_else(|error| panic!("{error}"));
    Scenario { duration_s, faults, ..made }
}

/// What a drive looked like from outside.
#[derive(Default)]
pub struct Witness {
    /// True speed over time, s and m/s.
    pub speeds: Vec<(f64, f64)>,
    /// The last value of every key of the world's score.
    pub score: BTreeMap<String, String>,
    /// What the nodes said of themselves: time, node, level and message; changes only.
    pub statuses: Vec<(f64, String, u8, String)>,
    /// What the world recorded.
    pub events: Vec<String>,
    last: BTreeMap<String, (u8, String)>,
}

impl Witness {
    /// True speed at a time, m/s.
    pub fn speed_at(&self, time_s: f64) -> f64 {
        self.speeds.iter().find(|(t, _)| *t >= time_s).or(self.speeds.last()).map_or(0.0, |(_, v)| *v)
    }

    /// A number of the world's score.
    pub fn scored(&self, key: &str) -> f64 {
        self.score.get(key).and_then(|v| v.parse().ok()).unwrap_or(f64::NAN)
    }

    /// How far the car has driven until a time, m.
    pub fn driven_until(&self, time_s: f64) -> f64 {
        let steps = self.speeds.windows(2).take_while(|w| w[1].0 <= time_s);
        steps.map(|w| w[0].1 * (w[1].0 - w[0].0)).sum()
    }

    /// What a node said at ERROR level after a time.
    pub fn errors_of(&self, node: &str, after_s: f64) -> Vec<&str> {
        self.statuses
            .iter()
            .filter(|(t, name, level, _)| *t >= after_s && name == node && *level >= 2)
            .map(|(.., message)| message.as_str())
            .collect()
    }
}

impl Tap for Witness {
    fn on_message(&mut self, now: Time, topic: &Topic, message: &Shared) -> ControlFlow<()> {
        let any = message.as_any();
        match topic.name.as_str() {
            "/simulation/ground_truth/odometry" => {
                if let Some(odometry) = any.downcast_ref::<Odometry>() {
                    self.speeds.push((now.seconds(), odometry.twist.twist.linear.x));
                }
            }
            "/simulation/ground_truth/score" => {
                for value in
                    any.downcast_ref::<DiagnosticArray>().iter().flat_map(|a| &a.status).flat_map(|s| &s.values)
                {
                    self.score.insert(value.key.clone(), value.value.clone());
                }
            }
            "/simulation/ground_truth/events" => {
                let array = any.downcast_ref::<DiagnosticArray>();
                self.events.extend(array.iter().flat_map(|a| &a.status).map(|s| s.message.clone()));
            }
            "/diagnostics" => {
                for status in any.downcast_ref::<DiagnosticArray>().iter().flat_map(|a| &a.status) {
                    let said = (status.level, status.message.clone());
                    if self.last.get(&status.name) != Some(&said) {
                        self.last.insert(status.name.clone(), said);
                        let entry = (now.seconds(), status.name.clone(), status.level, status.message.clone());
                        self.statuses.push(entry);
                    }
                }
            }
            _ => {}
        }
        let over = self.score.get("goal_reached").is_some_and(|v| v == "true")
            || self.scored("time_s") >= self.scored("duration_s");
        if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Drives a scenario with the shipped stack, changed by `change`, until it is over.
pub fn drive(scenario: &Scenario, change: impl FnOnce(&mut Stack)) -> Witness {
    let mut stack = stack();
    let file =
        std::env::temp_dir().join(format!("ferrodrive_{}_{:?}.toml", std::process::id(), std::thread::current().id()));
    let text = toml::to_string(scenario).unwrap_or_else(|error| panic!("{error}"));
    std::fs::write(&file, text).unwrap_or_else(|error| panic!("{error}"));
    stack.set("simulator", "scenario", &file.display().to_string());
    change(&mut stack);
    let graph = stack.graph().unwrap_or_else(|error| panic!("{error:#}"));
    // The scenario is read; the file may go.
    let _ = std::fs::remove_file(&file);
    let mut driver = Lockstep::new(graph).unwrap_or_else(|error| panic!("{error}"));
    let mut witness = Witness::default();
    let _ = driver.run(Time::from_seconds(scenario.duration_s + 1.0), &mut witness);
    witness
}
