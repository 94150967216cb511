"""A plain torch module as a generator: one photograph in, six B-scans out. Imports nothing of the benchmark."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn


class Net(nn.Module):
    """(n, 3, 64, 64) in 0..1 -> (n, 6, 40, 56) in 0..1: a whole photograph becomes six coarse B-scans."""

    def __init__(self):
        super().__init__()
        widths = (3, 16, 32, 64, 64)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths))
        self.across = nn.Linear(64 * 4 * 4, 64 * 5 * 7)  # photograph plane -> scan planes
        self.up = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in ((64, 32), (32, 16), (16, 6)))

    def forward(self, x):
        for layer in self.down:
            x = F.silu(layer(x))
        x = self.across(x.flatten(1)).unflatten(1, (64, 5, 7))
        for layer in self.up:
            x = layer(F.interpolate(F.silu(x), scale_factor=2))
        return x.sigmoid()


def photograph_tensor(fundus):
    """(height, width, 3) uint8 -> (1, 3, 64, 64) float32 in 0..1."""
    x = torch.tensor(fundus).permute(2, 0, 1)[None].float() / 255
    return F.interpolate(x, size=(64, 64), mode="bilinear", antialias=True)


def mirrored(volume):
    """(6, depth, width): the same eye seen in a mirror, the partner of a horizontal flip of its photograph."""
    flipped = volume[[0, 5, 4, 3, 2, 1], :, ::-1].copy()
    flipped[0] = volume[0]  # the vertical B-scan stays as it is
    return flipped


class TorchModule:
    """What the benchmark calls, once for each case."""

    def __init__(self, net, device):
        self.net = net.to(device).eval()
        self.device = device

    @torch.inference_mode()
    def generate(self, fundus, *, eye, seed):  # nothing is drawn at random, so the seed is not used
        if eye == "L":
            fundus = fundus[:, ::-1].copy()
        x = self.net(photograph_tensor(fundus).to(self.device))
        x = F.interpolate(x, size=(320, 448), mode="bilinear")[0]
        volume = np.rint(x.cpu().numpy() * 255).clip(0, 255).astype(np.uint8)
        return mirrored(volume) if eye == "L" else volume


def make_generator(*, device: str, folder: Path):
    net = Net()
    net.load_state_dict(load_file(folder / "weights.safetensors"))
    return TorchModule(net, device)
