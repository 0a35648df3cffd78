"""Training with the weights and activations that the INT8 file will have: gradients are taken where the rounded weights are, and
move the weights that they are rounded from (the straight-through estimator, Bengio et al. 2013; Jacob et al. 2018)."""

from contextlib import contextmanager

import torch
from torch import nn

# Steps from nought to the greatest weight of a channel: what quantize.py leaves of 8 bits for the CPU.
LEVELS = 64
# Steps from nought to the greatest activation of a tensor, and which share of activations lies below it.
ACTIVATION_LEVELS, BELOW = 255, 0.99999


def on_grid(weight):
    """Weights (out, ...) of a layer, each channel's rounded to the steps of its own greatest."""
    greatest = weight.abs().amax(tuple(range(1, weight.dim())), keepdim=True).clamp(min=1e-12)
    return (weight * (LEVELS / greatest)).round() * (greatest / LEVELS)


def quantized(model, float_layers):
    """The layers whose weights are quantized: all but `float_layers`."""
    return [layer for name, layer in model.named_modules()
            if isinstance(layer, (nn.Conv2d, nn.Linear)) and name not in float_layers]


def round_weights(model, float_layers):
    """Rounds the weights of all layers but `float_layers`, for good."""
    for layer in quantized(model, float_layers):
        layer.weight.data = on_grid(layer.weight.data)


def watched(model, float_layers, see):
    """Hooks by which `see(name, tensor)` sees, and may replace, what is quantized for the CPU: what goes into each layer but
    `float_layers`, and what comes out of each ReLU."""
    hooks = []
    for name, layer in model.named_modules():
        if isinstance(layer, nn.ReLU):
            hooks.append(layer.register_forward_hook(lambda _, read, out, name=name: see(name, out)))
        elif isinstance(layer, nn.Conv2d) and name not in float_layers:
            hooks.append(layer.register_forward_pre_hook(lambda _, read, name=name: (see(name, read[0]),)))
    return hooks


def ranges(model, float_layers, inputs):
    """The activation of each tensor that all but a few are below, over runs on `inputs`; all must be at least 0."""
    greatest, counts = {}, {}

    def see(name, tensor):
        flat = tensor.detach().flatten()
        if flat.min() < 0:
            raise SystemExit(f"{name}: expected activations of at least 0, got {flat.min():.4f}")
        counts[name] = counts.get(name, 0) + len(flat)
        kept = torch.cat([greatest.get(name, flat[:0]), flat.topk(min(len(flat), 2000)).values])
        greatest[name] = kept.topk(min(len(kept), 2000)).values
        return tensor

    hooks = watched(model, float_layers, see)
    with torch.no_grad():
        for one in inputs:
            model(*one)
    for hook in hooks:
        hook.remove()
    return {name: float(values[min(int(counts[name] * (1 - BELOW)), len(values) - 1)]) for name, values in greatest.items()}


@contextmanager
def rounded(model, float_layers, greatest=None):
    """Within it the weights of all layers but `float_layers` are rounded, and are again what they were after it; and where
    `greatest` is given, what `ranges` gave, activations are clipped to it and rounded to 8 bits."""

    def see(name, tensor):
        step = greatest[name] / ACTIVATION_LEVELS
        clipped = tensor.clamp(0, greatest[name])
        return clipped + ((clipped / step).round() * step - clipped).detach()

    kept = {layer: layer.weight.data for layer in quantized(model, float_layers)}
    hooks = watched(model, float_layers, see) if greatest else []
    round_weights(model, float_layers)
    try:
        yield
    finally:
        for layer, weight in kept.items():
            layer.weight.data = weight
        for hook in hooks:
            hook.remove()
