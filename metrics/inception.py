"""Inception-v3 of the original FID: B-scans in, 2048 pooled features out.

The blocks that differ from torchvision's network are pytorch-fid's; its distance is not used. Preprocessing is that of
the released TensorFlow graph. Weights come through `weight_registry`, the distances are in `inception_distances`.
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

SIDE: Final = 299
N_FEATURES: Final = 2048
N_CLASSES: Final = 1008


def bscan_features(volumes: Iterable[NDArray[np.uint8]], *, device: str = "cpu") -> NDArray[np.float32]:
    """Features of every B-scan, volume by volume: no row depends on other volumes.

    As the graph does it: TensorFlow 1's bilinear resize to 299 x 299 without antialiasing, then ``(x - 128) / 128``.

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
        scaled = torch.from_numpy(((resized(volume, SIDE, "tf1") - 128) / 128).astype(np.float32))
        with torch.inference_mode(), reproducible_arithmetic():
            rows.append(network(scaled[:, None].expand(-1, 3, -1, -1).to(device)).cpu().numpy())
    return np.concatenate(rows)


@functools.lru_cache(maxsize=2)
def _network(device: str) -> nn.Module:
    return inception_v3(weight_registry.read_verified(weight_registry.INCEPTION)).to(device)


def inception_v3(data: bytes) -> nn.Module:
    """The network without its classifier, in evaluation mode, with every weight from a safetensors file."""
    network = architecture()
    network.fc = nn.Identity()
    missing, unexpected = network.load_state_dict(safetensors.torch.load(data), strict=False)
    counters = [name for name in missing if name.endswith("num_batches_tracked")]
    if len(counters) != len(missing) or unexpected:
        raise ValueError(f"weights: expected every array of Inception, missing {missing}, unexpected {unexpected}")
    return network.eval()


def architecture() -> nn.Module:
    """Inception-v3 with the poolings of the 2015 graph, untrained."""
    from pytorch_fid import inception as fid  # type: ignore[import-untyped]  # pytorch-fid ships no types
    from torchvision import models  # type: ignore[import-untyped]  # nor does torchvision

    network: nn.Module = models.inception_v3(
        weights=None, num_classes=N_CLASSES, aux_logits=False, init_weights=False, transform_input=False
    )
    changed = {
        "Mixed_5b": fid.FIDInceptionA(192, pool_features=32),
        "Mixed_5c": fid.FIDInceptionA(256, pool_features=64),
        "Mixed_5d": fid.FIDInceptionA(288, pool_features=64),
        "Mixed_7b": fid.FIDInceptionE_1(1280),
        "Mixed_7c": fid.FIDInceptionE_2(2048),
    }
    changed |= {
        f"Mixed_6{block}": fid.FIDInceptionC(768, channels_7x7=width)
        for block, width in zip("bcde", (128, 160, 160, 192), strict=True)
    }
    for name, block in changed.items():
        setattr(network, name, block)
    return network
