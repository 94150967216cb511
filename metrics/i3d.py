"""I3D, the video network of the Fréchet video distance: clips in, 400 Kinetics logits out, one clip at a time.

Architecture of Carreira and Zisserman (Quo Vadis, Action Recognition?, CVPR 2017, figure 3) with the arithmetic of the
released TensorFlow graph, to which it agrees within 1e-4. The weights are fetched by `weight_install` and read through
`weight_registry`; what becomes of the logits is in `frechet_video_distance`. Imports torch: import this module late.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Final

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from fundus2oct.metrics import weight_registry
from fundus2oct.metrics.fused_convolution import Activation, FusedConvolution, pad_with_zeros, same_pads
from fundus2oct.metrics.i3d_weights import INCEPTION_CHANNELS, LOGITS, N_CLASSES, kernel_shapes

SIDE: Final = 224
MIN_FRAMES: Final = 9
"""Three temporal halvings must leave 2 frames for the last pooling: ceil(ceil(ceil(9 / 2) / 2) / 2) = 2."""

THREADS: Final = 2
"""Fixed, because the number of threads may change the order of a sum and so the last digits of a score."""

BATCH_NORM_EPSILON: Final = 1e-3
"""Sonnet's batch normalisation in the released graph; 1e-5, torch's default, shifts logits by up to 0.04."""

_FIRST: Final = "Conv3d_1a_7x7"
_Triple = tuple[int, int, int]


def i3d_logits(clips: NDArray[np.float32], *, device: str = "cpu") -> NDArray[np.float32]:
    """Logits of colour clips, averaged over time, before softmax.

    Args:
        clips: (n, t, 224, 224, 3) float32 in [-1, 1], t >= 9.
        device: where to compute; a clip's logits do not depend on its neighbours, their order or their number.

    Returns:
        (n, 400) float32.

    Raises:
        ValueError: for another shape, type or range.
        BenchError: E_WEIGHTS when the weights are absent or damaged.
    """
    _check_clips(clips, (SIDE, SIDE, 3))
    return _logits(np.moveaxis(clips, -1, 1), device)


def i3d_logits_grey(clips: NDArray[np.float32], *, device: str = "cpu") -> NDArray[np.float32]:
    """Logits of grey clips, as if each had three equal colour channels, at a third of the first layer's cost.

    Args:
        clips: (n, t, 224, 224) float32 in [-1, 1], t >= 9.
        device: where to compute.

    Returns:
        (n, 400) float32; equal to `i3d_logits` of the repeated channel but for the last digits.
    """
    _check_clips(clips, (SIDE, SIDE))
    return _logits(clips[:, None], device)


def _check_clips(clips: NDArray[np.float32], tail: tuple[int, ...]) -> None:
    expected = f"(n, t, {', '.join(map(str, tail))})"
    if not isinstance(clips, np.ndarray) or clips.dtype != np.float32:
        raise ValueError(f"clips: expected a float32 array {expected}, found {getattr(clips, 'dtype', type(clips))}")
    if clips.ndim != 2 + len(tail) or clips.shape[2:] != tail:
        raise ValueError(f"clips: expected shape {expected}, found {clips.shape}")
    if clips.shape[1] < MIN_FRAMES:
        raise ValueError(
            f"clips: I3D needs at least {MIN_FRAMES} frames, found {clips.shape[1]}; interpolate them first"
        )
    if clips.size and not (clips.min() >= -1 and clips.max() <= 1):
        raise ValueError(f"clips: expected values in [-1, 1], found {clips.min()} to {clips.max()}")


def _logits(clips: NDArray[np.float32], device: str) -> NDArray[np.float32]:
    """Run (n, channels, t, 224, 224) through the network, clip by clip: every batch has the same shape."""
    network = _network(device, clips.shape[1])
    logits = np.empty((len(clips), N_CLASSES), np.float32)
    with torch.inference_mode(), reproducible_arithmetic():
        for i, clip in enumerate(clips):
            batch = torch.from_numpy(np.array(clip, order="C"))[None].to(device)
            logits[i] = network(batch.contiguous(memory_format=torch.channels_last_3d))[0].cpu().numpy()
    return logits


@contextlib.contextmanager
def reproducible_arithmetic() -> Iterator[None]:
    """Fixed thread count, full float32 (no TF32) and deterministic algorithms; everything is restored afterwards."""
    threads, cudnn = torch.get_num_threads(), torch.backends.cudnn
    torch.set_num_threads(THREADS)
    try:
        with cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(threads)


@functools.lru_cache(maxsize=2)
def _network(device: str, channels: int) -> _I3D:
    return _I3D(weight_registry.read_verified(weight_registry.I3D), device, channels)


class _I3D:
    """The network: convolutions with batch normalisation folded in, run by name.

    Args:
        weights: the installed safetensors file's bytes.
        device: where it runs.
        channels: 3, or 1 for grey clips, whose first kernel is summed over the colours.
    """

    def __init__(self, weights: bytes, device: str, channels: int) -> None:
        arrays = safetensors.torch.load(weights)
        self.units: dict[str, FusedConvolution] = {}
        for name in kernel_shapes():
            kernel, bias = _folded(arrays, name)
            if name == _FIRST and channels == 1:
                kernel = kernel.sum(dim=1, keepdim=True)
            stride = 2 if name == _FIRST else 1
            activation: Activation = "none" if name == LOGITS else "relu"
            self.units[name] = FusedConvolution(kernel, bias, device, stride=stride, activation=activation)

    def __call__(self, x: Tensor) -> Tensor:
        """(n, channels, t, 224, 224) -> (n, 400)."""
        x = self.units[_FIRST](x)
        x = _max_pool(x, (1, 3, 3), (1, 2, 2))
        x = self.units["Conv3d_2b_1x1"](x)
        x = self.units["Conv3d_2c_3x3"](x)
        x = _max_pool(x, (1, 3, 3), (1, 2, 2))
        for block in INCEPTION_CHANNELS:
            if block == "Mixed_4b":
                x = _max_pool(x, (3, 3, 3), (2, 2, 2))
            elif block == "Mixed_5b":
                x = _max_pool(x, (2, 2, 2), (2, 2, 2))
            x = self._inception(x, block)
        x = functional.avg_pool3d(x, (2, 7, 7), stride=1)
        return self.units[LOGITS](x).mean(dim=(2, 3, 4))

    def _inception(self, x: Tensor, block: str) -> Tensor:
        branch_0 = self.units[f"{block}/Branch_0/Conv3d_0a_1x1"](x)
        branch_1 = self.units[f"{block}/Branch_1/Conv3d_0b_3x3"](self.units[f"{block}/Branch_1/Conv3d_0a_1x1"](x))
        branch_2 = self.units[f"{block}/Branch_2/Conv3d_0b_3x3"](self.units[f"{block}/Branch_2/Conv3d_0a_1x1"](x))
        branch_3 = self.units[f"{block}/Branch_3/Conv3d_0b_1x1"](_max_pool(x, (3, 3, 3), (1, 1, 1)))
        return torch.cat([branch_0, branch_1, branch_2, branch_3], dim=1)


def _folded(arrays: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """Kernel (out, in, t, h, w) and bias in float64, with (x - mean) / sqrt(var + epsilon) + bias folded in."""
    kernel = arrays[f"{name}/kernel"].double().permute(4, 3, 0, 1, 2)
    bias = arrays[f"{name}/bias"].double()
    if name == LOGITS:
        return kernel, bias
    scale = torch.rsqrt(arrays[f"{name}/var"].double() + BATCH_NORM_EPSILON)
    return kernel * scale[:, None, None, None, None], bias - arrays[f"{name}/mean"].double() * scale


def _max_pool(x: Tensor, size: _Triple, stride: _Triple) -> Tensor:
    """Max pooling with SAME padding: the same numbers as torch's, by the faster way for the stride.

    With stride 1 one axis after the other, in a third of torch's time; zeros serve as padding, since every input here
    comes from a ReLU.
    """
    lengths = (x.shape[2], x.shape[3], x.shape[4])
    before, after = zip(*same_pads(lengths, size, stride), strict=True)
    if max(stride) > 1:
        return functional.max_pool3d(x, size, stride, padding=before, ceil_mode=True)
    x = pad_with_zeros(x, before, after)
    for axis, (k, length) in enumerate(zip(size, lengths, strict=True), start=2):
        x = functools.reduce(torch.maximum, [x.narrow(axis, start, length) for start in range(k)])
    return x
