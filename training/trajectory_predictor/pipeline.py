"""How the trajectory predictor is reduced."""

import os

import torch

from reduction import fit, graph, latency, metrics, prune
from reduction.chain import Chain

from . import accuracy, data, network, train
from .network import TEACHER, Predictor

# Share of the student's channels that go.
PRUNED_SHARE = 0.35
# Passes through the training data.
EPOCHS = {"teacher": 6, "distilled": 5, "pruned": 5}


class Reduction(Chain):
    network = network

    def __init__(self, root, seed):
        super().__init__("trajectory_predictor", root, seed)
        self.sets = {}

    def rows(self, name):
        if name not in self.sets:
            self.sets[name] = data.load(os.path.join(self.data, name))
        return self.sets[name]

    def accuracy_of(self, path):
        return accuracy.headline(latency.open_session(path), self.rows("test"))

    def trained(self, name, model, **how):
        return train.train(model, self.rows("train"), self.path(name), EPOCHS[name], **how)

    def teacher(self):
        if os.path.exists(self.path("teacher")):
            return network.load(self.path("teacher")).eval()
        torch.manual_seed(self.seed)
        return self.trained("teacher", Predictor(TEACHER), seed=self.seed, rate=1.5e-3, decay=1e-2)

    def distilled(self):
        """The base network, which has seen five towns, trained on under the teacher in eight."""
        torch.manual_seed(self.seed + 1)
        student = network.from_onnx(self.base)
        return self.trained("distilled", student, seed=self.seed + 1, rate=1e-3, teacher=self.teacher())

    def pruned(self):
        torch.manual_seed(self.seed + 2)
        rows, teacher = self.rows("train"), self.teacher()
        if not os.path.exists(self.path("cut")):
            model = network.load(self.path("distilled")).eval()

            def losses():
                for chosen in fit.batches(len(rows[0]), 0, self.seed + 2)[:8]:
                    yield train.loss_of(model, [part[chosen] for part in rows], teacher, 1.0)

            prune.prune(model, network.example(), losses, PRUNED_SHARE, keep=[model.head])
            torch.save(model.state_dict(), self.path("cut"))
        return self.trained("pruned", network.load(self.path("cut")), seed=self.seed + 2, teacher=teacher)

    def calibration(self):
        """Training samples, all towns among them."""
        rows = self.rows("train")
        order = torch.randperm(len(rows[0]), generator=torch.Generator().manual_seed(self.seed))
        return data.feeds([part[order[: 100 * network.AGENTS]] for part in rows])

    def report(self):
        deployment, test = self.deployment(), self.rows("test")
        deployment.place()
        deployment.compare(lambda: data.feeds(test, 100), next(data.feeds(test)))
        measures = {}
        for precision in ("fp32", "int8"):
            session = latency.open_session(deployment.shipped[precision])
            xy, probability, future, kind = accuracy.predictions(session, test)
            measures[precision] = {"by_class": accuracy.by_class(xy, probability, future, kind),
                                   "calibration": accuracy.calibration(xy, probability, future)}
        metrics.update(
            self.model, model=self.name, command="training/trajectory_predictor.sh",
            test_set="worlds 3001 to 3003 in generated towns 3001 and 3002; the base network was trained in towns 1001 to "
                     "1005, teacher and student in 1001 to 1008",
            miss="no future within 2 m of the truth at 5 s; moving: further than 1 m within 5 s",
            parameters=graph.costs(deployment.shipped["fp32"])["parameters"], predictor=measures["fp32"]["by_class"],
            calibration=measures["fp32"]["calibration"], int8=measures["int8"], **accuracy.simple(test))
