"""Networks, noise schedules and conditioning arrays of the learned reference generators; no files, no training loop.

Everything is a plain `torch.nn.Module` or a pure function with a frozen configuration. `conditioning` makes a
network's input from one photograph and needs numpy alone; the other modules load torch: import them late.
"""
