use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::binding::Binding;
use crate::capture::capture;
use crate::checks::{compare, select};
use crate::engine_cache::engine_folder;
use crate::environment::environment;
use crate::error::ModelError;
use crate::manifest::{Budget, Manifest, Precision, Stage, TensorSpec};
use crate::options::LoadOptions;
use crate::placement::Placement;
use crate::provider::ExecutionProvider;
use crate::session::{Made, Recipe};
use crate::tensor::{TensorView, first_outside};
use crate::usage::Record;
use crate::watchdog::Watchdog;

/// Runs before the first that counts.
const WARM_UP_RUNS: usize = 2;
/// More tensors than this on one side no model has.
const MOST_TENSORS: usize = 64;

/// The tensors that a node's code gives and reads, in its order: names and shapes, all float32.
#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    /// What goes in.
    pub inputs: &'a [(&'a str, &'a [usize])],
    /// What comes out.
    pub outputs: &'a [(&'a str, &'a [usize])],
}

/// A model ready to run: checked, warmed up, on an execution provider that has proven to run it.
pub struct Model {
    manifest: Manifest,
    folder: PathBuf,
    precision: Precision,
    budget: Budget,
    provider: ExecutionProvider,
    placement: Placement,
    notes: Vec<String>,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    binding: Binding,
    watchdog: Option<Watchdog>,
    record: Arc<Record>,
}

impl Model {
    /// Loads the default variant of a model of one file, as [`Self::load_stage`] does.
    ///
    /// # Errors
    /// [`ModelError`] naming file or tensor, what was expected, what came and what to do.
    pub fn load(folder: &Path, library: Option<&Path>, signature: Signature) -> Result<Self, ModelError> {
        let options = LoadOptions { library: library.map(Path::to_path_buf), ..LoadOptions::default() };
        Self::load_stage(folder, "", &options, signature)
    }

    /// Loads one stage of a model (its name is empty where the model is one file): checks the manifest, the tensors that
    /// the node needs, the file's hash, and what ONNX Runtime itself says of the file; then runs it on zeros, so that the
    /// first real run costs no more than the others.
    ///
    /// # Errors
    /// [`ModelError`] naming file or tensor, what was expected, what came and what to do.
    pub fn load_stage(
        folder: &Path,
        stage: &str,
        options: &LoadOptions,
        signature: Signature,
    ) -> Result<Self, ModelError> {
        let manifest = Manifest::read(folder)?;
        let path = folder.join("manifest.toml");
        let declared = manifest.stage(folder, stage)?;
        let inputs = select(&path, "input", &declared.inputs, signature.inputs)?;
        let outputs = select(&path, "output", &declared.outputs, signature.outputs)?;
        let stage = Stage { name: declared.name.clone(), inputs, outputs };
        Self::make(manifest, folder, stage, options)
    }

    /// Loads one stage of a model with the tensors that its manifest names, in the manifest's order.
    ///
    /// # Errors
    /// As [`Self::load_stage`].
    pub fn open(folder: &Path, stage: &str, options: &LoadOptions) -> Result<Self, ModelError> {
        let manifest = Manifest::read(folder)?;
        let stage = manifest.stage(folder, stage)?.clone();
        Self::make(manifest, folder, stage, options)
    }

