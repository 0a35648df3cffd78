"""Structured pruning: whole channels go, so that what is left is a smaller dense network.

Channels that hang together through the graph are one group (DepGraph, Fang et al. 2023), and the groups that the loss would
miss least go first (first-order Taylor criterion, Molchanov et al. 2019).
"""

import torch_pruning


def prune(model, example, losses, ratio, keep=(), round_to=8, rounds=4, most=0.8):
    """Takes the share `ratio` of all channels out of `model`, in rounds, and of no layer more than the share `most`.
    `losses()` gives losses of fresh samples, whose gradients say what each channel is worth. Layers in `keep` give as many
    channels as before. Channels are left in multiples of `round_to`, as vector instructions and tensor cores want them."""
    pruner = torch_pruning.pruner.BasePruner(
        model, example, importance=torch_pruning.importance.GroupTaylorImportance(), global_pruning=True,
        pruning_ratio=ratio, max_pruning_ratio=most, iterative_steps=rounds, ignored_layers=list(keep),
        round_to=round_to)
    for _ in range(rounds):
        model.zero_grad()
        for loss in losses():
            loss.backward()
        pruner.step()
    model.zero_grad()
    return model
