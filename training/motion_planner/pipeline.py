"""How the motion planner's proposal network is reduced."""

import os
import shutil

import torch

from reduction import fit, graph, latency, metrics, prune
from reduction.chain import Chain

from . import accuracy, data, network, train
from .network import STUDENT, TEACHER, Proposer

# Share of the student's channels that go.
PRUNED_SHARE = 0.25
# Passes through the training data.
EPOCHS = {"teacher": 30, "distilled": 30, "pruned": 15}


class Reduction(Chain):
    network = network

    def __init__(self, root, seed):
        super().__init__("motion_planner", root, seed)
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
        return self.trained("teacher", Proposer(TEACHER), seed=self.seed, rate=1e-3, decay=2e-2)

    def distilled(self):
        torch.manual_seed(self.seed + 1)
        return self.trained("distilled", Proposer(STUDENT), seed=self.seed + 1, teacher=self.teacher())

    def pruned(self):
        torch.manual_seed(self.seed + 2)
        rows, teacher = self.rows("train"), self.teacher()
        if not os.path.exists(self.path("cut")):
            model = network.load(self.path("distilled")).eval()

            def losses():
                for chosen in fit.batches(len(rows[0]), 0, self.seed + 2)[:8]:
                    yield train.loss_of(model, [part[chosen] for part in rows], teacher)

            prune.prune(model, network.example(), losses, PRUNED_SHARE, keep=[model.head])
            torch.save(model.state_dict(), self.path("cut"))
        return self.trained("pruned", network.load(self.path("cut")), seed=self.seed + 2, teacher=teacher)

    def calibration(self):
        """Training samples, all towns among them."""
        rows = self.rows("train")
        order = torch.randperm(len(rows[0]), generator=torch.Generator().manual_seed(self.seed))
        return data.feeds([part[order[:1000]] for part in rows])

    def report(self):
        deployment, test = self.deployment(), self.rows("test")
        # Its lines of hashes are filled in where it is deployed.
        shutil.copyfile(os.path.join(os.path.dirname(__file__), "manifest.toml"), os.path.join(self.model, "manifest.toml"))
        deployment.place()
        deployment.compare(lambda: data.feeds(test, 400), next(data.feeds(test)))
        measures = {}
        for precision in ("fp32", "int8"):
            found = accuracy.answers(latency.open_session(deployment.shipped[precision]), test)
            measures[precision] = accuracy.by_situation(*found, test[4], test)
        metrics.update(
            self.model, model=self.name, command="training/motion_planner.sh",
            test_set="the expert's drives of other seeds in generated towns 3001 and 3002; training knows towns 1001 to 1008",
            miss="no trajectory within 2 m of the expert's place after 6 s",
            parameters=graph.costs(deployment.shipped["fp32"])["parameters"], proposals=measures["fp32"],
            int8=measures["int8"], constant_speed=accuracy.constant_speed(test))
