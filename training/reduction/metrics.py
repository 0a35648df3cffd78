"""`models/NAME/metrics.json`: what was measured of a model, one place for all of it."""

import json
import os


def read(folder):
    path = os.path.join(folder, "metrics.json")
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return json.load(file)


def replace(folder, keep, **parts):
    """A model's metrics are `parts` and of what there was before what `keep` names."""
    before = read(folder)
    return write(folder, {**parts, **{name: before[name] for name in keep if name in before}})


def update(folder, **parts):
    """Replaces parts of a model's metrics and leaves the others."""
    return write(folder, {**read(folder), **parts})


def write(folder, metrics):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "metrics.json"), "w") as file:
        json.dump(metrics, file, indent=2)
        file.write("\n")
    return metrics


def write_step(folder, name, costs, accuracy):
    """What one step of the reduction made: costs (`graph.costs`) and accuracy on the held-out set, by name."""
    steps = read(folder).get("reduction", {})
    steps[name] = {**costs, "accuracy": accuracy}
    update(folder, reduction=steps)
