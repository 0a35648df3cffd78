"""The network: from a situation several trajectories of the car, and how likely each is."""

import torch
from torch import nn

from reduction import shape
from reduction.layers import layers

# As in nodes/motion_planner/src/features.rs and network.rs.
EGO, POINTS, POINT, RULES, OBJECTS, OBJECT, MODES, STEPS = 11, 40, 8, 24, 16, 37, 6, 12
SPACING_M, STEP_S = 2.5, 0.5
INPUTS = ["ego", "route", "rules", "objects"]
OUTPUTS = ["trajectories", "scores"]
STUDENT = {"object": (48, 48), "way": (96, 64), "fuse": (160, 128)}
TEACHER = {"object": (128, 128), "way": (256, 192), "fuse": (512, 384)}
# The first layers read metres and facts side by side, the last gives metres, and places on the way are metres.
FLOAT_LAYERS = ("object.0", "way.0", "head", "place")


class Place(nn.Module):
    """Places (m, `base_link`) of arc lengths along and offsets beside the way: its points and directions, joined by straight
    lines. In operators that every toolchain takes: each point weighs as much as it is near."""

    def __init__(self):
        super().__init__()
        self.register_buffer("at", torch.arange(POINTS, dtype=torch.float32), persistent=False)

    def forward(self, motion, route):
        """`motion`: (situations, modes * steps, 2), m; `route`: (situations, points, numbers)."""
        along = (motion[:, :, :1] / SPACING_M).clamp(0.0, POINTS - 1.0)
        off = along - self.at
        weight = (1.0 - torch.maximum(off, -off)).clamp(0.0, 1.0)
        points = torch.matmul(weight, route[:, :, :4])
        x, y, cos, sin = (points[:, :, i : i + 1] for i in range(4))
        beside = motion[:, :, 1:]
        return torch.cat([10.0 * x - beside * sin, 10.0 * y + beside * cos], 2)


class Proposer(nn.Module):
    """Trajectories along and beside the way: what each step adds to constant speed and to the present offset."""

    def __init__(self, widths):
        super().__init__()
        self.object = layers(OBJECT + EGO, widths["object"])
        self.way = layers(POINTS * POINT + EGO + RULES, widths["way"])
        joined, last = widths["fuse"]
        self.join = nn.Linear(widths["object"][-1] + widths["way"][-1], joined)
        self.fuse = nn.Linear(joined, last)
        self.head = nn.Linear(last, MODES * (STEPS * 2 + 1))
        self.place = Place()
        self.register_buffer("times", torch.arange(1, STEPS + 1) * STEP_S, persistent=False)
        # Later places are less certain.
        growth = torch.arange(1, STEPS + 1) / STEPS
        self.register_buffer("scale", torch.stack([12.0 * growth, 1.0 * growth + 0.1], 1), persistent=False)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, ego, route, rules, objects):
        beside = ego.unsqueeze(1).expand(-1, OBJECTS, -1)
        near = self.object(torch.cat([objects, beside], 2).reshape(-1, OBJECT + EGO))
        near = near.reshape(-1, OBJECTS, self.object[2].out_features)
        # Rows of nobody are zero: the first number says whether somebody is there.
        near = (near * objects[:, :, :1]).amax(1)
        way = self.way(torch.cat([route.reshape(-1, POINTS * POINT), ego, rules], 1))
        out = self.head(torch.relu(self.fuse(torch.relu(self.join(torch.cat([near, way], 1))))))
        motion = out[:, : MODES * STEPS * 2].reshape(-1, MODES, STEPS, 2) * self.scale
        s = motion[..., :1] + (15.0 * ego[:, :1] * self.times).reshape(-1, 1, STEPS, 1)
        d = motion[..., 1:] + 2.0 * ego[:, 3:4].reshape(-1, 1, 1, 1)
        places = self.place(torch.cat([s, d], 3).reshape(-1, MODES * STEPS, 2), route)
        return places.reshape(-1, MODES, STEPS, 2), out[:, MODES * STEPS * 2 :]


def load(path):
    """A network from its checkpoint, whatever its widths are."""
    return shape.fit(Proposer(STUDENT), torch.load(path, weights_only=True))


def example(situations=1):
    """Inputs of the shapes that a network is exported with."""
    return (torch.zeros(situations, EGO), torch.zeros(situations, POINTS, POINT), torch.zeros(situations, RULES),
            torch.zeros(situations, OBJECTS, OBJECT))
