use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Args;
use inference::{Manifest, TensorData, TensorSpec};
use serde::Serialize;

use super::frames::Frames;
use super::task::{Task, TaskError};

/// So many of the worst frames are kept.
const KEPT: usize = 3;

#[derive(Args)]
pub struct ParityArguments {
    /// Folder with a manifest.toml
    folder: PathBuf,
    /// PROVIDER/PRECISION that is taken as right, e.g. cpu/fp32
    a: Side,
    /// PROVIDER/PRECISION that is compared with it, e.g. openvino/fp32 or cpu/int8
    b: Side,
    /// ONNX Runtime library of A
    #[arg(long, value_name = "FILE")]
    library_a: Option<PathBuf>,
    /// ONNX Runtime library of B
    #[arg(long, value_name = "FILE")]
    library_b: Option<PathBuf>,
    /// Inputs that `ferrodrive models record` has written [default: records them from --bag]
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// Recording to take inputs from [default: bags/town_drive]
    #[arg(long)]
    bag: Option<PathBuf>,
    /// Frames that are compared
    #[arg(long, default_value_t = 30)]
    frames: usize,
    /// Fails where an output's error is greater, as a share of its root mean square
    #[arg(long, default_value_t = f64::INFINITY)]
    max_error: f64,
    /// Folder for the frames that differ most: inputs and both outputs
    #[arg(long, default_value = "runs/parity")]
    out: PathBuf,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// A provider and a precision.
#[derive(Debug, Clone)]
struct Side {
    provider: String,
    precision: String,
}

impl std::str::FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (provider, precision) = text.split_once('/').ok_or("expected PROVIDER/PRECISION, e.g. cpu/fp32")?;
        inference::parse_providers(provider)?;
        precision.parse::<inference::Precision>()?;
        Ok(Self { provider: provider.into(), precision: precision.into() })
    }
}

/// How far an output of B is from A's, over all frames.
#[derive(Debug, Clone, Serialize)]
struct TensorError {
    tensor: String,
    max_abs: f64,
    mean_abs: f64,
    /// Root mean square of the difference over that of A.
    relative_rms: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    model: String,
    a: String,
    b: String,
    frames: u64,
    outputs: Vec<TensorError>,
    task: Option<TaskError>,
    /// Frames that differ most, worst first.
    worst_frames: Vec<u64>,
}

#[derive(Default, Clone)]
struct Sums {
    max_abs: f64,
    abs: f64,
    square: f64,
    reference: f64,
    count: f64,
}

impl Sums {
    fn add(&mut self, a: &[f32], b: &[f32]) {
        for (a, b) in a.iter().zip(b) {
            let (a, difference) = (f64::from(*a), (f64::from(*a) - f64::from(*b)).abs());
            self.max_abs = self.max_abs.max(difference);
            self.abs += difference;
            self.square += difference * difference;
            self.reference += a * a;
            self.count += 1.0;
        }
    }

    fn relative(&self) -> f64 {
        if self.square == 0.0 { 0.0 } else { (self.square / self.reference.max(f64::MIN_POSITIVE)).sqrt() }
    }
}

impl ParityArguments {
    pub fn run(&self) -> anyhow::Result<bool> {
        let manifest = Manifest::read(&self.folder)?;
        if manifest.stages.len() != 1 {
            bail!("model {}: parity is told for models of one file", manifest.name);
        }
        std::fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        let inputs = match &self.inputs {
            Some(file) => file.clone(),
            None => self.record()?,
        };
        let outputs = [("a", &self.a, &self.library_a), ("b", &self.b, &self.library_b)];
        let [a, b] = outputs.map(|(name, side, library)| self.answer(name, side, library.as_deref(), &inputs));
        let (report, worst) = compare(&manifest, &inputs, &a?, &b?)?;
        for (number, frame) in &worst {
            for (name, data) in ["inputs", "a", "b"].iter().zip(frame) {
                super::frames::save(&self.out.join(format!("frame_{number}.{name}.bin")), data)?;
            }
        }
        let report = Report {
            model: format!("{} {}", manifest.name, manifest.version),
            a: format!("{}/{}", self.a.provider, self.a.precision),
            b: format!("{}/{}", self.b.provider, self.b.precision),
            ..report
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print(&report, &self.out);
        }
        Ok(report.outputs.iter().all(|error| error.relative_rms <= self.max_error))
    }

