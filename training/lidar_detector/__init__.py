"""The LiDAR detector: network, data, losses, accuracy and the steps that make it."""
