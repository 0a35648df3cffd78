use crate::cost::constants;
use crate::proto::Graph;

/// Operators that TensorRT, OpenVINO, QNN and the compilers of the car makers' chips take alike, and those that are gone once
/// constants are folded.
pub const PORTABLE: [&str; 54] = [
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "DequantizeLinear",
    "Div",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Gather",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "MatMul",
    "Max",
    "MaxPool",
    "Min",
    "Mul",
    "Neg",
    "Pad",
    "Pow",
    "PRelu",
    "QuantizeLinear",
    "ReduceMax",
    "ReduceMean",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Resize",
    "Shape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Tanh",
    "Transpose",
    "Unsqueeze",
    "Where",
];

/// Operators of a graph that are not [`PORTABLE`], each once, with how many nodes are of it; those of other domains have it
/// before the name. Nodes that are folded before any run do not count.
pub fn unportable(graph: &Graph) -> Vec<(String, usize)> {
    let mut found: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    let constant = constants(graph);
    let folded = |output: &String| constant.contains(output.as_str());
    for node in graph.node.iter().filter(|node| !node.output.iter().all(folded)) {
        let standard = node.domain.is_empty() || node.domain == "ai.onnx";
        let operator = node.op_type.as_str();
        if !standard {
            *found.entry(format!("{}.{operator}", node.domain)).or_default() += 1;
        } else if !PORTABLE.contains(&operator) {
            *found.entry(operator.into()).or_default() += 1;
        }
    }
    found.into_iter().collect()
}
