"""From the photograph's round field to a handful of tokens that a network can attend to.

A small convolutional network learned from scratch is the default; a torchvision backbone may take its place
(`photograph_backbone`). Tokens for cross-attention are the conditioning of
latent diffusion (Rombach et al., CVPR 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from fundus2oct.baselines.networks.photograph_backbone import PhotographBackbone
from fundus2oct.baselines.networks.picture_scale import PictureScale
from fundus2oct.baselines.networks.pseudo3d_blocks import Downsample, ResidualBlock

SCALE_GRID: Final = (32, 32)
"""Where the usual photograph is kept; a backbone brings its own scale."""


@dataclass(frozen=True)
class FundusEncoderConfig:
    """The shape of a `FundusEncoder`.

    Attributes:
        channels: width of each level of the network from scratch; the first convolution and each level halve the side.
        side: tokens along a side: 8 gives 64 of them.
        backbone: name of a torchvision network in place of the one from scratch, such as "resnet18" or "vit_l_16".
        frozen: keep the backbone's weights as they are.
    """

    channels: tuple[int, ...] = (32, 64, 128)
    side: int = 8
    backbone: str = ""
    frozen: bool = False


class FundusEncoder(nn.Module):
    """Photograph to tokens, each with its place in the picture."""

    def __init__(self, config: FundusEncoderConfig, width: int) -> None:
        super().__init__()
        self.config = config
        self.backbone = PhotographBackbone(config.backbone, frozen=config.frozen) if config.backbone else None
        self.scale = PictureScale(3, SCALE_GRID)
        self.levels = nn.Sequential(*([] if self.backbone else _levels(config.channels)))
        self.projection = nn.Linear(self.backbone.channels if self.backbone else config.channels[-1], width)
        self.norm = nn.LayerNorm(width)
        self.place = nn.Parameter(0.02 * torch.randn(1, config.side**2, width))

    def forward(self, fundus: Tensor) -> Tensor:
        """(batch, 3, S, S) float32 in [-1, 1] to tokens (batch, side * side, width)."""
        features = self.levels(self.scale(fundus)) if self.backbone is None else self.backbone(fundus)
        side = (self.config.side, self.config.side)
        pooled = features if features.shape[2:] == side else functional.adaptive_avg_pool2d(features, side)
        return torch.as_tensor(self.norm(self.projection(pooled.flatten(2).transpose(1, 2))) + self.place)


def _levels(channels: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = [Downsample(3, channels[0])]
    for before, after in zip((channels[0], *channels), channels, strict=False):
        layers += [Downsample(before, after), ResidualBlock(after, after)]
    return layers
