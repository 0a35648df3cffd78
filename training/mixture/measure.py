"""What the networks answer, cost and take of time."""

import os
import shutil
import time

import numpy as np
import torch

from reduction import files, graph, latency, quantize
from trajectory_predictor import accuracy, data
from trajectory_predictor.losses import HORIZON
from trajectory_predictor.network import FLOAT_LAYERS, INPUTS, OUTPUTS, example

from .network import SLOTS, Dense, Mixture

FORMS = ("all", "gather", "lists")
# Beyond these a sample turns, or changes its speed.
TURN_RAD, CHANGE_MPS = np.radians(30.0), 2.0
RUNS = 100


def forms_of(model):
    """Ways of computing a network."""
    return FORMS if isinstance(model.fuse, Mixture) else ("dense",)


def exported(model, form, path):
    """The network as a file of one form; made once."""
    if not os.path.exists(path):
        if form != "dense":
            model.fuse.form = form
        files.export(model, example(), path, INPUTS, OUTPUTS)
    return path


def quantized(path, rows):
    """A file in INT8 beside it, calibrated with training data, made once. What routes stays in float: a coarse router would
    choose others, and places in lists are whole numbers."""
    target = path.removesuffix(".onnx") + ".int8.onnx"
    if not os.path.exists(target):
        order = torch.randperm(len(rows[0]), generator=torch.Generator().manual_seed(1))
        feeds = data.feeds([part[order[: 60 * 32]] for part in rows])
        routing = [name for name in ("router", "earlier") if quantize.has_layer(path, name)]
        quantize.quantize(path, target, feeds, keep_float=(*FLOAT_LAYERS, *routing))
    return target


def situations(test, count):
    """Masks over samples: what they do within the next 5 s."""
    state, future = test[1][:count], test[4][:count]
    last = (future[:, -1] - future[:, -2])
    stands = future[:, -1].norm(dim=-1) < 1.0
    speed = state[:, 7] * 15.0
    change = (last.norm(dim=-1) / float(HORIZON[0]) - speed).abs() > CHANGE_MPS
    turns = (torch.atan2(last[:, 1], last[:, 0]).abs() > TURN_RAD) & (last.norm(dim=-1) > 0.25) & ~stands
    return {"stands": stands, "turns": turns, "speeds up or brakes": change & ~turns & ~stands,
            "goes on": ~(stands | turns | change)}


def answers(path, test):
    """Accuracy of a file over the held-out set: of all, by class and by situation."""
    xy, probability, future, kind = accuracy.predictions(latency.open_session(path), test)
    table = accuracy.by_class(xy, probability, future, kind)
    for name, mask in situations(test, len(kind)).items():
        table[name] = accuracy.numbers(xy, probability, future, mask)
    return table


def use(model, test):
    """How experts are used over the held-out set: share of each, by class; and how many of them a run of 32 agents and a
    run of one agent activate."""
    kept = {}
    hook = model.fuse.register_forward_pre_hook(lambda _, read: kept.update(x=read[0]))
    chosen, kinds = [], []
    model.fuse.form = "rows"
    for number, feed in enumerate(data.feeds(test)):
        with torch.no_grad():
            model(*(torch.from_numpy(feed[name]) for name in INPUTS))
            chosen.append(sum(model.fuse.route(kept["x"])[1]))
        kinds.append(test[5][number * 32:(number + 1) * 32])
    hook.remove()
    runs = torch.stack(chosen)
    agents = runs.reshape(runs.shape[0] * 32, -1, runs.shape[-1])
    kinds = torch.cat(kinds)
    share = lambda rows: [round(float(v), 3) for v in rows.reshape(-1, rows.shape[-1]).mean(0) / model.fuse.top]
    return {"share": share(runs), "by_class": {name: share(agents[kinds == kind])
                                               for kind, name in enumerate(accuracy.CLASSES) if (kinds == kind).any()},
            "experts_in_a_run": round(float(runs.amax(1).sum(1).mean()), 2),
            "experts_of_an_agent": round(float(agents.amax(1).sum(1).mean()), 2)}


def block(module):
    """Numbers of the block's weights: all of them, and those that one token is multiplied with."""
    total = sum(p.numel() for p in module.parameters())
    if not isinstance(module, Mixture):
        return {"weights": total, "active_weights": total}
    one = 2 * module.width * module.hidden + module.width + module.hidden
    return {"weights": total, "active_weights": total - (module.experts - module.top) * one}


def sweep(folder):
    """Processor's time of one block alone, of 192 tokens, as experts become more while what a token activates stays."""
    width, hidden, tokens, table = 256, 256, 32 * SLOTS, []
    feed = {"x": np.random.default_rng(1).normal(size=(tokens, width)).astype(np.float32)}
    for experts in (1, 2, 4, 8, 16, 32):
        torch.manual_seed(1)
        modules = {"dense, as many active operations": (Dense(width, hidden), None),
                   "every expert computes": (Mixture(width, hidden, experts, 1), "all"),
                   "weights gathered by way": (Mixture(width, hidden, experts, 1), "gather"),
                   "weights gathered by agent": (Mixture(width, hidden, experts, 1, by_agent=True), "gather"),
                   "lists": (Mixture(width, hidden, experts, 1), "lists")}
        paths = {}
        for name, (module, form) in modules.items():
            module.form = form
            paths[name] = os.path.join(folder, f"sweep_{len(paths)}_{experts}.onnx")
            files.export(module.eval(), (torch.zeros(tokens, width),), paths[name], ["x"], ["y"])
        times = latency.side_by_side(paths, feed, runs=20, warm_up=3, clock=time.thread_time)
        table.append({"experts": experts, "ms": {name: times[name]["p50_ms"] for name in paths}})
    shutil.rmtree(folder)
    return {"width": width, "hidden": hidden, "tokens": tokens, "rows": table}


def time_of(paths, test):
    """Processor's time of files on one run of the held-out set, by turns."""
    return latency.side_by_side(paths, next(data.feeds(test)), runs=RUNS, clock=time.thread_time)


def facts(path):
    return {**graph.costs(path), "operators": graph.operators(path)}
