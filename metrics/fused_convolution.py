"""A convolution with its padding and activation as one step, its weights laid out once for this processor.

The feature networks (`i3d`, `efficientnet_lite0`) are chains of these. torch's own ``conv3d`` lays the weights out
anew at every call and passes over the output a second time for the activation; on late layers, with much weight and
few pixels, that costs as much as the arithmetic. Imports torch: import this module late.
"""

from __future__ import annotations

import functools
from typing import Final, Literal

import torch
from torch import Tensor
from torch.nn import functional

Activation = Literal["none", "relu", "relu6"]

_ONEDNN: Final[dict[Activation, tuple[str, list[float]]]] = {
    "none": ("none", []),
    "relu": ("relu", []),
    "relu6": ("hardtanh", [0.0, 6.0]),
}
"""What oneDNN calls the activations, and their parameters."""


class FusedConvolution:
    """Convolution with TensorFlow's SAME padding, bias and activation, in two or three dimensions.

    On a processor with oneDNN the weights are reordered at the first call and kept until the input's shape changes;
    elsewhere (a GPU, a build without oneDNN) torch's own operators give the same numbers but for the last digits.

    Args:
        kernel: (out, in / groups, [t,] h, w) float64 or float32, batch normalisation folded in.
        bias: (out,).
        device: where it runs.
        stride: the same along all axes.
        groups: as in torch.
        activation: applied to the sum.
    """

    def __init__(
        self,
        kernel: Tensor,
        bias: Tensor,
        device: str,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: Activation = "relu",
    ) -> None:
        layout = torch.channels_last_3d if kernel.ndim == 5 else torch.channels_last
        self.kernel = kernel.float().contiguous(memory_format=layout).to(device)
        self.bias = bias.float().to(device)
        self.size = tuple(kernel.shape[2:])
        self.strides = (stride,) * len(self.size)
        self.groups, self.activation = groups, activation
        self._packed: tuple[torch.Size, Tensor] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """(n, in, [t,] h, w) -> (n, out, ...), each length divided by the stride and rounded up."""
        before, after = zip(*same_pads(tuple(x.shape[2:]), self.size, self.strides), strict=True)
        if before != after:
            x = pad_with_zeros(x, before, after)
            before = (0,) * len(before)
        return self._by_onednn(x, list(before)) if _has_onednn(x) else self._by_torch(x, list(before))

    def _by_onednn(self, x: Tensor, padding: list[int]) -> Tensor:
        stride, dilation = list(self.strides), [1] * len(self.size)
        if self._packed is None or self._packed[0] != x.shape:
            aten = torch.ops.aten
            pack = aten.mkldnn_reorder_conv3d_weight if len(self.size) == 3 else aten.mkldnn_reorder_conv2d_weight
            packed = pack(self.kernel.to_mkldnn(), padding, stride, dilation, self.groups, list(x.shape))
            self._packed = (x.shape, packed)
        name, parameters = _ONEDNN[self.activation]
        output: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self._packed[1], self.bias, padding, stride, dilation, self.groups, name, parameters, ""
        )
        return output

    def _by_torch(self, x: Tensor, padding: list[int]) -> Tensor:
        convolve = functional.conv3d if len(self.size) == 3 else functional.conv2d
        y = convolve(x, self.kernel, self.bias, self.strides, padding, groups=self.groups)
        if self.activation == "none":
            return y
        return y.relu_() if self.activation == "relu" else y.clamp_(0, 6)


def _has_onednn(x: Tensor) -> bool:
    return x.device.type == "cpu" and _build_has_onednn()


@functools.cache
def _build_has_onednn() -> bool:
    """Whether the operators are there that torch.compile emits for a processor; they have no public name."""
    named = [
        (torch.ops.mkldnn, "_convolution_pointwise"),
        (torch.ops.aten, "mkldnn_reorder_conv2d_weight"),
        (torch.ops.aten, "mkldnn_reorder_conv3d_weight"),
    ]
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch has no types here
    return available and all(hasattr(library, name) for library, name in named)


def same_pads(lengths: tuple[int, ...], size: tuple[int, ...], strides: tuple[int, ...]) -> list[tuple[int, int]]:
    """Zeros before and after each axis for ceil(length / stride) outputs, the odd one after: TensorFlow's SAME.

    >>> same_pads((16, 112, 7), (7, 3, 2), (2, 2, 2))
    [(2, 3), (0, 1), (0, 1)]
    """
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(lengths, size, strides, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]


def pad_with_zeros(x: Tensor, before: tuple[int, ...], after: tuple[int, ...]) -> Tensor:
    """Pad the axes that follow batch and channels."""
    pairs = list(zip(before, after, strict=True))[::-1]
    return functional.pad(x, [n for pair in pairs for n in pair])
