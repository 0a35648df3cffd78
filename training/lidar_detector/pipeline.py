"""How the LiDAR detector is reduced."""

import os
import pickle

import numpy as np
import torch

from reduction import equalize, files, graph, latency, metrics, prune, rounding
from reduction.chain import Chain

from . import accuracy, network, train
from .network import FourViews
from .scans import Scans, dense

TESTS = {"shipped_town": "test_shipped_town", "towns": "test_towns", "streets_other_sensors": "test_streets"}
# Reported beside the others and not part of the mean that steps are compared by: scans from a car at any heading to its street,
# for those who come neither along nor across, and streets with front gardens, whose walls and hedges look like rows of vehicles.
BESIDE = {"turned": "test_turned", "gardens": "test_gardens"}
ABOUT = ("tested in maps/town.xodr and in generated towns 3001 and 3002 with world seeds 3001 to 3006, by the car's sensor, and in "
         "streets 3001 to 3200 by all sensors, turned in town 3001 with world seeds 3007 to 3009 and in streets 3201 to 3400, "
         "with gardens in streets 3401 to 3600; trained in towns 1001 to 1008 and 1011 to 1018 and streets 10001 to 82625, half of "
         "the scans by sensors other than the car's; the base network and what it was taught and pruned with saw no turned scans "
         "and no gardens, nor did the round called tuned see gardens, the first 1000 steps of the round called rounded did not have "
         "all of its scans, and plans of rounds were changed while they ran, so training anew gives weights as good, not the same")
# Share of the student's channels that go, and at most of any one layer. What heat and boxes are read from stays whole: so
# few channels hold all that is said of a place.
PRUNED_SHARE, MOST_OF_A_LAYER = 0.20, 0.5
# What is left after pruning is trained under the teacher first and then, for long, from the truth alone: the teacher is hardly
# better than what it teaches by then, and a step without it takes less than half the time. The last rounds have weights rounded
# as the INT8 file has them, the very last activations too.
ROUNDS = ("taught", "tuned", "rounded", "fitted")
STEPS = {"distilled": 200, "taught": 1300, "tuned": 5500, "rounded": 11000, "fitted": 800}
PEAK_RATE = {"distilled": 4e-4, "taught": 1e-3, "tuned": 1e-3, "rounded": 1e-3, "fitted": 1e-4}
TEACHING = 4.0


class Reduction(Chain):
    network = network
    WITHIN = {"pruned": ("cut", *ROUNDS)}

    def __init__(self, root, seed):
        super().__init__("lidar_detector", root, seed)

    def scans(self, *names):
        return Scans(*(os.path.join(self.data, name) for name in names))

    def found(self, path, sets):
        """What a file finds in test sets; kept by its hash, since looking is what takes long."""
        kept, found = self.path(files.digest(path)[:12], "pickle"), {}
        if os.path.exists(kept):
            with open(kept, "rb") as file:
                found = pickle.load(file)
        missing = [name for name in sets if name not in found]
        if missing:
            session = latency.open_session(path)
            found |= {name: accuracy.detect(session, self.scans(sets[name])) for name in missing}
            with open(kept, "wb") as file:
                pickle.dump(found, file)
        return {name: found[name] for name in sets}

    def accuracy_of(self, path):
        def headline(sets):
            everything = [boxes for found in self.found(path, sets).values() for boxes in found]
            return accuracy.headline(accuracy.measure(everything, self.scans(*sets.values())))

        beside = {f"{name}_mean_ap": headline({name: folder})["mean_ap"] for name, folder in BESIDE.items()}
        return headline(TESTS) | beside

    def teacher(self):
        return FourViews(self.student()).eval()

    def student(self):
        return self.equalized(network.from_onnx(self.base))

    def equalized(self, model):
        """The same function, in a form that loses less in 8 bits."""
        return equalize.equalize(model.eval(), network.EQUALIZED, self.calibration_inputs())

    def calibration_inputs(self):
        return ((torch.from_numpy(feed["grid"]),) for feed in self.calibration())

    def trained(self, name, model, teacher):
        ranges = None
        if name == "fitted":
            ranges = rounding.ranges(self.equalized(model), network.FLOAT_LAYERS, self.calibration_inputs())
        return train.train(model, self.scans("train"), self.path(name), STEPS[name], self.seed + len(name),
                           PEAK_RATE[name], teacher, TEACHING, rounded=name in ("rounded", "fitted"), ranges=ranges)

    def distilled(self):
        return self.trained("distilled", self.student(), self.teacher())

    def pruned(self):
        if not os.path.exists(self.path("cut")):
            model, teacher, scans = network.load(self.path("distilled")).eval(), self.teacher(), self.scans("train")

            def losses():
                for step in range(6):
                    yield sum(train.loss_of(model, *train.batch(scans, step, self.seed), teacher, TEACHING))

            prune.prune(model, network.example(), losses, PRUNED_SHARE,
                        keep=[model.heat, model.box, model.fuse1[0]], most=MOST_OF_A_LAYER)
            torch.save(model.state_dict(), self.path("cut"))
        before = "cut"
        for name in ROUNDS:
            if not os.path.exists(self.path(name)):
                self.trained(name, network.load(self.path(before)), self.teacher() if name == "taught" else None)
            before = name
        return self.equalized(network.load(self.path(before)).eval())

    def calibration(self):
        """Scans of the car's own sensor in towns and streets of the training."""
        scans = self.scans("calibrate")
        for index in np.random.default_rng(self.seed).permutation(len(scans))[:80]:
            yield {"grid": dense([scans[int(index)][:2]]).numpy()}

    def report(self):
        deployment = self.deployment()
        deployment.place()
        town = self.scans(TESTS["shipped_town"])
        inputs = lambda: ({"grid": dense([town[index][:2]]).numpy()} for index in range(0, len(town), 3))
        deployment.compare(inputs, next(inputs()))
        sets = {precision: self.tables(deployment.shipped[precision]) for precision in ("fp32", "int8")}
        costs = graph.costs(deployment.shipped["fp32"])
        metrics.replace(
            self.model, keep=("reduction", "parity", "float_layers", "latency"), model=self.name,
            command="training/lidar_detector.sh", about=ABOUT, matching=accuracy.MATCHING,
            thresholds=dict(zip(network.CLASSES, accuracy.THRESHOLDS)), parameters=costs["parameters"],
            multiplications=costs["multiply_accumulates"], sets=sets["fp32"], int8={"sets": sets["int8"]})

    def tables(self, path):
        """Accuracy in each test set, of all scans and of those from a moving car."""
        tables, sets = {}, TESTS | BESIDE
        for name, found in self.found(path, sets).items():
            scans = self.scans(sets[name])
            tables[name] = accuracy.measure(found, scans)
            if name in TESTS:
                tables[f"{name}, car moving"] = accuracy.measure(found, scans, moving=True)
        return tables
