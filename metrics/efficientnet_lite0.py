"""EfficientNet-Lite0, the picture network whose weights the Python package index carries: B-scans in, features out.

Architecture of Tan and Le (ICML 2019) in the Lite variant: ReLU6, no squeeze-and-excitation, with the padding of the
released TensorFlow graph. Weights come through `weight_registry`; what becomes of the features is in
`efficientnet_distances` and `plane_distances`. Imports torch: import this module late.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Final

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor

from fundus2oct.metrics import weight_registry
from fundus2oct.metrics.efficientnet_weights import N_FEATURES, blocks
from fundus2oct.metrics.fused_convolution import Activation, FusedConvolution
from fundus2oct.metrics.i3d import reproducible_arithmetic
from fundus2oct.metrics.picture_resize import resized
from fundus2oct.metrics.volume_pair import check_volume

SIDE: Final = 224
BATCH_NORM_EPSILON: Final = 1e-3


def bscan_features(volumes: Iterable[NDArray[np.uint8]], *, device: str = "cpu") -> NDArray[np.float32]:
    """Features of every B-scan, volume by volume: no row depends on other volumes.

    Args:
        volumes: any iterable of (6, h, w) uint8; an array (n, 6, h, w) is one.
        device: where the network runs.

    Returns:
        (6 n, 1280) float32; rows 6 i to 6 i + 5 are the B-scans of volume i.

    Raises:
        ValueError: for a volume of another shape or type.
        BenchError: E_WEIGHTS when `bench weights install efficientnet-lite0` was not run.
    """
    rows = []
    for volume in volumes:
        check_volume(volume, "volume")
        rows.append(picture_features(resized(volume, SIDE), device=device))
    return np.concatenate(rows) if rows else np.empty((0, N_FEATURES), np.float32)


def picture_features(pictures: NDArray[np.float64], *, device: str = "cpu") -> NDArray[np.float32]:
    """Features of pictures of the network's own size: the last 1280 channels, averaged over the picture.

    Args:
        pictures: (n, 224, 224) grey levels 0..255.
        device: where the network runs.

    Returns:
        (n, 1280) float32.
    """
    network = _network(device)
    with torch.inference_mode(), reproducible_arithmetic():
        torch.set_num_threads(1)  # the layers are small: a second thread gains little, and loses much on a busy machine
        scaled = torch.from_numpy(((pictures - 127) / 128).astype(np.float32))[:, None].to(device)
        output = network(scaled.contiguous(memory_format=torch.channels_last))
        features: NDArray[np.float32] = output.cpu().numpy()
    return features


@functools.lru_cache(maxsize=2)
def _network(device: str) -> _EfficientNetLite0:
    return _EfficientNetLite0(weight_registry.read_verified(weight_registry.EFFICIENTNET_LITE0), device)


class _EfficientNetLite0:
    """The network's forward pass on verified weights, batch normalisation folded into the convolutions."""

    def __init__(self, data: bytes, device: str) -> None:
        arrays = safetensors.torch.load(data)

        def unit(
            convolution: str,
            normalisation: str,
            *,
            stride: int = 1,
            groups: int = 1,
            activation: Activation = "relu6",
        ) -> FusedConvolution:
            kernel, bias = _folded(arrays, convolution, normalisation)
            if convolution == "_conv_stem":  # one grey channel instead of three equal ones
                kernel = kernel.sum(dim=1, keepdim=True)
            return FusedConvolution(kernel, bias, device, stride=stride, groups=groups, activation=activation)

        self.blocks = tuple(blocks())
        self.stem = unit("_conv_stem", "_bn0", stride=2)
        self.head = unit("_conv_head", "_bn1")
        self.expand = {
            i: unit(f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0")
            for i, block in enumerate(self.blocks)
            if block.expansion > 1
        }
        self.depthwise = [
            unit(f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1", stride=block.stride, groups=block.width)
            for i, block in enumerate(self.blocks)
        ]
        self.project = [
            unit(f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2", activation="none") for i in range(len(self.blocks))
        ]

    def __call__(self, x: Tensor) -> Tensor:
        """(n, 1, 224, 224) in about [-1, 1] -> (n, 1280)."""
        x = self.stem(x)
        for i, block in enumerate(self.blocks):
            y = self.expand[i](x) if i in self.expand else x
            y = self.project[i](self.depthwise[i](y))
            x = x + y if block.residual else y
        return self.head(x).mean(dim=(2, 3))


def _folded(arrays: dict[str, Tensor], convolution: str, normalisation: str) -> tuple[Tensor, Tensor]:
    """Kernel and bias in float64, with scale (x - mean) / sqrt(var + epsilon) + bias folded in."""
    kernel = arrays[f"{convolution}.weight"].double()
    scale, bias, mean, var = (
        arrays[f"{normalisation}.{name}"].double() for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale = scale * torch.rsqrt(var + BATCH_NORM_EPSILON)
    return kernel * scale[:, None, None, None], bias - mean * scale
