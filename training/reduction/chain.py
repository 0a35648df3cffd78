"""The steps from teacher to INT8 that every model goes through."""

import os

from . import files, graph, metrics
from .deploy import Deployment
from .steps import Step


class Chain:
    """A model's steps and what they share. A model says how its networks are made (`teacher`, `student`, `distilled`,
    `pruned`: each gives a network), exported (`example`, `network`), measured (`accuracy_of` a file), calibrated
    (`calibration`: inputs of the training) and reported (`report`)."""

    # What a step trains on its way, by which it goes on where it was stopped.
    WITHIN = {"pruned": ("cut",)}

    def __init__(self, name, root, seed):
        self.name, self.seed = name, seed
        self.model = os.path.join(root, "models", name)
        self.base = os.path.join(root, "training", name, "base.onnx")
        self.data = os.path.join(root, "training", "data", name)
        self.work = os.path.join(root, "training", "work", name)
        self.notes = os.path.join(self.work, "done")
        os.makedirs(self.work, exist_ok=True)

    def path(self, name, kind="pt"):
        return os.path.join(self.work, f"{name}.{kind}")

    def steps(self):
        def make(step, about):
            within = [self.path(name) for name in self.WITHIN.get(step, ())]
            partial = [f"{path}.partial" for path in (*within, self.path(step))]
            return Step(step, about, lambda: self.made(step), (*within, *partial))

        return [make("teacher", "a network too large for a car"),
                make("distilled", "teaches a smaller one"),
                make("pruned", "takes out the channels that are worth least and trains what is left"),
                Step("int8", "quantizes it, calibrated with training data", self.int8),
                Step("report", "parity, latency and accuracy of what is deployed", self.report)]

    def made(self, step):
        """Makes the network of a step, exports it and notes what it costs and how good it is."""
        model, path = getattr(self, step)(), self.path(step, "onnx")
        files.export(model, self.network.example(), path, self.network.INPUTS, self.network.OUTPUTS)
        return self.noted(step, path)

    def noted(self, step, path):
        numbers = self.accuracy_of(path)
        metrics.write_step(self.model, step, graph.costs(path), numbers)
        print(f"  {step}: {numbers}", flush=True)
        return numbers

    def deployment(self):
        return Deployment(self.name, self.model, self.path("pruned", "onnx"), self.network.FLOAT_LAYERS)

    def int8(self):
        deployment = self.deployment()
        deployment.quantize(self.calibration)
        for step, path in deployment.quantized.items():
            self.noted(step, path)
