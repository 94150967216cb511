"""Building blocks of the pseudo-3D networks: work inside each B-scan in two dimensions, and layers across the B-scans.

A volume travels as (batch, slices, channels, height, width) between networks and as (batch * slices, channels, height,
width) inside them. Every layer that a second training stage adds starts as an exact identity: its last convolution is
zero and stands beside a skip connection, so `x + 0 == x` in any arithmetic, rounded or not.
"""

from __future__ import annotations

import math
from typing import Final, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from fundus2oct.metrics.scan_geometry import ANGLES_DEG

ANGLE_HARMONICS: Final = 4
PROFILE_ROWS: Final = 16
"""Rows of a learned row profile; interpolated to the height where it is used."""

LARGEST_ATTENTION_BATCH: Final = 65_535
"""CUDA's fused attention fails with "invalid configuration argument" beyond it (pytorch issues 142228 and 146704); six
siblings at every place of a batch of volumes get there."""

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def zero_start(layer: Layer) -> Layer:
    """The layer with weight and bias zero: a residual branch that ends in it starts as an identity (ControlNet's
    zero convolution, Zhang et al., ICCV 2023; fixup-like starts in Ho et al., NeurIPS 2020).
    """
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with up to 32 groups of at least 4 channels (Wu and He, ECCV 2018): no batch statistics,
    so a case does not depend on its neighbours.
    """
    groups = max(g for g in range(1, 33) if channels % g == 0 and (g == 1 or channels // g >= 4))
    return nn.GroupNorm(groups, channels)


def sinusoidal_embedding(t: Tensor, width: int) -> Tensor:
    """Time as sines and cosines of falling frequency (Vaswani et al., NeurIPS 2017; Ho et al., NeurIPS 2020).

    Args:
        t: (batch,) time steps, 0..1000, any number type.
        width: even.

    Returns:
        (batch, width) float32 in [-1, 1].
    """
    frequency = torch.exp(-math.log(10_000.0) / (width // 2) * torch.arange(width // 2, device=t.device))
    phase = t.float()[:, None] * frequency[None]
    return torch.cat([phase.cos(), phase.sin()], dim=-1)


class AngleEmbedding(nn.Module):
    """Tells the six B-scans apart: harmonics of each line's direction, projected; starts at zero.

    A line run backwards is another picture, so the first harmonic has a period of 360 degrees.
    """

    harmonics: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        angle = torch.deg2rad(torch.tensor(ANGLES_DEG))[:, None] * torch.arange(1, ANGLE_HARMONICS + 1)
        self.register_buffer("harmonics", torch.cat([angle.cos(), angle.sin()], dim=-1), persistent=False)
        self.projection = zero_start(nn.Linear(2 * ANGLE_HARMONICS, width))

    def forward(self) -> Tensor:
        """(6, width)."""
        return torch.as_tensor(self.projection(self.harmonics))


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with a skip connection, inside each B-scan (He et al., CVPR 2016; the order norm, SiLU,
    convolution and the zero start from Ho et al. 2020); the embedding scales and shifts the second normalisation
    (Dhariwal and Nichol, NeurIPS 2021, adaptive group normalisation).
    """

    def __init__(self, channels: int, out_channels: int, embedding_width: int = 0) -> None:
        super().__init__()
        self.norm_1 = group_norm(channels)
        self.convolution_1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.modulation = nn.Linear(embedding_width, 2 * out_channels) if embedding_width else None
        self.norm_2 = group_norm(out_channels)
        self.convolution_2 = zero_start(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.skip = nn.Conv2d(channels, out_channels, 1) if channels != out_channels else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """x: (n, channels, h, w); embedding: (n, embedding_width). Returns (n, out_channels, h, w)."""
        h = self.norm_2(self.convolution_1(functional.silu(self.norm_1(x))))
        if self.modulation is not None and embedding is not None:
            scale, shift = self.modulation(functional.silu(embedding))[:, :, None, None].chunk(2, dim=1)
            h = h * (1 + scale) + shift
        return torch.as_tensor(self.skip(x) + self.convolution_2(functional.silu(h)))


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017) of pre-normalised tokens to themselves or to a context; zero start.

    Heads are `head_width` wide; torch picks the fused kernel (scaled_dot_product_attention).
    """

    def __init__(self, channels: int, head_width: int, context_width: int | None = None) -> None:
        super().__init__()
        if channels % head_width:
            raise ValueError(f"head_width: expected a divisor of {channels} channels, found {head_width}")
        self.head_width = head_width
        self.norm = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels, bias=False)
        self.key_value = nn.Linear(context_width or channels, 2 * channels, bias=False)
        self.output = zero_start(nn.Linear(channels, channels))

    def forward(self, tokens: Tensor, context: Tensor | None = None) -> Tensor:
        """tokens: (n, m, channels); context: (n, k, context_width) or None for self-attention. Same shape back."""
        normed = self.norm(tokens)
        query = self._heads(self.query(normed))
        key, value = self.key_value(normed if context is None else context).chunk(2, dim=-1)
        mixed = _attended(query, self._heads(key), self._heads(value))
        return torch.as_tensor(tokens + self.output(mixed.transpose(1, 2).flatten(2)))

    def _heads(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], -1, self.head_width).transpose(1, 2)


def _attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Fused attention of (n, heads, m, head_width), in as many calls as the kernels' limit asks for."""
    parts = zip(*(torch.split(x, LARGEST_ATTENTION_BATCH) for x in (query, key, value)), strict=True)
    mixed = [functional.scaled_dot_product_attention(*part) for part in parts]
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed)


