"""Trains, exports and measures the LiDAR detector from scans that `record_scans` wrote.

    python lidar_detector.py train --train DIR --checkpoint FILE --steps 3000
    python lidar_detector.py export --checkpoint FILE --model DIR
    python lidar_detector.py evaluate --model DIR --test NAME=DIR ...
    python lidar_detector.py retime --model DIR

`train` goes on from the checkpoint where one is there; the same seed and steps give the same weights.
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

# As in nodes/lidar_detector/src/grid.rs.
ROWS, COLUMNS, CELL, ORIGIN, FEATURES = 352, 256, 0.32, -40.96, 8
INPUT = (4 * FEATURES, ROWS // 2, COLUMNS // 2)
# As in nodes/lidar_detector/src/detection.rs.
PLACE = 2 * CELL
CLASSES = ["car", "truck", "cyclist", "pedestrian", "obstacle"]
RADIUS = np.array([1.5, 2.0, 0.6, 0.35, 0.4])
BOX = 10
LEAST_POINTS = 4
# How wide a centre's mark is, in places.
SIGMA = np.array([1.1, 1.4, 0.8, 0.7, 0.7])
REACH = 3
# What it costs to miss one: the rarer classes more.
WEIGHT = torch.tensor([1.0, 1.5, 1.5, 1.0, 1.0]).view(1, -1, 1, 1)
# A detection is true if its centre is this near to the thing's, m.
MATCH_M = np.array([1.0, 2.0, 1.0, 1.0, 1.0])
BANDS = [(0, 20), (20, 40), (40, 60)]


def block(inputs, outputs, stride=1, kernel=3):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
                         nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Detector(nn.Module):
    """A pyramid of convolutions: heat of each class and a box for each place of 0.64 m."""

    def __init__(self, widths=(24, 40, 64, 96), depths=(1, 2, 2)):
        super().__init__()
        a, b, c, d = widths

        def stage(inputs, outputs, depth):
            return nn.Sequential(block(inputs, outputs, 2), *[block(outputs, outputs) for _ in range(depth)])

        self.stem = block(INPUT[0], a)
        self.down1, self.down2, self.down3 = stage(a, b, depths[0]), stage(b, c, depths[1]), stage(c, d, depths[2])
        self.up3, self.up2, self.up1 = block(d, c, kernel=1), block(c, b, kernel=1), block(b, a, kernel=1)
        self.fuse3, self.fuse2, self.fuse1 = block(c, c), block(b, b), block(a, a)
        self.heat, self.box = nn.Conv2d(a, len(CLASSES), 1), nn.Conv2d(a, BOX, 1)
        nn.init.constant_(self.heat.bias, -4.6)

    def forward(self, grid):
        def up(x):
            return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")

        one = self.stem(grid)
        two = self.down1(one)
        four = self.down2(two)
        four = self.fuse3(four + up(self.up3(self.down3(four))))
        two = self.fuse2(two + up(self.up2(four)))
        one = self.fuse1(one + up(self.up1(two)))
        return torch.sigmoid(self.heat(one)), self.box(one)


class Scans:
    """Samples of all files of a folder, as `record_scans` wrote them."""

    def __init__(self, folder):
        self.files = [np.memmap(f, dtype=np.uint8, mode="r") for f in sorted(glob.glob(os.path.join(folder, "*.bin")))]
        self.places = []
        for number, data in enumerate(self.files):
            at = 0
            while at < len(data):
                cells, things, moves, points = data[at : at + 16].view("<u4")
                self.places.append((number, at, int(cells), int(things), bool(moves)))
                at += 16 + int(cells) * (4 + FEATURES) + int(things) * 40
        if not self.places:
            raise SystemExit(f"{folder}: no scans; record some with record_scans")

    def __len__(self):
        return len(self.places)

    def __getitem__(self, index):
        """Cell numbers, features (n, 8) in 0..=255, things (m, 10), whether the car moves."""
        number, at, cells, things, moves = self.places[index]
        data = self.files[number]
        middle, end = at + 16 + cells * (4 + FEATURES), at + 16 + cells * (4 + FEATURES) + things * 40
        rows = np.array(data[at + 16 : middle]).reshape(cells, 4 + FEATURES)
        return (np.ascontiguousarray(rows[:, :4]).view("<u4")[:, 0].astype(np.int64), rows[:, 4:],
                np.array(data[middle:end]).view("<f4").reshape(things, 10), moves)


def mirror(cells, things, ahead, left):
    """Front for rear, left for right."""
    row, column, things = cells // COLUMNS, cells % COLUMNS, things.copy()
    if ahead:
        row = ROWS - 1 - row
        things[:, 1] = 2 * ORIGIN + ROWS * CELL - things[:, 1]
        things[:, 7] = np.pi - things[:, 7]
    if left:
        column = COLUMNS - 1 - column
        things[:, 2], things[:, 7] = -things[:, 2], -things[:, 7]
    return row * COLUMNS + column, things


def dense(samples):
    """The network's input for samples of (cells, features)."""
    grid = np.zeros((len(samples), 4, FEATURES, INPUT[1] * INPUT[2]), np.uint8)
    for i, (cells, features) in enumerate(samples):
        row, column = cells // COLUMNS, cells % COLUMNS
        grid[i, (row & 1) * 2 + (column & 1), :, (row // 2) * INPUT[2] + column // 2] = features
    return torch.from_numpy(grid.reshape(len(samples), *INPUT)).float() / 255.0


def targets(batch):
    """Heat and its weight (n, classes, rows, columns), and for the places that must give a box: where, box, weight."""
    n, (_, rows, columns) = len(batch), INPUT
    heat = np.zeros((n, len(CLASSES), rows, columns), np.float32)
    weight = np.ones_like(heat)
    reach = np.arange(-REACH, REACH + 1)
    dx, dy = [a.ravel() for a in np.meshgrid(reach, reach, indexing="ij")]
    where, boxes, value = [], [], []
    count = 0
    for i, things in enumerate(batch):
        u, v = (things[:, 1] - ORIGIN) / PLACE, (things[:, 2] - ORIGIN) / PLACE
        inside = (u >= 0) & (v >= 0) & (u < rows) & (v < columns) & (things[:, 8] > 0)
        things, u, v = things[inside], u[inside], v[inside]
        if not len(things):
            continue
        kind = things[:, 0].astype(int)
        seen = things[:, 8] >= LEAST_POINTS
        x, y = u.astype(int)[:, None] + dx, v.astype(int)[:, None] + dy
        near = np.exp(-((x + 0.5 - u[:, None]) ** 2 + (y + 0.5 - v[:, None]) ** 2) / (2 * SIGMA[kind, None] ** 2))
        near[:, len(dx) // 2] = 1.0
        valid = (x >= 0) & (y >= 0) & (x < rows) & (y < columns)
        k = np.broadcast_to(kind[:, None], x.shape)
        marked = valid & seen[:, None] & (near > 0.02)
        np.maximum.at(heat[i], (k[marked], x[marked], y[marked]), near[marked])
        # Things that are hardly seen may be found or not.
        free = valid & ~seen[:, None] & (near > 0.1)
        weight[i][:, x[free], y[free]] = 0.0
        count += int(seen.sum())
        told = valid & seen[:, None] & (near > 0.3)
        thing, cell = np.nonzero(told)
        px, py = x[thing, cell], y[thing, cell]
        t, yaw = things[thing], things[thing, 7]
        boxes.append(np.stack([u[thing] - px - 0.5, v[thing] - py - 0.5, t[:, 3], *np.log(t[:, 4:7].T),
                               np.sin(2 * yaw), np.cos(2 * yaw), np.sin(yaw), np.cos(yaw)], 1))
        where.append((i * rows + px) * columns + py)
        value.append(np.stack([near[thing, cell], np.where(t[:, 0] >= 3, 0.2, 1.0)], 1))
    # A centre is worth its place even where another's mark covers it.
    weight = np.maximum(weight, heat == 1.0)
    where, boxes, value = np.concatenate(where), np.concatenate(boxes), np.concatenate(value)
    order = np.argsort(value[:, 0], kind="stable")[::-1]
    where, first = np.unique(where[order], return_index=True)
    keep = order[first]
    t = torch.from_numpy
    return t(heat), t(weight), t(where), t(boxes[keep].astype(np.float32)), t(value[keep].astype(np.float32)), max(count, 1)


def losses(heat, box, aim):
    want, weight, where, boxes, value, count = aim
    heat = heat.float().clamp(1e-4, 1 - 1e-4)
    # Focal loss of centres (Law and Deng 2018).
    hit = want >= 1.0
    positive = (torch.log(heat[hit]) * (1 - heat[hit]) ** 2 * (weight * WEIGHT)[hit]).sum()
    negative = (torch.log(1 - heat) * heat**2 * (1 - want) ** 4 * weight * ~hit).sum()
    got = box.float().permute(0, 2, 3, 1).reshape(-1, BOX)[where]
    error = nn.functional.smooth_l1_loss(got, boxes, reduction="none", beta=0.1)
    near, turn = value[:, :1], value[:, 1:]
    parts = error[:, :6].sum(1, keepdim=True) + turn * error[:, 6:].sum(1, keepdim=True)
    return -(positive + negative) / count, (parts * near).sum() / near.sum()


def rate(step, total, peak):
    """Up for a tenth of the time, then down by a cosine."""
    share = step / total
    return peak * (0.1 + 9 * share if share < 0.1 else 0.5 * (1 + np.cos(np.pi * (share - 0.1) / 0.9)) + 1e-3)


def train(options):
    if options.workers == 1:
        return work(0, options)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(options.port))
    torch.multiprocessing.spawn(work, (options,), nprocs=options.workers)


def averaged(model, workers):
    """Every worker's gradients become the mean of all."""
    gradients = torch.cat([p.grad.flatten() for p in model.parameters()])
    torch.distributed.all_reduce(gradients)
    at = 0
    for p in model.parameters():
        p.grad.copy_((gradients[at : at + p.numel()] / workers).view_as(p))
        at += p.numel()


def work(rank, options):
    """One worker: a share of every batch on one thread. Two of them use two cores better than two threads do."""
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    if options.workers > 1:
        torch.distributed.init_process_group("gloo", rank=rank, world_size=options.workers)
    scans = Scans(options.train)
    model = Detector().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=1e-3)
    step = 0
    if os.path.exists(options.checkpoint):
        state = torch.load(options.checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    elif options.start:
        model.load_state_dict(torch.load(options.start, weights_only=True)["model"])
    if rank == 0:
        print(f"{len(scans)} scans, {sum(p.numel() for p in model.parameters())} parameters, from step {step}", flush=True)
    began, first, mean = time.time(), step, np.zeros(2)
    per_epoch = len(scans) // options.batch
    while step < options.steps:
        epoch = step // per_epoch
        order = np.random.default_rng((options.seed, epoch)).permutation(len(scans))
        chance = np.random.default_rng((options.seed, step, 1 + rank))
        chosen = order[(step % per_epoch) * options.batch :][rank : options.batch : options.workers]
        inputs, truths = [], []
        for index in chosen:
            cells, features, things, _ = scans[index]
            cells, things = mirror(cells, things, chance.random() < 0.5, chance.random() < 0.5)
            inputs.append((cells, features))
            truths.append(things)
        heat, box = model(dense(inputs).contiguous(memory_format=torch.channels_last))
        found, shaped = losses(heat, box, targets(truths))
        for group in optimizer.param_groups:
            group["lr"] = float(rate(step, options.steps, options.rate))
        optimizer.zero_grad()
        (found + shaped).backward()
        if options.workers > 1:
            averaged(model, options.workers)
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        step += 1
        mean += [found.item(), shaped.item()]
        if rank == 0 and step % 50 == 0:
            pace = (time.time() - began) / (step - first)
            print(f"step {step}/{options.steps}: heat {mean[0] / 50:.3f}, box {mean[1] / 50:.3f}, {pace:.2f} s a step, "
                  f"{pace * (options.steps - step) / 60:.0f} min to go", flush=True)
            mean[:] = 0
        if rank == 0 and (step % 250 == 0 or step == options.steps):
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
            torch.save(state, options.checkpoint + ".new")
            os.replace(options.checkpoint + ".new", options.checkpoint)


def operations(model):
    """Multiplications of one run."""
    total, hooks = [0], []

    def count(module, _, output):
        total[0] += module.weight.numel() * output.shape[2] * output.shape[3]

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(count))
    model(torch.zeros(1, *INPUT))
    for hook in hooks:
        hook.remove()
    return total[0]


def export(options):
    model = Detector()
    model.load_state_dict(torch.load(options.checkpoint, weights_only=True)["model"])
    model.eval()
    os.makedirs(options.model, exist_ok=True)
    path = os.path.join(options.model, "lidar_detector.onnx")
    torch.onnx.export(model, torch.zeros(1, *INPUT), path, input_names=["grid"], output_names=["heat", "box"],
                      opset_version=17, dynamo=False)
    digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
    manifest = os.path.join(options.model, "manifest.toml")
    if os.path.exists(manifest):
        text = open(manifest).read().splitlines()
        text = [f'sha256 = "{digest}"' if line.startswith("sha256 =") else line for line in text]
        open(manifest, "w").write("\n".join(text) + "\n")
    print(f"{path}: {os.path.getsize(path)} bytes, sha256 {digest}")


def decode(heat, box, least=0.05, most=300):
    """Boxes of one scan, best first: (n, 9) class, score, x, y, z above ground, length, width, height, heading."""
    t = torch.from_numpy(heat)[None]
    peak = (t == nn.functional.max_pool2d(t, 3, 1, 1)) & (t >= least)
    _, kind, row, column = [a.numpy() for a in torch.nonzero(peak, as_tuple=True)]
    score = heat[kind, row, column]
    order = np.argsort(-score, kind="stable")[:most]
    kind, row, column, score = kind[order], row[order], column[order], score[order]
    b = box[:, row, column]
    axis = 0.5 * np.arctan2(b[6], b[7])
    turned = np.sin(axis) * b[8] + np.cos(axis) * b[9] < 0
    yaw = axis + np.pi * turned
    boxes = np.stack([kind, score, ORIGIN + (row + 0.5 + b[0]) * PLACE, ORIGIN + (column + 0.5 + b[1]) * PLACE, b[2],
                      *np.exp(b[3:6]), yaw], 1)
    kept = []
    for one in boxes:
        if not any(same(one, other) for other in kept):
            kept.append(one)
    return np.array(kept).reshape(-1, 9)


def same(one, better):
    """Whether a box is the same thing as a better one."""
    a, b = int(one[0]), int(better[0])
    dx, dy = one[2] - better[2], one[3] - better[3]
    if np.hypot(dx, dy) < (RADIUS[a] if a == b else min(RADIUS[a], RADIUS[b])):
        return True
    if a in (2, 3) or (b not in (0, 1)):
        return False
    sin, cos = np.sin(better[8]), np.cos(better[8])
    along, across = cos * dx + sin * dy, cos * dy - sin * dx
    return abs(along) < 0.5 * better[5] and abs(across) < 0.5 * better[6]


def average_precision(scores, true, count):
    """Area under the precision envelope."""
    order = np.argsort(-np.array(scores), kind="stable")
    true = np.array(true, bool)[order]
    hits = np.cumsum(true)
    precision = np.maximum.accumulate((hits / np.arange(1, len(true) + 1))[::-1])[::-1]
    return float((precision * true).sum() / count)


def measure(session, scans, threshold, moving=None):
    """AP by class and distance, recall and errors at the threshold."""
    chosen = [i for i in range(len(scans)) if moving is None or scans.places[i][4] == moving]
    finds = {k: [] for k in range(len(CLASSES))}
    counts = np.zeros((len(CLASSES), len(BANDS)), int)
    recalled = np.zeros_like(counts)
    ahead, errors = 0, {k: [] for k in range(len(CLASSES))}
    band = lambda d: next((i for i, (low, high) in enumerate(BANDS) if low <= d < high), -1)
    for index in chosen:
        cells, features, things, _ = scans[index]
        heat, box = session.run(None, {"grid": dense([(cells, features)]).numpy()})
        boxes = decode(heat[0], box[0])
        edge = [ORIGIN + ROWS * CELL, ORIGIN + COLUMNS * CELL]
        within = (things[:, 1] > ORIGIN) & (things[:, 1] < edge[0]) & (np.abs(things[:, 2]) < edge[1])
        things = things[within & (things[:, 8] > 0)]
        distance = np.hypot(things[:, 1], things[:, 2])
        taken = np.zeros(len(things), bool)
        for k, thing in enumerate(things):
            if thing[8] >= LEAST_POINTS and band(distance[k]) >= 0:
                counts[int(thing[0]), band(distance[k])] += 1
        for one in boxes:
            kind = int(one[0])
            away = np.hypot(things[:, 1] - one[2], things[:, 2] - one[3])
            away_same = np.where((things[:, 0] == kind) & ~taken, away, 1e9)
            best = int(away_same.argmin()) if len(away) else -1
            if best >= 0 and away_same[best] <= MATCH_M[kind]:
                taken[best] = True
                thing = things[best]
                if thing[8] >= LEAST_POINTS:
                    finds[kind].append((band(distance[best]), one[1], True))
                    if one[1] >= threshold[kind] and band(distance[best]) >= 0:
                        recalled[kind, band(distance[best])] += 1
                        turn = (one[8] - thing[7] + np.pi) % (2 * np.pi) - np.pi
                        axis = abs((turn + np.pi / 2) % np.pi - np.pi / 2)
                        errors[kind].append((away_same[best], abs(one[5] - thing[4]), abs(one[6] - thing[5]), axis,
                                             abs(turn) > np.pi / 2))
                continue
            finds[kind].append((band(np.hypot(one[2], one[3])), one[1], False))
            # Nothing there at all: what would make the car brake for nothing.
            if one[1] >= threshold[kind] and 3 < one[2] < 50 and abs(one[3]) < 3 and not (away < 2.5).any():
                ahead += 1
    table = {}
    for kind, name in enumerate(CLASSES):
        rows = {}
        for number, (low, high) in list(enumerate(BANDS)) + [(None, (0, 60))]:
            found = [f for f in finds[kind] if (f[0] == number if number is not None else f[0] >= 0)]
            count = counts[kind, number] if number is not None else counts[kind].sum()
            if count:
                hits = recalled[kind, number] if number is not None else recalled[kind].sum()
                rows[f"{low}-{high} m"] = {
                    "things": int(count),
                    "ap": round(average_precision([f[1] for f in found], [f[2] for f in found], count), 4),
                    "recall": round(float(hits / count), 4),
                    "false_per_scan": round(sum(not f[2] and f[1] >= threshold[kind] for f in found) / len(chosen), 4),
                }
        if errors[kind]:
            mean = np.mean(errors[kind], axis=0)
            rows["errors"] = {name: round(float(v), 3) for name, v in
                              zip(("center_m", "length_m", "width_m", "axis_rad", "front_for_rear"), mean)}
        table[name] = rows
    return {"scans": len(chosen), "classes": table, "nothing_there_ahead_per_scan": round(ahead / max(len(chosen), 1), 4)}


def open_model(folder):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    path = os.path.join(folder, "lidar_detector.onnx")
    return onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])


