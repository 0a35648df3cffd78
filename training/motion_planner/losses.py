"""What training minimises."""

import torch
from torch import nn

from reduction import distill

from .network import STEP_S


def along(places):
    """Differences of places (…, steps, 2) that tell speed and its change, m/s and m/s²."""
    zero = torch.zeros_like(places[..., :1, :])
    speed = torch.diff(torch.cat([zero, places], -2), dim=-2) / STEP_S
    return speed, torch.diff(speed, dim=-2) / STEP_S


def truth(places, scores, future):
    """Of the expert: the nearest trajectory, the choice among trajectories, and the likeliest one."""
    error = (places - future[:, None]).norm(dim=-1)
    cost = error.mean(-1) + 0.5 * error[..., -1]
    best = cost.argmin(1)
    rows = torch.arange(len(best))
    near = nn.functional.huber_loss(error[rows, best], torch.zeros_like(error[rows, best]), delta=1.0)
    # What is driven is its speed and how that changes, not its places alone.
    speed, change = along(places[rows, best])
    true_speed, true_change = along(future)
    smooth = nn.functional.huber_loss(speed, true_speed) + 0.2 * nn.functional.huber_loss(change, true_change)
    aim = torch.softmax(-cost.detach() / 0.5, 1)
    choice = -(aim * torch.log_softmax(scores, 1)).sum(1).mean()
    likely = (torch.softmax(scores, 1).detach() * error.mean(-1)).sum(1).mean()
    return near + 0.5 * smooth + 0.5 * choice + 0.15 * likely


def imitation(places, scores, taught_places, taught_scores):
    """Of the teacher: its trajectories, the likelier ones more, and its choice."""
    weight = 0.1 + torch.softmax(taught_scores, -1)
    return distill.values(places, taught_places, weight[:, :, None, None]) + 0.5 * distill.choices(scores, taught_scores)
