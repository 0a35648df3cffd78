"""Training with the weights that the INT8 file will have: gradients are taken where the rounded weights are, and move the
weights that they are rounded from (the straight-through estimator, Bengio et al. 2013; Jacob et al. 2018)."""

from contextlib import contextmanager

import torch
from torch import nn

# Steps from nought to the greatest weight of a channel: what quantize.py leaves of 8 bits for the CPU.
LEVELS = 64


def on_grid(weight):
    """Weights (out, ...) of a layer, each channel's rounded to the steps of its own greatest."""
    greatest = weight.abs().amax(tuple(range(1, weight.dim())), keepdim=True).clamp(min=1e-12)
    return (weight * (LEVELS / greatest)).round() * (greatest / LEVELS)


def round_weights(model, float_layers):
    """Rounds the weights of all layers but `float_layers`, for good."""
    with rounded(model, float_layers) as kept:
        kept.clear()
    return model


@contextmanager
def rounded(model, float_layers):
    """The weights of all layers but `float_layers` are rounded within it, and are again what they were after it."""
    layers = [layer for name, layer in model.named_modules()
              if isinstance(layer, (nn.Conv2d, nn.Linear)) and name not in float_layers]
    kept = {layer: layer.weight.data for layer in layers}
    for layer in layers:
        layer.weight.data = on_grid(layer.weight.data)
    try:
        yield kept
    finally:
        for layer, weight in kept.items():
            layer.weight.data = weight
