"""Makes a deployed model from teacher to INT8 and writes models/NAME/metrics.json; goes on where it stopped.

    python training/reduce.py trajectory_predictor [--again-from STEP] [--until STEP]

Data must have been recorded: training/NAME.sh does both. The same seed and data give the same weights on the same machine.
"""

import argparse
import importlib
import os

import torch

from reduction.steps import Pipeline

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODELS = ["lidar_detector", "motion_planner", "trajectory_predictor"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--again-from", metavar="STEP", help="do this step and all after it anew")
    parser.add_argument("--until", metavar="STEP", help="stop after this step")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    reduction = importlib.import_module(f"{options.model}.pipeline").Reduction(ROOT, options.seed)
    Pipeline(reduction.notes, reduction.steps()).run(options.again_from, options.until)


if __name__ == "__main__":
    main()
