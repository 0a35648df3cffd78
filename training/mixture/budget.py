"""What `ferrodrive models budget` estimates of one file on a system-on-chip."""

import json
import os
import re
import shutil
import subprocess
import tempfile

from reduction import files

CHIPS = ("orin", "thor")


def estimates(root, path, precision):
    """By chip: `ms` a run takes by the roofline model and what bounds it, of a file with the predictor's inputs and
    outputs."""
    with open(os.path.join(root, "models", "trajectory_predictor", "manifest.toml")) as file:
        manifest = file.read()
    head, tensors = manifest.split("[[variants]]")[0], manifest[manifest.index("[[inputs]]"):]
    head = re.sub(r'default_precision = "\w+"', f'default_precision = "{precision}"', head)
    variant = (f'[[variants]]\nprecision = "{precision}"\nfile = "network.onnx"\nsha256 = "{files.digest(path)}"\n'
               'budget = { latency_p50_ms = 10.0, memory_mb = 64 }\n\n')
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(path, os.path.join(folder, "network.onnx"))
        with open(os.path.join(folder, "manifest.toml"), "w") as file:
            file.write(head + variant + tensors)
        return {chip: estimate(root, folder, chip) for chip in CHIPS}


def estimate(root, folder, chip):
    program = os.path.join(root, "target", "release", "ferrodrive")
    command = [program, "models", "budget", "--soc", chip, "--json", folder]
    row = json.loads(subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE).stdout)["models"][0]
    return {"ms": row["estimate_ms"], "bound": row["bound"]}
