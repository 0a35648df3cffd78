use inference::{ElementType, TensorSpec};

use crate::error::{DecoderError, LayoutMismatch};

/// A layout that holds its tensors against a manifest's.
pub(crate) struct Layout {
    pub section: &'static str,
    pub side: &'static str,
    pub name: String,
}

impl Layout {
    /// Place of a float32 tensor of this shape among the specs.
    pub fn find(&self, specs: &[TensorSpec], tensor: &str, shape: &[usize]) -> Result<usize, DecoderError> {
        self.find_of(specs, tensor, ElementType::Float32, shape)
    }

    /// Place of a tensor of this type and shape among the specs.
    pub fn find_of(
        &self,
        specs: &[TensorSpec],
        tensor: &str,
        element: ElementType,
        shape: &[usize],
    ) -> Result<usize, DecoderError> {
        let wrong = |got: String| {
            DecoderError::from(Box::new(LayoutMismatch {
                section: self.section,
                side: self.side,
                tensor: tensor.into(),
                layout: self.name.clone(),
                expected: format!("{element} {shape:?}"),
                got,
            }))
        };
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        let at = specs.iter().position(|spec| spec.name == tensor).ok_or_else(|| wrong(format!("only {names:?}")))?;
        let spec = &specs[at];
        if spec.element != element || spec.shape != shape {
            return Err(wrong(format!("{} {:?}", spec.element, spec.shape)));
        }
        Ok(at)
    }
}
