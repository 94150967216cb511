"""Photographs as deviations from the usual photograph: what all eyes share says nothing about one of them.

Without it a small encoder spends its first hundreds of steps on taking the mean away. Mean and spread are kept on a
coarse grid, place by place: the field's dark rim, the disc and the warm middle have their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from torch import Tensor
from torch.nn import functional

from fundus2oct.baselines.networks.standardisation import Standardisation, moments

LEAST_SPREAD: Final = 0.05
"""Added to the spread, of values in -1..1: where photographs hardly differ, their noise stays small."""


class PictureScale(Standardisation):
    """A standardisation on a coarse grid, resized to the pictures that come.

    Args:
        channels: of the pictures.
        grid: rows and columns on which mean and spread are kept.
    """

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__((1, channels, *grid))
        self._grid = grid

    def measure(self, pictures: Iterable[Tensor]) -> None:
        """Take mean and spread from training pictures, each (n, channels, h, w) in -1..1."""
        mean, variance = moments(functional.adaptive_avg_pool2d(part, self._grid) for part in pictures)
        self.take(mean, variance.sqrt() + LEAST_SPREAD)

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, channels, h, w) to the same shape."""
        size = tuple(pictures.shape[2:])
        mean, spread = (_resized(grid, size) for grid in (self.mean, self.spread))
        return (pictures - mean) / spread


def _resized(grid: Tensor, size: tuple[int, ...]) -> Tensor:
    return grid if grid.shape[2:] == size else functional.interpolate(grid, size=size, mode="bilinear")
