"""The networks that are compared, and their training."""

import os

import torch

from trajectory_predictor import train

from .network import WIDTHS, Dense, Mixture, predictor

WIDTH = WIDTHS["fuse"][1]
# Active hidden units of every sparse network and of the small dense one; all hidden units of the others.
ACTIVE, TOTAL = 64, 512
VARIANTS = {
    "dense_active": ("dense, as many active operations", lambda: Dense(WIDTH, ACTIVE)),
    "dense_total": ("dense, as many parameters", lambda: Dense(WIDTH, TOTAL)),
    "top1_of_8": ("1 of 8 experts, routed by way", lambda: Mixture(WIDTH, ACTIVE, TOTAL // ACTIVE, 1)),
    "top1_of_8_by_agent": ("1 of 8 experts, routed by agent",
                           lambda: Mixture(WIDTH, ACTIVE, TOTAL // ACTIVE, 1, by_agent=True)),
}
EPOCHS, RATE = 3, 2e-3
# What an uneven use of the experts adds to the loss (Fedus et al. 2021).
BALANCE = 0.01


def made(name, seed):
    torch.manual_seed(seed)
    return predictor(VARIANTS[name][1]())


def checkpoint(work, name, seed):
    return os.path.join(work, f"{name}.{seed}.pt")


def load(work, name, seed):
    model = made(name, seed)
    model.load_state_dict(torch.load(checkpoint(work, name, seed), weights_only=True))
    return model.eval()


def trained(work, name, seed, rows):
    """The network of a variant and seed, trained if it has not been; all in the same way on the same data."""
    path = checkpoint(work, name, seed)
    if os.path.exists(path):
        return load(work, name, seed)
    model = made(name, seed)
    even = (lambda: BALANCE * model.fuse.balance) if isinstance(model.fuse, Mixture) else None
    return train.train(model, rows, path, EPOCHS, seed, RATE, extra=even)