    fn record(&self) -> anyhow::Result<PathBuf> {
        let file = self.out.join("inputs.bin");
        let mut command = this_program()?;
        command.args(["models", "record"]).arg(&self.folder).arg("--out").arg(&file);
        command.arg("--frames").arg(self.frames.to_string());
        if let Some(bag) = &self.bag {
            command.arg("--bag").arg(bag);
        }
        finish(command)?;
        Ok(file)
    }

    /// A process has one ONNX Runtime library: each side runs in its own.
    fn answer(&self, name: &str, side: &Side, library: Option<&Path>, inputs: &Path) -> anyhow::Result<PathBuf> {
        let file = self.out.join(format!("{name}.bin"));
        let mut command = this_program()?;
        command.args(["models", "run"]).arg(&self.folder).arg("--inputs").arg(inputs).arg("--out").arg(&file);
        command.args(["--provider", &side.provider, "--precision", &side.precision]);
        if let Some(library) = library {
            command.arg("--library").arg(library);
        }
        finish(command)?;
        Ok(file)
    }
}

fn this_program() -> anyhow::Result<Command> {
    Ok(Command::new(std::env::current_exe().context("where this program lies is not known")?))
}

fn finish(mut command: Command) -> anyhow::Result<()> {
    let done = command.stdout(std::process::Stdio::null()).output()?;
    if !done.status.success() {
        bail!("{}", String::from_utf8_lossy(&done.stderr).trim().trim_start_matches("error: "));
    }
    Ok(())
}

type Kept = (u64, [Vec<TensorData>; 3]);

fn compare(manifest: &Manifest, inputs: &Path, a: &Path, b: &Path) -> anyhow::Result<(Report, Vec<Kept>)> {
    let stage = &manifest.stages[0];
    let (specs, of_inputs): (&[TensorSpec], &[TensorSpec]) = (&stage.outputs, &stage.inputs);
    let mut files = (Frames::open(inputs, of_inputs)?, Frames::open(a, specs)?, Frames::open(b, specs)?);
    let mut sums = vec![Sums::default(); specs.len()];
    let mut task = Task::of(manifest);
    let mut worst: Vec<(f64, Kept)> = Vec::new();
    let frames = files.0.count();
    for number in 0..frames {
        let (Some(inputs), Some(a), Some(b)) = (files.0.next()?, files.1.next()?, files.2.next()?) else { break };
        let mut of_frame = 0.0_f64;
        for ((sums, a), b) in sums.iter_mut().zip(&a).zip(&b) {
            let (a, b) = (a.view().as_f32(), b.view().as_f32());
            sums.add(a, b);
            let mut one = Sums::default();
            one.add(a, b);
            of_frame = of_frame.max(one.relative());
        }
        if let Some(task) = &mut task {
            task.add(&inputs, &a, &b);
        }
        worst.push((of_frame, (number, [inputs, a, b])));
        worst.sort_by(|x, y| y.0.total_cmp(&x.0));
        worst.truncate(KEPT);
    }
    let outputs = specs.iter().zip(&sums).map(|(spec, sums)| TensorError {
        tensor: spec.name.clone(),
        max_abs: sums.max_abs,
        mean_abs: sums.abs / sums.count.max(1.0),
        relative_rms: sums.relative(),
    });
    let report = Report {
        model: String::new(),
        a: String::new(),
        b: String::new(),
        frames,
        outputs: outputs.collect(),
        task: task.map(|task| task.error()),
        worst_frames: worst.iter().map(|(_, (number, _))| *number).collect(),
    };
    Ok((report, worst.into_iter().map(|(_, kept)| kept).collect()))
}

fn print(report: &Report, out: &Path) {
    println!("{}: {} against {}, {} frames", report.model, report.b, report.a, report.frames);
    for error in &report.outputs {
        println!(
            "  {:<12} greatest {:.3e}, mean {:.3e}, {:.4} % of its root mean square",
            error.tensor,
            error.max_abs,
            error.mean_abs,
            error.relative_rms * 100.0
        );
    }
    match report.task {
        Some(TaskError::Detections(error)) => println!(
            "  detections   {} matched, {} missed, {} extra, centres at most {:.3} m apart",
            error.matched, error.missed, error.extra, error.max_center_error_m
        ),
        Some(TaskError::Trajectories(error)) => println!(
            "  trajectories of {} agents: {} take another way, the others {:.4} m apart in the mean, {:.4} m at most",
            error.agents, error.other_way, error.mean_displacement_m, error.max_displacement_m
        ),
        None => println!("  no node here reads this model: no task error"),
    }
    println!("  worst frames {:?} are kept in {}", report.worst_frames, out.display());
}
