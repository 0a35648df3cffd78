//! ONNX files: reading them to say what they cost and whether every automotive toolchain takes them, and writing small ones.
//!
//! Shapes of tensors within a graph are not computed here: ONNX Runtime knows them (`inference::tensor_shapes`).

mod build;
mod cost;
mod portable;
mod proto;

pub use build::{GraphBuilder, attribute};
pub use cost::{Cost, Shapes, TensorShape, cost};
pub use portable::{PORTABLE, unportable};
pub use proto::{
    Attribute, Dimension, ElementType, Graph, Model, Node, OperatorSet, ShapeProto, Tensor, TensorType, TypeProto,
    ValueInfo,
};

use prost::Message as _;

/// Why a file is no ONNX model.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The bytes are no such message.
    #[error("no ONNX model: {0}")]
    Decode(#[from] prost::DecodeError),
    /// There is no graph in it.
    #[error("no ONNX model: it has no graph")]
    NoGraph,
}

/// Reads a model.
///
/// # Errors
/// Where the bytes are no ONNX model.
pub fn read(bytes: &[u8]) -> Result<(Model, Graph), OnnxError> {
    let mut model = Model::decode(bytes)?;
    let graph = model.graph.take().ok_or(OnnxError::NoGraph)?;
    Ok((model, graph))
}

/// The model with every tensor of its graph as an output, so that a runtime says what shape each has.
///
/// # Errors
/// Where the bytes are no ONNX model.
pub fn with_all_outputs(bytes: &[u8]) -> Result<Vec<u8>, OnnxError> {
    let (_, graph) = read(bytes)?;
    let mut known: std::collections::BTreeSet<&str> = graph.output.iter().map(|value| value.name.as_str()).collect();
    let mut more = Graph::default();
    for name in graph.node.iter().flat_map(|node| &node.output) {
        if !name.is_empty() && known.insert(name) {
            more.output.push(ValueInfo { name: name.clone(), r#type: None });
        }
    }
    // Messages of one field are merged: what is not known here stays as it is in the file.
    let mut all = bytes.to_vec();
    all.extend(Model { graph: Some(more), ..Model::default() }.encode_to_vec());
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tensors_become_outputs_and_the_file_stays_as_it_is() {
        let mut builder = GraphBuilder::default();
        builder.input("x", &[1]).node("Relu", &["x"], &["r"], vec![]).node("Neg", &["r"], &["y"], vec![]);
        let bytes = builder.output("y", &[1]).build(17);
        let all = with_all_outputs(&bytes).unwrap();
        assert_eq!(all[..bytes.len()], bytes);
        let (model, graph) = read(&all).unwrap();
        assert_eq!((model.opset_import.len(), graph.node.len()), (1, 2));
        assert_eq!(graph.output.iter().map(|value| value.name.as_str()).collect::<Vec<_>>(), ["y", "r"]);
    }
}
