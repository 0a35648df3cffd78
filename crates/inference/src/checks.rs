use std::path::Path;

use ort::value::{Outlet, TensorElementType};

use crate::error::{ModelError, TensorMismatch};
use crate::manifest::{ElementType, TensorSpec};

/// The manifest's tensors that the node needs, in its order.
pub(crate) fn select(
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
pub(crate) fn compare(
    path: &Path,
    side: &'static str,
    outlets: &[Outlet],
    specs: &[TensorSpec],
) -> Result<(), ModelError> {
    let wrong = |tensor: &str, expected: String, got: String| {
        let hint = "make the manifest say what the file holds, or export it again";
        let whose = "the manifest";
        Box::new(TensorMismatch { path: path.into(), side, tensor: tensor.into(), whose, expected, got, hint })
    };
    for spec in specs {
        let expected = format!("{} {:?}", spec.element, spec.shape);
        let Some(outlet) = outlets.iter().find(|outlet| outlet.name() == spec.name) else {
            let names: Vec<&str> = outlets.iter().map(Outlet::name).collect();
            return Err(wrong(&spec.name, expected, format!("only {names:?}")).into());
        };
        let element = outlet.dtype().tensor_type();
        let shape: Vec<i64> = outlet.dtype().tensor_shape().map(|s| s.iter().copied().collect()).unwrap_or_default();
        let same = shape.iter().map(|n| usize::try_from(*n).ok()).eq(spec.shape.iter().map(|n| Some(*n)));
        let wanted = match spec.element {
            ElementType::Float32 => TensorElementType::Float32,
            ElementType::Int32 => TensorElementType::Int32,
            ElementType::Int64 => TensorElementType::Int64,
            ElementType::Uint8 => TensorElementType::Uint8,
        };
        if element != Some(wanted) || !same {
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