def latency(session):
    """How long a run takes on one thread, ms."""
    grid = np.random.default_rng(1).random((1, *INPUT), np.float32)
    times = []
    for _ in range(130):
        began = time.perf_counter()
        session.run(None, {"grid": grid})
        times.append((time.perf_counter() - began) * 1e3)
    p50, p99 = np.percentile(times[10:], (50, 99))
    return {"threads": 1, "p50": round(float(p50), 2), "p99": round(float(p99), 2)}


def retime(options):
    """Measures the latency alone and puts it into metrics.json: for when other work has disturbed it."""
    path = os.path.join(options.model, "metrics.json")
    with open(path) as file:
        metrics = json.load(file)
    metrics["latency_ms"] = latency(open_model(options.model))
    with open(path, "w") as file:
        json.dump(metrics, file, indent=2)
        file.write("\n")
    print(metrics["latency_ms"])


def evaluate(options):
    session = open_model(options.model)
    threshold = [float(t) for t in options.thresholds.split(",")]
    times = latency(session)
    model = Detector().eval()
    sets = {}
    for named in options.test:
        name, folder = named.split("=")
        scans = Scans(folder)
        sets[name] = measure(session, scans, threshold)
        if options.moving:
            sets[name + ", car moving"] = measure(session, scans, threshold, True)
    metrics = {
        "model": "lidar_detector",
        "command": "training/lidar_detector.sh",
        "about": options.about,
        "matching": "a detection is true if its centre is within 1 m (trucks 2 m) of a thing of its class not taken by a "
                    f"better one; things with fewer than {LEAST_POINTS} points count neither way; AP is the area under "
                    "the precision envelope; recall and false_per_scan at the thresholds",
        "thresholds": dict(zip(CLASSES, threshold)),
        "parameters": sum(p.numel() for p in model.parameters()),
        "multiplications": operations(model),
        "latency_ms": times,
        "sets": sets,
    }
    if options.write:
        with open(os.path.join(options.model, "metrics.json"), "w") as file:
            json.dump(metrics, file, indent=2)
            file.write("\n")
    for name, result in sets.items():
        print(f"{name}: {result['scans']} scans, nothing there ahead {result['nothing_there_ahead_per_scan']} a scan")
        for kind, rows in result["classes"].items():
            for where, row in rows.items():
                print(f"  {kind:11} {where:8} " + " ".join(f"{k} {v}" for k, v in row.items()))
    print({k: metrics[k] for k in ("parameters", "multiplications", "latency_ms")})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("train")
    one.add_argument("--train", required=True)
    one.add_argument("--checkpoint", required=True)
    one.add_argument("--steps", type=int, default=3000)
    one.add_argument("--batch", type=int, default=8)
    one.add_argument("--rate", type=float, default=3e-3)
    one.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    one.add_argument("--port", type=int, default=29512, help="through which workers talk")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--start", help="checkpoint whose weights to begin with")
    one = commands.add_parser("export")
    one.add_argument("--checkpoint", required=True)
    one.add_argument("--model", required=True)
    one = commands.add_parser("evaluate")
    one.add_argument("--model", required=True)
    one.add_argument("--test", required=True, nargs="+", metavar="NAME=DIR")
    one.add_argument("--thresholds", default="0.3,0.3,0.3,0.3,0.3", help="score of each class")
    one.add_argument("--about", default="", help="what training and test sets are, for metrics.json")
    one.add_argument("--moving", action="store_true", help="measure scans from the moving car apart as well")
    one.add_argument("--write", action="store_true", help="write metrics.json")
    one = commands.add_parser("retime")
    one.add_argument("--model", required=True)
    options = parser.parse_args()
    {"train": train, "export": export, "evaluate": evaluate, "retime": retime}[options.command](options)


if __name__ == "__main__":
    main()
