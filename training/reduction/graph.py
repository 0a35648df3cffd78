"""What one run of an ONNX file costs, read off its graph.

- multiply_accumulates: of convolutions and matrix products.
- bytes_moved: every kernel reads its weights and inputs once and writes its output once, at the width they have in memory
  (1 byte where a tensor is quantized, else 4). Activation functions are part of the kernel before them, and what only
  changes a shape moves nothing. No cache is modelled: it is the traffic of a runtime that fuses no further.
- int8_equivalent_operations: multiply-accumulates by the width of their operands: 1 for int8, 4 for float32, as the
  products of a multiplier array of that width are counted.
"""

import os

import numpy as np
import onnx
from onnx import numpy_helper, shape_inference

FLOAT_WEIGHT = 4
PRODUCTS = {"Conv", "MatMul", "Gemm"}
FUSED = {"Relu", "Sigmoid", "Clip"}
FREE = {"Reshape", "Unsqueeze", "Squeeze", "Flatten", "Identity", "Constant", "Shape", "Expand", "QuantizeLinear",
        "DequantizeLinear"}


class Graph:
    """An ONNX graph with the shape of every tensor."""

    def __init__(self, path):
        model = shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
        self.nodes = list(model.graph.node)
        self.weights = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
        for node in self.nodes:
            if node.op_type == "Constant":
                self.weights[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        values = [*model.graph.value_info, *model.graph.input, *model.graph.output]
        self.shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
        self.shapes.update({name: list(w.shape) for name, w in self.weights.items()})
        self.maker = {output: node for node in self.nodes for output in node.output}
        self.users = {}
        for node in self.nodes:
            for name in node.input:
                self.users.setdefault(name, []).append(node)

    def is_quantized(self, name):
        """Whether a tensor has one byte an element in memory: it comes from a dequantization, or goes only into
        quantizations once its activation function is through."""
        maker = self.maker.get(name)
        if maker is not None and maker.op_type == "DequantizeLinear":
            return True
        users = self.users.get(name, [])
        if len(users) == 1 and users[0].op_type in FUSED:
            return self.is_quantized(users[0].output[0])
        return bool(users) and all(user.op_type == "QuantizeLinear" for user in users)

    def weight(self, name):
        """The constant behind a tensor, through its dequantization, or None."""
        maker = self.maker.get(name)
        if name not in self.weights and maker is not None and maker.op_type == "DequantizeLinear":
            name = maker.input[0]
        return self.weights.get(name)

    def bytes_of(self, name):
        return int(np.prod(self.shapes[name])) * (1 if self.is_quantized(name) else FLOAT_WEIGHT)


def multiply_accumulates(graph, node):
    """Products of one node: as many as its output has elements, times those summed for each."""
    output = int(np.prod(graph.shapes[node.output[0]]))
    if node.op_type == "Conv":
        return output * int(np.prod(graph.shapes[node.input[1]][1:]))
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    return output * graph.shapes[node.input[0]][-2 if transposed else -1]


def costs(path):
    """Parameters, multiply_accumulates, int8_equivalent_operations, bytes_moved and file_bytes of one run of a file."""
    graph = Graph(path)
    counted, parameters, products, equivalent, moved = set(), 0, 0, 0, 0
    for node in graph.nodes:
        if node.op_type in FREE or node.op_type in FUSED:
            continue
        weights = {name: graph.weight(name) for name in node.input}
        for name, weight in weights.items():
            if weight is None or weight.dtype.kind not in "fi" or weight.dtype == np.int64:
                continue
            moved += weight.nbytes
            if name not in counted and node.op_type not in ("Resize", "Slice", "Gather"):
                counted.add(name)
                parameters += weight.size
        if node.op_type in PRODUCTS:
            count = multiply_accumulates(graph, node)
            products += count
            narrow = all(graph.is_quantized(name) for name in node.input[:2])
            equivalent += count * (1 if narrow else FLOAT_WEIGHT)
        moved += sum(graph.bytes_of(name) for name in node.input if name and weights[name] is None)
        moved += sum(graph.bytes_of(name) for name in node.output)
    return {"parameters": parameters, "multiply_accumulates": products, "int8_equivalent_operations": equivalent,
            "bytes_moved": moved, "file_bytes": os.path.getsize(path)}


def operators(path):
    """Names of all operators of a file, sorted."""
    return sorted({node.op_type for node in onnx.load(path).graph.node})