    fn make(manifest: Manifest, folder: &Path, stage: Stage, options: &LoadOptions) -> Result<Self, ModelError> {
        let Stage { name: stage, inputs, outputs } = stage;
        let invalid = |reason: String| ModelError::Manifest { path: folder.join("manifest.toml"), reason };
        if inputs.len().max(outputs.len()) > MOST_TENSORS {
            return Err(invalid(format!("expected at most {MOST_TENSORS} inputs and outputs")));
        }
        let names = options.execution_providers.as_ref().unwrap_or(&manifest.execution_providers);
        let variant = match (manifest.variant(folder, options.precision), options.precision) {
            // TensorRT makes half precision of the full one by itself.
            (Err(_), Some(Precision::Fp16)) if names.first().is_some_and(|name| name == "tensorrt") => {
                manifest.variant(folder, Some(Precision::Fp32))
            }
            (found, _) => found,
        }?;
        let named = variant.files().into_iter().find(|file| file.stage == stage);
        let named = named.ok_or_else(|| invalid(format!("{}: no file for stage `{stage}`", variant.precision)))?;
        let file = folder.join(&named.file);
        let bytes = std::fs::read(&file).map_err(|source| ModelError::Read {
            path: file.clone(),
            source,
            hint: "its manifest names it: restore it or export it again",
        })?;
        let got: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if !got.eq_ignore_ascii_case(&named.sha256) {
            return Err(ModelError::Hash { path: file, expected: named.sha256, got });
        }
        let library = options.library.as_deref().ok_or_else(|| ModelError::NoLibrary { path: folder.into() })?;
        let environment = environment(library)?;
        let precision = options.precision.unwrap_or(variant.precision);
        let budget = variant.budget;
        let providers = names.iter().map(|name| ExecutionProvider::from_name(name)).collect::<Result<_, _>>();
        let engines = options.engine_cache.as_ref();
        let engines = engines.map(|cache| engine_folder(cache, &manifest.name, &stage, precision.name()));
        let recipe = Recipe {
            name: &manifest.name,
            bytes: &bytes,
            sha256: &named.sha256,
            precision,
            providers: providers.map_err(invalid)?,
            fallback: options.fallback.unwrap_or(manifest.fallback),
            options: &manifest.provider_options,
            engines: engines.as_deref(),
        };
        let Made { session, placement, provider, notes } = recipe.make(&environment)?;
        compare(&file, "input", session.inputs(), &inputs)?;
        compare(&file, "output", session.outputs(), &outputs)?;
        match session.opset_for_domain("") {
            Some(opset) if opset != manifest.opset => {
                return Err(ModelError::Opset { path: file, expected: manifest.opset, got: opset });
            }
            _ => {}
        }
        let failed = |reason: String| ModelError::Runtime { name: manifest.name.clone(), reason };
        let binding = Binding::new(session, &inputs, &outputs).map_err(|e| failed(e.to_string()))?;
        let watchdog = options.run_limit.map(|limit| Watchdog::new(limit, Arc::clone(binding.options())));
        let watchdog = watchdog.transpose().map_err(|e| failed(e.to_string()))?;
        for note in &notes {
            tracing::warn!("model {}: not as preferred: {note}", manifest.name);
        }
        tracing::info!("model {} ({precision}): {placement}", manifest.name);
        let name = if stage.is_empty() { manifest.name.clone() } else { format!("{}.{stage}", manifest.name) };
        let record = Record::enter(&name, precision.name(), provider.name());
        let folder = folder.into();
        let mut model = Self {
            manifest,
            folder,
            precision,
            budget,
            provider,
            placement,
            notes,
            inputs,
            outputs,
            binding,
            watchdog: None,
            record,
        };
        model.warm_up()?;
        model.watchdog = watchdog;
        Ok(model)
    }

    /// Runs on zeros; no limit holds, for engines may be built.
    fn warm_up(&mut self) -> Result<(), ModelError> {
        let zeros: Vec<crate::tensor::TensorData> = self.inputs.iter().map(crate::tensor::TensorData::new).collect();
        let views: Vec<TensorView> = zeros.iter().map(crate::tensor::TensorData::view).collect();
        (0..WARM_UP_RUNS).try_for_each(|_| self.compute(&views))
    }

    /// What its folder says of it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Tensors that go in, in the order of a run's.
    pub fn inputs(&self) -> &[TensorSpec] {
        &self.inputs
    }

    /// Tensors that come out, in the order of a run's.
    pub fn outputs(&self) -> &[TensorSpec] {
        &self.outputs
    }

    /// What runs it; where several do, the one with the most nodes.
    pub fn execution_provider(&self) -> &ExecutionProvider {
        &self.provider
    }

    /// Which nodes run where.
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// The variant that is loaded.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// What a run of the loaded variant may cost.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// Facts for the status of the node that runs it: which model, in what, on what, and what did not go as preferred.
    pub fn facts(&self) -> Vec<(String, String)> {
        let fact = |key: &str, value: &str| (key.to_string(), value.to_string());
        let mut facts = vec![
            fact("model", &format!("{} {}", self.manifest.name, self.manifest.version)),
            fact("precision", self.precision.name()),
            fact("execution_provider", self.provider.name()),
            fact("placement", &self.placement.to_string()),
        ];
        facts.extend(self.notes.iter().map(|note| fact("fallback", note)));
        facts
    }

    /// Runs once on inputs in the signature's order, row-major, all float32, and gives `read` the outputs in the signature's
    /// order. Inputs are not copied, outputs are read where ONNX Runtime has put them, nothing is allocated. Memory that
    /// holds the inputs of every run costs least.
    ///
    /// # Errors
    /// [`ModelError`] where an input has the wrong length, the run fails or takes too long, or an output holds a number that
    /// is not finite or out of its range: then `read` is not called.
    pub fn run<R>(&mut self, inputs: &[&[f32]], read: impl FnOnce(&[&[f32]]) -> R) -> Result<R, ModelError> {
        let mut views = [TensorView::Float32(&[]); MOST_TENSORS];
        let inputs = self.check_count(inputs)?;
        for (view, data) in views.iter_mut().zip(inputs) {
            *view = TensorView::Float32(data);
        }
        self.timed(&views[..inputs.len()])?;
        let mut outputs: [&[f32]; MOST_TENSORS] = [&[]; MOST_TENSORS];
        for (output, buffer) in outputs.iter_mut().zip(self.binding.outputs()) {
            *output = buffer.view().as_f32();
        }
        Ok(read(&outputs[..self.outputs.len()]))
    }

