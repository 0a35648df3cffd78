"""Trains one network, from the truth and from a teacher."""

import os
from contextlib import nullcontext

import numpy as np
import torch
from torch import nn

from reduction import rounding
from reduction.steps import Progress

from . import losses
from .network import CELL, COLUMNS, FLOAT_LAYERS, ORIGIN
from .scans import dense, mirror

BATCH = 8
SAVE_EVERY = 50
# How many scans are cut down to a sector, as of a sensor that does not see all around.
SECTOR_SHARE = 0.15


def rate(step, total, peak):
    """Up for a tenth of the time, then down by a cosine."""
    share = step / total
    return peak * (0.1 + 9 * share if share < 0.1 else 0.5 * (1 + np.cos(np.pi * (share - 0.1) / 0.9)) + 1e-3)


def sector(cells, features, things, chance):
    """What lies within a sector of 60 to 200 degrees; things outside have no points left."""
    middle, half = chance.uniform(-np.pi, np.pi), np.radians(chance.uniform(30, 100))
    inside = lambda x, y: np.abs((np.arctan2(y, x) - middle + np.pi) % (2 * np.pi) - np.pi) < half
    keep = inside(ORIGIN + (cells // COLUMNS + 0.5) * CELL, ORIGIN + (cells % COLUMNS + 0.5) * CELL)
    things = things.copy()
    things[~inside(things[:, 1], things[:, 2]), 8] = 0
    return cells[keep], features[keep], things


def sample(scan, chance):
    """One scan, mirrored by chance and sometimes cut to a sector: what the network sees, and the things."""
    cells, features, things, _ = scan
    cells, things = mirror(cells, things, chance.random() < 0.5, chance.random() < 0.5)
    if chance.random() < SECTOR_SHARE:
        cells, features, things = sector(cells, features, things, chance)
    return (cells, features), things


def batch(scans, step, seed):
    """Inputs and truth of a step, which seed and step decide."""
    per_epoch = len(scans) // BATCH
    order = np.random.default_rng((seed, step // per_epoch)).permutation(len(scans))
    chance = np.random.default_rng((seed, step, 1))
    chosen = order[(step % per_epoch) * BATCH :][:BATCH]
    inputs, truths = zip(*(sample(scans[index], chance) for index in chosen))
    return dense(inputs).contiguous(memory_format=torch.channels_last), losses.targets(truths)


def loss_of(model, inputs, aim, teacher, teaching):
    """Losses of heat and boxes against the truth, and what the teacher adds."""
    heat, box = model.raw(inputs)
    found, shaped = losses.truth(torch.sigmoid(heat), box, aim)
    if teacher is None:
        return found, shaped, found.new_zeros(())
    with torch.no_grad():
        taught = teacher.raw(inputs)
    warm, alike = losses.imitation(heat, box, *taught)
    return found, shaped, teaching * (warm + alike)


def train(model, scans, checkpoint, steps, seed, peak, teacher=None, teaching=1.0, rounded=False, ranges=None):
    """Trains for a number of steps, goes on from what `checkpoint`.partial holds, and writes the weights to `checkpoint`;
    `rounded`: those that the INT8 file has, `ranges`: with its activations too, by the greatest of each tensor. The same seed
    gives the same weights."""
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, weight_decay=1e-3)
    partial, first = checkpoint + ".partial", 0
    if os.path.exists(partial):
        state = torch.load(partial, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    progress = Progress(os.path.basename(checkpoint).removesuffix(".pt"), steps, first)
    for step in range(first, steps):
        inputs, aim = batch(scans, step, seed)
        for group in optimizer.param_groups:
            group["lr"] = float(rate(step, steps, peak))
        optimizer.zero_grad()
        with rounding.rounded(model, FLOAT_LAYERS, ranges) if rounded else nullcontext():
            found, shaped, taught = loss_of(model, inputs, aim, teacher, teaching)
            (found + shaped + taught).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        progress.add(step + 1, heat=found.item(), box=shaped.item(), teacher=taught.item())
        if (step + 1) % SAVE_EVERY == 0:
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1},
                       partial + ".new")
            os.replace(partial + ".new", partial)
    if rounded:
        rounding.round_weights(model, FLOAT_LAYERS)
    torch.save(model.state_dict(), checkpoint)
    if os.path.exists(partial):
        os.remove(partial)
    return model.eval()
