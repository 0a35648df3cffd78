use std::collections::BTreeMap;
use std::path::Path;

use ort::environment::Environment;
use ort::session::Session;

use crate::accelerator::Accelerator;
use crate::engine_cache::{self, EngineKey};
use crate::error::ModelError;
use crate::manifest::Precision;
use crate::placement::{Placement, RECORD};
use crate::provider::{ExecutionProvider, Fallback, provider_options, register};

/// What a session is made of.
pub(crate) struct Recipe<'a> {
    /// The model, for errors.
    pub name: &'a str,
    /// The ONNX file.
    pub bytes: &'a [u8],
    /// SHA-256 of it.
    pub sha256: &'a str,
    pub precision: Precision,
    /// In order of preference.
    pub providers: Vec<ExecutionProvider>,
    pub fallback: Fallback,
    /// `[provider_options]` of the manifest.
    pub options: &'a BTreeMap<String, toml::Table>,
    /// Folder for this file's engines.
    pub engines: Option<&'a Path>,
}

/// A session and what runs it.
pub(crate) struct Made {
    pub session: Session,
    pub placement: Placement,
    pub provider: ExecutionProvider,
    /// What did not go as the first choice had it.
    pub notes: Vec<String>,
}

impl Recipe<'_> {
    /// Makes the session on the first provider or, where that is allowed, on what there is.
    pub fn make(&self, environment: &Environment) -> Result<Made, ModelError> {
        match self.fallback {
            Fallback::Refuse => self.make_on_first(environment),
            Fallback::Allow => self.make_on_any(environment),
        }
    }

    fn make_on_first(&self, environment: &Environment) -> Result<Made, ModelError> {
        let first = self.providers.first().cloned().unwrap_or(ExecutionProvider::Cpu);
        let refused = |reason: String| ModelError::Provider {
            name: self.name.into(),
            provider: first.to_string(),
            reason: format!(
                "{reason}; fallback is refused: set execution_providers to one that this machine has, or fallback to allow"
            ),
        };
        let session =
            self.attempt(environment, std::slice::from_ref(&first), &mut Vec::new()).map_err(|e| match e {
                Failure::Registration(reason) => refused(reason),
                Failure::Session(reason) if first != ExecutionProvider::Cpu => refused(reason),
                Failure::Session(reason) => ModelError::Runtime { name: self.name.into(), reason },
            })?;
        let unproven = |e: ort::Error| refused(format!("ONNX Runtime does not tell which nodes run where: {e}"));
        let placement = Placement::of(&session).map_err(unproven)?;
        if let Some(others) = placement.elsewhere(first.name()) {
            return Err(refused(format!("it does not take all nodes ({placement}): {others}")));
        }
        Ok(Made { session, placement, provider: first, notes: Vec::new() })
    }

    fn make_on_any(&self, environment: &Environment) -> Result<Made, ModelError> {
        let mut notes = Vec::new();
        let mut providers = self.providers.as_slice();
        let session = loop {
            match self.attempt(environment, providers, &mut notes) {
                Ok(session) => break session,
                Err(Failure::Session(reason) | Failure::Registration(reason)) => match providers {
                    [first, rest @ ..] if *first != ExecutionProvider::Cpu => {
                        notes.push(format!("{first}: {reason}"));
                        providers = rest;
                    }
                    _ => return Err(ModelError::Runtime { name: self.name.into(), reason }),
                },
            }
        };
        let placement = Placement::of(&session).unwrap_or_default();
        let provider = placement.main().and_then(|name| ExecutionProvider::from_name(name).ok());
        Ok(Made { session, placement, provider: provider.unwrap_or(ExecutionProvider::Cpu), notes })
    }

    /// One session on these providers; with fallback those that do not register are left out and noted.
    fn attempt(
        &self,
        environment: &Environment,
        providers: &[ExecutionProvider],
        notes: &mut Vec<String>,
    ) -> Result<Session, Failure> {
        let failed = |e: String| Failure::Session(e);
        let builder = Session::builder(environment).map_err(|e| failed(e.to_string()))?;
        // One thread that sleeps between runs: cores are shared with everything else that drives the car.
        let builder = builder.with_intra_threads(1).map_err(|e| failed(e.to_string()))?;
        let builder = builder.with_intra_op_spinning(false).map_err(|e| failed(e.to_string()))?;
        let mut builder = builder.with_config_entry(RECORD.0, RECORD.1).map_err(|e| failed(e.to_string()))?;
        for provider in providers {
            let table = self.options.get(provider.name());
            let options = provider_options(provider, table, self.precision, self.engines);
            let options = options.map_err(Failure::Registration)?;
            match register(&mut builder, provider, &options) {
                Err(reason) if self.fallback == Fallback::Refuse => return Err(Failure::Registration(reason)),
                Err(reason) => notes.push(format!("{provider}: {reason}")),
                Ok(()) if *provider == ExecutionProvider::TensorRt => self.prepare_engines(&options)?,
                Ok(()) => {}
            }
        }
        builder.commit_from_memory(self.bytes).map_err(|e| failed(e.to_string()))
    }

    fn prepare_engines(&self, options: &[(String, String)]) -> Result<(), Failure> {
        let Some(folder) = self.engines else { return Ok(()) };
        let device = options.iter().find(|(key, _)| key == "device_id").and_then(|(_, id)| id.parse().ok());
        let key = EngineKey {
            model: self.sha256.to_lowercase(),
            onnxruntime: ort::info().into(),
            accelerator: Accelerator::find(device.unwrap_or(0)),
            options: options.to_vec(),
        };
        let state = engine_cache::prepare(folder, &key)
            .map_err(|e| Failure::Session(format!("engine cache {}: {e}", folder.display())))?;
        tracing::info!("model {}: {state} ({})", self.name, folder.display());
        Ok(())
    }
}

enum Failure {
    /// A provider cannot be had.
    Registration(String),
    /// No session can be made.
    Session(String),
}
