"""Trains one network, from the expert and from a teacher."""

import torch

from reduction import fit

from . import data as rows
from . import losses


def loss_of(model, batch, teacher):
    """The loss of a batch, and what a teacher adds."""
    places, scores = model(*batch[:4])
    loss = losses.truth(places, scores, batch[4])
    if teacher is not None:
        with torch.no_grad():
            taught = teacher(*batch[:4])
        loss = loss + losses.imitation(places, scores, *taught)
    return loss


def train(model, data, checkpoint, epochs, seed, rate=2e-3, teacher=None, decay=1e-3):
    """As reduction.fit does it, on situations that are a little off."""
    loss = lambda chosen: loss_of(model, rows.jittered([part[chosen] for part in data]), teacher)
    return fit.fit(model, len(data[0]), loss, checkpoint, epochs, seed, rate, decay)
