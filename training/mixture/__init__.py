"""A mixture of experts in the trajectory predictor against dense networks: what sparse activation gains and what it costs in
a car. `training/experts.py` runs it."""
