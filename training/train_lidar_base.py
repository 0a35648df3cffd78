"""Trains the LiDAR detector's base network from nothing, 5000 steps in two rounds, and writes the file that the reduction
begins with (training/lidar_detector/base.onnx)."""

import os

import torch

from lidar_detector import network, train
from lidar_detector.scans import Scans
from reduce import ROOT
from reduction import files

ROUNDS = [("base_first", 1800, 3e-3), ("base", 3200, 2e-3)]


def main():
    torch.set_num_threads(2)
    torch.manual_seed(1)
    work = os.path.join(ROOT, "training", "work", "lidar_detector")
    os.makedirs(work, exist_ok=True)
    scans = Scans(os.path.join(ROOT, "training", "data", "lidar_detector", "train"))
    model = network.Detector()
    for seed, (name, steps, peak) in enumerate(ROUNDS, 1):
        checkpoint = os.path.join(work, f"{name}.pt")
        if os.path.exists(checkpoint):
            model.load_state_dict(torch.load(checkpoint, weights_only=True))
        else:
            train.train(model, scans, checkpoint, steps, seed, peak)
    files.export(model.eval(), network.example(), os.path.join(ROOT, "training", "lidar_detector", "base.onnx"),
                 network.INPUTS, network.OUTPUTS)


if __name__ == "__main__":
    main()
