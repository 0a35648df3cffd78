use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType, TensorRef};
use sha2::{Digest, Sha256};

use crate::environment::environment;
use crate::error::{ModelError, TensorMismatch};
use crate::manifest::{Budget, ElementType, Manifest, Precision, TensorSpec};
use crate::options::LoadOptions;
use crate::provider::ExecutionProvider;
use crate::usage::Record;

/// Runs before the first that counts.
const WARM_UP_RUNS: usize = 2;

/// The tensors that a node's code gives and reads, in its order: names and shapes, all float32.
#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    /// What goes in.
    pub inputs: &'a [(&'a str, &'a [usize])],
    /// What comes out.
    pub outputs: &'a [(&'a str, &'a [usize])],
}

/// A model ready to run: checked, warmed up, on one execution provider.
pub struct Model {
    manifest: Manifest,
    folder: PathBuf,
    precision: Precision,
    budget: Budget,
    provider: ExecutionProvider,
    session: Session,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    /// For each input of the session the place among those of the signature.
    order: Vec<usize>,
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
        let variant = manifest.variant(folder, options.precision)?;
        let path = folder.join("manifest.toml");
        let stage = manifest.stage(folder, stage)?;
        let inputs = select(&path, "input", &stage.inputs, signature.inputs)?;
        let outputs = select(&path, "output", &stage.outputs, signature.outputs)?;
        let named = variant.files().into_iter().find(|file| file.stage == stage.name);
        let named = named.ok_or_else(|| ModelError::Manifest {
            path,
            reason: format!("{}: no file for stage `{}`", variant.precision, stage.name),
        })?;
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
        let failed = |reason: String| ModelError::Runtime { name: manifest.name.clone(), reason };
        let builder = Session::builder(&environment).map_err(|e| failed(e.to_string()))?;
        let provider = ExecutionProvider::from_name(&manifest.execution_providers[0]).map_err(failed)?;
        let mut builder = provider.apply(builder).map_err(|reason| ModelError::Provider {
            name: manifest.name.clone(),
            provider: provider.to_string(),
            reason,
        })?;
        let session = builder.commit_from_memory(&bytes).map_err(|e| failed(e.to_string()))?;
        compare(&file, "input", session.inputs(), &inputs)?;
        compare(&file, "output", session.outputs(), &outputs)?;
        match session.opset_for_domain("") {
            Some(opset) if opset != manifest.opset => {
                return Err(ModelError::Opset { path: file, expected: manifest.opset, got: opset });
            }
            _ => {}
        }
        let place = |outlet: &Outlet| inputs.iter().position(|spec| spec.name == outlet.name());
        let order: Vec<usize> = session.inputs().iter().filter_map(place).collect();
        let (precision, budget) = (variant.precision, variant.budget);
        let record = Record::enter(&manifest.name, precision.name(), provider.name());
        let mut model = Self {
            folder: folder.into(),
            precision,
            budget,
            provider,
            session,
            inputs,
            outputs,
            order,
            record,
            manifest,
        };
        let zeros: Vec<Vec<f32>> = model.inputs.iter().map(|spec| vec![0.0; spec.len()]).collect();
        let zeros: Vec<&[f32]> = zeros.iter().map(Vec::as_slice).collect();
        for _ in 0..WARM_UP_RUNS {
            model.compute(&zeros, |_| ())?;
        }
        Ok(model)
    }

    /// What its folder says of it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What runs it.
    pub fn execution_provider(&self) -> &ExecutionProvider {
        &self.provider
    }

    /// The variant that is loaded.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// What a run of the loaded variant may cost.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// Facts for the status of the node that runs it: which model, in what, on what.
    pub fn facts(&self) -> Vec<(String, String)> {
        let fact = |key: &str, value: &str| (key.to_string(), value.to_string());
        vec![
            fact("model", &format!("{} {}", self.manifest.name, self.manifest.version)),
            fact("precision", self.precision.name()),
            fact("execution_provider", self.provider.name()),
        ]
    }

    /// Runs once on inputs in the signature's order, row-major, and gives `read` the outputs in the signature's order. Inputs
    /// are not copied, outputs are read where ONNX Runtime has put them.
    ///
    /// # Errors
    /// [`ModelError`] where an input has the wrong length, the run fails, or an output is not finite: then `read` is not
    /// called.
    pub fn run<R>(&mut self, inputs: &[&[f32]], read: impl FnOnce(&[&[f32]]) -> R) -> Result<R, ModelError> {
        let record = Arc::clone(&self.record);
        let start = Instant::now();
        let mut end = start;
        let result = self.compute(inputs, |outputs| {
            end = Instant::now();
            read(outputs)
        })?;
        record.add(end - start);
        Ok(result)
    }

    fn compute<R>(&mut self, inputs: &[&[f32]], read: impl FnOnce(&[&[f32]]) -> R) -> Result<R, ModelError> {
        let name = &self.manifest.name;
        let wrong = |tensor: &str, expected: usize, got: usize| ModelError::Input {
            name: name.clone(),
            tensor: tensor.into(),
            expected,
            got,
        };
        if inputs.len() != self.inputs.len() {
            return Err(wrong("", self.inputs.len(), inputs.len()));
        }
        let failed = |e: ort::Error| ModelError::Runtime { name: name.clone(), reason: e.to_string() };
        let mut values: Vec<SessionInputValue> = Vec::with_capacity(inputs.len());
        for &place in &self.order {
            let (spec, data) = (&self.inputs[place], inputs[place]);
            if data.len() != spec.len() {
                return Err(wrong(&spec.name, spec.len(), data.len()));
            }
            values.push(TensorRef::from_array_view((spec.shape.as_slice(), data)).map_err(failed)?.into());
        }
        let answers = self.session.run::<0>(values.as_slice()).map_err(failed)?;
        let mut outputs: Vec<&[f32]> = Vec::with_capacity(self.outputs.len());
        for spec in &self.outputs {
            let value = answers.get(&spec.name).ok_or_else(|| ModelError::Runtime {
                name: name.clone(),
                reason: format!("no output `{}` came", spec.name),
            })?;
            let (_, data) = value.try_extract_tensor::<f32>().map_err(failed)?;
            let [low, high] = spec.range.unwrap_or([f32::MIN, f32::MAX]);
            if let Some(at) = data.iter().position(|v| !(low..=high).contains(v)) {
                let expected = spec.range.map_or("finite numbers".into(), |_| format!("{low} to {high}"));
                let (name, tensor) = (name.clone(), spec.name.clone());
                return Err(ModelError::Output { name, tensor, expected, value: data[at], at });
            }
            outputs.push(data);
        }
        Ok(read(&outputs))
    }
}

