use std::collections::{BTreeMap, BTreeSet};

use crate::proto::{ElementType, Graph, Node};

/// A tensor as the runtime knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorShape {
    /// Size along each axis.
    pub dims: Vec<u64>,
    /// Bytes of an element in the file; activations of eight-bit models are counted by their precision instead.
    pub element_size: u64,
    /// Whether elements are floating point.
    pub float: bool,
}

impl TensorShape {
    fn elements(&self) -> u64 {
        self.dims.iter().product()
    }
}

/// Shapes of all tensors of a graph, by name.
pub type Shapes = BTreeMap<String, TensorShape>;

/// What a run of a graph takes, whatever runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Multiplications with addition in convolutions and matrix products.
    pub macs: u64,
    /// Bytes of the weights in the file.
    pub weight_bytes: u64,
    /// Numbers among the weights.
    pub parameters: u64,
    /// Bytes of activations read and written where operators that work on single elements are fused into their neighbours.
    pub activation_bytes: u64,
    /// Most bytes of activations alive at once, in the file's order and with nothing computed in place.
    pub peak_activation_bytes: u64,
}

/// Operators that a compiler fuses into what is before or after them, or that move nothing.
const FUSED: [&str; 34] = [
    "Add",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Constant",
    "DequantizeLinear",
    "Div",
    "Erf",
    "Exp",
    "Flatten",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "Log",
    "Max",
    "Min",
    "Mul",
    "Neg",
    "Pow",
    "PRelu",
    "QuantizeLinear",
    "Relu",
    "Reshape",
    "Shape",
    "Sigmoid",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Tanh",
    "Unsqueeze",
    "Where",
    "ConstantOfShape",
];

/// Counts what a graph with static shapes takes when activations have `activation_size` bytes (4 in fp32, 2 in fp16, 1 in
/// int8).
///
/// # Errors
/// The tensor whose shape is not known.
pub fn cost(graph: &Graph, shapes: &Shapes, activation_size: u64) -> Result<Cost, String> {
    let mut cost = Cost::default();
    let constant = constants(graph);
    let mut known = shapes.clone();
    for tensor in &graph.initializer {
        let element = ElementType::from_number(tensor.data_type);
        let element_size = element.map_or(4, ElementType::size);
        cost.weight_bytes += tensor.elements() * element_size;
        cost.parameters += tensor.elements();
        let dims = tensor.dims.iter().map(|n| u64::try_from(*n).unwrap_or(0)).collect();
        let float = matches!(element, Some(ElementType::Float32 | ElementType::Float16));
        known.insert(tensor.name.clone(), TensorShape { dims, element_size, float });
    }
    let shape = |name: &str| known.get(name).ok_or_else(|| format!("tensor `{name}`: its shape is not known"));
    let bytes = |name: &str| {
        let shape = shape(name)?;
        Ok::<u64, String>(shape.elements() * if shape.float { activation_size } else { shape.element_size })
    };
    let last_use = last_uses(graph);
    let mut alive: u64 = 0;
    for input in graph.input.iter().filter(|input| !constant.contains(input.name.as_str())) {
        alive += bytes(&input.name)?;
    }
    cost.peak_activation_bytes = alive;
    for (i, node) in graph.node.iter().enumerate() {
        if node.output.iter().all(|name| constant.contains(name.as_str())) {
            continue;
        }
        cost.macs += macs(node, shape)?;
        let outputs: u64 =
            node.output.iter().filter(|name| !name.is_empty()).map(|name| bytes(name)).sum::<Result<_, _>>()?;
        let read: BTreeSet<&str> = node.input.iter().map(String::as_str).collect();
        let read = read.into_iter().filter(|name| !name.is_empty() && !constant.contains(name));
        let inputs: Vec<(&str, u64)> = read.map(|name| Ok((name, bytes(name)?))).collect::<Result<_, String>>()?;
        if !FUSED.contains(&node.op_type.as_str()) {
            cost.activation_bytes += outputs + inputs.iter().map(|(_, bytes)| bytes).sum::<u64>();
        }
        alive += outputs;
        cost.peak_activation_bytes = cost.peak_activation_bytes.max(alive);
        let done =
            inputs.iter().filter(|(name, _)| last_use.get(name) == Some(&i)).map(|(_, bytes)| bytes).sum::<u64>();
        alive = alive.saturating_sub(done);
    }
    Ok(cost)
}

