use prost::Message as _;

use crate::proto::{
    Dimension, ElementType, Graph, Model, Node, OperatorSet, ShapeProto, Tensor, TensorType, TypeProto, ValueInfo,
};

/// Writes small models: for tests of what reads them.
#[derive(Debug, Clone, Default)]
pub struct GraphBuilder {
    graph: Graph,
}

impl GraphBuilder {
    /// A float32 input.
    pub fn input(&mut self, name: &str, shape: &[i64]) -> &mut Self {
        self.input_of(name, ElementType::Float32, shape)
    }

    /// An input of any type.
    pub fn input_of(&mut self, name: &str, element: ElementType, shape: &[i64]) -> &mut Self {
        self.graph.input.push(value(name, element, shape));
        self
    }

    /// A float32 output.
    pub fn output(&mut self, name: &str, shape: &[i64]) -> &mut Self {
        self.graph.output.push(value(name, ElementType::Float32, shape));
        self
    }

    /// Float32 constants, by their index.
    pub fn weights(&mut self, name: &str, dims: &[i64], at: impl Fn(usize) -> f32) -> &mut Self {
        let count = dims.iter().product::<i64>().try_into().unwrap_or(0);
        let raw_data = (0..count).flat_map(|i| at(i).to_le_bytes()).collect();
        let data_type = ElementType::Float32 as i32;
        self.graph.initializer.push(Tensor {
            dims: dims.to_vec(),
            data_type,
            name: name.into(),
            raw_data,
            ..Tensor::default()
        });
        self
    }

    /// Int64 constants along one axis.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> &mut Self {
        let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let (dims, data_type) = (vec![values.len() as i64], ElementType::Int64 as i32);
        self.graph.initializer.push(Tensor { dims, data_type, name: name.into(), raw_data, ..Tensor::default() });
        self
    }

    /// An operator of the standard's own domain.
    pub fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attribute: Vec<crate::Attribute>,
    ) -> &mut Self {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_string()).collect();
        let name = format!("{operator}_{}", self.graph.node.len());
        let (input, output) = (names(inputs), names(outputs));
        self.graph.node.push(Node { input, output, name, op_type: operator.into(), attribute, ..Node::default() });
        self
    }

    /// The file's bytes.
    pub fn build(&self, opset: i64) -> Vec<u8> {
        let opset_import = vec![OperatorSet { domain: String::new(), version: opset }];
        let graph = Some(Graph { name: "graph".into(), ..self.graph.clone() });
        Model { ir_version: 8, producer_name: "ferrodrive".into(), graph, opset_import }.encode_to_vec()
    }
}

fn value(name: &str, element: ElementType, shape: &[i64]) -> ValueInfo {
    let dim = shape.iter().map(|n| Dimension { dim_value: Some(*n), dim_param: None }).collect();
    let tensor_type = Some(TensorType { elem_type: element as i32, shape: Some(ShapeProto { dim }) });
    ValueInfo { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
}

/// Attributes of operators.
pub mod attribute {
    use crate::Attribute;

    /// An integer.
    pub fn int(name: &str, i: i64) -> Attribute {
        Attribute { name: name.into(), i, r#type: 2, ..Attribute::default() }
    }

    /// Integers.
    pub fn ints(name: &str, ints: &[i64]) -> Attribute {
        Attribute { name: name.into(), ints: ints.to_vec(), r#type: 7, ..Attribute::default() }
    }

    /// Text.
    pub fn text(name: &str, text: &str) -> Attribute {
        Attribute { name: name.into(), s: text.as_bytes().to_vec(), r#type: 3, ..Attribute::default() }
    }
}
