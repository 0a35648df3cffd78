"""Writes the table of all reductions into README.md, between its two marks, from models/*/metrics.json.

    python training/table.py
"""

import json
import os

ROOT = os.path.dirname(os.path.abspath(os.path.dirname(__file__)))
BEGIN, END = "<!-- reduction: made by training/table.py -->", "<!-- end of reduction -->"
STEPS = {"teacher": "teacher", "student": "student", "distilled": "student, distilled", "pruned": "pruned", "int8": "INT8"}
# What accuracy is told by: its key, its name, and how a value is written.
ACCURACY = {"mean_ap": ("mean AP", "{:.3f}"), "min_ade6_m": ("minADE in m", "{:.3f}"), "accuracy": ("accuracy", "{:.3f}")}


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
        fewer = "" if step == "teacher" else f" ({teacher / operations:.1f}x fewer)"
        yield (f"| `{name}` | {title} | {numbers['parameters'] / 1e3:.0f} k | {numbers['multiply_accumulates'] / 1e6:.1f} M "
               f"| {operations / 1e6:.1f} M{fewer} | {numbers['bytes_moved'] / 1e6:.2f} MB "
               f"| {numbers['file_bytes'] / 1e6:.2f} MB | {label} {form.format(numbers['accuracy'][key])} |")


def table():
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


def main():
    path = os.path.join(ROOT, "README.md")
    with open(path) as file:
        text = file.read()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{path}: expected the marks {BEGIN} and {END} once each")
    before, rest = text.split(BEGIN)
    with open(path, "w") as file:
        file.write(f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
