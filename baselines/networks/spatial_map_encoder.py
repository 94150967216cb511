"""From the strip of the photograph under each scan line to a map of features along that line.

The map has one row: a photograph says where along the line something lies and nothing about its depth. Networks spread
it over depth by learned row profiles (`pseudo3d_blocks.MapInjection`). The winner of APTOS-2024 used a "spatial map
encoder" that its report (arXiv 2506.07542) does not specify; this one is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from fundus2oct.baselines.networks.picture_scale import PictureScale
from fundus2oct.baselines.networks.pseudo3d_blocks import ResidualBlock, group_norm, zero_start
from fundus2oct.metrics.scan_geometry import N_BSCANS

SCALE_COLUMNS: Final = 32
"""Columns on which the usual strip under each line is kept."""


@dataclass(frozen=True)
class SpatialMapConfig:
    """The shape of a `SpatialMapEncoder`.

    Attributes:
        channels: width of the network and of its map.
        across: rows of a strip.
        dilations: one block along the line each (Yu and Koltun, ICLR 2016); together they see far along it.
    """

    channels: int = 32
    across: int = 8
    dilations: tuple[int, ...] = (1, 2, 4)


class AlongBlock(nn.Module):
    """A residual block of convolutions along the line (He et al., CVPR 2016); starts as an identity."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = group_norm(channels), group_norm(channels)
        self.wide = nn.Conv2d(channels, channels, (1, 5), padding=(0, 2 * dilation), dilation=(1, dilation))
        self.mix = zero_start(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, 1, w) to the same shape."""
        h = self.wide(functional.silu(self.norm_1(x)))
        return torch.as_tensor(x + self.mix(functional.silu(self.norm_2(h))))


class SpatialMapEncoder(nn.Module):
    """Strips to maps: convolutions in the strip, a collapse across the line, dilated convolutions along it."""

    def __init__(self, config: SpatialMapConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = PictureScale(N_BSCANS * 3, (config.across, SCALE_COLUMNS))
        self.strip = nn.Sequential(
            nn.Conv2d(3, config.channels, 3, padding=1), ResidualBlock(config.channels, config.channels)
        )
        self.collapse = nn.Conv2d(config.channels, config.channels, (config.across, 1))
        self.along = nn.Sequential(*(AlongBlock(config.channels, dilation) for dilation in config.dilations))

    def forward(self, strips: Tensor) -> Tensor:
        """Encode the strips of some eyes.

        Args:
            strips: (batch, 6, 3, across, w) float32 in [-1, 1].

        Returns:
            (batch, 6, channels, 1, w) float32.
        """
        if strips.ndim != 5 or strips.shape[3] != self.config.across:
            raise ValueError(f"strips: expected (batch, 6, 3, {self.config.across}, w), found {tuple(strips.shape)}")
        scaled = self.scale(strips.flatten(1, 2)).reshape(strips.shape)
        maps = self.along(self.collapse(self.strip(scaled.flatten(0, 1))))
        return torch.as_tensor(maps).reshape(*strips.shape[:2], *maps.shape[1:])
