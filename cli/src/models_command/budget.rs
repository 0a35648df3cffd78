use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use ferrodrive::installation;
use inference::{Manifest, Precision};
use onnx::{Cost, Shapes, TensorShape};
use serde::Serialize;

use super::soc::Soc;
use super::{library, megabytes, shipped};

/// How often a model runs where nothing else is said, Hz: the LiDAR's and the trackers' rate.
const RATE_HZ: f64 = 10.0;

#[derive(Args)]
pub struct BudgetArguments {
    /// thor, orin, eyeq6h, or a file like models/soc/orin.toml
    #[arg(long)]
    soc: String,
    /// Folders with a manifest.toml [default: all that are shipped]
    folders: Vec<PathBuf>,
    /// How often a model runs, Hz, e.g. trajectory_predictor=5 [default: 10 for each]
    #[arg(long, value_name = "MODEL=HZ", value_parser = rate)]
    rate: Vec<(String, f64)>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

fn rate(text: &str) -> Result<(String, f64), String> {
    let wrong = || format!("expected MODEL=HZ with a rate above 0, got `{text}`");
    let (name, rate) = text.split_once('=').ok_or_else(wrong)?;
    let rate: f64 = rate.parse().map_err(|_| wrong())?;
    if rate > 0.0 && rate.is_finite() { Ok((name.into(), rate)) } else { Err(wrong()) }
}

/// What a variant needs, and its estimate.
#[derive(Debug, Serialize)]
struct Row {
    model: String,
    precision: String,
    rate_hz: f64,
    macs: u64,
    weight_bytes: u64,
    activation_bytes: u64,
    peak_activation_bytes: u64,
    /// Time of a run by the roofline model, ms; none where a figure of the chip is not known.
    estimate_ms: Option<f64>,
    /// What the estimate is bound by.
    bound: Option<&'static str>,
    /// Whether it is the variant that runs by default.
    default: bool,
}

/// All default variants at their rates.
#[derive(Debug, Serialize)]
struct Together {
    gmacs_per_s: f64,
    gbytes_per_s: f64,
    weight_bytes: u64,
    peak_activation_bytes: u64,
    /// Share of the chip's time, by the estimates; none where one is missing.
    time_share: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Report {
    what: &'static str,
    soc: Soc,
    models: Vec<Row>,
    together: Together,
}

impl BudgetArguments {
    pub fn run(&self) -> anyhow::Result<bool> {
        let soc = Soc::read(&installation::share()?, &self.soc)?;
        let folders = if self.folders.is_empty() { shipped()? } else { self.folders.clone() };
        let library = library(None)?;
        let mut rows = Vec::new();
        for folder in &folders {
            let manifest = Manifest::read(folder)?;
            let named = self.rate.iter().find(|(name, _)| *name == manifest.name);
            let rate_hz = named.map_or(RATE_HZ, |(_, rate)| *rate);
            for variant in &manifest.variants {
                let mut cost = Cost::default();
                for file in variant.files() {
                    let one = cost_of(&manifest.name, &folder.join(&file.file), variant.precision, &library)?;
                    cost.macs += one.macs;
                    cost.weight_bytes += one.weight_bytes;
                    cost.activation_bytes += one.activation_bytes;
                    cost.peak_activation_bytes = cost.peak_activation_bytes.max(one.peak_activation_bytes);
                }
                let default = variant.precision == manifest.default_precision;
                rows.push(row(&soc, &manifest.name, variant.precision, rate_hz, default, cost));
            }
        }
        if let Some((name, _)) = self.rate.iter().find(|(name, _)| !rows.iter().any(|row| row.model == *name)) {
            bail!("--rate {name}: no such model among those that are looked at");
        }
        let together = sum(&rows);
        let report =
            Report { what: "an estimate by the roofline model, not a measurement", soc, models: rows, together };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print(&report);
        }
        Ok(true)
    }
}

fn cost_of(name: &str, file: &Path, precision: Precision, library: &Path) -> anyhow::Result<Cost> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let (_, graph) = onnx::read(&bytes).with_context(|| file.display().to_string())?;
    let facts = inference::tensor_shapes(name, &onnx::with_all_outputs(&bytes)?, library)?;
    let mut shapes = Shapes::new();
    for (tensor, facts) in facts {
        let dims = facts.dims.iter().map(|n| u64::try_from(*n)).collect::<Result<Vec<u64>, _>>();
        let dims = dims
            .with_context(|| format!("{}: tensor `{tensor}` has no static shape: {:?}", file.display(), facts.dims))?;
        shapes.insert(tensor, TensorShape { dims, element_size: facts.element_size, float: facts.float });
    }
    let size = match precision {
        Precision::Fp32 => 4,
        Precision::Fp16 => 2,
        Precision::Int8 => 1,
    };
    onnx::cost(&graph, &shapes, size).map_err(|reason| anyhow::anyhow!("{}: {reason}", file.display()))
}

