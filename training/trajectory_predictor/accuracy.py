"""Accuracy of predictions on the held-out set."""

import numpy as np
import torch

from . import data
from .losses import HORIZON, places
from .network import AGENTS, OUTPUTS, SLOTS, STEPS

CLASSES = ["car", "truck", "cyclist", "pedestrian"]
MISS_M = 2.0
# Futures this near to each other at every step are one; as in nodes/trajectory_predictor/src/forecast.rs.
SAME_M = 0.8


def answers(session, test):
    """Motion and logits of a session for all samples that fill a run."""
    motions, logits = zip(*(session.run(OUTPUTS, feed) for feed in data.feeds(test)))
    return torch.from_numpy(np.concatenate(motions)), torch.from_numpy(np.concatenate(logits))


def merged(xy, probability):
    """Futures near to a likelier one give it their probability, as the node does."""
    order = probability.argsort(1, descending=True)
    total = torch.zeros_like(probability)
    rows = torch.arange(len(order))
    taken = torch.zeros_like(probability, dtype=torch.bool)
    for rank in range(SLOTS):
        leader = order[:, rank]
        same = (xy - xy[rows, leader][:, None]).norm(dim=-1).amax(-1) < SAME_M
        same &= ~taken & ~taken[rows, leader][:, None]
        total[rows, leader] += (probability * same).sum(1)
        taken |= same
    return total


def numbers(xy, probability, future, mask):
    """minADE6, minFDE6, miss rate (no future within 2 m at 5 s), ADE and FDE of the likeliest future."""
    error = (xy - future[:, None]).norm(dim=-1)[mask]
    ade, fde = error.mean(-1), error[..., -1]
    likely = probability[mask].argmax(1)
    rows = torch.arange(len(likely))
    return {
        "samples": int(mask.sum()),
        "min_ade6_m": round(ade.amin(1).mean().item(), 4),
        "min_fde6_m": round(fde.amin(1).mean().item(), 4),
        "miss_rate": round((fde.amin(1) > MISS_M).float().mean().item(), 4),
        "ade1_m": round(ade[rows, likely].mean().item(), 4),
        "fde1_m": round(fde[rows, likely].mean().item(), 4),
    }


def by_class(xy, probability, future, kind):
    """The numbers of all, of those who move, and of each class."""
    masks = {"all": torch.ones(len(kind), dtype=torch.bool), "moving": future[:, -1].norm(dim=-1) > 1.0}
    masks.update({name: kind == i for i, name in enumerate(CLASSES)})
    return {name: numbers(xy, probability, future, mask) for name, mask in masks.items() if mask.any()}


def calibration(xy, probability, future):
    """How often futures of a probability come true."""
    hit = ((xy - future[:, None]).norm(dim=-1)[..., -1] < MISS_M).float()
    bins = []
    for low in np.arange(0.0, 1.0, 0.2):
        chosen = (probability > 0) & (probability >= low) & (probability < low + 0.2 + (low > 0.7))
        if chosen.any():
            bins.append({"probability": round(probability[chosen].mean().item(), 3),
                         "within_2m_at_5s": round(hit[chosen].mean().item(), 3), "futures": int(chosen.sum())})
    return bins


def predictions(session, test):
    """Places and merged probabilities of a session, and the truth that goes with them: future, class."""
    motion, logits = answers(session, test)
    count = len(motion)
    xy = places(test[3][:count], motion)
    return xy, merged(xy, torch.softmax(logits, 1)), test[4][:count], test[5][:count]


def headline(session, test):
    """The numbers that steps are compared by."""
    xy, probability, future, kind = predictions(session, test)
    return numbers(xy, probability, future, torch.ones(len(kind), dtype=torch.bool))


def simple(test):
    """What can be had without a network: constant velocity, the first way, every way."""
    count = len(test[0]) // AGENTS * AGENTS
    _, state, _, paths, future, kind = [part[:count] for part in test]
    one = torch.ones(count, 1)
    velocity = state[:, 7:9] * 15.0
    still = lambda slots: torch.zeros(count, slots, STEPS, 2)
    guesses = {"constant_velocity": ((velocity[:, None] * HORIZON[:, None])[:, None], one),
               "lane_following": (places(paths[:, :1], still(1)), one),
               "lane_following_every_way": (places(paths, still(SLOTS)), torch.eye(SLOTS)[0].expand(count, -1))}
    return {name: by_class(xy, probability, future, kind) for name, (xy, probability) in guesses.items()}
