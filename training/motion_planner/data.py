"""Rows that `record_drives` wrote."""

import numpy as np
import torch

from reduction import rows

from .network import EGO, INPUTS, OBJECT, OBJECTS, POINT, POINTS, RULES, STEPS

PARTS = [EGO, POINTS * POINT, RULES, OBJECTS * OBJECT, STEPS * 2]


def load(folder):
    """Inputs of the network, and where the expert was at each step (m, `base_link`)."""
    parts = rows.read(folder, PARTS, "training/motion_planner.sh")
    shapes = [(EGO,), (POINTS, POINT), (RULES,), (OBJECTS, OBJECT), (STEPS, 2)]
    return [torch.from_numpy(np.ascontiguousarray(part.reshape(-1, *shape))) for part, shape in zip(parts, shapes)]


def feeds(data, most=None):
    """Inputs of a session, one situation each."""
    count = len(data[0])
    for i in range(count if most is None else min(most, count)):
        yield {name: part[i : i + 1].numpy() for name, part in zip(INPUTS, data)}


def jittered(batch):
    """Situations whose numbers are a little off: the network is not to lean on any of them alone."""
    ego, route, rules, objects, future = batch
    there = objects[:, :, :1]
    objects = objects + 0.02 * torch.randn_like(objects) * there * (objects != 0)
    # Now and then somebody is not seen.
    seen = (torch.rand(len(objects), objects.shape[1], 1) > 0.05).float()
    return ego + 0.01 * torch.randn_like(ego), route, rules, objects * seen, future
