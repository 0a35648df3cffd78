"""Recorded samples: rows of little-endian f32, one file a town."""

import glob
import os

import numpy as np


def read(folder, parts, command):
    """All rows of a folder's files, cut into parts of so many columns; `command` is what records them."""
    files = sorted(glob.glob(os.path.join(folder, "*.f32")))
    if not files:
        raise SystemExit(f"{folder}: no samples; {command} records some")
    rows = np.concatenate([np.fromfile(f, dtype="<f4").reshape(-1, sum(parts)) for f in files])
    if not np.isfinite(rows).all():
        raise SystemExit(f"{folder}: rows hold numbers that are not finite")
    return np.split(rows, np.cumsum(parts)[:-1], axis=1)
