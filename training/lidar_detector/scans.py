"""Scans that `record_scans` wrote, as the network sees them."""

import glob
import os

import numpy as np
import torch

from .network import CELL, COLUMNS, FEATURES, INPUT, ORIGIN, ROWS


class Scans:
    """Samples of all files of some folders, as `record_scans` wrote them."""

    def __init__(self, *folders):
        paths = [path for folder in folders for path in sorted(glob.glob(os.path.join(folder, "*.bin")))]
        self.files = [np.memmap(path, dtype=np.uint8, mode="r") for path in paths]
        self.places = []
        for number, data in enumerate(self.files):
            at = 0
            while at < len(data):
                cells, things, moves, points = data[at : at + 16].view("<u4")
                self.places.append((number, at, int(cells), int(things), bool(moves)))
                at += 16 + int(cells) * (4 + FEATURES) + int(things) * 40
        if not self.places:
            raise SystemExit(f"{' '.join(folders)}: no scans; training/lidar_detector.sh records some")

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
