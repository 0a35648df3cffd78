"""Tables of docs/experts.md and its plots, from docs/experts.json."""

import os

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from .variants import VARIANTS  # noqa: E402

FORM_NAMES = {"dense": "dense", "all": "every expert computes", "gather": "weights gathered", "lists": "lists"}
CLASSES = ["all", "moving", "car", "truck", "cyclist", "pedestrian"]
SITUATIONS = ["stands", "goes on", "speeds up or brakes", "turns"]


def spread(values, form="{:.3f}"):
    """The mean over seeds and, in brackets, the least and the greatest."""
    mean = form.format(np.mean(values))
    return mean if len(values) == 1 else f"{mean} ({form.format(min(values))}–{form.format(max(values))})"


def table(head, rows):
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)])


def of_seeds(result, name, group, key):
    return [run["accuracy"][group][key] for run in result["networks"][name]["seeds"].values()]


def accuracy(result):
    rows = []
    for name, (about, _) in VARIANTS.items():
        block = result["networks"][name]["block"]
        rows.append([about, " ".join(result["networks"][name]["seeds"]), f"{block['weights'] / 1e3:.0f} k",
                     f"{block['active_weights'] / 1e3:.0f} k",
                     *(spread(of_seeds(result, name, "all", key)) for key in ("min_ade6_m", "min_fde6_m")),
                     spread([100 * value for value in of_seeds(result, name, "all", "miss_rate")], "{:.2f}")])
    return table(["block", "seeds", "weights", "active for a way", "minADE6, m", "minFDE6, m", "miss rate, %"], rows)


def groups(result, names):
    rows = [[about, *(spread(of_seeds(result, name, group, "min_ade6_m")) for group in names)]
            for name, (about, _) in VARIANTS.items()]
    samples = next(iter(result["networks"]["dense_active"]["seeds"].values()))["accuracy"]
    return table(["minADE6, m", *(f"{group} ({samples[group]['samples']})" for group in names)], rows)


def cost(result):
    rows = []
    for name, (about, _) in VARIANTS.items():
        for form, one in result["networks"][name]["forms"].items():
            for precision in ("fp32", "int8"):
                numbers = one[precision]
                chips = [numbers["roofline"][chip] for chip in ("orin", "thor")]
                rows.append([f"{about}: {FORM_NAMES[form]}" if form != "dense" else about, precision.upper(),
                             f"{numbers['multiply_accumulates'] / 1e6:.1f} M", f"{numbers['file_bytes'] / 1e6:.2f} MB",
                             f"{numbers['bytes_moved'] / 1e6:.2f} MB", f"{numbers['p50_ms']:.2f} ms",
                             *map(estimate, chips),
                             f"{numbers['min_ade6_m']:.3f}"])
    return table(["network and form", "", "multiply-accumulates", "file", "bytes moved", "CPU time, p50",
                  "Orin, estimate", "Thor, estimate", "minADE6, m"], rows)


def estimate(chip):
    return "unknown" if chip["ms"] is None else f"{1e3 * chip['ms']:.1f} µs, {chip['bound']}"


def use(result):
    rows = []
    for name, (about, _) in VARIANTS.items():
        for seed, run in result["networks"][name]["seeds"].items():
            if "use" not in run:
                continue
            used = run["use"]
            busiest = {kind: int(np.argmax(share)) + 1 for kind, share in used["by_class"].items()}
            rows.append([about, seed, f"{used['experts_in_a_run']:.1f}", f"{used['experts_of_an_agent']:.1f}",
                         f"{100 * min(used['share']):.0f}–{100 * max(used['share']):.0f} %",
                         ", ".join(f"{kind} {number} ({100 * max(used['by_class'][kind]):.0f} %)"
                                   for kind, number in busiest.items())])
    return table(["network", "seed", "experts active in a run of 32 agents", "for one agent", "share of an expert",
                  "most used expert by class"], rows)


def sweep(result):
    rows = result["sweep"]["rows"]
    names = list(rows[0]["ms"])
    return table(["experts", *names], [[str(row["experts"]), *(f"{row['ms'][name]:.2f} ms" for name in names)] for row in rows])


def tables(result):
    return {"accuracy": accuracy(result), "classes": groups(result, CLASSES), "situations": groups(result, SITUATIONS),
            "cost": cost(result), "use": use(result), "sweep": sweep(result)}


def written(text, parts, path):
    """The text with each table between its marks."""
    for name, part in parts.items():
        begin, end = f"<!-- {name}: made by training/experts.py -->", f"<!-- end of {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise SystemExit(f"{path}: expected the marks {begin} and {end} once each")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{part}\n{end}{rest.split(end)[1]}"
    return text


def save(figure, path):
    """An SVG that is the same for the same numbers."""
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def plots(result, folder):
    pyplot.rcParams.update({"svg.hashsalt": "experts", "svg.fonttype": "none", "font.size": 9})
    figure, axes = pyplot.subplots(figsize=(8, 3.4))
    names, width = CLASSES[1:] + SITUATIONS[1:], 0.8 / len(VARIANTS)
    for number, (name, (about, _)) in enumerate(VARIANTS.items()):
        values = [of_seeds(result, name, group, "min_ade6_m") for group in names]
        means = [np.mean(value) for value in values]
        error = [[mean - min(v) for mean, v in zip(means, values)], [max(v) - mean for mean, v in zip(means, values)]]
        axes.bar(np.arange(len(names)) + number * width - 0.4 + width / 2, means, width, yerr=error, label=about,
                 error_kw={"linewidth": 0.8})
    axes.set_xticks(range(len(names)), [name.replace(" or ", "\nor ") for name in names])
    axes.set_ylabel("minADE6, m")
    axes.legend(fontsize=7, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    save(figure, os.path.join(folder, "experts_accuracy.svg"))
    figure, axes = pyplot.subplots(figsize=(8, 3.4))
    rows = result["sweep"]["rows"]
    for name in rows[0]["ms"]:
        axes.plot([row["experts"] for row in rows], [row["ms"][name] for row in rows], marker="o", markersize=3, label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("experts, of which one is active for a way")
    axes.set_ylabel("CPU time, p50, ms")
    axes.legend(fontsize=7, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    save(figure, os.path.join(folder, "experts_latency.svg"))