/// The manifest's tensors that the node needs, in its order.
fn select(
    path: &Path,
    side: &'static str,
    specs: &[TensorSpec],
    needed: &[(&str, &[usize])],
) -> Result<Vec<TensorSpec>, ModelError> {
    let wrong = |tensor: &str, expected: String, got: String| {
        let hint = "use a model made for this version of the node";
        Box::new(TensorMismatch {
            path: path.into(),
            side,
            tensor: tensor.into(),
            whose: "the node",
            expected,
            got,
            hint,
        })
    };
    let mut selected = Vec::with_capacity(needed.len());
    for (name, shape) in needed {
        match specs.iter().find(|spec| spec.name == *name) {
            Some(spec) if spec.shape == *shape && spec.element == ElementType::Float32 => selected.push(spec.clone()),
            other => {
                let got = other.map_or_else(
                    || "no such tensor".into(),
                    |spec: &TensorSpec| format!("{} {:?}", spec.element, spec.shape),
                );
                return Err(wrong(name, format!("float32 {shape:?}"), got).into());
            }
        }
    }
    match specs.iter().find(|spec| !needed.iter().any(|(name, _)| *name == spec.name)) {
        // An output more does no harm; an input more would be left without values.
        Some(extra) if side == "input" => {
            Err(wrong(&extra.name, "no such tensor".into(), format!("{} {:?}", extra.element, extra.shape)).into())
        }
        _ => Ok(selected),
    }
}

/// Holds the manifest's tensors against those that ONNX Runtime finds in the file.
fn compare(path: &Path, side: &'static str, outlets: &[Outlet], specs: &[TensorSpec]) -> Result<(), ModelError> {
    let wrong = |tensor: &str, expected: String, got: String| {
        let hint = "make the manifest say what the file holds, or export it again";
        let whose = "the manifest";
        Box::new(TensorMismatch { path: path.into(), side, tensor: tensor.into(), whose, expected, got, hint })
    };
    for spec in specs {
        let expected = format!("float32 {:?}", spec.shape);
        let Some(outlet) = outlets.iter().find(|outlet| outlet.name() == spec.name) else {
            let names: Vec<&str> = outlets.iter().map(Outlet::name).collect();
            return Err(wrong(&spec.name, expected, format!("only {names:?}")).into());
        };
        let element = outlet.dtype().tensor_type();
        let shape: Vec<i64> = outlet.dtype().tensor_shape().map(|s| s.iter().copied().collect()).unwrap_or_default();
        let same = shape.iter().map(|n| usize::try_from(*n).ok()).eq(spec.shape.iter().map(|n| Some(*n)));
        if element != Some(TensorElementType::Float32) || !same {
            let kind = element.map_or_else(|| "no tensor".into(), |element| element.to_string());
            return Err(wrong(&spec.name, expected, format!("{kind} {shape:?}")).into());
        }
    }
    match outlets.iter().find(|outlet| !specs.iter().any(|spec| spec.name == outlet.name())) {
        Some(extra) if side == "input" => {
            Err(wrong(extra.name(), "no such tensor".into(), "one in the file".into()).into())
        }
        _ => Ok(()),
    }
}
