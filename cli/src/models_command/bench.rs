use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use inference::{Manifest, Model, TensorData, TensorView};
use serde::Serialize;

use super::Choice;
use super::frames::random;

#[derive(Args)]
pub struct BenchArguments {
    /// Folder with a manifest.toml
    folder: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// Runs that are measured
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    iterations: u32,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// What a model of one file, or a stage of one of several, has cost.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    version: String,
    stage: String,
    precision: String,
    execution_provider: String,
    placement: String,
    iterations: u32,
    load_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// ONNX Runtime's own interface on the same session, run in turn with ours.
    plain_p50_ms: f64,
    /// Our median over theirs.
    overhead_ratio: f64,
    /// What the process has grown by since before the model was loaded, after the runs.
    memory_mb: f64,
    budget_p50_ms: f64,
    budget_memory_mb: f64,
}

impl BenchArguments {
    pub fn run(&self) -> anyhow::Result<bool> {
        let manifest = Manifest::read(&self.folder)?;
        let mut reports = Vec::new();
        for stage in &manifest.stages {
            reports.push(self.measure(&stage.name)?);
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&reports)?);
            return Ok(true);
        }
        for report in &reports {
            let of = if report.stage.is_empty() { String::new() } else { format!(", {}", report.stage) };
            println!("{} {}{of} ({}), {}", report.model, report.version, report.precision, report.placement);
            println!("  loaded in                      {:.2} s", report.load_s);
            println!(
                "  p50, p99, max                  {:.3}, {:.3}, {:.3} ms",
                report.p50_ms, report.p99_ms, report.max_ms
            );
            println!("  ONNX Runtime's own interface   {:.3} ms at p50", report.plain_p50_ms);
            println!("  ratio                          {:.4}", report.overhead_ratio);
            println!("  memory                         {:.0} MB", report.memory_mb);
            println!("  budget of the variant          {} ms, {} MB", report.budget_p50_ms, report.budget_memory_mb);
        }
        Ok(true)
    }

    fn measure(&self, stage: &str) -> anyhow::Result<Report> {
        let before = resident_mb();
        let start = Instant::now();
        let mut model = Model::open(&self.folder, stage, &self.choice.options()?)?;
        let load = start.elapsed();
        let frame = random(model.inputs(), 1);
        let views: Vec<TensorView> = frame.iter().map(TensorData::view).collect();
        let (mut ours, mut plain) = (Vec::new(), Vec::new());
        for i in 0..self.iterations + 4 {
            let start = Instant::now();
            model.run_tensors(&views, |_| ())?;
            let took = start.elapsed();
            let other = model.run_plain(&views)?;
            if i >= 4 {
                ours.push(took);
                plain.push(other);
            }
        }
        let memory_mb = resident_mb() - before;
        ours.sort_unstable();
        plain.sort_unstable();
        let at = |sorted: &[Duration], share: f64| {
            sorted[((sorted.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3
        };
        let (manifest, budget) = (model.manifest(), model.budget());
        Ok(Report {
            model: manifest.name.clone(),
            version: manifest.version.clone(),
            stage: stage.into(),
            precision: model.precision().to_string(),
            execution_provider: model.execution_provider().to_string(),
            placement: model.placement().to_string(),
            iterations: self.iterations,
            load_s: load.as_secs_f64(),
            p50_ms: at(&ours, 0.5),
            p99_ms: at(&ours, 0.99),
            max_ms: at(&ours, 1.0),
            plain_p50_ms: at(&plain, 0.5),
            overhead_ratio: at(&ours, 0.5) / at(&plain, 0.5),
            memory_mb,
            budget_p50_ms: budget.latency_p50_ms,
            budget_memory_mb: budget.memory_mb,
        })
    }
}

/// Memory of this process, MB; 0 where the system does not tell.
fn resident_mb() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<f64>().ok()).unwrap_or(0.0);
    pages * rustix::param::page_size() as f64 / 1e6
}

/// Loads every stage once, which builds and keeps what its provider needs.
pub fn build(folder: &Path, choice: &Choice) -> anyhow::Result<bool> {
    let manifest = Manifest::read(folder)?;
    let options = choice.options()?;
    let count = manifest.stages.len();
    for (i, stage) in manifest.stages.iter().enumerate() {
        let title =
            if stage.name.is_empty() { manifest.name.clone() } else { format!("{} {}", manifest.name, stage.name) };
        println!("[{}/{count}] {title}: building; a TensorRT engine can take minutes", i + 1);
        let (done, over) = std::sync::mpsc::sync_channel::<()>(1);
        let ticker = std::thread::spawn(move || {
            let start = Instant::now();
            while over.recv_timeout(Duration::from_secs(10)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                println!("      {:.0} s", start.elapsed().as_secs_f64());
            }
        });
        let start = Instant::now();
        let model = Model::open(folder, &stage.name, &options);
        drop(done);
        if ticker.join().is_err() {
            bail!("the progress could not be shown");
        }
        let model = model?;
        println!(
            "[{}/{count}] {title}: ready after {:.1} s: {}",
            i + 1,
            start.elapsed().as_secs_f64(),
            model.placement()
        );
        let kept = options.engine_cache.as_ref().filter(|_| model.placement().nodes.contains_key("tensorrt"));
        match kept {
            Some(cache) => println!("      engines are kept in {}", cache.display()),
            None => println!("      {} needs nothing built ahead", model.execution_provider()),
        }
    }
    Ok(true)
}