fn row(soc: &Soc, model: &str, precision: Precision, rate_hz: f64, default: bool, cost: Cost) -> Row {
    let compute = soc.tops(precision).map(|tops| 2.0 * cost.macs as f64 / (tops * 1e12));
    let moved = (cost.weight_bytes + cost.activation_bytes) as f64;
    let memory = soc.bandwidth_gb_per_s.value.map(|bandwidth| moved / (bandwidth * 1e9));
    // The slower of both; with one of them unknown nothing can be said.
    let estimate = compute.zip(memory).map(|(compute, memory)| (compute.max(memory), compute >= memory));
    Row {
        model: model.into(),
        precision: precision.to_string(),
        rate_hz,
        macs: cost.macs,
        weight_bytes: cost.weight_bytes,
        activation_bytes: cost.activation_bytes,
        peak_activation_bytes: cost.peak_activation_bytes,
        estimate_ms: estimate.map(|(seconds, _)| seconds * 1e3),
        bound: estimate.map(|(_, compute)| if compute { "operations" } else { "memory bandwidth" }),
        default,
    }
}

fn sum(rows: &[Row]) -> Together {
    let running = || rows.iter().filter(|row| row.default);
    let rate = |of: fn(&Row) -> u64| running().map(|row| of(row) as f64 * row.rate_hz).sum::<f64>() / 1e9;
    Together {
        gmacs_per_s: rate(|row| row.macs),
        gbytes_per_s: rate(|row| row.weight_bytes + row.activation_bytes),
        weight_bytes: running().map(|row| row.weight_bytes).sum(),
        // They run at the same time on different inputs.
        peak_activation_bytes: running().map(|row| row.peak_activation_bytes).sum(),
        time_share: running().map(|row| Some(row.estimate_ms? * row.rate_hz / 1e3)).sum(),
    }
}

fn print(report: &Report) {
    println!("{}: {}", report.soc.name, report.what);
    for (key, figure) in report.soc.figures() {
        let value = figure.value.map_or("unknown".into(), |value| value.to_string());
        println!("  {key:<20} {value:>8}  {}", figure.source);
    }
    println!();
    println!(
        "{:<26} {:<6} {:>6} {:>12} {:>10} {:>12} {:>12}  estimate",
        "model", "", "Hz", "MMAC a run", "weights", "moved a run", "peak alive"
    );
    for row in &report.models {
        let estimate = match (row.estimate_ms, row.bound) {
            (Some(ms), Some(bound)) => format!("{ms:.4} ms, bound by {bound}"),
            _ => "unknown: a figure is missing".into(),
        };
        println!(
            "{:<26} {:<6} {:>6} {:>12.1} {:>10} {:>12} {:>12}  {estimate}",
            row.model,
            format!("{}{}", row.precision, if row.default { "*" } else { "" }),
            row.rate_hz,
            row.macs as f64 / 1e6,
            megabytes(row.weight_bytes),
            megabytes(row.weight_bytes + row.activation_bytes),
            megabytes(row.peak_activation_bytes),
        );
    }
    let together = &report.together;
    let share = together.time_share.map_or("unknown".into(), |share| format!("{:.3} %", share * 100.0));
    println!(
        "* together at their rates: {:.2} GMAC/s, {:.3} GB/s, {} of weights, {} of activations; estimated share of the time: {share}",
        together.gmacs_per_s,
        together.gbytes_per_s,
        megabytes(together.weight_bytes),
        megabytes(together.peak_activation_bytes),
    );
}
