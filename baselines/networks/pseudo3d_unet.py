"""One pseudo-3D U-Net for pixel diffusion and latent diffusion: each B-scan in two dimensions, six siblings together.

Shape of the network: U-Net (Ronneberger et al., MICCAI 2015) with the residual blocks and time embedding of denoising
diffusion (Ho et al., NeurIPS 2020), inflated to a volume after Make-A-Volume (Zhu et al., MICCAI 2023). Stage 1 draws
single B-scans without a photograph; stage 2 adds slice layers, cross-attention and spatial maps and starts exactly
where stage 1 ended (`load_stage1`). The encoders that make tokens and maps from a photograph are in `denoiser`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from fundus2oct.baselines.networks.pseudo3d_blocks import (
    AngleEmbedding,
    Downsample,
    MapInjection,
    ResidualBlock,
    SliceAttention,
    SliceConvolution,
    SpatialAttention,
    Upsample,
    group_norm,
    sinusoidal_embedding,
    zero_start,
)
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.scan_geometry import N_BSCANS

STAGE2_LAYERS: Final = frozenset(
    {"angle_embedding", "slice_convolution", "slice_attention", "cross_attention", "map_injections"}
)
"""Names of the layers that stage 2 adds; each starts as an exact identity."""


@dataclass(frozen=True)
class PseudoUNetConfig:
    """The shape of a `PseudoUNet`.

    Attributes:
        in_channels, out_channels: of a B-scan or of its latent.
        channels: width of the first level.
        multipliers: width of each level in units of `channels`; each further level halves height and width.
        blocks: residual blocks a level on the way down; one more on the way up.
        attention_levels: levels (0 is the finest) with attention inside B-scans, to the photograph and across slices.
        head_width: channels of an attention head; must divide the width of every attention level.
        with_slices: slice convolutions, slice attention and angles of the six B-scans (stage 2).
        with_slice_attention: False leaves slice attention out and keeps slice convolutions (an ablation).
        with_context: cross-attention to the photograph's tokens.
        context_width: width of those tokens.
        map_channels: channels of the spatial maps; 0 leaves them out.
    """

    in_channels: int = 1
    out_channels: int = 1
    channels: int = 32
    multipliers: tuple[int, ...] = (1, 2, 2)
    blocks: int = 1
    attention_levels: tuple[int, ...] = (2,)
    head_width: int = 32
    with_slices: bool = True
    with_slice_attention: bool = True
    with_context: bool = True
    context_width: int = 128
    map_channels: int = 32

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.channels * multiplier for multiplier in self.multipliers)

    @property
    def embedding_width(self) -> int:
        """Width of the embedding of time and angle."""
        return 4 * self.channels


@dataclass(frozen=True)
class Condition:
    """What a photograph tells a network.

    Attributes:
        tokens: (batch, m, context_width) float32, from the fundus encoder; None without one.
        maps: (batch, 6, map_channels, 1, any width) float32, from the spatial-map encoder; None without one.
    """

    tokens: Tensor | None = None
    maps: Tensor | None = None


class UNetStage(nn.Module):
    """A residual block and what follows it: slice convolution, attention inside, to the photograph, across slices."""

    def __init__(self, config: PseudoUNetConfig, channels: int, out_channels: int, attention: bool) -> None:
        super().__init__()
        head, slices = config.head_width, config.with_slices
        context = attention and config.with_context
        siblings = attention and slices and config.with_slice_attention
        self.residual = ResidualBlock(channels, out_channels, config.embedding_width)
        self.slice_convolution = SliceConvolution(out_channels) if slices else None
        self.self_attention = SpatialAttention(out_channels, head) if attention else None
        self.cross_attention = SpatialAttention(out_channels, head, config.context_width) if context else None
        self.slice_attention = SliceAttention(out_channels, head) if siblings else None

    def forward(self, x: Tensor, embedding: Tensor, context: Tensor | None, slices: int) -> Tensor:
        """x: (n, channels, h, w) with n = batch * slices; embedding: (n, ...); context: (n, m, width) or None."""
        x = self.residual(x, embedding)
        if self.slice_convolution is not None:
            x = self.slice_convolution(x, slices)
        if self.self_attention is not None:
            x = self.self_attention(x)
        if self.cross_attention is not None and context is not None:
            x = self.cross_attention(x, context)
        if self.slice_attention is not None:
            x = self.slice_attention(x, slices)
        return x


class PseudoUNet(nn.Module):
    """Predicts noise, velocity or picture from a noisy volume, its time step and what the photograph tells."""

    def __init__(self, config: PseudoUNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.time_embedding = nn.Sequential(
            nn.Linear(config.channels, config.embedding_width),
            nn.SiLU(),
            nn.Linear(config.embedding_width, config.embedding_width),
        )
        self.angle_embedding = AngleEmbedding(config.embedding_width) if config.with_slices else None
        self.first = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        self.map_injections = nn.ModuleList(
            [MapInjection(config.map_channels, width) for width in widths] if config.map_channels else []
        )
        self._add_way_down()
        self.middle = nn.ModuleList([self._stage(widths[-1], widths[-1], True), self._stage(widths[-1], widths[-1])])
        self._add_way_up()
        self.last_norm = group_norm(widths[0])
        self.last = zero_start(nn.Conv2d(widths[0], config.out_channels, 3, padding=1))

    def _stage(self, channels: int, out_channels: int, attention: bool = False) -> UNetStage:
        return UNetStage(self.config, channels, out_channels, attention)

    def _add_way_down(self) -> None:
        self.down, self.downsamples = nn.ModuleList(), nn.ModuleList()
        widths = self.config.widths
        for level, width in enumerate(widths):
            attention = level in self.config.attention_levels
            self.down.extend(self._stage(width, width, attention) for _ in range(self.config.blocks))
            if level + 1 < len(widths):
                self.downsamples.append(Downsample(width, widths[level + 1]))

    def _add_way_up(self) -> None:
        self.up, self.upsamples = nn.ModuleList(), nn.ModuleList()
        widths = self.config.widths
        for level, width in reversed(list(enumerate(widths))):
            attention = level in self.config.attention_levels
            self.up.extend(self._stage(2 * width, width, attention) for _ in range(self.config.blocks + 1))
            if level:
                self.upsamples.append(Upsample(width, widths[level - 1]))

    def forward(self, x: Tensor, t: Tensor, condition: Condition | None = None) -> Tensor:
        """Predict from a noisy volume.

        Args:
            x: (batch, slices, in_channels, h, w) float32; six slices with slice layers, any number without. Height
                and width must be divisible by 2 to the number of levels minus one.
            t: (batch,) time steps, 0..1000; the six siblings share one.
            condition: what the photograph tells; None skips cross-attention and maps.

        Returns:
            (batch, slices, out_channels, h, w) float32.

        Raises:
            ValueError: for another shape.
        """
        self._check(x)
        batch, slices = x.shape[:2]
        embedding = self._embedding(t, slices)
        context, maps = _by_slice(condition, slices)
        h, kept = self._way_down(self.first(x.flatten(0, 1)), embedding, context, maps, slices)
        for stage in self.middle:
            h = stage(h, embedding, context, slices)
        h = self._way_up(h, kept, embedding, context, slices)
        y = torch.as_tensor(self.last(functional.silu(self.last_norm(h))))
        return y.reshape(batch, slices, *y.shape[1:])

    def _way_down(
        self, h: Tensor, embedding: Tensor, context: Tensor | None, maps: Tensor | None, slices: int
    ) -> tuple[Tensor, list[Tensor]]:
        kept, stages = [], iter(self.down)
        for level in range(len(self.config.widths)):
            h = self.downsamples[level - 1](h) if level else h
            if maps is not None and len(self.map_injections):
                h = self.map_injections[level](h, maps)
            kept.append(h)
            for stage in islice(stages, self.config.blocks):
                h = stage(h, embedding, context, slices)
                kept.append(h)
        return h, kept

    def _way_up(self, h: Tensor, kept: list[Tensor], embedding: Tensor, context: Tensor | None, slices: int) -> Tensor:
        stages = iter(self.up)
        for level in range(len(self.config.widths)):
            h = self.upsamples[level - 1](h) if level else h
            for stage in islice(stages, self.config.blocks + 1):
                h = stage(torch.cat([h, kept.pop()], dim=1), embedding, context, slices)
        return h

    def _embedding(self, t: Tensor, slices: int) -> Tensor:
        """(batch * slices, embedding_width): the time, the same for siblings, plus each B-scan's angle."""
        time = self.time_embedding(sinusoidal_embedding(t, self.config.channels))[:, None]
        angle = 0 if self.angle_embedding is None else self.angle_embedding()[None]
        return torch.as_tensor((time + angle).expand(-1, slices, -1).flatten(0, 1))

    def _check(self, x: Tensor) -> None:
        factor = 2 ** (len(self.config.widths) - 1)
        if x.ndim != 5 or x.shape[2] != self.config.in_channels or x.shape[3] % factor or x.shape[4] % factor:
            raise ValueError(
                f"x: expected (batch, slices, {self.config.in_channels}, h, w) with h and w divisible by {factor}, "
                f"found {tuple(x.shape)}"
            )
        if self.config.with_slices and x.shape[1] != N_BSCANS:
            raise ValueError(f"x: slice layers expect {N_BSCANS} B-scans, found {x.shape[1]}")

    def stage2_names(self) -> set[str]:
        """Names of the parameters and buffers that stage 1 does not have."""
        return {name for name in self.state_dict() if STAGE2_LAYERS & set(name.split("."))}

    def load_stage1(self, state: dict[str, Tensor]) -> None:
        """Take over a stage-1 network; afterwards this network answers exactly as that one did, B-scan by B-scan.

        Args:
            state: state dict of a `PseudoUNet` without slice layers, context and maps.

        Raises:
            BenchError: E_WEIGHTS when anything but the layers new in stage 2 is missing, superfluous or of another
                shape. Nothing is loaded then.
        """
        own, new = self.state_dict(), self.stage2_names()
        missing = own.keys() - new - state.keys()
        extra = state.keys() - (own.keys() - new)
        shapes = {name for name in own.keys() & state.keys() if own[name].shape != state[name].shape}
        if wrong := sorted(missing | extra | shapes):
            raise BenchError(
                "E_WEIGHTS",
                "stage 1 does not fit this network",
                where=wrong[0],
                expected=_shape_text(own, wrong[0]),
                found=_shape_text(state, wrong[0]) + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""),
                fix="train stage 1 with the same channels, multipliers, blocks and attention levels",
            )
        self.load_state_dict(state, strict=False)


def _by_slice(condition: Condition | None, slices: int) -> tuple[Tensor | None, Tensor | None]:
    """Tokens repeated for every sibling (batch * slices, m, width), and maps (batch * slices, channels, 1, w)."""
    if condition is None:
        return None, None
    tokens, maps = condition.tokens, condition.maps
    return (
        None if tokens is None else tokens.repeat_interleave(slices, dim=0),
        None if maps is None else maps.flatten(0, 1),
    )


def _shape_text(state: dict[str, Tensor], name: str) -> str:
    return f"shape {tuple(state[name].shape)}" if name in state else "no such tensor"
