//! The messages of `onnx.proto` as far as they are needed here; unknown fields are skipped.
//! Source of numbers and types: ONNX 1.19, onnx/onnx.proto.

use prost::Message;

/// A model: a graph and what it is written in.
#[derive(Clone, PartialEq, Message)]
pub struct Model {
    /// Version of the file format.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// Who has written it.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// The graph.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    /// Operator sets by domain.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
}

/// Version of the operators of a domain; the standard's own has the empty name.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSet {
    /// The domain.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// Its version.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// Nodes in an order in which they can be computed, and what goes in and out.
#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    /// The nodes.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Constants: weights.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    /// Inputs; initializers may be among them.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfo>,
    /// Outputs.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfo>,
}

/// One operator at work.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    /// Names of the tensors that go in; empty where an optional one is left out.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of the tensors that come out.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// Its name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// The operator.
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// Attributes.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
    /// The operator's domain; the standard's own is empty.
    #[prost(string, tag = "7")]
    pub domain: String,
}

impl Node {
    /// An integer attribute.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attribute.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.i)
    }
}

/// A constant that an operator is set up with.
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// As a number.
    #[prost(float, tag = "2")]
    pub f: f32,
    /// As an integer.
    #[prost(int64, tag = "3")]
    pub i: i64,
    /// As text.
    #[prost(bytes = "vec", tag = "4")]
    pub s: Vec<u8>,
    /// As a tensor.
    #[prost(message, optional, tag = "5")]
    pub t: Option<Tensor>,
    /// As a graph: the branches of `If`, the body of `Loop`.
    #[prost(message, optional, tag = "6")]
    pub g: Option<Graph>,
    /// As numbers.
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub floats: Vec<f32>,
    /// As integers.
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    /// Which of these it is: 1 f, 2 i, 3 s, 4 t, 5 g, 6 floats, 7 ints.
    #[prost(int32, tag = "20")]
    pub r#type: i32,
}

/// A constant tensor.
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    /// Its shape.
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    /// What its elements are: [`ElementType`].
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// The elements, where they are float32.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// The elements, where they are int64.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// Its name.
    #[prost(string, tag = "8")]
    pub name: String,
    /// The elements, little endian, whatever they are.
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
}

impl Tensor {
    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.dims.iter().map(|n| u64::try_from(*n).unwrap_or(0)).product()
    }
}

/// A name with its type.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfo {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

/// A type; only tensors are read.
#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    /// A tensor's.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorType>,
}

/// A tensor's type.
#[derive(Clone, PartialEq, Message)]
pub struct TensorType {
    /// [`ElementType`].
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    /// Its shape.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<ShapeProto>,
}

/// A tensor's shape.
#[derive(Clone, PartialEq, Message)]
pub struct ShapeProto {
    /// By axis.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

/// Size along an axis.
#[derive(Clone, PartialEq, Message)]
pub struct Dimension {
    /// The size, where it is static.
    #[prost(int64, optional, tag = "1")]
    pub dim_value: Option<i64>,
    /// Its name, where it is not.
    #[prost(string, optional, tag = "2")]
    pub dim_param: Option<String>,
}

/// What elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// IEEE 754 single precision.
    Float32 = 1,
    /// Unsigned 8 bits.
    Uint8 = 2,
    /// Signed 8 bits.
    Int8 = 3,
    /// Signed 32 bits.
    Int32 = 6,
    /// Signed 64 bits.
    Int64 = 7,
    /// Truth values.
    Bool = 9,
    /// IEEE 754 half precision.
    Float16 = 10,
}

impl ElementType {
    /// By its number in the file.
    pub fn from_number(number: i32) -> Option<Self> {
        [Self::Float32, Self::Uint8, Self::Int8, Self::Int32, Self::Int64, Self::Bool, Self::Float16]
            .into_iter()
            .find(|element| *element as i32 == number)
    }

    /// Bytes of one.
    pub fn size(self) -> u64 {
        match self {
            Self::Uint8 | Self::Int8 | Self::Bool => 1,
            Self::Float16 => 2,
            Self::Float32 | Self::Int32 => 4,
            Self::Int64 => 8,
        }
    }
}
