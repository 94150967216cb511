"""Tells the encoders of a network what the usual training photograph looks like, before training starts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fundus2oct.baselines.networks.fundus_encoder import FundusEncoder
from fundus2oct.baselines.networks.spatial_map_encoder import SpatialMapEncoder
from fundus2oct.baselines.training.eye_tensors import EyeTensors, as_network_values

READ_AT_ONCE = 64
"""Eyes that are converted together."""


def measure_photographs(networks: nn.Module, eyes: EyeTensors) -> None:
    """Measure the scale of every fundus encoder and spatial-map encoder in ``networks`` on all training eyes."""
    for module in networks.modules():
        if isinstance(module, FundusEncoder):
            module.scale.measure(map(as_network_values, _parts(eyes.fundus)))
        elif isinstance(module, SpatialMapEncoder):
            module.scale.measure(as_network_values(part).flatten(1, 2) for part in _parts(eyes.strips))


def _parts(pictures: Tensor) -> tuple[Tensor, ...]:
    """(v, n, ...) in parts (m, ...)."""
    return torch.split(pictures.flatten(0, 1), READ_AT_ONCE)
