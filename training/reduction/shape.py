"""Networks whose layers have the sizes of given weights, as pruning leaves them."""

from torch import nn


def fit(model, state):
    """Gives `model` the weights of `state`, its convolutions and linear layers their sizes first."""
    for name, layer in list(model.named_modules()):
        if not isinstance(layer, (nn.Conv2d, nn.Linear)):
            continue
        weight = state[f"{name}.weight"]
        layer.weight = nn.Parameter(weight.clone())
        if layer.bias is not None:
            layer.bias = nn.Parameter(state[f"{name}.bias"].clone())
        if isinstance(layer, nn.Linear):
            layer.out_features, layer.in_features = weight.shape
        else:
            layer.out_channels, layer.in_channels = weight.shape[:2]
    model.load_state_dict(state)
    return model
