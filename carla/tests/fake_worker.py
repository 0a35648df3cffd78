"""The worker over the fake client, for tests of the program that starts it."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parent.parent)]

import fake_carla  # noqa: E402
import worker  # noqa: E402

worker.main(fake_carla)
