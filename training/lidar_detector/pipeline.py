"""How the LiDAR detector is reduced."""

import os
import pickle

import numpy as np
import torch

from reduction import files, latency, prune
from reduction.chain import Chain

from . import accuracy, network, train
from .network import FourViews
from .scans import Scans, dense

TESTS = {"shipped_town": "test_shipped_town"}
# Share of the student's channels that go, and at most of any one layer.
PRUNED_SHARE, MOST_OF_A_LAYER = 0.27, 0.5
STEPS = {"distilled": 600, "pruned": 1100}
PEAK_RATE = {"distilled": 4e-4, "pruned": 1e-3}
TEACHING = 4.0


class Reduction(Chain):
    network = network

    def __init__(self, root, seed, distil):
        super().__init__("lidar_detector", root, seed, distil)

    def scans(self, *names):
        return Scans(*(os.path.join(self.data, name) for name in names))

    def found(self, path):
        """What a file finds in each test set; kept beside the file, since looking is what takes long."""
        kept = path.removesuffix(".onnx") + f".{files.digest(path)[:12]}.pickle"
        if not os.path.exists(kept):
            session = latency.open_session(path)
            found = {name: accuracy.detect(session, self.scans(folder)) for name, folder in TESTS.items()}
            with open(kept, "wb") as file:
                pickle.dump(found, file)
        with open(kept, "rb") as file:
            found = pickle.load(file)
        return {name: found[name] for name in TESTS}

    def accuracy_of(self, path):
        everything = [boxes for found in self.found(path).values() for boxes in found]
        return accuracy.headline(accuracy.measure(everything, self.scans(*TESTS.values())))

    def teacher(self):
        return FourViews(self.student()).eval()

    def student(self):
        return network.from_onnx(self.base)

    def trained(self, name, model):
        return train.train(model, self.scans("train"), self.path(name), STEPS[name], self.seed + len(name),
                           PEAK_RATE[name], self.teacher(), TEACHING)

    def distilled(self):
        return self.trained("distilled", self.student())

    def pruned(self):
        if not os.path.exists(self.path("cut")):
            model, teacher, scans = network.load(self.path("distilled")).eval(), self.teacher(), self.scans("train")

            def losses():
                for step in range(6):
                    yield sum(train.loss_of(model, *train.batch(scans, step, self.seed), teacher, TEACHING))

            prune.prune(model, network.example(), losses, PRUNED_SHARE, keep=[model.heat, model.box],
                        most=MOST_OF_A_LAYER)
            torch.save(model.state_dict(), self.path("cut"))
        return self.trained("pruned", network.load(self.path("cut")))

    def calibration(self):
        """Training scans, all places and sensors among them."""
        scans = self.scans("train")
        for index in np.random.default_rng(self.seed).permutation(len(scans))[:40]:
            yield {"grid": dense([scans[int(index)][:2]]).numpy()}

    def report(self):
        """Nothing is put into the model's folder: INT8 loses more than the point of average precision that is allowed."""
        deployment, scans = self.deployment(), self.scans(TESTS["shipped_town"])
        step = {"student": deployment.source, "int8": deployment.quantized["int8"]}
        return {name: accuracy.measure(self.found(path)["shipped_town"], scans)["classes"] for name, path in step.items()}
