"""The settings that every learned baseline shares: sizes of the pictures, the optimiser and the budget.

What a method adds (its networks, its noise schedule, its sampling) is declared beside the method. All of these are
read from a profile by `baselines.training.settings`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from fundus2oct.baselines.networks.conditioning import ConditioningConfig
from fundus2oct.baselines.networks.denoiser import DenoiserConfig


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """What a network sees of an eye.

    Attributes:
        height: rows of a B-scan in the network; 320 rows of the volume are reduced to it.
        width: columns of a B-scan in the network, of 448.
        reduce: "area" takes the mean of what a pixel covers, which is smooth; "point" takes one of its pixels, which
            keeps the contrast of speckle and makes its grains coarser.
        framed: whether networks see retinas that are straight and equally thick; generated ones are given a floor and
            a thickness that the photograph makes likely (`baselines.networks.retina_shape`).
        thickness_chance: how much of the thickness that the photograph does not tell is drawn, 0..1.
        mirror: chance that a pair is shown as its mirror image, 0..1.
    """

    height: int
    width: int
    reduce: Literal["area", "point"] = "area"
    framed: bool = False
    thickness_chance: float = 1.0
    mirror: float = 0.0

    def __post_init__(self) -> None:
        """ValueError for a size or a chance out of range."""
        if not 0 <= self.mirror <= 1:
            raise ValueError(f"mirror: expected 0..1, found {self.mirror}")
        if not 0 <= self.thickness_chance <= 1:
            raise ValueError(f"thickness_chance: expected 0..1, found {self.thickness_chance}")
        if min(self.height, self.width) < 1:
            raise ValueError("height and width: expected at least 1")

    def check_divisible(self, factor: int) -> None:
        """ValueError where the networks cannot halve the pictures as often as they would."""
        if self.height % factor or self.width % factor:
            raise ValueError(f"height and width: expected multiples of {factor}, found {self.height} x {self.width}")


def check_condition(conditioning: ConditioningConfig, denoiser: DenoiserConfig) -> None:
    """ValueError where the networks expect other pictures of a photograph than they are given."""
    maps, used = denoiser.maps, denoiser.unet.map_channels
    if used and maps.across != conditioning.across:
        raise ValueError(f"maps.across: expected conditioning.across = {conditioning.across}, found {maps.across}")
    if used not in (0, maps.channels):
        raise ValueError(f"unet.map_channels: expected 0 or maps.channels = {maps.channels}, found {used}")


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Optimiser and budget. Training ends at ``steps`` or after ``seconds``, whichever comes first.

    Attributes:
        steps: optimiser steps at most; 0 for no limit.
        seconds: seconds of training at most, over all sittings; 0 for no limit.
        batch: eyes a step, over all processes.
        parts: parts in which a process computes its share of the batch, one after another: more parts take less
            memory and change the training by rounding and by the noise that is drawn.
        lr: learning rate after the warm-up.
        betas: of AdamW (Loshchilov and Hutter, ICLR 2019).
        weight_decay: of AdamW.
        warmup: steps over which the learning rate rises from nothing.
        clip: largest norm of a gradient; 0 for no limit.
        ema: decay of the exponential moving average of the weights, per step.
        save_seconds: time between two checkpoints.
        sheet_seconds: time between two sample sheets.
    """

    steps: int = 0
    seconds: float = 0.0
    batch: int = 8
    parts: int = 1
    lr: float = 2e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01
    warmup: int = 100
    clip: float = 1.0
    ema: float = 0.999
    save_seconds: float = 60.0
    sheet_seconds: float = 60.0

    def __post_init__(self) -> None:
        """ValueError where there is no budget, or the batch cannot be divided."""
        if not math.isfinite(self.seconds) or (self.steps <= 0 and self.seconds <= 0):
            raise ValueError("steps or seconds: expected at least one above 0, and finite")
        if self.parts < 1 or self.batch < 1 or self.batch % self.parts:
            raise ValueError(f"parts: expected a divisor of batch = {self.batch}, found {self.parts}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema: expected 0 <= ema < 1, found {self.ema}")
