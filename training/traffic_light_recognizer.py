"""Trains, exports and measures the traffic light recogniser from pieces of images that `record_lights` wrote.

    python traffic_light_recognizer.py train --train DIR --tune DIR --checkpoint FILE --epochs 12
    python traffic_light_recognizer.py export --checkpoint FILE --model DIR --calibrate DIR
    python traffic_light_recognizer.py evaluate --model DIR --test NAME=DIR [NAME=DIR ...]
"""

import argparse
import glob
import hashlib
import json
import os
import time

import numpy as np
import torch
from torch import nn

CROP = (3, 64, 32)
BATCH = 16
STATES = ["red", "amber", "green", "unlit", "occluded", "glare"]
SHAPES = ["circle", "left_arrow", "right_arrow", "up_arrow"]
LIGHT_OF_DAY = ["day", "low_sun", "night"]
DISTANCES = [(0, 20), (20, 40), (40, 60), (60, 80)]
LIT = 3
NAME = "traffic_light_recognizer"
FILES = {"fp32": f"{NAME}.onnx", "int8": f"{NAME}.int8.onnx"}


class Recognizer(nn.Module):
    """Pieces of 3 x 64 x 32 numbers of 0 to 1 to logits of states and of shapes."""

    def __init__(self):
        super().__init__()

        def block(inputs, outputs, stride):
            return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

        layers = block(3, 16, 2) + block(16, 32, 2) + block(32, 48, 1) + block(48, 64, 2) + block(64, 64, 2)
        self.features = nn.Sequential(*layers)
        self.hidden = nn.Sequential(nn.Dropout(0.1), nn.Linear(64 * 4 * 2, 64), nn.ReLU())
        self.states = nn.Linear(64, len(STATES))
        self.shapes = nn.Linear(64, len(SHAPES))

    def forward(self, crops):
        hidden = self.hidden(self.features(crops).flatten(1))
        return self.states(hidden), self.shapes(hidden)


def load(folder):
    size = int(np.prod(CROP))
    rows = [np.fromfile(f, dtype=np.uint8).reshape(-1, size + 16) for f in sorted(glob.glob(os.path.join(folder, "*.bin")))]
    if not rows:
        raise SystemExit(f"{folder}: expected .bin files of record_lights, found none")
    rows = np.concatenate(rows)
    numbers = rows[:, size + 4 :].copy().view("<f4")
    labels = {name: torch.from_numpy(rows[:, size + i].astype(np.int64)) for i, name in enumerate(["state", "shape", "day", "lit"])}
    labels["distance"], labels["glare"], labels["visible"] = (torch.from_numpy(numbers[:, i].copy()) for i in range(3))
    return torch.from_numpy(rows[:, :size].reshape(-1, *CROP).copy()), labels


def varied(crops, shapes):
    """Other exposures, colours of light, places, and left for right."""
    count = len(crops)
    crops = crops.float() / 255
    gain = torch.empty(count, 1, 1, 1).uniform_(0.75, 1.25) * torch.empty(count, 3, 1, 1).uniform_(0.95, 1.05)
    crops = (crops * gain).clamp(0, 1)
    shift = torch.randint(-2, 3, (2,))
    crops = torch.roll(crops, (int(shift[0]), int(shift[1])), (2, 3))
    if torch.rand(()) < 0.5:
        crops = crops.flip(3)
        shapes = torch.tensor([0, 2, 1, 3])[shapes]
    return crops, shapes


def loss_of(states, shapes, labels, rows, shape_labels):
    state = labels["state"][rows]
    # Red taken for green is the one mistake that must not be made.
    weight = torch.tensor([1.5, 1.2, 1.0, 1.0, 0.8, 1.0])
    loss = nn.functional.cross_entropy(states, state, weight=weight, label_smoothing=0.02)
    probability = torch.softmax(states, 1)
    go = (probability[:, 2] * (state != 2)).mean()
    lit = state < LIT
    if lit.any():
        loss = loss + 0.3 * nn.functional.cross_entropy(shapes[lit], shape_labels[lit])
    return loss + 1.0 * go


