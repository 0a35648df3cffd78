"""Trains, exports and measures the trajectory predictor from rows that `record_traffic` wrote.

    python trajectory_predictor.py train --train DIR --checkpoint FILE --minutes 8
    python trajectory_predictor.py export --checkpoint FILE --model DIR
    python trajectory_predictor.py evaluate --model DIR --test DIR
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

SAMPLES, SAMPLE, STATE, NEIGHBORS, NEIGHBOR, SLOTS, POINTS, FACTS, STEPS = 11, 6, 14, 8, 10, 6, 26, 20, 10
PATH = 2 * POINTS + FACTS
AGENTS = 32
PARTS = [SAMPLES * SAMPLE, STATE, NEIGHBORS * NEIGHBOR, SLOTS * PATH, STEPS * 2, STEPS, 1, 2]
SPEED, OFFSET, FREE = 2 * POINTS + 10, 2 * POINTS + 8, 2 * POINTS + 4
CLASSES = ["car", "truck", "cyclist", "pedestrian"]
MISS_M = 2.0
HORIZON = torch.arange(1, STEPS + 1) * 0.5


class Predictor(nn.Module):
    """For each way an agent may take: what each step adds to constant speed along it and to its offset, and a logit."""

    def __init__(self, width=128):
        super().__init__()

        def mlp(inputs, *sizes):
            layers = []
            for size in sizes:
                layers += [nn.Linear(inputs, size), nn.ReLU()]
                inputs = size
            return nn.Sequential(*layers)

        self.agent = mlp(SAMPLES * SAMPLE + STATE, width, width)
        self.neighbor = mlp(NEIGHBOR + STATE, 64, 64)
        self.way = mlp(PATH + STATE, width, width)
        self.slot = nn.Parameter(torch.randn(1, SLOTS, 32) * 0.1)
        self.fuse = mlp(width * 3 + 64 + 32, 256, 256)
        self.head = nn.Linear(256, STEPS * 2 + 1)
        self.register_buffer("scale", torch.tensor([10.0, 1.0]), persistent=False)
        nn.init.normal_(self.head.weight, std=0.003)
        nn.init.zeros_(self.head.bias)

    def forward(self, history, state, neighbors, paths):
        n = history.shape[0]
        agent = self.agent(torch.cat([history, state], 1))
        near = torch.cat([neighbors, state.unsqueeze(1).expand(-1, NEIGHBORS, -1)], 2)
        # Rows of nobody are zero: the first number of a neighbour says whether it is there.
        near = (self.neighbor(near) * neighbors[:, :, :1]).amax(1)
        ways = self.way(torch.cat([paths, state.unsqueeze(1).expand(-1, SLOTS, -1)], 2))
        around = ways.amax(1)
        common = torch.cat([agent, near, around], 1).unsqueeze(1).expand(-1, SLOTS, -1)
        out = self.head(self.fuse(torch.cat([ways, common, self.slot.expand(n, -1, -1)], 2)))
        motion = out[:, :, : STEPS * 2].reshape(n, SLOTS, STEPS, 2)
        return motion * self.scale, out[:, :, STEPS * 2]


def places(paths, motion):
    """Places (m, agent's frame) of steps along and beside ways; the same piecewise straight line as the node's."""
    points = paths[..., : 2 * POINTS].reshape(*paths.shape[:-1], POINTS, 2) * 10.0
    spacing = (points[..., 1, :] - points[..., 0, :]).norm(dim=-1, keepdim=True)
    speed, offset, free = paths[..., SPEED] * 15.0, paths[..., OFFSET] * 4.0, paths[..., FREE]
    joining = torch.where(free[..., None] > 0.5, torch.ones(STEPS), (1 - HORIZON / 4.0).clamp(min=0.0))
    s = speed[..., None] * HORIZON + motion[..., 0]
    d = offset[..., None] * joining + motion[..., 1]
    along = s / spacing
    index = along.detach().floor().clamp(0, POINTS - 2).long()
    at = lambda i: points.gather(-2, i[..., None].expand(*i.shape, 2))
    first, step = at(index), at(index + 1) - at(index)
    left = torch.stack([-step[..., 1], step[..., 0]], -1) / step.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    return first + step * (along - index)[..., None] + left * d[..., None]


def load(folder):
    files = sorted(glob.glob(os.path.join(folder, "*.f32")))
    rows = np.concatenate([np.fromfile(f, dtype="<f4").reshape(-1, sum(PARTS)) for f in files])
    if not np.isfinite(rows).all():
        raise SystemExit(f"{folder}: rows hold numbers that are not finite")
    history, state, neighbors, paths, future, known, kind, _ = np.split(rows, np.cumsum(PARTS)[:-1], axis=1)
    t = torch.from_numpy
    n = len(rows)
    whole = known.all(1)
    parts = (history, state, neighbors.reshape(n, NEIGHBORS, NEIGHBOR), paths.reshape(n, SLOTS, PATH),
             future.reshape(n, STEPS, 2), kind[:, 0].astype(np.int64))
    return [t(np.ascontiguousarray(part[whole])) for part in parts]


def losses(motion, logits, paths, future):
    xy = places(paths, motion)
    error = (xy - future[:, None]).norm(dim=-1)
    cost = error.mean(-1) + 0.5 * error[..., -1]
    best = cost.argmin(1)
    rows = torch.arange(len(best))
    near = nn.functional.huber_loss(error[rows, best], torch.zeros(len(best), STEPS), delta=1.0)
    # Probabilities aim at all futures that come close, so that repeated ways share theirs.
    aim = torch.softmax(-cost.detach() / 0.5, 1)
    choice = -(aim * torch.log_softmax(logits, 1)).sum(1).mean()
    # Futures that lose are kept sane: the likeliest one must be good in itself.
    likely = (torch.softmax(logits, 1).detach() * error.mean(-1)).sum(1).mean()
    return near + 0.5 * choice + 0.15 * likely


def mirrored(batch):
    """Left for right: towns have more of one turn than of the other."""
    history, state, neighbors, paths, future, kind = [part.clone() for part in batch]
    flip = torch.rand(len(kind)) < 0.5
    sign = torch.where(flip, -1.0, 1.0)
    history = history.reshape(-1, SAMPLES, SAMPLE)
    history[..., 1] *= sign[:, None]
    history[..., 3] *= sign[:, None]
    state[:, 8] *= sign
    state[:, 9] *= sign
    for i in (2, 4, 6):
        neighbors[..., i] *= sign[:, None]
    paths[..., 1 : 2 * POINTS : 2] *= sign[:, None, None]
    for i in (8, 9):
        paths[..., 2 * POINTS + i] *= sign[:, None]
    left, right = paths[..., 2 * POINTS + 5].clone(), paths[..., 2 * POINTS + 6].clone()
    paths[..., 2 * POINTS + 5] = torch.where(flip[:, None], right, left)
    paths[..., 2 * POINTS + 6] = torch.where(flip[:, None], left, right)
    future[..., 1] *= sign[:, None]
    return history.reshape(len(kind), -1), state, neighbors, paths, future, kind


def train(options):
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    data = load(options.train)
    count = len(data[0])
    model = Predictor()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.5e-3, weight_decay=1e-4)
    size, total = 512, options.epochs * (count // 512)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=max(total, 2))
    began = time.time()
    for epoch in range(options.epochs):
        order, mean = torch.randperm(count), 0.0
        for i in range(count // size):
            rows = order[i * size : (i + 1) * size]
            history, state, neighbors, paths, future, _ = mirrored([part[rows] for part in data])
            motion, logits = model(history, state, neighbors, paths)
            loss = losses(motion, logits, paths, future)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            mean += loss.item() / (count // size)
        print(f"epoch {epoch + 1}/{options.epochs}: loss {mean:.4f}, {time.time() - began:.0f} s", flush=True)
        torch.save(model.state_dict(), options.checkpoint)
    print(f"{count} samples, {sum(p.numel() for p in model.parameters())} parameters")


def export(options):
    model = Predictor()
    model.load_state_dict(torch.load(options.checkpoint, weights_only=True))
    model.eval()
    os.makedirs(options.model, exist_ok=True)
    path = os.path.join(options.model, "trajectory_predictor.onnx")
    inputs = (torch.zeros(AGENTS, SAMPLES * SAMPLE), torch.zeros(AGENTS, STATE),
              torch.zeros(AGENTS, NEIGHBORS, NEIGHBOR), torch.zeros(AGENTS, SLOTS, PATH))
    torch.onnx.export(model, inputs, path, input_names=["history", "state", "neighbors", "paths"],
                      output_names=["motion", "logits"], opset_version=17, dynamo=False)
    digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
    manifest = os.path.join(options.model, "manifest.toml")
    if os.path.exists(manifest):
        text = open(manifest).read().splitlines()
        text = [f'sha256 = "{digest}"' if line.startswith("sha256 =") else line for line in text]
        open(manifest, "w").write("\n".join(text) + "\n")
    print(f"{path}: sha256 {digest}")


def merged(xy, probability):
    """Futures within 0.8 m of a likelier one at every step give it their probability, as the node does."""
    order = probability.argsort(1, descending=True)
    total = torch.zeros_like(probability)
    rows = torch.arange(len(order))
    taken = torch.zeros_like(probability, dtype=torch.bool)
    for rank in range(SLOTS):
        leader = order[:, rank]
        same = (xy - xy[rows, leader][:, None]).norm(dim=-1).amax(-1) < 0.8
        same &= ~taken & ~taken[rows, leader][:, None]
        total[rows, leader] += (probability * same).sum(1)
        taken |= same
    return total


def measure(xy, probability, future, kind):
    """minADE6, minFDE6, miss rate (no future within 2 m at 5 s), ADE and FDE of the likeliest; by class and overall."""
    error = (xy - future[:, None]).norm(dim=-1)
    ade, fde = error.mean(-1), error[..., -1]
    likely = probability.argmax(1)
    rows = torch.arange(len(likely))
    moves = future[:, -1].norm(dim=-1) > 1.0

    def numbers(mask):
        if mask.sum() == 0:
            return None
        return {
            "samples": int(mask.sum()),
            "min_ade6_m": round(ade[mask].amin(1).mean().item(), 4),
            "min_fde6_m": round(fde[mask].amin(1).mean().item(), 4),
            "miss_rate": round((fde[mask].amin(1) > MISS_M).float().mean().item(), 4),
            "ade1_m": round(ade[rows, likely][mask].mean().item(), 4),
            "fde1_m": round(fde[rows, likely][mask].mean().item(), 4),
        }

    everyone = torch.ones(len(kind), dtype=torch.bool)
    table = {"all": numbers(everyone), "moving": numbers(moves)}
    table.update({name: numbers(kind == i) for i, name in enumerate(CLASSES)})
    return {name: row for name, row in table.items() if row}


def evaluate(options):
    import onnxruntime

    history, state, neighbors, paths, future, kind = load(options.test)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    path = os.path.join(options.model, "trajectory_predictor.onnx")
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    motions, logits, latencies = [], [], []
    count = len(kind) // AGENTS * AGENTS
    for i in range(0, count, AGENTS):
        feed = dict(zip(["history", "state", "neighbors", "paths"],
                        [part[i : i + AGENTS].numpy() for part in (history, state, neighbors, paths)]))
        began = time.perf_counter()
        motion, logit = session.run(None, feed)
        latencies.append((time.perf_counter() - began) * 1e3)
        motions.append(torch.from_numpy(motion))
        logits.append(torch.from_numpy(logit))
    paths, future, kind, state = paths[:count], future[:count], kind[:count], state[:count]
    xy, probability = places(paths, torch.cat(motions)), torch.softmax(torch.cat(logits), 1)
    probability = merged(xy, probability)
    one = torch.ones(count, 1)
    velocity = state[:, 7:9] * 15.0
    constant_velocity = (velocity[:, None] * HORIZON[:, None])[:, None]
    lane_following = places(paths[:, :1], torch.zeros(count, 1, STEPS, 2))
    every_way = places(paths, torch.zeros(count, SLOTS, STEPS, 2))
    bins = []
    hit = ((xy - future[:, None]).norm(dim=-1)[..., -1] < MISS_M).float()
    for low in np.arange(0.0, 1.0, 0.2):
        chosen = (probability > 0) & (probability >= low) & (probability < low + 0.2 + (low > 0.7))
        if chosen.any():
            bins.append({"probability": round(probability[chosen].mean().item(), 3),
                         "within_2m_at_5s": round(hit[chosen].mean().item(), 3), "futures": int(chosen.sum())})
    weights = Predictor()
    metrics = {
        "model": "trajectory_predictor",
        "test_set": options.about,
        "command": "training/trajectory_predictor.sh",
        "miss": "no future within 2 m of the truth at 5 s; moving: further than 1 m within 5 s",
        "parameters": sum(p.numel() for p in weights.parameters()),
        "latency_ms": {"batch": AGENTS, "threads": 1, "p50": round(float(np.percentile(latencies, 50)), 3),
                       "p99": round(float(np.percentile(latencies, 99)), 3)},
        "predictor": measure(xy, probability, future, kind),
        "constant_velocity": measure(constant_velocity, one, future, kind),
        "lane_following": measure(lane_following, one, future, kind),
        "lane_following_every_way": measure(every_way, torch.eye(SLOTS)[0].expand(count, -1), future, kind),
        "calibration": bins,
    }
    with open(os.path.join(options.model, "metrics.json"), "w") as file:
        json.dump(metrics, file, indent=2)
        file.write("\n")
    for name in ("predictor", "constant_velocity", "lane_following", "lane_following_every_way"):
        for group, row in metrics[name].items():
            print(f"{name:25} {group:11} " + " ".join(f"{k} {v}" for k, v in row.items()))
    print(metrics["latency_ms"], bins)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("train")
    one.add_argument("--train", required=True)
    one.add_argument("--checkpoint", required=True)
    one.add_argument("--epochs", type=int, default=12)
    one.add_argument("--threads", type=int, default=1)
    one.add_argument("--seed", type=int, default=1)
    one = commands.add_parser("export")
    one.add_argument("--checkpoint", required=True)
    one.add_argument("--model", required=True)
    one = commands.add_parser("evaluate")
    one.add_argument("--model", required=True)
    one.add_argument("--test", required=True)
    one.add_argument("--about", default="", help="what the test set is, for metrics.json")
    options = parser.parse_args()
    {"train": train, "export": export, "evaluate": evaluate}[options.command](options)


if __name__ == "__main__":
    main()
