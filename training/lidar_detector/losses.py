"""What training minimises."""

import numpy as np
import torch
from torch import nn

from reduction import distill

from .network import BOX, CLASSES, INPUT, ORIGIN, PLACE

LEAST_POINTS = 4
# How wide a centre's mark is, in places.
SIGMA = np.array([1.1, 1.4, 0.8, 0.7, 0.7])
REACH = 3
# What it costs to miss one: the rarer classes more.
WEIGHT = torch.tensor([1.0, 1.5, 1.5, 1.0, 1.0]).view(1, -1, 1, 1)


def targets(batch):
    """Heat and its weight (n, classes, rows, columns), and for the places that must give a box: where, box, weight."""
    n, (_, rows, columns) = len(batch), INPUT
    heat = np.zeros((n, len(CLASSES), rows, columns), np.float32)
    weight = np.ones_like(heat)
    reach = np.arange(-REACH, REACH + 1)
    dx, dy = [a.ravel() for a in np.meshgrid(reach, reach, indexing="ij")]
    where, boxes, value = [], [], []
    count = 0
    for i, things in enumerate(batch):
        u, v = (things[:, 1] - ORIGIN) / PLACE, (things[:, 2] - ORIGIN) / PLACE
        inside = (u >= 0) & (v >= 0) & (u < rows) & (v < columns) & (things[:, 8] > 0)
        things, u, v = things[inside], u[inside], v[inside]
        if not len(things):
            continue
        kind = things[:, 0].astype(int)
        seen = things[:, 8] >= LEAST_POINTS
        x, y = u.astype(int)[:, None] + dx, v.astype(int)[:, None] + dy
        near = np.exp(-((x + 0.5 - u[:, None]) ** 2 + (y + 0.5 - v[:, None]) ** 2) / (2 * SIGMA[kind, None] ** 2))
        near[:, len(dx) // 2] = 1.0
        valid = (x >= 0) & (y >= 0) & (x < rows) & (y < columns)
        k = np.broadcast_to(kind[:, None], x.shape)
        marked = valid & seen[:, None] & (near > 0.02)
        np.maximum.at(heat[i], (k[marked], x[marked], y[marked]), near[marked])
        # Things that are hardly seen may be found or not.
        free = valid & ~seen[:, None] & (near > 0.1)
        weight[i][:, x[free], y[free]] = 0.0
        count += int(seen.sum())
        told = valid & seen[:, None] & (near > 0.3)
        thing, cell = np.nonzero(told)
        px, py = x[thing, cell], y[thing, cell]
        t, yaw = things[thing], things[thing, 7]
        boxes.append(np.stack([u[thing] - px - 0.5, v[thing] - py - 0.5, t[:, 3], *np.log(t[:, 4:7].T),
                               np.sin(2 * yaw), np.cos(2 * yaw), np.sin(yaw), np.cos(yaw)], 1))
        where.append((i * rows + px) * columns + py)
        value.append(np.stack([near[thing, cell], np.where(t[:, 0] >= 3, 0.2, 1.0)], 1))
    # A centre is worth its place even where another's mark covers it.
    weight = np.maximum(weight, heat == 1.0)
    where, boxes, value = np.concatenate(where), np.concatenate(boxes), np.concatenate(value)
    order = np.argsort(value[:, 0], kind="stable")[::-1]
    where, first = np.unique(where[order], return_index=True)
    keep = order[first]
    t = torch.from_numpy
    return t(heat), t(weight), t(where), t(boxes[keep].astype(np.float32)), t(value[keep].astype(np.float32)), max(count, 1)


def truth(heat, box, aim):
    """Focal loss of centres (Law and Deng 2018), and the loss of boxes where there are things."""
    want, weight, where, boxes, value, count = aim
    heat = heat.float().clamp(1e-4, 1 - 1e-4)
    hit = want >= 1.0
    positive = (torch.log(heat[hit]) * (1 - heat[hit]) ** 2 * (weight * WEIGHT)[hit]).sum()
    negative = (torch.log(1 - heat) * heat**2 * (1 - want) ** 4 * weight * ~hit).sum()
    got = box.float().permute(0, 2, 3, 1).reshape(-1, BOX)[where]
    error = nn.functional.smooth_l1_loss(got, boxes, reduction="none", beta=0.1)
    near, turn = value[:, :1], value[:, 1:]
    parts = error[:, :6].sum(1, keepdim=True) + turn * error[:, 6:].sum(1, keepdim=True)
    return -(positive + negative) / count, (parts * near).sum() / near.sum()


def imitation(heat, box, taught_heat, taught_box):
    """Of the teacher: its heat everywhere, where it is warm more, and its boxes where it is warm; heats are before the
    sigmoid."""
    warm = torch.sigmoid(taught_heat)
    error = nn.functional.binary_cross_entropy_with_logits(heat, warm, reduction="none") + (
        torch.special.xlogy(warm, warm) + torch.special.xlogy(1 - warm, 1 - warm))
    sure = warm.amax(1, keepdim=True)
    return (error * (sure + 0.02)).sum() / sure.sum(), distill.values(box, taught_box, sure**2, delta=0.2)