    /// As [`Self::run`], with tensors of any type.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_tensors<R>(
        &mut self,
        inputs: &[TensorView],
        read: impl FnOnce(&[TensorView]) -> R,
    ) -> Result<R, ModelError> {
        let inputs = self.check_count(inputs)?;
        self.timed(inputs)?;
        let mut outputs = [TensorView::Float32(&[]); MOST_TENSORS];
        for (output, buffer) in outputs.iter_mut().zip(self.binding.outputs()) {
            *output = buffer.view();
        }
        Ok(read(&outputs[..self.outputs.len()]))
    }

    fn check_count<'a, T>(&self, inputs: &'a [T]) -> Result<&'a [T], ModelError> {
        if inputs.len() == self.inputs.len() {
            return Ok(inputs);
        }
        let (expected, got) = (self.inputs.len(), inputs.len());
        Err(ModelError::Input { name: self.manifest.name.clone(), tensor: String::new(), expected, got })
    }

    fn timed(&mut self, inputs: &[TensorView]) -> Result<(), ModelError> {
        capture(&self.manifest.name, inputs);
        let start = Instant::now();
        if let Some(watchdog) = &self.watchdog {
            watchdog.start();
        }
        let result = self.compute(inputs);
        let took = start.elapsed();
        if let Some(watchdog) = &self.watchdog
            && (watchdog.stop() || took > watchdog.limit())
        {
            return Err(ModelError::Late { name: self.manifest.name.clone(), limit: watchdog.limit(), took });
        }
        result?;
        self.record.add(took);
        Ok(())
    }

    fn compute(&mut self, inputs: &[TensorView]) -> Result<(), ModelError> {
        for (spec, view) in self.inputs.iter().zip(inputs) {
            if view.len() != spec.len() {
                let (name, tensor) = (self.manifest.name.clone(), spec.name.clone());
                return Err(ModelError::Input { name, tensor, expected: spec.len(), got: view.len() });
            }
            if view.element() != spec.element {
                let (name, tensor) = (self.manifest.name.clone(), spec.name.clone());
                return Err(ModelError::InputType { name, tensor, expected: spec.element, got: view.element() });
            }
        }
        self.binding
            .run(inputs)
            .map_err(|e| ModelError::Runtime { name: self.manifest.name.clone(), reason: e.to_string() })?;
        for (spec, buffer) in self.outputs.iter().zip(self.binding.outputs()) {
            let data = buffer.view().as_f32();
            if let Some(at) = first_outside(data, spec.range) {
                let expected = spec
                    .range
                    .map_or("finite numbers".into(), |[low, high]| format!("finite numbers of {low} to {high}"));
                let (name, tensor) = (self.manifest.name.clone(), spec.name.clone());
                return Err(ModelError::Output { name, tensor, expected, value: data[at], at });
            }
        }
        Ok(())
    }

    /// Runs the same session as ONNX Runtime's own interface does it, with no check and no bound tensor, and gives how long
    /// that took: what [`Self::run`] is measured against.
    ///
    /// # Errors
    /// [`ModelError`] where the run fails.
    pub fn run_plain(&mut self, inputs: &[TensorView]) -> Result<Duration, ModelError> {
        let name = self.manifest.name.clone();
        let failed = |e: ort::Error| ModelError::Runtime { name: name.clone(), reason: e.to_string() };
        plain::run(self.binding.session(), &self.inputs, inputs).map_err(failed)
    }
}

/// ONNX Runtime's own interface, as its users call it.
mod plain {
    use std::borrow::Cow;
    use std::time::{Duration, Instant};

    use ort::session::{Session, SessionInputValue};
    use ort::value::TensorRef;

    use crate::manifest::TensorSpec;
    use crate::tensor::TensorView;

    pub fn run(session: &mut Session, specs: &[TensorSpec], inputs: &[TensorView]) -> ort::Result<Duration> {
        let start = Instant::now();
        let mut values: Vec<(Cow<str>, SessionInputValue)> = Vec::with_capacity(inputs.len());
        for (spec, view) in specs.iter().zip(inputs) {
            let shape = spec.shape.as_slice();
            let value: SessionInputValue = match view {
                TensorView::Float32(data) => TensorRef::from_array_view((shape, *data))?.into(),
                TensorView::Int32(data) => TensorRef::from_array_view((shape, *data))?.into(),
                TensorView::Int64(data) => TensorRef::from_array_view((shape, *data))?.into(),
                TensorView::Uint8(data) => TensorRef::from_array_view((shape, *data))?.into(),
            };
            values.push((spec.name.as_str().into(), value));
        }
        let outputs = session.run(values)?;
        let took = start.elapsed();
        drop(outputs);
        Ok(took)
    }
}