def train(options):
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    crops, labels = load(options.train)
    tune_crops, tune = load(options.tune)
    model = Recognizer()
    size = 64
    total = options.epochs * (len(crops) // size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=max(total, 2))
    began = time.time()
    for epoch in range(options.epochs):
        model.train()
        order, mean = torch.randperm(len(crops)), 0.0
        for i in range(len(crops) // size):
            rows = order[i * size : (i + 1) * size]
            x, shape_labels = varied(crops[rows], labels["shape"][rows])
            states, shapes = model(x)
            loss = loss_of(states, shapes, labels, rows, shape_labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            mean += loss.item() / (len(crops) // size)
        model.eval()
        with torch.no_grad():
            guess = torch.cat([model(part.float() / 255)[0] for part in tune_crops.split(256)]).argmax(1)
        right = (guess == tune["state"]).float().mean().item()
        red_as_green = ((guess == 2) & (tune["state"] == 0)).sum().item()
        print(f"epoch {epoch + 1}/{options.epochs}: loss {mean:.4f}, tuning set {right:.4f} right, "
              f"{red_as_green} red read as green, {time.time() - began:.0f} s", flush=True)
        torch.save(model.state_dict(), options.checkpoint)
    print(f"{len(crops)} lights, {sum(p.numel() for p in model.parameters())} parameters")


class Calibration:
    """Batches of recorded pieces for static quantization."""

    def __init__(self, folder, batches):
        crops, _ = load(folder)
        chosen = torch.randperm(len(crops), generator=torch.Generator().manual_seed(1))[: BATCH * batches]
        self.parts = iter((crops[chosen].float() / 255).split(BATCH))

    def get_next(self):
        part = next(self.parts, None)
        return None if part is None or len(part) < BATCH else {"crops": part.numpy()}


def digest(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


def export(options):
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = Recognizer()
    model.load_state_dict(torch.load(options.checkpoint, weights_only=True))
    model.eval()
    os.makedirs(options.model, exist_ok=True)
    plain, quantized = (os.path.join(options.model, FILES[kind]) for kind in ("fp32", "int8"))
    torch.onnx.export(model, torch.zeros(BATCH, *CROP), plain, input_names=["crops"], output_names=["states", "shapes"],
                      opset_version=17, dynamo=False)
    prepared = plain + ".prepared"
    quant_pre_process(plain, prepared)
    # Weights of 7 bits: CPUs without VNNI add products of 8 bits in 16 and clip them.
    quantize_static(prepared, quantized, Calibration(options.calibrate, 40), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QInt8, weight_type=QuantType.QInt8, reduce_range=True,
                    extra_options={"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False})
    os.remove(prepared)
    manifest = os.path.join(options.model, "manifest.toml")
    if os.path.exists(manifest):
        lines, kind = open(manifest).read().splitlines(), None
        for i, line in enumerate(lines):
            if line.startswith("precision ="):
                kind = line.split('"')[1]
            if line.startswith("sha256 =") and kind in FILES:
                lines[i] = f'sha256 = "{digest(os.path.join(options.model, FILES[kind]))}"'
        open(manifest, "w").write("\n".join(lines) + "\n")
    for path in (plain, quantized):
        print(f"{path}: {os.path.getsize(path)} bytes, sha256 {digest(path)}")


def share(mask, of):
    count = int(of.sum())
    return {"share": round(int((mask & of).sum()) / count, 4), "of": count} if count else None


def measure(states, shapes, labels):
    """How often the state is right, and the mistakes that matter, for those the node would act on."""
    guess, truth = states.argmax(1), labels["state"]
    sure = torch.softmax(states, 1).amax(1) >= 0.6
    right, go = guess == truth, (guess == 2) & sure
    lit = truth < LIT
    everyone = torch.ones(len(truth), dtype=torch.bool)
    confusion = {STATES[i]: {STATES[j]: int(((truth == i) & (guess == j)).sum()) for j in range(6)} for i in range(6)}
    table = {
        "lights": len(truth),
        "right": share(right, everyone),
        "right_if_lit": share(right, lit),
        "right_if_lit_by_distance": {f"{a}-{b} m": share(right, lit & (labels["distance"] >= a) & (labels["distance"] < b))
                                     for a, b in DISTANCES},
        "shape_right_within_40_m": share(shapes.argmax(1) == labels["shape"], lit & right & (labels["distance"] < 40)),
        "red_read_as_green": share(go, truth == 0),
        "false_go": share(go, (labels["lit"] != 2)),
        "confusion": confusion,
    }
    for index, name in enumerate(LIGHT_OF_DAY):
        mask = labels["day"] == index
        table[f"{name}: right_if_lit"] = share(right, lit & mask)
        table[f"{name}: red_read_as_green"] = share(go, (truth == 0) & mask)
        table[f"{name}: false_go"] = share(go, (labels["lit"] != 2) & mask)
    glare = labels["glare"] > 0.3
    table["glare: false_go"] = share(go, (labels["lit"] != 2) & glare)
    table["glare: right"] = share(right, glare)
    return {key: value for key, value in table.items() if value is not None}


def evaluate(options):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    metrics = {
        "model": NAME,
        "command": f"training/{NAME}.sh",
        "test_set": options.about,
        "explained": "green counts where its probability is 0.6 or more, as the node takes it; false_go: any light that shows "
                     "no green, whatever hides it, read as green; glare: scattered light of at least 0.3 of the lamp's own",
        "parameters": sum(p.numel() for p in Recognizer().parameters()),
        "precisions": {},
    }
    for kind, name in FILES.items():
        path = os.path.join(options.model, name)
        session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        entry, latencies = {"bytes": os.path.getsize(path), "sets": {}}, []
        for pair in options.test:
            title, folder = pair.split("=", 1)
            crops, labels = load(folder)
            count = len(crops) // BATCH * BATCH
            outputs = ([], [])
            for part in crops[:count].split(BATCH):
                began = time.perf_counter()
                answer = session.run(None, {"crops": part.numpy().astype(np.float32) / 255})
                latencies.append((time.perf_counter() - began) * 1e3)
                for out, values in zip(outputs, answer):
                    out.append(torch.from_numpy(values))
            states, shapes = (torch.cat(out) for out in outputs)
            entry["sets"][title] = measure(states, shapes, {key: value[:count] for key, value in labels.items()})
        entry["latency_ms"] = {"batch": BATCH, "threads": 1, "p50": round(float(np.percentile(latencies, 50)), 3)}
        metrics["precisions"][kind] = entry
        for title, table in entry["sets"].items():
            print(kind, title, json.dumps({k: v for k, v in table.items() if k != "confusion"}))
        print(kind, entry["latency_ms"], entry["bytes"], "bytes")
    with open(os.path.join(options.model, "metrics.json"), "w") as file:
        json.dump(metrics, file, indent=2)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("train")
    one.add_argument("--train", required=True)
    one.add_argument("--tune", required=True)
    one.add_argument("--checkpoint", required=True)
    one.add_argument("--epochs", type=int, default=12)
    one.add_argument("--threads", type=int, default=1)
    one.add_argument("--seed", type=int, default=1)
    one = commands.add_parser("export")
    one.add_argument("--checkpoint", required=True)
    one.add_argument("--model", required=True)
    one.add_argument("--calibrate", required=True, help="folder of training pieces")
    one = commands.add_parser("evaluate")
    one.add_argument("--model", required=True)
    one.add_argument("--test", required=True, nargs="+", metavar="NAME=DIR")
    one.add_argument("--about", default="", help="what the test set is, for metrics.json")
    options = parser.parse_args()
    {"train": train, "export": export, "evaluate": evaluate}[options.command](options)


if __name__ == "__main__":
    main()
