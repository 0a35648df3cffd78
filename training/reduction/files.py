"""ONNX files of a model's folder and the lines of its manifest about them."""

import hashlib
import os

import torch

from . import quantize


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def export(model, example, path, inputs, outputs):
    """Writes a network as an ONNX file of static shapes, constants folded."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    model.eval()
    raw = path + ".raw"
    torch.onnx.export(model, example, raw, input_names=inputs, output_names=outputs, opset_version=17, dynamo=False)
    quantize.prepare(raw, path)
    os.remove(raw)


def set_digest(folder, path):
    """Puts a file's hash beside its name in the manifest of its folder.

    The variant must be there: what a file of another precision may cost is for people to say."""
    manifest, name = os.path.join(folder, "manifest.toml"), os.path.basename(path)
    with open(manifest) as file:
        lines = file.read().splitlines()
    named = [number for number, line in enumerate(lines) if line == f'file = "{name}"']
    if len(named) != 1 or not lines[named[0] + 1].startswith("sha256 = "):
        raise SystemExit(f'{manifest}: expected one [[variants]] with file = "{name}" and sha256 in the line after it')
    lines[named[0] + 1] = f'sha256 = "{digest(path)}"'
    with open(manifest, "w") as file:
        file.write("\n".join(lines) + "\n")
