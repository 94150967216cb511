"""The network of LPIPS: AlexNet's five rectified layers, compared position by position and weighed by learned heads.

Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018, eq. 1. The metric and
its card are in `perceptual_similarity`. Imports torch: import this module late.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from fundus2oct.metrics import weight_registry
from fundus2oct.metrics.i3d import reproducible_arithmetic

SHIFT: Final = (-0.030, -0.088, -0.188)
SCALE: Final = (0.458, 0.448, 0.450)
"""Of an image in [-1, 1], channel by channel: LPIPS 0.1's own scaling, ImageNet's mean and spread in that range."""

EPSILON: Final = 1e-10
"""Added to the norm of a feature vector, as in LPIPS 0.1."""


def lpips_distances(
    x: NDArray[np.float32], y: NDArray[np.float32], trunk: dict[str, Tensor], heads: dict[str, Tensor]
) -> NDArray[np.float64]:
    """Distance of each pair of grey pictures.

    Args:
        x: (n, h, w) float32 in [-1, 1]; each becomes three equal channels.
        y: (n, h, w) float32 in [-1, 1].
        trunk: arrays of `lpips_weights.trunk_shapes`.
        heads: arrays of `lpips_weights.head_shapes`.

    Returns:
        (n,) float64, 0 or more.
    """
    with torch.inference_mode(), reproducible_arithmetic():
        layers = zip(_layers(x, trunk), _layers(y, trunk), strict=True)
        terms = [_weighted(a, b, heads[f"lin{i}.model.1.weight"]) for i, (a, b) in enumerate(layers)]
        distances: NDArray[np.float64] = torch.stack(terms).double().sum(dim=0).numpy()
    return distances


@functools.lru_cache(maxsize=1)
def installed_weights() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Trunk and heads from the cache, verified.

    Raises:
        BenchError: E_WEIGHTS when they are not installed.
    """
    files = (weight_registry.LPIPS_ALEX, weight_registry.LPIPS_HEADS)
    trunk, heads = (safetensors.torch.load(weight_registry.read_verified(entry)) for entry in files)
    return trunk, heads


def _weighted(a: Tensor, b: Tensor, head: Tensor) -> Tensor:
    """(n,) mean over positions of the weighed squared difference of unit feature vectors."""
    difference = (_unit(a) - _unit(b)).square()
    return functional.conv2d(difference, head).mean(dim=(1, 2, 3))


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + EPSILON)


def _layers(pictures: NDArray[np.float32], trunk: dict[str, Tensor]) -> list[Tensor]:
    """The five rectified convolutions' outputs."""
    shift, scale = (torch.tensor(values)[:, None, None] for values in (SHIFT, SCALE))
    x = (torch.from_numpy(pictures)[:, None] - shift) / scale
    layers = []
    for name, stride, padding, pooled in (
        ("features.0", 4, 2, False),
        ("features.3", 1, 2, True),
        ("features.6", 1, 1, True),
        ("features.8", 1, 1, False),
        ("features.10", 1, 1, False),
    ):
        if pooled:
            x = functional.max_pool2d(x, 3, 2)
        x = functional.conv2d(x, trunk[f"{name}.weight"], trunk[f"{name}.bias"], stride=stride, padding=padding).relu()
        layers.append(x)
    return layers
