"""Photographs as deviations from the usual photograph: what all eyes share says nothing about one of them.

Without it a small encoder spends its first hundreds of steps on taking the mean away. Mean and spread are kept on a
coarse grid, place by place: the field's dark rim, the disc and the warm middle have their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

LEAST_SPREAD: Final = 0.05
"""Added to the spread, of values in -1..1: where photographs hardly differ, their noise stays small."""


class PictureScale(nn.Module):
    """Subtracts the training pictures' mean and divides by their spread; does nothing until they are measured.

    Args:
        channels: of the pictures.
        grid: rows and columns on which mean and spread are kept.

    Attributes:
        mean: (1, channels, *grid).
        spread: (1, channels, *grid), above 0.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self._grid = grid
        self.register_buffer("mean", torch.zeros(1, channels, *grid))
        self.register_buffer("spread", torch.ones(1, channels, *grid))

    @torch.no_grad()
    def measure(self, pictures: Iterable[Tensor]) -> None:
        """Take mean and spread from training pictures, each (n, channels, h, w) in -1..1, summed in float64."""
        count = 0
        total, square = (torch.zeros(self.mean.shape[1:], dtype=torch.float64) for _ in range(2))
        for part in pictures:
            small = functional.adaptive_avg_pool2d(part.cpu(), self._grid).double()
            count, total, square = count + len(part), total + small.sum(dim=0), square + small.square().sum(dim=0)
        mean = total / count
        self.mean.copy_(mean)
        self.spread.copy_((square / count - mean.square()).clamp(min=0).sqrt() + LEAST_SPREAD)

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, channels, h, w) to the same shape."""
        size = tuple(pictures.shape[2:])
        mean, spread = (_resized(grid, size) for grid in (self.mean, self.spread))
        return (pictures - mean) / spread


def _resized(grid: Tensor, size: tuple[int, ...]) -> Tensor:
    return grid if grid.shape[2:] == size else functional.interpolate(grid, size=size, mode="bilinear")