/// Tensors that are known before any run where shapes are static: weights, shapes, and what is computed of them alone. A
/// compiler folds the nodes that make them.
pub(crate) fn constants(graph: &Graph) -> BTreeSet<&str> {
    let mut constant: BTreeSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    for node in &graph.node {
        let folded = node.input.iter().all(|name| name.is_empty() || constant.contains(name.as_str()));
        if folded || node.op_type == "Shape" {
            constant.extend(node.output.iter().map(String::as_str));
        }
    }
    constant
}

/// For each tensor the last node that reads it; outputs of the graph are read to the end.
fn last_uses(graph: &Graph) -> BTreeMap<&str, usize> {
    let mut last = BTreeMap::new();
    for (i, node) in graph.node.iter().enumerate() {
        last.extend(node.input.iter().map(|name| (name.as_str(), i)));
    }
    last.extend(graph.output.iter().map(|output| (output.name.as_str(), usize::MAX)));
    last
}

fn macs<'a>(node: &Node, shape: impl Fn(&str) -> Result<&'a TensorShape, String>) -> Result<u64, String> {
    let input =
        |i: usize| node.input.get(i).map_or_else(|| Err(format!("{}: input missing", node.op_type)), |n| shape(n));
    let output = || node.output.first().map_or_else(|| Err(format!("{}: output missing", node.op_type)), |n| shape(n));
    Ok(match node.op_type.as_str() {
        // Weights are [out, in / groups, kernel...] there and [in, out / groups, kernel...] here.
        "Conv" => output()?.elements() * input(1)?.dims.iter().skip(1).product::<u64>(),
        "ConvTranspose" => input(0)?.elements() * input(1)?.dims.iter().skip(1).product::<u64>(),
        "MatMul" => output()?.elements() * input(0)?.dims.last().copied().unwrap_or(1),
        "Gemm" => {
            let inner = if node.int("transA") == Some(1) { 0 } else { 1 };
            output()?.elements() * input(0)?.dims.get(inner).copied().unwrap_or(1)
        }
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{GraphBuilder, attribute};

    fn shaped(list: &[(&str, &[u64])]) -> Shapes {
        let shape = |dims: &[u64]| TensorShape { dims: dims.to_vec(), element_size: 4, float: true };
        list.iter().map(|(name, dims)| ((*name).into(), shape(dims))).collect()
    }

    #[test]
    fn a_convolution_and_a_product_cost_what_the_textbook_says() {
        let mut builder = GraphBuilder::default();
        builder.input("x", &[1, 3, 8, 8]).weights("w", &[16, 3, 3, 3], |_| 0.1).weights("m", &[8, 4], |_| 0.1);
        builder.node("Conv", &["x", "w"], &["c"], vec![attribute::ints("pads", &[1, 1, 1, 1])]);
        builder.node("Relu", &["c"], &["r"], vec![]).node("MatMul", &["r", "m"], &["y"], vec![]);
        builder.output("y", &[1, 16, 8, 4]);
        let (_, graph) = crate::read(&builder.build(17)).unwrap();
        let shapes =
            shaped(&[("x", &[1, 3, 8, 8]), ("c", &[1, 16, 8, 8]), ("r", &[1, 16, 8, 8]), ("y", &[1, 16, 8, 4])]);
        let cost = cost(&graph, &shapes, 1).unwrap();
        assert_eq!(cost.macs, 16 * 64 * 27 + 16 * 8 * 4 * 8);
        assert_eq!((cost.parameters, cost.weight_bytes), (16 * 27 + 32, 4 * (16 * 27 + 32)));
        // Read 192 and write 1024, read 1024 and write 512; the ReLU is fused.
        assert_eq!(cost.activation_bytes, 192 + 1024 + 1024 + 512);
        // The convolution's output beside the ReLU's.
        assert_eq!(cost.peak_activation_bytes, 2048);
    }

    #[test]
    fn a_tensor_of_unknown_shape_is_named() {
        let mut builder = GraphBuilder::default();
        builder.input("x", &[1]).node("Relu", &["x"], &["y"], vec![]).output("y", &[1]);
        let (_, graph) = crate::read(&builder.build(17)).unwrap();
        assert!(cost(&graph, &shaped(&[("x", &[1])]), 4).unwrap_err().contains("`y`"));
    }
}
