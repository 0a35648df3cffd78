"""The motion planner's proposal network: network, data, losses, accuracy and the steps that make it."""
