"""A conditional adversarial network from photograph to volume, and the patch discriminator that judges it.

In the style of pix2pix (Isola et al., CVPR 2017): a translation network, a discriminator of patches that sees the
condition too, and absolute error beside the adversarial loss. Input and output are not the same grid here: strips of
the photograph know columns and no rows, so the encoder works along the scan lines and the decoder unfolds depth.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from fundus2oct.baselines.networks.fundus_encoder import FundusEncoder, FundusEncoderConfig
from fundus2oct.baselines.networks.pseudo3d_blocks import (
    AngleEmbedding,
    MapInjection,
    ResidualBlock,
    SliceAttention,
    SliceConvolution,
    Upsample,
    group_norm,
)
from fundus2oct.baselines.networks.spatial_map_encoder import SpatialMapConfig, SpatialMapEncoder
from fundus2oct.metrics.scan_geometry import N_BSCANS

ADVERSARIAL_LOSSES: Final = ("lsgan", "hinge")


@dataclass(frozen=True)
class Pix2PixConfig:
    """The shape of a `Pix2PixGenerator`.

    Attributes:
        height, width: of the B-scans; divisible by 2 to the number of levels minus one.
        channels: width of the finest level.
        multipliers: width of each level, finest first, in units of `channels`; each further level is half as large.
        blocks: residual blocks a level.
        attention_levels: levels with slice attention.
        head_width: channels of an attention head.
        with_slices: False leaves the slice layers out (an ablation).
        embedding_width: of the vector that tells every level about the whole photograph and the angle.
        fundus: the fundus encoder.
        maps: the spatial-map encoder.
    """

    height: int = 64
    width: int = 96
    channels: int = 16
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 1
    attention_levels: tuple[int, ...] = (2, 3)
    head_width: int = 32
    with_slices: bool = True
    embedding_width: int = 128
    fundus: FundusEncoderConfig = field(default_factory=FundusEncoderConfig)
    maps: SpatialMapConfig = field(default_factory=SpatialMapConfig)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, finest first."""
        return tuple(self.channels * multiplier for multiplier in self.multipliers)


class NoiseInjection(nn.Module):
    """Adds noise with a learned strength a channel, from zero (StyleGAN, Karras et al., CVPR 2019).

    Speckle is chance, so the generator needs chance. Pix2pix draws it by dropout; noise as an input lets the caller's
    seed decide. Pooled to a coarser level it keeps its unit variance.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """x: (n, channels, h, w); noise: (n, 1, factor h, factor w) standard normal."""
        factor = noise.shape[2] // x.shape[2]
        return x + self.strength * factor * functional.avg_pool2d(noise, factor)


class DecoderLevel(nn.Module):
    """One resolution: what lies under the line, noise, residual blocks, and the siblings."""

    def __init__(self, config: Pix2PixConfig, level: int) -> None:
        super().__init__()
        width = config.widths[level]
        attention = config.with_slices and level in config.attention_levels
        self.injection = MapInjection(config.maps.channels, width)
        self.noise = NoiseInjection(width)
        blocks = (ResidualBlock(width, width, config.embedding_width) for _ in range(config.blocks))
        self.blocks = nn.ModuleList(blocks)
        self.slice_convolution = SliceConvolution(width) if config.with_slices else None
        self.slice_attention = SliceAttention(width, config.head_width) if attention else None

    def forward(self, x: Tensor, maps: Tensor, noise: Tensor, embedding: Tensor) -> Tensor:
        """x: (batch * 6, channels, h, w). Returns the same shape."""
        x = self.noise(self.injection(x, maps), noise)
        for block in self.blocks:
            x = block(x, embedding)
        if self.slice_convolution is not None:
            x = self.slice_convolution(x, N_BSCANS)
        if self.slice_attention is not None:
            x = self.slice_attention(x, N_BSCANS)
        return x


class Pix2PixGenerator(nn.Module):
    """Photograph and noise to a volume: skip connections carry the maps to every level, as in a U-Net."""

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        factor = 2 ** (len(config.multipliers) - 1)
        if config.height % factor or config.width % factor:
            raise ValueError(f"height, width: expected multiples of {factor}, found {config.height}, {config.width}")
        self.config = config
        widths = config.widths
        self.fundus_encoder = FundusEncoder(config.fundus, config.embedding_width)
        self.angle_embedding = AngleEmbedding(config.embedding_width)
        self.map_encoder = SpatialMapEncoder(config.maps)
        self.start = nn.Parameter(torch.randn(1, widths[-1], config.height // factor, config.width // factor))
        self.levels = nn.ModuleList(DecoderLevel(config, level) for level in range(len(widths)))
        self.upsamples = nn.ModuleList(Upsample(widths[i + 1], widths[i]) for i in range(len(widths) - 1))
        self.last = nn.Sequential(group_norm(widths[0]), nn.SiLU(), nn.Conv2d(widths[0], 1, 3, padding=1), nn.Tanh())

    def forward(self, fundus: Tensor, strips: Tensor, noise: Tensor) -> Tensor:
        """Draw volumes.

        Args:
            fundus: (batch, 3, S, S) float32 in [-1, 1].
            strips: (batch, 6, 3, across, w) float32 in [-1, 1].
            noise: (batch, 6, 1, height, width) standard normal; make it by `case_noise`.

        Returns:
            (batch, 6, 1, height, width) float32 in [-1, 1].
        """
        expected = (len(fundus), N_BSCANS, 1, self.config.height, self.config.width)
        if noise.shape != expected:
            raise ValueError(f"noise: expected {expected}, found {tuple(noise.shape)}")
        whole = self.fundus_encoder(fundus).mean(dim=1)
        embedding = (whole[:, None] + self.angle_embedding()[None]).flatten(0, 1)
        maps, flat = self.map_encoder(strips).flatten(0, 1), noise.flatten(0, 1)
        x = self.start.expand(len(flat), -1, -1, -1)
        for level in reversed(range(len(self.levels))):
            x = self.levels[level](x, maps, flat, embedding)
            x = self.upsamples[level - 1](x) if level else x
        return torch.as_tensor(self.last(x)).reshape(expected)


@dataclass(frozen=True)
class PatchDiscriminatorConfig:
    """The shape of a `PatchDiscriminator`.

    Attributes:
        channels: width of the first level; doubles with every level up to eight-fold.
        levels: strided convolutions; three give patches of 70 pixels, as in pix2pix.
        with_strips: whether it sees the photograph's strips beside the volume.
    """

    channels: int = 32
    levels: int = 3
    with_strips: bool = True


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches of a volume (PatchGAN, Isola et al. 2017); halves depth and width, never the slices.

    Kernels are 3 x 4 x 4: each judgement sees a B-scan and its neighbours. Instance normalisation keeps cases apart.
    """

    def __init__(self, config: PatchDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.channels * min(2**level, 8) for level in range(config.levels + 1)]
        layers: list[nn.Module] = [_patch_convolution(4 if config.with_strips else 1, widths[0], stride=2)]
        for level in range(1, config.levels + 1):
            stride = 2 if level < config.levels else 1
            layers += [nn.LeakyReLU(0.2), _patch_convolution(widths[level - 1], widths[level], stride=stride)]
            layers.append(nn.InstanceNorm3d(widths[level], affine=True))
        self.layers = nn.Sequential(*layers, nn.LeakyReLU(0.2), _patch_convolution(widths[-1], 1, stride=1))

    def forward(self, volume: Tensor, strips: Tensor) -> Tensor:
        """Judge volumes.

        Args:
            volume: (batch, 6, 1, h, w) float32 in [-1, 1].
            strips: (batch, 6, 3, across, any width) float32 in [-1, 1]; their mean across the line is shown.

        Returns:
            (batch, 6, 1, h', w'): a judgement a patch, high for real.
        """
        x = volume
        if self.config.with_strips:
            x = torch.cat([volume, _strip_pictures(strips, volume.shape[3], volume.shape[4])], dim=2)
        return torch.as_tensor(self.layers(x.transpose(1, 2))).transpose(1, 2)


