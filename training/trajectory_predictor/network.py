"""The network: for each way an agent may take, motion along it and how likely it is."""

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from reduction import shape
from reduction.layers import layers

# As in nodes/trajectory_predictor/src/features.rs, path.rs and forecast.rs.
SAMPLES, SAMPLE, STATE, NEIGHBORS, NEIGHBOR, SLOTS, POINTS, FACTS, STEPS = 11, 6, 14, 8, 10, 6, 26, 20, 10
PATH = 2 * POINTS + FACTS
AGENTS = 32
INPUTS = ["history", "state", "neighbors", "paths"]
OUTPUTS = ["motion", "logits"]
STUDENT = {"agent": (128, 128), "neighbor": (64, 64), "way": (128, 128), "fuse": (256, 256)}
TEACHER = {"agent": (256, 256), "neighbor": (128, 128), "way": (256, 256), "fuse": (512, 512)}
# The first layers read metres and facts side by side, the last gives metres: 8 bits for all would be too coarse.
FLOAT_LAYERS = ("agent.0", "neighbor.0", "way.0", "head")


def beside(rows, state, count):
    """Rows of an agent (agents, count, numbers), each with the agent's state, one below the other."""
    state = state.unsqueeze(1).expand(-1, count, -1)
    return torch.cat([rows, state], 2).reshape(-1, rows.shape[2] + state.shape[2])


class Predictor(nn.Module):
    """For each way an agent may take: what each step adds to constant speed along it and to its offset, and a logit.

    The first layer that joins a way with what all ways share is split in two, so that the shared part is computed once an
    agent and not once a way."""

    def __init__(self, widths):
        super().__init__()
        self.agent = layers(SAMPLES * SAMPLE + STATE, widths["agent"])
        self.neighbor = layers(NEIGHBOR + STATE, widths["neighbor"])
        self.way = layers(PATH + STATE, widths["way"])
        common = widths["agent"][-1] + widths["neighbor"][-1] + widths["way"][-1]
        joined, last = widths["fuse"]
        self.join_way = nn.Linear(widths["way"][-1], joined)
        self.join_common = nn.Linear(common, joined, bias=False)
        # Ways come in an order, the likeliest first: each place has a bias of its own.
        self.join_slot = nn.Linear(SLOTS, joined, bias=False)
        self.fuse = nn.Linear(joined, last)
        self.head = nn.Linear(last, STEPS * 2 + 1)
        self.register_buffer("slots", torch.eye(SLOTS), persistent=False)
        self.register_buffer("scale", torch.tensor([10.0, 1.0]), persistent=False)
        nn.init.normal_(self.head.weight, std=0.003)
        nn.init.zeros_(self.head.bias)

    def trunk(self, history, state, neighbors, paths):
        """What the last layers are given: (agents * ways, width). Matrices have two axes throughout, since runtimes have
        their fast integer kernels for those."""
        agent = self.agent(torch.cat([history, state], 1))
        near = self.neighbor(beside(neighbors, state, NEIGHBORS)).reshape(-1, NEIGHBORS, self.neighbor[2].out_features)
        # Rows of nobody are zero: the first number of a neighbour says whether it is there.
        near = (near * neighbors[:, :, :1]).amax(1)
        ways = self.way(beside(paths, state, SLOTS))
        best = ways.reshape(-1, SLOTS, self.way[2].out_features).amax(1)
        width = self.join_way.out_features
        joined = self.join_way(ways).reshape(-1, SLOTS, width)
        common = self.join_common(torch.cat([agent, near, best], 1)).reshape(-1, 1, width)
        return torch.relu(joined + common + self.join_slot(self.slots).unsqueeze(0)).reshape(-1, width)

    def forward(self, history, state, neighbors, paths):
        out = self.head(torch.relu(self.fuse(self.trunk(history, state, neighbors, paths))))
        motion = out[:, : STEPS * 2].reshape(-1, SLOTS, STEPS, 2)
        return motion * self.scale, out[:, STEPS * 2].reshape(-1, SLOTS)


def load(path):
    """A network from its checkpoint, whatever its widths are."""
    return shape.fit(Predictor(STUDENT), torch.load(path, weights_only=True))


def from_onnx(path):
    """The network whose joining layer was one, from its exported file: the same function with that layer split."""
    graph = onnx.load(path).graph
    weights = {w.name: torch.from_numpy(numpy_helper.to_array(w).copy()) for w in graph.initializer}
    state = {}
    for node in graph.node:
        if node.op_type in ("MatMul", "Gemm"):
            layer, weight = node.name.split("/")[-2], weights[node.input[1]]
            state[f"{layer}.weight"] = weight if node.op_type == "Gemm" else weight.T.contiguous()
            state[f"{layer}.bias"] = weights[f"{layer}.bias"]
    way = state["way.2.weight"].shape[0]
    common = state["agent.2.weight"].shape[0] + state["neighbor.2.weight"].shape[0] + way
    joined, bias = state.pop("fuse.0.weight"), state.pop("fuse.0.bias")
    state["join_way.weight"], state["join_way.bias"] = joined[:, :way].contiguous(), bias
    state["join_common.weight"] = joined[:, way : way + common].contiguous()
    state["join_slot.weight"] = joined[:, way + common :] @ weights["slot"][0].T
    state["fuse.weight"], state["fuse.bias"] = state.pop("fuse.2.weight"), state.pop("fuse.2.bias")
    return shape.fit(Predictor(STUDENT), state)


def example(agents=AGENTS):
    """Inputs of the shapes that a network is exported with."""
    return (torch.zeros(agents, SAMPLES * SAMPLE), torch.zeros(agents, STATE),
            torch.zeros(agents, NEIGHBORS, NEIGHBOR), torch.zeros(agents, SLOTS, PATH))
