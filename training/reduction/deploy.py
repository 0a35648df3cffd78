"""From a reduced network's float file to the files of its model folder."""

import os
import shutil

from . import files, latency, metrics, parity, quantize


class Deployment:
    """A network as float file `source`, quantized beside it for the CPU and for accelerators, and the folder it is deployed
    in. `float_layers` stay in float."""

    def __init__(self, name, folder, source, float_layers):
        self.folder, self.source, self.float_layers = folder, source, float_layers
        beside = lambda kind: os.path.join(os.path.dirname(source), f"{kind}.onnx")
        self.quantized = {"int8": beside("int8"), "int8_accelerator": beside("int8_accelerator")}
        self.shipped = {"fp32": os.path.join(folder, f"{name}.onnx"), "int8": os.path.join(folder, f"{name}_int8.onnx"),
                        "int8_accelerator": os.path.join(folder, f"{name}_int8_accelerator.onnx")}

    def quantize(self, calibration):
        """Quantizes for both; `calibration()` gives inputs of the training."""
        for step, kind in (("int8", "cpu"), ("int8_accelerator", "accelerator")):
            quantize.quantize(self.source, self.quantized[step], calibration(), kind, self.float_layers)

    def place(self):
        """Copies the files into the model's folder and puts the hashes of its variants into its manifest."""
        for precision, path in {"fp32": self.source, **self.quantized}.items():
            shutil.copyfile(path, self.shipped[precision])
            if precision != "int8_accelerator":
                files.set_digest(self.folder, self.shipped[precision])

    def compare(self, inputs, one):
        """Notes parity over `inputs()` and latency on the input `one`."""
        reference = latency.open_session(self.shipped["fp32"])
        metrics.update(
            self.folder,
            parity={name: parity.compare(reference, latency.open_session(path), inputs())
                    for name, path in self.quantized.items()},
            float_layers=list(self.float_layers),
            latency=latency.side_by_side({name: self.shipped[name] for name in ("fp32", "int8")}, one, runs=60))
