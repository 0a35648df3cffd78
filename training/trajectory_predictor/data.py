"""Rows that `record_traffic` wrote, and their mirror images."""

import numpy as np
import torch

from reduction import rows

from .network import AGENTS, INPUTS, NEIGHBOR, NEIGHBORS, PATH, POINTS, SAMPLE, SAMPLES, SLOTS, STATE, STEPS

PARTS = [SAMPLES * SAMPLE, STATE, NEIGHBORS * NEIGHBOR, SLOTS * PATH, STEPS * 2, STEPS, 1, 2]


def load(folder):
    """History, state, neighbours, paths, future (metres, agent's frame) and class of all samples whose future is known to
    its end."""
    parts = rows.read(folder, PARTS, "training/trajectory_predictor.sh")
    history, state, neighbors, paths, future, known, kind, _ = parts
    n = len(history)
    whole = known.all(1)
    parts = (history, state, neighbors.reshape(n, NEIGHBORS, NEIGHBOR), paths.reshape(n, SLOTS, PATH),
             future.reshape(n, STEPS, 2), kind[:, 0].astype(np.int64))
    return [torch.from_numpy(np.ascontiguousarray(part[whole])) for part in parts]


def feeds(data, most=None):
    """Inputs of a session, 32 agents each; the last few samples that fill none are left out."""
    count = len(data[0]) // AGENTS
    for i in range(count if most is None else min(most, count)):
        yield dict(zip(INPUTS, [part[i * AGENTS : (i + 1) * AGENTS].numpy() for part in data[:4]]))


def mirrored(batch):
    """Half of the samples left for right: towns have more of one turn than of the other."""
    history, state, neighbors, paths, future, kind = [part.clone() for part in batch]
    flip = torch.rand(len(kind)) < 0.5
    sign = torch.where(flip, -1.0, 1.0)
    history = history.reshape(-1, SAMPLES, SAMPLE)
    history[..., 1] *= sign[:, None]
    history[..., 3] *= sign[:, None]
    state[:, 8] *= sign
    state[:, 9] *= sign
    for i in (2, 4, 6):
        neighbors[..., i] *= sign[:, None]
    paths[..., 1 : 2 * POINTS : 2] *= sign[:, None, None]
    for i in (8, 9):
        paths[..., 2 * POINTS + i] *= sign[:, None]
    left, right = paths[..., 2 * POINTS + 5].clone(), paths[..., 2 * POINTS + 6].clone()
    paths[..., 2 * POINTS + 5] = torch.where(flip[:, None], right, left)
    paths[..., 2 * POINTS + 6] = torch.where(flip[:, None], left, right)
    future[..., 1] *= sign[:, None]
    return history.reshape(len(kind), -1), state, neighbors, paths, future, kind
