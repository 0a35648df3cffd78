use std::collections::BTreeMap;
use std::path::Path;

use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{Tensor, TensorElementType, ValueType};

use crate::environment::environment;
use crate::error::ModelError;

/// What ONNX Runtime knows of a tensor: size along each axis (-1 where it is not static), bytes of an element, and whether
/// elements are floating point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorFacts {
    /// Size along each axis.
    pub dims: Vec<i64>,
    /// Bytes of an element.
    pub element_size: u64,
    /// Whether elements are floating point.
    pub float: bool,
}

/// Shapes of a graph's inputs and outputs by name, as a run on zeros has them, with no node changed or left out. A file of
/// which every tensor is an output tells of all.
///
/// # Errors
/// [`ModelError`] where the library cannot be used, takes the file for no model, or cannot run it on zeros.
pub fn tensor_shapes(name: &str, bytes: &[u8], library: &Path) -> Result<BTreeMap<String, TensorFacts>, ModelError> {
    let failed = |reason: String| ModelError::Runtime { name: name.into(), reason };
    let builder = Session::builder(&environment(library)?).map_err(|e| failed(e.to_string()))?;
    let mut builder =
        builder.with_optimization_level(GraphOptimizationLevel::Disable).map_err(|e| failed(e.to_string()))?;
    let mut session = builder.commit_from_memory(bytes).map_err(|e| failed(e.to_string()))?;
    let mut found = BTreeMap::new();
    let mut values: Vec<(String, SessionInputValue)> = Vec::new();
    for input in session.inputs() {
        let facts = facts(input.dtype()).ok_or_else(|| failed(format!("input `{}` is no tensor", input.name())))?;
        let element = input.dtype().tensor_type();
        let zeros = zeros(element, &facts.dims).map_err(|e| failed(format!("input `{}`: {e}", input.name())))?;
        values.push((input.name().to_string(), zeros));
        found.insert(input.name().to_string(), facts);
    }
    let outputs = session.run(values).map_err(|e| failed(e.to_string()))?;
    for (output, value) in outputs.iter() {
        found.extend(facts(value.dtype()).map(|facts| (output.to_string(), facts)));
    }
    Ok(found)
}

fn zeros(element: Option<TensorElementType>, dims: &[i64]) -> Result<SessionInputValue<'static>, String> {
    let shape: Vec<usize> = dims
        .iter()
        .map(|n| usize::try_from(*n))
        .collect::<Result<_, _>>()
        .map_err(|_| format!("expected a static shape, got {dims:?}"))?;
    let count = shape.iter().product();
    let made = match element {
        Some(TensorElementType::Float32) => Tensor::from_array((shape, vec![0.0_f32; count])).map(Into::into),
        Some(TensorElementType::Int32) => Tensor::from_array((shape, vec![0_i32; count])).map(Into::into),
        Some(TensorElementType::Int64) => Tensor::from_array((shape, vec![0_i64; count])).map(Into::into),
        Some(TensorElementType::Uint8) => Tensor::from_array((shape, vec![0_u8; count])).map(Into::into),
        other => return Err(format!("expected float32, int32, int64 or uint8, got {other:?}")),
    };
    made.map_err(|e| e.to_string())
}

fn facts(kind: &ValueType) -> Option<TensorFacts> {
    let dims = kind.tensor_shape()?.iter().copied().collect();
    let element_size = match kind.tensor_type()? {
        TensorElementType::Float64 | TensorElementType::Int64 | TensorElementType::Uint64 => 8,
        TensorElementType::Float16
        | TensorElementType::Bfloat16
        | TensorElementType::Int16
        | TensorElementType::Uint16 => 2,
        TensorElementType::Int8 | TensorElementType::Uint8 | TensorElementType::Bool => 1,
        _ => 4,
    };
    let float = matches!(
        kind.tensor_type()?,
        TensorElementType::Float32
            | TensorElementType::Float64
            | TensorElementType::Float16
            | TensorElementType::Bfloat16
    );
    Some(TensorFacts { dims, element_size, float })
}
