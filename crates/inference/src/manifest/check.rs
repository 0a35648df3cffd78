use super::{Manifest, TensorSpec, Variant};
use crate::provider::ExecutionProvider;

impl Manifest {
    /// Whether the parts of the manifest fit together.
    pub(super) fn check(&self) -> Result<(), String> {
        for name in self.execution_providers.iter().chain(self.provider_options.keys()) {
            ExecutionProvider::from_name(name)?;
        }
        if self.execution_providers.is_empty() {
            return Err("execution_providers: expected one or more, got none".into());
        }
        if let Some(name) = self.provider_options.keys().find(|name| !self.execution_providers.contains(name)) {
            return Err(format!("[provider_options.{name}]: {name} is not among execution_providers"));
        }
        self.check_tensors()?;
        for (i, variant) in self.variants.iter().enumerate() {
            if self.variants[..i].iter().any(|before| before.precision == variant.precision) {
                return Err(format!("[[variants]]: {} is there twice", variant.precision));
            }
            self.check_files(variant).map_err(|reason| format!("[[variants]] of {}: {reason}", variant.precision))?;
        }
        if !self.variants.iter().any(|variant| variant.precision == self.default_precision) {
            return Err(format!("default_precision {}: expected one of [[variants]]", self.default_precision));
        }
        Ok(())
    }

    fn check_tensors(&self) -> Result<(), String> {
        let one_file = !self.inputs.is_empty() && !self.outputs.is_empty();
        if one_file != self.stages.is_empty() || (!one_file && self.inputs.len() + self.outputs.len() > 0) {
            return Err("expected either [[inputs]] and [[outputs]], or [[stages]] that have them".into());
        }
        let stages = self.stages.iter().flat_map(|stage| stage.inputs.iter().chain(&stage.outputs));
        self.inputs.iter().chain(&self.outputs).chain(stages).try_for_each(check_tensor)?;
        for (i, stage) in self.stages.iter().enumerate() {
            if stage.name.is_empty() || self.stages[..i].iter().any(|before| before.name == stage.name) {
                return Err(format!("[[stages]] `{}`: expected a name of its own", stage.name));
            }
            if stage.inputs.is_empty() || stage.outputs.is_empty() {
                return Err(format!("[[stages]] `{}`: expected inputs and outputs", stage.name));
            }
        }
        Ok(())
    }

    fn check_files(&self, variant: &Variant) -> Result<(), String> {
        if variant.file.is_some() != variant.sha256.is_some() || variant.file.is_some() != variant.files.is_empty() {
            return Err("expected either file and sha256, or files of {stage, file, sha256}".into());
        }
        let (mut got, mut expected): (Vec<&str>, Vec<&str>) = (
            variant.files.iter().map(|file| file.stage.as_str()).collect(),
            self.stages.iter().map(|stage| stage.name.as_str()).collect(),
        );
        got.sort_unstable();
        expected.sort_unstable();
        if got != expected {
            return Err(format!("expected a file for each of the stages {expected:?}, got files for {got:?}"));
        }
        let sound = |value: f64| value > 0.0 && value.is_finite();
        if !(sound(variant.budget.latency_p50_ms) && sound(variant.budget.memory_mb)) {
            return Err("budget: expected numbers above 0".into());
        }
        Ok(())
    }
}

fn check_tensor(spec: &TensorSpec) -> Result<(), String> {
    let wrong = |what: &str, got: String| format!("tensor `{}`: {what}, got {got}", spec.name);
    // Beyond this a size is a mistake, and products would overflow.
    let elements = spec.shape.iter().try_fold(1_usize, |count, n| count.checked_mul(*n).filter(|c| *c < 1 << 40));
    if elements.is_none_or(|count| count == 0) {
        return Err(wrong("shape: expected static sizes of 1 or more", format!("{:?}", spec.shape)));
    }
    match spec.range {
        Some([low, high]) if !(low < high) => {
            Err(wrong("range: expected [least, greatest]", format!("[{low}, {high}]")))
        }
        _ => Ok(()),
    }
}
