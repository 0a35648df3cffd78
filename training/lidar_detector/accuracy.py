"""Accuracy of detections on held-out scans."""

import numpy as np
import torch
from torch import nn

from .losses import LEAST_POINTS
from .network import CELL, CLASSES, COLUMNS, ORIGIN, OUTPUTS, PLACE, RADIUS, ROWS
from .scans import dense

# A detection is true if its centre is this near to the thing's, m.
MATCH_M = np.array([1.0, 2.0, 1.0, 1.0, 1.0])
BANDS = [(0, 20), (20, 40), (40, 60)]
# As in params/lidar_detector.param.yaml.
THRESHOLDS = (0.2, 0.2, 0.2, 0.25, 0.3)
MATCHING = ("a detection is true if its centre is within 1 m (trucks 2 m) of a thing of its class not taken by a better one; "
            f"things with fewer than {LEAST_POINTS} points count neither way; AP is the area under the precision envelope; "
            "recall and false_per_scan at the thresholds")


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


def detect(session, scans):
    """Boxes of every scan, as `decode` gives them."""
    found = []
    for index in range(len(scans)):
        cells, features, _, _ = scans[index]
        heat, box = session.run(OUTPUTS, {"grid": dense([(cells, features)]).numpy()})
        found.append(decode(heat[0], box[0]))
    return found


def measure(found, scans, moving=None, threshold=THRESHOLDS):
    """AP by class and distance, recall and errors at the threshold, of boxes found in scans; `moving` takes only scans from
    a moving or from a standing car."""
    chosen = [i for i in range(len(scans)) if moving is None or scans.places[i][4] == moving]
    finds = {k: [] for k in range(len(CLASSES))}
    counts = np.zeros((len(CLASSES), len(BANDS)), int)
    recalled = np.zeros_like(counts)
    ahead, errors = 0, {k: [] for k in range(len(CLASSES))}
    band = lambda d: next((i for i, (low, high) in enumerate(BANDS) if low <= d < high), -1)
    for index in chosen:
        things, boxes = scans[index][2], found[index]
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


def headline(table):
    """What steps are compared by: average precision from 0 to 60 m by class, and its mean."""
    ap = {name: rows["0-60 m"]["ap"] for name, rows in table["classes"].items() if "0-60 m" in rows}
    return {"scans": table["scans"], "mean_ap": round(float(np.mean(list(ap.values()))), 4), **ap}
