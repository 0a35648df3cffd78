"""Makes the channels of a tensor equally wide, so that one scale for all of them does each justice.

A channel that goes through ReLU may be divided by any positive number if the layers that read it multiply by the same: the
network's function stays, its ranges change (Nagel et al. 2019, cross-layer equalization).
"""

import torch


def equalize(model, groups, inputs):
    """Changes the weights of `model`. Each group is (makers, readers): convolutions whose outputs, after ReLU and sums, are
    what the readers read, and all that reads them. `inputs` gives the arguments of the runs over which the greatest value of
    each channel is taken."""
    layers = dict(model.named_modules())
    inputs = list(inputs)
    for makers, readers in groups:
        scale = torch.stack([greatest(model, layers[name], inputs) for name in readers]).amax(0).clamp(min=1e-3)
        # The mean scale is left as it was.
        scale = scale / scale.log().mean().exp()
        with torch.no_grad():
            for name in makers:
                layers[name].weight.div_(scale.view(-1, 1, 1, 1))
                layers[name].bias.div_(scale)
            for name in readers:
                layers[name].weight.mul_(scale.view(1, -1, 1, 1))
    return model


def greatest(model, layer, inputs):
    """Of each channel that a layer reads, the greatest value."""
    found = []
    hook = layer.register_forward_pre_hook(lambda _, read: found.append(read[0].amax((0, 2, 3))))
    with torch.no_grad():
        for one in inputs:
            model(*one)
    hook.remove()
    return torch.stack(found).amax(0)
