//! What drives leave behind: `score.json`, and for each route `report.html`, `metrics.json` and `drive.svg`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use evaluation::leaderboard::{self, RouteOutcome, Sum, Version};
use evaluation::{Evaluation, Record};
use serde::Serialize;

use crate::drive::write_json;

/// All routes of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// What each route came to, before it is scored.
    pub outcomes: Vec<RouteOutcome>,
    /// Frames and how their commands came, by route.
    pub frames: Vec<Frames>,
    /// The scores by release of the leaderboard.
    pub scores: BTreeMap<String, Sum>,
}

/// How the lockstep went.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Frames {
    /// Frames since the first command.
    pub ticks: u64,
    /// Frames whose command did not come in time.
    pub misses: u64,
    /// Mean wall time that the server took for a frame, s.
    pub server_s: f64,
    /// Mean wall time that the stack took for the command, s.
    pub command_s: f64,
}

impl Results {
    /// Scores outcomes by each release. `total`: how many routes were to be driven.
    pub fn new(outcomes: Vec<RouteOutcome>, frames: Vec<Frames>, total: usize) -> Self {
        let sum = |version: Version| version.sum(outcomes.iter().map(|o| version.score(o)).collect(), total);
        let scores = Version::ALL.into_iter().map(|version| (version.to_string(), sum(version))).collect();
        Self { outcomes, frames, scores }
    }

    /// The sum by one release.
    pub fn sum(&self, version: Version) -> Option<&Sum> {
        self.scores.get(&version.to_string())
    }

    /// For the console.
    pub fn table(&self, version: Version) -> String {
        let Some(sum) = self.sum(version) else { return String::new() };
        let mut out = String::new();
        for (route, frames) in sum.routes.iter().zip(&self.frames) {
            out += &format!(
                "route {:<12} {:<40} driving score {:7.3}  completion {:6.2} %  penalty {:.4}  {} of {} commands missed\n",
                route.route_id,
                route.status,
                route.score_composed,
                route.score_route,
                route.score_penalty,
                frames.misses,
                frames.ticks
            );
            let messages = route.infractions.values().flatten();
            out.extend(messages.map(|message| format!("    {message}\n")));
        }
        let mean = sum.scores_mean;
        out += &format!(
            "all, by leaderboard {version}: {}, driving score {:.3}, completion {:.2} %, penalty {:.4}\n",
            sum.status, mean.score_composed, mean.score_route, mean.score_penalty
        );
        out
    }

    /// Writes `score.json`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, out: &Path) -> anyhow::Result<()> {
        write_json(self, &out.join("score.json"))
    }
}

/// Writes a route's own files.
///
/// # Errors
/// Where they cannot be written.
pub fn write_route(outcome: &RouteOutcome, record: &Record, evaluation: &Evaluation, out: &Path) -> anyhow::Result<()> {
    let sums: Vec<Sum> = Version::ALL.into_iter().map(|version| version.sum(vec![version.score(outcome)], 1)).collect();
    let report = out.join("report.html");
    let written = evaluation.write_report(record, &leaderboard::section(&sums), &report);
    written.with_context(|| format!("cannot write {}", report.display()))?;
    write_json(record, &out.join("metrics.json"))?;
    std::fs::write(out.join("drive.svg"), evaluation.picture()).context("cannot write drive.svg")
}
