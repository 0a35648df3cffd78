"""What turns a trained network into a deployed one, for every model alike: costs, pruning, distillation, quantization,
parity and the metrics of each step."""
