"""Trains one network, from the truth and from a teacher."""

import torch

from reduction import fit

from . import data as rows
from . import losses


def loss_of(model, batch, teacher, teaching):
    """The loss of a batch, and what a teacher adds."""
    motion, logits = model(*batch[:4])
    loss = losses.truth(motion, logits, batch[3], batch[4])
    if teacher is not None:
        with torch.no_grad():
            taught = teacher(*batch[:4])
        loss = loss + teaching * losses.imitation(motion, logits, *taught)
    return loss


def train(model, data, checkpoint, epochs, seed, rate=2e-3, teacher=None, teaching=1.0, decay=1e-4, extra=None):
    """As reduction.fit does it, half of the samples mirrored. `extra()` is a loss of the network's own."""
    def loss(chosen):
        one = loss_of(model, rows.mirrored([part[chosen] for part in data]), teacher, teaching)
        return one if extra is None else one + extra()

    return fit.fit(model, len(data[0]), loss, checkpoint, epochs, seed, rate, decay)
