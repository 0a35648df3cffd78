"""Compares mixtures of experts with dense networks in the trajectory predictor, and writes the tables of docs/experts.md, its
plots and docs/experts.json.

    PYTHON=path/to/python UNTIL=record training/trajectory_predictor.sh    # records the data
    python training/experts.py [--seeds 1 2] [--until train | --trained-only]

Goes on where it stopped: what is trained or measured is not done again; training/work/experts holds it. The estimates need the
built program.
"""

import argparse
import json
import os
import tempfile

import torch

from mixture import budget, measure, report, variants
from reduce import ROOT
from trajectory_predictor import data

WORK = os.path.join(ROOT, "training", "work", "experts")
DATA = os.path.join(ROOT, "training", "data", "trajectory_predictor")
DOCS = os.path.join(ROOT, "docs")


def forms(name, model, seed, train, test):
    """What each form of a network costs, in both precisions."""
    files, table = {}, {}
    for form in measure.forms_of(model):
        path = os.path.join(WORK, f"{name}.{seed}.{form}.onnx")
        files[form, "fp32"] = measure.exported(model, form, path)
        files[form, "int8"] = measure.quantized(path, train())
    times = measure.time_of({"/".join(key): path for key, path in files.items()}, test)
    for (form, precision), path in files.items():
        print(f"  {name}, {form}, {precision}", flush=True)
        table.setdefault(form, {})[precision] = {
            **measure.facts(path), **times[f"{form}/{precision}"], "roofline": budget.estimates(ROOT, path, precision),
            "min_ade6_m": measure.answers(path, test)["all"]["min_ade6_m"]}
    return table


def kept(name, make):
    """What `make()` gives, or gave before."""
    path = os.path.join(WORK, f"{name}.json")
    if not os.path.exists(path):
        result = make()
        with open(path + ".new", "w") as file:
            json.dump(result, file)
        os.replace(path + ".new", path)
    with open(path) as file:
        return json.load(file)


def run_of(name, seed, test):
    """Accuracy of one network, and how its experts are used."""
    model = variants.load(WORK, name, seed)
    form = measure.forms_of(model)[0]
    path = measure.exported(model, form, os.path.join(WORK, f"{name}.{seed}.{form}.onnx"))
    run = {"accuracy": measure.answers(path, test)}
    if isinstance(model.fuse, variants.Mixture):
        run["use"] = measure.use(model, test)
    return run


def measured(seeds, train, test):
    """All networks of all seeds; forms are those of the first seed, as cost does not depend on it."""
    networks = {}
    for name in variants.VARIANTS:
        there = [seed for seed in seeds if os.path.exists(variants.checkpoint(WORK, name, seed))]
        if not there:
            raise SystemExit(f"{name}: not trained with any of the seeds {seeds}")
        print(f"{name}, seeds {there}", flush=True)
        first = variants.load(WORK, name, there[0])
        networks[name] = {
            "block": measure.block(first.fuse),
            "seeds": {str(seed): kept(f"{name}.{seed}.run", lambda: run_of(name, seed, test)) for seed in there},
            "forms": kept(f"{name}.{there[0]}.forms", lambda: forms(name, first, there[0], train, test))}
    return networks


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--until", choices=["train"])
    parser.add_argument("--trained-only", action="store_true", help="train nothing: measure what is there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(WORK, exist_ok=True)
    loaded = []

    def train():
        if not loaded:
            loaded.append(data.load(os.path.join(DATA, "train")))
        return loaded[0]

    for seed in options.seeds:
        for name in variants.VARIANTS:
            if not (options.trained_only or os.path.exists(variants.checkpoint(WORK, name, seed))):
                variants.trained(WORK, name, seed, train())
    if options.until == "train":
        return
    result = {"epochs": variants.EPOCHS, "samples": kept("samples", lambda: len(train()[0])),
              "networks": measured(options.seeds, train, data.load(os.path.join(DATA, "test"))),
              "sweep": kept("sweep", lambda: measure.sweep(tempfile.mkdtemp()))}
    with open(os.path.join(DOCS, "experts.json"), "w") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    page = os.path.join(DOCS, "experts.md")
    with open(page) as file:
        text = report.written(file.read(), report.tables(result), page)
    with open(page, "w") as file:
        file.write(text)
    report.plots(result, DOCS)


if __name__ == "__main__":
    main()
