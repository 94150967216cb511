"""ResNet-50 trained on RadImageNet: B-scans in, 2048 pooled features out.

The network is torchvision's; the weights come through `weight_registry`, the distances are in `radimagenet_distances`.
Imports torch: import this module late.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Final

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn

from fundus2oct.metrics import weight_registry
from fundus2oct.metrics.i3d import reproducible_arithmetic
from fundus2oct.metrics.picture_resize import resized
from fundus2oct.metrics.volume_pair import check_volume

SIDE: Final = 224
N_FEATURES: Final = 2048


def bscan_features(volumes: Iterable[NDArray[np.uint8]], *, device: str = "cpu") -> NDArray[np.float32]:
    """Features of every B-scan, volume by volume: no row depends on other volumes.

    The authors' preprocessing, ``(x - 127.5) * 2 / 255`` in three equal channels at 224 x 224, but antialiased.

    Args:
        volumes: any iterable of (6, h, w) uint8; an array (n, 6, h, w) is one.
        device: where the network runs.

    Returns:
        (6 n, 2048) float32; rows 6 i to 6 i + 5 are the B-scans of volume i.

    Raises:
        ValueError: for a volume of another shape or type.
        BenchError: E_WEIGHTS when the weights are not installed.
    """
    network = _network(device)
    rows = [np.empty((0, N_FEATURES), np.float32)]
    for volume in volumes:
        check_volume(volume, "volume")
        scaled = torch.from_numpy(((resized(volume, SIDE) - 127.5) * 2 / 255).astype(np.float32))
        with torch.inference_mode(), reproducible_arithmetic():
            rows.append(network(scaled[:, None].expand(-1, 3, -1, -1).to(device)).cpu().numpy())
    return np.concatenate(rows)


@functools.lru_cache(maxsize=2)
def _network(device: str) -> nn.Module:
    return resnet50(weight_registry.read_verified(weight_registry.RADIMAGENET)).to(device)


def resnet50(data: bytes) -> nn.Module:
    """Torchvision's ResNet-50 without its classifier, in evaluation mode, with every weight from a safetensors file."""
    from torchvision import models  # type: ignore[import-untyped]  # torchvision ships no types

    network = models.resnet50(weights=None)
    network.fc = nn.Identity()
    missing, unexpected = network.load_state_dict(safetensors.torch.load(data), strict=False)
    counters = [name for name in missing if name.endswith("num_batches_tracked")]
    if len(counters) != len(missing) or unexpected:
        raise ValueError(f"weights: expected every array of ResNet-50, missing {missing}, unexpected {unexpected}")
    evaluated: nn.Module = network.eval()
    return evaluated