def discriminator_loss(real: Tensor, generated: Tensor, *, kind: str = "lsgan") -> Tensor:
    """What the discriminator makes small.

    Args:
        real: judgements of real volumes.
        generated: judgements of generated ones, detached from the generator.
        kind: "lsgan" (Mao et al., ICCV 2017) or "hinge" (Lim and Ye 2017).
    """
    if _checked(kind) == "lsgan":
        return 0.5 * ((real - 1).square().mean() + generated.square().mean())
    return functional.relu(1 - real).mean() + functional.relu(1 + generated).mean()


def generator_loss(judged: Tensor, *, kind: str = "lsgan") -> Tensor:
    """The adversarial term that the generator makes small, from judgements of its volumes."""
    return (judged - 1).square().mean() if _checked(kind) == "lsgan" else -judged.mean()


def translation_loss(
    volume: Tensor, generated: Tensor, judged: Tensor, *, kind: str = "lsgan", l1_weight: float = 100.0
) -> dict[str, Tensor]:
    """The generator's loss in pix2pix: adversarial term plus weighted absolute error (their equation 4, lambda 100).

    Args:
        volume: (batch, 6, 1, h, w), the real one.
        generated: the same shape.
        judged: judgements of the generated volumes.
        kind: of the adversarial loss.
        l1_weight: lambda. Speckle cannot be predicted, so a large one blurs.

    Returns:
        Scalars "loss", "l1" and "adversarial".
    """
    l1 = functional.l1_loss(generated.float(), volume.float())
    adversarial = generator_loss(judged.float(), kind=kind)
    return {"loss": adversarial + l1_weight * l1, "l1": l1, "adversarial": adversarial}


def _checked(kind: str) -> str:
    if kind not in ADVERSARIAL_LOSSES:
        raise ValueError(f"kind: expected lsgan or hinge, found {kind!r}")
    return kind


def _patch_convolution(channels: int, out_channels: int, *, stride: int) -> nn.Conv3d:
    return nn.Conv3d(channels, out_channels, (3, 4, 4), stride=(1, stride, stride), padding=1)


def _strip_pictures(strips: Tensor, height: int, width: int) -> Tensor:
    """(batch, 6, 3, height, width): what lies under each column, the same in every row."""
    lines = functional.interpolate(strips.mean(dim=3).flatten(0, 1), size=width, mode="area")
    return lines.reshape(*strips.shape[:3], 1, width).expand(-1, -1, -1, height, -1)
