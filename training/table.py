"""Writes two tables into README.md, each between its two marks: all reductions, from models/*/metrics.json, and what the
models take of systems-on-chip, as `ferrodrive models budget` estimates it. The latter needs the built program.

    python training/table.py
"""

import json
import os
import subprocess

ROOT = os.path.dirname(os.path.abspath(os.path.dirname(__file__)))
PROGRAM = os.path.join(ROOT, "target", "release", "ferrodrive")
CHIPS = ("orin", "thor", "eyeq6h")
STEPS = {"teacher": "teacher", "student": "student", "distilled": "student, distilled", "pruned": "pruned", "int8": "INT8"}
# What accuracy is told by: its key, its name, and how a value is written.
ACCURACY = {"mean_ap": ("mean AP", "{:.3f}"), "min_ade6_m": ("minADE in m", "{:.3f}"), "accuracy": ("accuracy", "{:.3f}")}


def millions(count):
    """With two digits that say something."""
    return f"{count / 1e6:.{1 if count >= 1e6 else 2}f} M"


def rows(name, reduction):
    """The lines of one model; operations are told as a share of the teacher's too."""
    teacher = reduction["teacher"]["int8_equivalent_operations"]
    for step, title in STEPS.items():
        if step not in reduction:
            continue
        numbers = reduction[step]
        key = next(key for key in ACCURACY if key in numbers["accuracy"])
        label, form = ACCURACY[key]
        operations = numbers["int8_equivalent_operations"]
        told = f"{label} {form.format(numbers['accuracy'][key])}"
        # Scans of a car that is turned to its street, and of streets with gardens, which are not in the first number.
        for beside, title_beside in (("turned_mean_ap", "when turned"), ("gardens_mean_ap", "among gardens")):
            if (value := numbers["accuracy"].get(beside)) is not None:
                told += f", {value:.3f} {title_beside}"
        fewer = "" if step == "teacher" else f" ({teacher / operations:.1f}x fewer)"
        yield (f"| `{name}` | {title} | {numbers['parameters'] / 1e3:.0f} k | {millions(numbers['multiply_accumulates'])} "
               f"| {millions(operations)}{fewer} | {numbers['bytes_moved'] / 1e6:.2f} MB "
               f"| {numbers['file_bytes'] / 1e6:.2f} MB | {told} |")


def reductions():
    lines = ["| model | step | parameters | multiply-accumulates | INT8-equivalent | bytes moved | file | accuracy |",
             "|---|---|---|---|---|---|---|---|"]
    models = os.path.join(ROOT, "models")
    for name in sorted(os.listdir(models)):
        path = os.path.join(models, name, "metrics.json")
        if os.path.exists(path):
            with open(path) as file:
                reduction = json.load(file).get("reduction")
            if reduction:
                lines += rows(name, reduction)
    return "\n".join(lines)


def budget(chip):
    command = [PROGRAM, "models", "budget", "--soc", chip, "--json"]
    try:
        return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    except FileNotFoundError:
        raise SystemExit(f"{PROGRAM}: no such program; `make build` makes it") from None


def estimate(row):
    """Time of a run, and what bounds it."""
    return "unknown" if row["estimate_ms"] is None else f"{row['estimate_ms']:.3f} ms, {row['bound']}"


def figure(report, key, unit):
    value = report["soc"][key]["value"]
    return "unknown" if value is None else f"{value:g} {unit}"


def share(report):
    share = report["together"]["time_share"]
    return "unknown" if share is None else f"{100 * share:.2f} % of the time"


def budgets():
    reports = [budget(chip) for chip in CHIPS]
    line = lambda *cells: f"| {' | '.join(cells)} |"
    lines = [line("model that is shipped, in its default precision", "rate", "multiply-accumulates", "weights", "bytes moved",
                  *(report["soc"]["name"] for report in reports)), line(*["---"] * (5 + len(CHIPS)))]
    for number, row in enumerate(reports[0]["models"]):
        if row["default"]:
            moved = row["weight_bytes"] + row["activation_bytes"]
            lines.append(line(f"`{row['model']}` {row['precision'].upper()}", f"{row['rate_hz']:g} Hz",
                              millions(row['macs']), f"{row['weight_bytes'] / 1e6:.2f} MB", f"{moved / 1e6:.2f} MB",
                              *(estimate(report["models"][number]) for report in reports)))
    together = reports[0]["together"]
    lines.append(line("all together", "", f"{together['gmacs_per_s']:.1f} G/s", f"{together['weight_bytes'] / 1e6:.2f} MB",
                      f"{together['gbytes_per_s']:.2f} GB/s", *map(share, reports)))
    for title, key, unit in (("8-bit operations", "int8_tops", "TOPS"), ("memory bandwidth", "bandwidth_gb_per_s", "GB/s"),
                             ("power", "power_w", "W")):
        lines.append(line(f"{title} of the chip", "", "", "", "", *(figure(report, key, unit) for report in reports)))
    return "\n".join(lines)


TABLES = {"reduction": reductions, "budget": budgets}


def main():
    path = os.path.join(ROOT, "README.md")
    with open(path) as file:
        text = file.read()
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: made by training/table.py -->", f"<!-- end of {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise SystemExit(f"{path}: expected the marks {begin} and {end} once each")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{table()}\n{end}{rest.split(end)[1]}"
    with open(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