class SpatialAttention(nn.Module):
    """Attention inside each B-scan: to itself (Wang et al., Non-local Neural Networks, CVPR 2018; Ho et al. 2020) or,
    given a context, to the photograph's tokens (cross-attention of latent diffusion, Rombach et al., CVPR 2022).
    """

    def __init__(self, channels: int, head_width: int, context_width: int | None = None) -> None:
        super().__init__()
        self.attention = Attention(channels, head_width, context_width)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """x: (n, channels, h, w); context: (n, k, context_width) or None. Returns the shape of x."""
        tokens = x.flatten(2).transpose(1, 2)
        mixed = torch.as_tensor(self.attention(tokens, context))
        return mixed.transpose(1, 2).reshape(x.shape)


class SliceAttention(nn.Module):
    """Self-attention over the sibling B-scans: each place in depth and width attends to the same place in the other
    five (the "intra-batch self-attention" of the APTOS-2024 winner, arXiv 2506.07542, Algorithm 1; the volumetric
    layers of Make-A-Volume, Zhu et al., MICCAI 2023).
    """

    def __init__(self, channels: int, head_width: int) -> None:
        super().__init__()
        self.attention = Attention(channels, head_width)

    def forward(self, x: Tensor, slices: int) -> Tensor:
        """x: (batch * slices, channels, h, w). Returns the same shape."""
        volume = x.reshape(-1, slices, *x.shape[1:])
        tokens = volume.permute(0, 3, 4, 1, 2).flatten(0, 2)
        mixed = torch.as_tensor(self.attention(tokens)).reshape(len(volume), *x.shape[2:], slices, -1)
        return mixed.permute(0, 3, 4, 1, 2).flatten(0, 1)


class SliceConvolution(nn.Module):
    """Convolution of three neighbours across the B-scans (Singer et al., Make-A-Video, ICLR 2023; Make-A-Volume).

    It starts at the Dirac kernel, kept as the identity plus a rest that starts at zero: the same functions and the same
    gradients, but exact in half precision too, and weight decay pulls towards the identity. Six radial lines close a
    circle: thirty degrees past the last line lies the first one run backwards, so the padding is that line mirrored.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rest = zero_start(nn.Conv2d(3 * channels, channels, 1))

    def forward(self, x: Tensor, slices: int) -> Tensor:
        """x: (batch * slices, channels, h, w). Returns the same shape."""
        volume = x.reshape(-1, slices, *x.shape[1:])
        before = torch.cat([volume[:, -1:].flip(-1), volume[:, :-1]], dim=1)
        after = torch.cat([volume[:, 1:], volume[:, :1].flip(-1)], dim=1)
        neighbours = torch.cat([before, volume, after], dim=2).flatten(0, 1)
        return torch.as_tensor(x + self.rest(neighbours))


class MapInjection(nn.Module):
    """Adds what the photograph shows under each scan line to the features of its B-scan; starts at zero.

    A map knows columns and no rows. It is projected to the features' channels, resized to their width, and spread over
    depth by one learned profile per channel: `feature[c, y, x] += profile[c, y] * (projection of map)[c, x]`. This is
    the spatial-map encoder "in the style of" the APTOS-2024 winner, whose report does not specify it.
    """

    def __init__(self, map_channels: int, channels: int) -> None:
        super().__init__()
        self.projection = zero_start(nn.Conv2d(map_channels, channels, 1))
        self.profile = nn.Parameter(torch.ones(1, channels, PROFILE_ROWS))

    def forward(self, x: Tensor, maps: Tensor) -> Tensor:
        """x: (n, channels, h, w); maps: (n, map_channels, 1, any width). Returns the shape of x."""
        height, width = x.shape[2:]
        columns = functional.interpolate(self.projection(maps), size=(1, width), mode="area")
        rows = functional.interpolate(self.profile, size=height, mode="linear", align_corners=True)
        return torch.as_tensor(x + columns * rows[..., None])


class Downsample(nn.Module):
    """Halves height and width by a strided convolution (Springenberg et al. 2015); the slice axis stays."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out_channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to (n, out_channels, h / 2, w / 2)."""
        return torch.as_tensor(self.convolution(x))


class Upsample(nn.Module):
    """Doubles height and width: nearest neighbour, then a convolution (Odena et al., Distill 2016: no checkerboard)."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to (n, out_channels, 2 h, 2 w)."""
        return torch.as_tensor(self.convolution(functional.interpolate(x, scale_factor=2.0, mode="nearest")))
