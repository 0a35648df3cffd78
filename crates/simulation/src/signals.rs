use std::collections::BTreeMap;

use road_map::{LaneGraph, SignalGroupId, SignalKind, StopReason};

use crate::random::{combine, unit};

/// Colours of a traffic light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalColor {
    /// Stop.
    Red,
    /// Stop where that is still possible.
    Yellow,
    /// Go.
    Green,
}

/// What a signal group shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalState {
    /// The colour.
    pub color: SignalColor,
    /// Time until it changes, s.
    pub remaining_s: f64,
}

const YELLOW_S: f64 = 3.0;
const ALL_RED_S: f64 = 2.0;

/// One signalised junction: phases in turn, each green, yellow, then all red.
#[derive(Debug, Clone)]
struct Program {
    phases: Vec<Vec<SignalGroupId>>,
    green_s: Vec<f64>,
    offset_s: f64,
}

/// Fixed-time control of all signals of a map.
#[derive(Debug, Clone)]
pub(crate) struct Signals {
    programs: Vec<Program>,
    states: BTreeMap<SignalGroupId, SignalState>,
}

impl Signals {
    pub fn new(map: &LaneGraph, seed: u64) -> Self {
        let mut phases: Vec<Vec<Vec<SignalGroupId>>> = map.controllers.iter().map(|c| c.phases.clone()).collect();
        phases.retain(|p| p.iter().any(|groups| !groups.is_empty()));
        let lights = map.signals.iter().filter_map(|s| match s.kind {
            SignalKind::Light(group) => Some(group),
            _ => None,
        });
        let lines = map.lanes().flat_map(|l| &l.stop_lines).filter_map(|line| match line.reason {
            StopReason::Signal(group) => Some(group),
            _ => None,
        });
        let mut loose: Vec<SignalGroupId> = lights.chain(lines).collect();
        loose.sort();
        loose.dedup();
        loose.retain(|g| !phases.iter().flatten().flatten().any(|known| known == g));
        // A light of no junction alternates with a phase in which nobody has green.
        phases.extend(loose.into_iter().map(|g| vec![vec![g], Vec::new()]));
        let programs = phases
            .into_iter()
            .enumerate()
            .map(|(number, phases)| {
                let draw = |k: usize| unit(combine(seed ^ 0x51c, (number * 64 + k) as u64));
                let green_s: Vec<f64> = (0..phases.len()).map(|k| (11.0 + 6.0 * draw(k + 1)).round()).collect();
                let cycle: f64 = green_s.iter().map(|g| g + YELLOW_S + ALL_RED_S).sum();
                Program { offset_s: (draw(0) * cycle).floor(), phases, green_s }
            })
            .collect();
        let mut signals = Self { programs, states: BTreeMap::new() };
        signals.update(0.0);
        signals
    }

    pub fn states(&self) -> &BTreeMap<SignalGroupId, SignalState> {
        &self.states
    }

    /// The state of a group; a group that nobody controls is red.
    pub fn state(&self, group: SignalGroupId) -> SignalState {
        self.states.get(&group).copied().unwrap_or(SignalState { color: SignalColor::Red, remaining_s: f64::INFINITY })
    }

    pub fn update(&mut self, time_s: f64) {
        for program in &self.programs {
            let lengths: Vec<f64> = program.green_s.iter().map(|g| g + YELLOW_S + ALL_RED_S).collect();
            let cycle: f64 = lengths.iter().sum();
            let now = (time_s + program.offset_s).rem_euclid(cycle);
            let mut start = 0.0;
            for (k, groups) in program.phases.iter().enumerate() {
                let into = (now - start).rem_euclid(cycle);
                let green = program.green_s[k];
                let (color, remaining_s) = if into < green {
                    (SignalColor::Green, green - into)
                } else if into < green + YELLOW_S {
                    (SignalColor::Yellow, green + YELLOW_S - into)
                } else {
                    (SignalColor::Red, cycle - into)
                };
                for group in groups {
                    self.states.insert(*group, SignalState { color, remaining_s });
                }
                start += lengths[k];
            }
        }
    }
}
