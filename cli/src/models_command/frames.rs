//! Tensors of many runs in a file: for each run each tensor in the manifest's order, row-major, little endian.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail};
use clap::Args;
use ferrodrive::{installation, replay};
use inference::{ElementType, Manifest, Model, TensorData, TensorSpec, TensorView};

use super::Choice;

fn read(spec: &TensorSpec, bytes: &[u8]) -> TensorData {
    fn all<const N: usize, T>(bytes: &[u8], one: impl Fn([u8; N]) -> T) -> Vec<T> {
        let (chunks, _) = bytes.as_chunks::<N>();
        chunks.iter().map(|chunk| one(*chunk)).collect()
    }
    match spec.element {
        ElementType::Float32 => TensorData::Float32(all(bytes, f32::from_le_bytes)),
        ElementType::Int32 => TensorData::Int32(all(bytes, i32::from_le_bytes)),
        ElementType::Int64 => TensorData::Int64(all(bytes, i64::from_le_bytes)),
        ElementType::Uint8 => TensorData::Uint8(bytes.to_vec()),
    }
}

/// Numbers of 0..1, the same for the same seed; whole numbers are 0.
pub fn random(specs: &[TensorSpec], seed: u64) -> Vec<TensorData> {
    let mut state = seed;
    let mut next = || {
        // splitmix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1_u32 << 24) as f32
    };
    let make = |spec: &TensorSpec| match spec.element {
        ElementType::Float32 => TensorData::Float32((0..spec.len()).map(|_| next()).collect()),
        _ => TensorData::new(spec),
    };
    specs.iter().map(make).collect()
}

fn write(view: &TensorView, to: &mut impl Write) -> std::io::Result<()> {
    match view {
        TensorView::Float32(data) => data.iter().try_for_each(|v| to.write_all(&v.to_le_bytes())),
        TensorView::Int32(data) => data.iter().try_for_each(|v| to.write_all(&v.to_le_bytes())),
        TensorView::Int64(data) => data.iter().try_for_each(|v| to.write_all(&v.to_le_bytes())),
        TensorView::Uint8(data) => to.write_all(data),
    }
}

/// Reads a file run by run.
pub struct Frames {
    file: File,
    specs: Vec<TensorSpec>,
    count: u64,
    read: u64,
}

impl Frames {
    pub fn open(path: &Path, specs: &[TensorSpec]) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let frame: u64 = specs.iter().map(|spec| (spec.len() * spec.element.size()) as u64).sum();
        let bytes = file.metadata()?.len();
        if bytes == 0 || bytes % frame != 0 {
            bail!("{}: expected a multiple of {frame} bytes, one for each run, got {bytes}", path.display());
        }
        Ok(Self { file, specs: specs.to_vec(), count: bytes / frame, read: 0 })
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn next(&mut self) -> anyhow::Result<Option<Vec<TensorData>>> {
        if self.read == self.count {
            return Ok(None);
        }
        self.read += 1;
        let mut one = |spec: &TensorSpec| {
            let mut bytes = vec![0; spec.len() * spec.element.size()];
            self.file.read_exact(&mut bytes)?;
            Ok(read(spec, &bytes))
        };
        self.specs.iter().map(&mut one).collect::<anyhow::Result<_>>().map(Some)
    }
}

#[derive(Args)]
pub struct RecordArguments {
    /// Folder with a manifest.toml
    pub folder: PathBuf,
    /// File to write
    #[arg(long)]
    pub out: PathBuf,
    /// Recording that is replayed [default: bags/town_drive]
    #[arg(long)]
    pub bag: Option<PathBuf>,
    /// The node that runs the model [default: the manifest's name]
    #[arg(long)]
    pub node: Option<String>,
    /// Of how many runs, spread evenly over the recording, inputs are kept
    #[arg(long, default_value_t = 30)]
    pub frames: usize,
}

impl RecordArguments {
    pub fn run(&self) -> anyhow::Result<bool> {
        let share = installation::share()?;
        let folder = std::path::absolute(&self.folder)?;
        let name = Manifest::read(&folder)?.name;
        let node = self.node.clone().unwrap_or_else(|| name.clone());
        let all: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let (kept, wanted) = (Arc::clone(&all), name.clone());
        inference::capture_inputs(move |model, inputs| {
            if model == wanted {
                let mut bytes = Vec::new();
                // Writing to memory does not fail.
                let _ = inputs.iter().try_for_each(|view| write(view, &mut bytes));
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
            }
        });
        let mut parameters = vec![(node.clone(), "model".to_owned(), folder.display().to_string())];
        let mut part = "perception";
        if node == "motion_planner" {
            part = "planning";
            parameters.push((node.clone(), "learned_proposals".into(), "true".into()));
        }
        replay::replay(
            &share,
            &replay::Options {
                bag: self.bag.clone().unwrap_or_else(|| share.join("bags/town_drive")),
                parts: vec![part.into()],
                out: None,
                map: None,
                launch: None,
                arguments: std::collections::BTreeMap::default(),
                remaps: std::collections::BTreeMap::default(),
                parameters,
            },
        )?;
        let all = all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            bail!("node {node} has not run model {name} in this replay: name the node with --node, or another --bag");
        }
        let frames = self.frames.clamp(1, all.len());
        let mut file = BufWriter::new(File::create(&self.out).with_context(|| self.out.display().to_string())?);
        for i in 0..frames {
            file.write_all(&all[i * all.len() / frames])?;
        }
        file.flush()?;
        println!("inputs of {frames} of {} runs of {name}: {}", all.len(), self.out.display());
        Ok(true)
    }
}

#[derive(Args)]
pub struct RunArguments {
    /// Folder with a manifest.toml
    folder: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// Recorded inputs
    #[arg(long)]
    inputs: PathBuf,
    /// File to write
    #[arg(long)]
    out: PathBuf,
}

impl RunArguments {
    pub fn run(&self) -> anyhow::Result<bool> {
        let manifest = Manifest::read(&self.folder)?;
        let [stage] = &manifest.stages[..] else { bail!("model {}: expected one of one file", manifest.name) };
        let mut model = Model::open(&self.folder, &stage.name, &self.choice.options()?)?;
        let mut frames = Frames::open(&self.inputs, model.inputs())?;
        let mut file = BufWriter::new(File::create(&self.out).with_context(|| self.out.display().to_string())?);
        while let Some(frame) = frames.next()? {
            let views: Vec<TensorView> = frame.iter().map(TensorData::view).collect();
            model.run_tensors(&views, |outputs| outputs.iter().try_for_each(|view| write(view, &mut file)))??;
        }
        file.flush()?;
        println!("{} {}: {}", model.manifest().name, model.precision(), model.placement());
        Ok(true)
    }
}

/// Writes the tensors of one run.
pub fn save(path: &Path, frame: &[TensorData]) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path).with_context(|| path.display().to_string())?);
    frame.iter().try_for_each(|data| write(&data.view(), &mut file))?;
    file.flush()?;
    Ok(())
}
