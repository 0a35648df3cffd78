"""How near trajectories are to the expert's on the held-out set."""

import numpy as np
import torch

from . import data
from .network import OUTPUTS, STEP_S, STEPS, Place

# A trajectory has missed the expert's where it is further off at its end, m.
MISS_M = 2.0


def answers(session, test):
    """Trajectories and probabilities of a session for all samples."""
    places, scores = zip(*(session.run(OUTPUTS, feed) for feed in data.feeds(test)))
    return torch.from_numpy(np.concatenate(places)), torch.softmax(torch.from_numpy(np.concatenate(scores)), 1)


def numbers(places, probability, future):
    """minADE6, minFDE6, miss rate at the end (6 s), and ADE and FDE of the likeliest trajectory."""
    error = (places - future[:, None]).norm(dim=-1)
    ade, fde = error.mean(-1), error[..., -1]
    rows, likely = torch.arange(len(error)), probability.argmax(1)
    return {
        "samples": len(error),
        "min_ade6_m": round(ade.amin(1).mean().item(), 4),
        "min_fde6_m": round(fde.amin(1).mean().item(), 4),
        "miss_rate": round((fde.amin(1) > MISS_M).float().mean().item(), 4),
        "ade1_m": round(ade[rows, likely].mean().item(), 4),
        "fde1_m": round(fde[rows, likely].mean().item(), 4),
    }


def headline(session, test):
    """The numbers that steps are compared by."""
    return numbers(*answers(session, test), test[4])


def by_situation(places, probability, future, test):
    """The numbers of all, and of situations that differ."""
    ego, _, rules, _ = test[:4]
    standing = ego[:, 0] * 15.0 < 0.3
    starts = standing & (future[:, -1].norm(dim=-1) > 1.0)
    masks = {"all": torch.ones(len(ego), dtype=torch.bool), "moving": ~standing, "standing": standing,
             "starting_off": starts, "before_a_stop": rules[:, 0] > 0.5,
             "turning": future[:, -1, 1].abs() > 4.0}
    return {name: numbers(places[mask], probability[mask], future[mask]) for name, mask in masks.items() if mask.any()}


def constant_speed(test):
    """What can be had without a network: on along the way's middle at the present speed."""
    ego, route = test[0], test[1]
    times = torch.arange(1, STEPS + 1) * STEP_S
    s = 15.0 * ego[:, :1] * times
    motion = torch.stack([s, (2.0 * ego[:, 3:4]).expand_as(s)], 2)
    places = Place()(motion, route)[:, None]
    return numbers(places, torch.ones(len(places), 1), test[4])
