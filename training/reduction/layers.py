"""Parts that networks share."""

from torch import nn


def layers(inputs, widths):
    """Linear layers with ReLU."""
    modules = []
    for width in widths:
        modules += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*modules)
