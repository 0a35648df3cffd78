"""What training minimises."""

import torch
from torch import nn

from reduction import distill

from .network import POINTS, STEPS

SPEED, OFFSET, FREE = 2 * POINTS + 10, 2 * POINTS + 8, 2 * POINTS + 4
HORIZON = torch.arange(1, STEPS + 1) * 0.5


def places(paths, motion):
    """Places (m, agent's frame) of steps along and beside ways; the same piecewise straight line as the node's."""
    points = paths[..., : 2 * POINTS].reshape(*paths.shape[:-1], POINTS, 2) * 10.0
    spacing = (points[..., 1, :] - points[..., 0, :]).norm(dim=-1, keepdim=True)
    speed, offset, free = paths[..., SPEED] * 15.0, paths[..., OFFSET] * 4.0, paths[..., FREE]
    joining = torch.where(free[..., None] > 0.5, torch.ones(STEPS), (1 - HORIZON / 4.0).clamp(min=0.0))
    s = speed[..., None] * HORIZON + motion[..., 0]
    d = offset[..., None] * joining + motion[..., 1]
    along = s / spacing
    index = along.detach().floor().clamp(0, POINTS - 2).long()
    at = lambda i: points.gather(-2, i[..., None].expand(*i.shape, 2))
    first, step = at(index), at(index + 1) - at(index)
    left = torch.stack([-step[..., 1], step[..., 0]], -1) / step.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    return first + step * (along - index)[..., None] + left * d[..., None]


def truth(motion, logits, paths, future):
    """Of the truth: the nearest future, the choice among futures, and the likeliest one."""
    error = (places(paths, motion) - future[:, None]).norm(dim=-1)
    cost = error.mean(-1) + 0.5 * error[..., -1]
    best = cost.argmin(1)
    rows = torch.arange(len(best))
    near = nn.functional.huber_loss(error[rows, best], torch.zeros(len(best), STEPS), delta=1.0)
    # Probabilities aim at all futures that come close, so that repeated ways share theirs.
    aim = torch.softmax(-cost.detach() / 0.5, 1)
    choice = -(aim * torch.log_softmax(logits, 1)).sum(1).mean()
    # Futures that lose are kept sane: the likeliest one must be good in itself.
    likely = (torch.softmax(logits, 1).detach() * error.mean(-1)).sum(1).mean()
    return near + 0.5 * choice + 0.15 * likely


def imitation(motion, logits, taught_motion, taught_logits):
    """Of the teacher: its motion along every way, the likelier ways more, and its choice."""
    weight = 0.1 + torch.softmax(taught_logits, -1)
    return distill.values(motion, taught_motion, weight[:, :, None, None]) + 0.5 * distill.choices(logits, taught_logits)
