"""The EfficientNet-Lite0 weights as named arrays: the network's layer table, and a reading of the published file.

Called by `weight_install` (through the registry's converter) and, for the layer table, by `efficientnet_lite0`. The
network itself is there. Loads no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fundus2oct.metrics.state_dict_file import Arrays, checked, read_arrays

STEM_CHANNELS: Final = 32
N_FEATURES: Final = 1280

STAGES: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Repeats, kernel, stride of the first block, expansion, channels out: Tan and Le, EfficientNet, ICML 2019, table 1,
without squeeze-and-excitation, as the Lite variants drop it; stem and head keep their width."""


@dataclass(frozen=True)
class Block:
    """One inverted residual block: expand 1 x 1 (unless ``expansion`` is 1), depthwise k x k, project 1 x 1."""

    kernel: int
    stride: int
    channels_in: int
    expansion: int
    channels_out: int

    @property
    def width(self) -> int:
        """Channels of the depthwise convolution."""
        return self.channels_in * self.expansion

    @property
    def residual(self) -> bool:
        """Whether the input is added to the output."""
        return self.stride == 1 and self.channels_in == self.channels_out


def blocks() -> Iterator[Block]:
    """The 16 blocks, from the stem to the head."""
    channels = STEM_CHANNELS
    for repeats, kernel, stride, expansion, channels_out in STAGES:
        for repeat in range(repeats):
            yield Block(kernel, stride if repeat == 0 else 1, channels, expansion, channels_out)
            channels = channels_out


def array_shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every array of the installed file: the published names, without the classifier."""
    shapes = _unit("_conv_stem", "_bn0", (STEM_CHANNELS, 3, 3, 3))
    for i, block in enumerate(blocks()):
        if block.expansion > 1:
            shapes |= _unit(f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0", (block.width, block.channels_in, 1, 1))
        shapes |= _unit(
            f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1", (block.width, 1, block.kernel, block.kernel)
        )
        shapes |= _unit(f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2", (block.channels_out, block.width, 1, 1))
    return shapes | _unit("_conv_head", "_bn1", (N_FEATURES, STAGES[-1][-1], 1, 1))


def arrays_from_state_dict(data: bytes) -> Arrays:
    """Named float32 arrays from the published state dictionary, checked against `array_shapes`.

    Raises:
        BenchError: E_WEIGHTS for any other file.
    """
    return checked(read_arrays(data), array_shapes(), ignored=("_fc.",))


def _unit(convolution: str, normalisation: str, kernel: tuple[int, int, int, int]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {f"{convolution}.weight": kernel}
    for statistic in ("weight", "bias", "running_mean", "running_var"):
        shapes[f"{normalisation}.{statistic}"] = kernel[:1]
    return shapes
