"""Training of the learned baselines: settings, data on the device, the loop, checkpoints, and what it shows."""
