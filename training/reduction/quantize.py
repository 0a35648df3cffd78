"""Static INT8 in QDQ form, of two kinds:

- `cpu`: unsigned activations with a zero point, quantized after every layer. ONNX Runtime's CPU kernels are fast for these
  alone, and activations that are never negative keep all 8 bits. Weights take 7 of their 8 bits: on x86 processors without
  VNNI the sum of two products of 8 bits saturates at 16 bits, so that the same file would compute something else there than
  anywhere else; with 7 bits it fits.
- `accelerator`: signed activations, symmetric about zero, which is all that TensorRT takes, quantized where they go into the
  next layer, so that a layer's sums and its activation function are fused before. The CPU computes these in float.

Both have signed symmetric weights with a scale for each channel, and biases in float.
"""

import os
import tempfile

import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

PRODUCTS = ("Conv", "Gemm", "MatMul")
METHODS = {"minmax": CalibrationMethod.MinMax, "entropy": CalibrationMethod.Entropy,
           "percentile": CalibrationMethod.Percentile}


class Feeds(CalibrationDataReader):
    """Inputs one by one, as the calibration wants them."""

    def __init__(self, feeds):
        self.feeds = iter(feeds)

    def get_next(self):
        return next(self.feeds, None)


def prepare(source, target):
    """Folds constants and fuses what is always fused, the float form of a file that is quantized or shipped."""
    quant_pre_process(source, target, skip_symbolic_shape=True)


def has_layer(path, layer):
    """Whether an exported network has a layer of this name."""
    return any(f"/{layer}/" in node.name for node in onnx.load(path).graph.node)


def nodes_of(path, layers):
    """Names of the nodes that compute layers of the exported network (`agent.0`), which the exporter puts into paths."""
    found = {layer: [node.name for node in onnx.load(path).graph.node
                     if f"/{layer}/" in node.name and node.op_type in PRODUCTS] for layer in layers}
    missing = [layer for layer, names in found.items() if not names]
    if missing:
        raise SystemExit(f"{path}: no nodes of the layers {', '.join(missing)}: name layers as the network does")
    return [name for names in found.values() for name in names]


def quantize(source, target, feeds, kind="cpu", keep_float=(), method="percentile", percentile=99.999,
             operators=(*PRODUCTS, "Relu")):
    """Writes `target`: `source` in INT8 but for the layers that `keep_float` names. Sums of branches and changes of
    resolution stay in float as well: they cost little, and each would round once more."""
    symmetric = kind == "accelerator"
    options = {"ActivationSymmetric": symmetric, "WeightSymmetric": True, "QuantizeBias": False}
    if method == "percentile":
        options["CalibPercentile"] = percentile
    if symmetric:
        options["OpTypesToExcludeOutputQuantization"] = list(PRODUCTS)
        operators = [name for name in operators if name != "Relu"]
    with tempfile.TemporaryDirectory() as folder:
        prepared = os.path.join(folder, "prepared.onnx")
        prepare(source, prepared)
        float_nodes = nodes_of(prepared, keep_float)
        quantize_static(prepared, target, Feeds(feeds), quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
                        weight_type=QuantType.QInt8, reduce_range=not symmetric, op_types_to_quantize=list(operators),
                        nodes_to_exclude=float_nodes, calibrate_method=METHODS[method], extra_options=options)
