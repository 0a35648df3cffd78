"""The trajectory predictor: network, data, losses, accuracy and the steps that make it."""
