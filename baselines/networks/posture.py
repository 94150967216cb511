"""Where the retina lies in the scan: taken out before a network learns, drawn by chance when it generates.

How deep a retina lies, how it tilts and bows is mostly how the instrument was held, and a small network spends most
of its training on it. Flattening a volume on the outer edge of the retina, as Morano et al. do on Bruch's membrane
(their projection network's input), leaves layers and thickness to learn. The six coefficients of each training
volume's floor (`baselines.retina_frame`) are kept as one normal distribution; a generated volume is bent to a draw
from it. The photograph has no say in it: what it tells of curvature, in myopia, is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fundus2oct.baselines.networks.case_noise import batch_noise
from fundus2oct.baselines.retina_frame import N_FLOOR, floor_rows
from fundus2oct.metrics.scan_geometry import DEPTH

STRAIGHT_ROW: Final = DEPTH // 2
"""Where the floor of a straightened volume lies: near the middle, so that few rows come from beyond the picture."""

POSTURE_DRAW: Final = 1_000_000
"""Number of the stream of noise that floors are drawn from; sampling steps count from 0."""


EDGE_ROWS: Final = 32
"""Rows at the top and at the bottom that are repeated, to and fro, beyond the picture: vitreous or deep choroid."""


def straighten(volume: NDArray[np.uint8], floor: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Move every A-scan by whole rows so that its floor lies in row `STRAIGHT_ROW`; no pixel is averaged.

    Args:
        volume: (b, 320, w) uint8.
        floor: (b, w) float64, rows.

    Returns:
        The same shape; rows from beyond the picture repeat those at its edge, to and fro.
    """
    return _moved(volume, STRAIGHT_ROW - floor)


def bend(volume: NDArray[np.uint8], floor: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The way back: move every A-scan so that row `STRAIGHT_ROW` lies at its floor. Arguments as for `straighten`."""
    return _moved(volume, floor - STRAIGHT_ROW)


def _moved(volume: NDArray[np.uint8], down: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Every A-scan moved down by so many rows, rounded: (b, depth, w)."""
    last = volume.shape[1] - 1
    source = np.arange(last + 1)[None, :, None] - np.rint(down).astype(np.intp)[:, None, :]
    above, below = _to_and_fro(-1 - source), last - _to_and_fro(source - last - 1)
    source = np.where(source < 0, above, np.where(source > last, below, source))
    return np.take_along_axis(volume, source, axis=1)


def _to_and_fro(steps: NDArray[np.intp]) -> NDArray[np.intp]:
    """0, 1, ..., EDGE_ROWS - 1, EDGE_ROWS - 1, ..., 1, 0, 0, 1, ... for steps 0, 1, 2, ..."""
    place = steps % (2 * EDGE_ROWS)
    return np.minimum(place, 2 * EDGE_ROWS - 1 - place)


class Posture(nn.Module):
    """The floors of the training volumes as a normal distribution of six coefficients.

    Attributes:
        mean: (6,) float64.
        factor: (6, 6) float64, lower triangular; factor times its transpose is the covariance.
    """

    mean: Tensor
    factor: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(N_FLOOR, dtype=torch.float64))
        self.register_buffer("factor", torch.zeros(N_FLOOR, N_FLOOR, dtype=torch.float64))

    @torch.no_grad()
    def measure(self, floors: Tensor) -> None:
        """Take the distribution from training floors (n, 6); a single one is repeated for ever."""
        floors = floors.double().cpu()
        self.mean.copy_(floors.mean(dim=0))
        if len(floors) > 1:
            covariance = torch.cov(floors.T) + 1e-9 * torch.eye(N_FLOOR, dtype=torch.float64)
            self.factor.copy_(torch.linalg.cholesky(covariance))

    def floors(self, seeds: Sequence[int]) -> NDArray[np.float64]:
        """(len(seeds), 6, 448) float64: the rows of a floor for each seed, in right eyes."""
        mean, factor = self.mean.double().cpu().numpy(), self.factor.double().cpu().numpy()
        chance = batch_noise(seeds, (N_FLOOR,), draw=POSTURE_DRAW).astype(np.float64)
        return np.stack([floor_rows(mean + factor @ each) for each in chance])


def measured_posture(straightened: bool, floors: Tensor | None = None) -> Posture | None:
    """The posture of networks that learn straightened volumes, measured where floors (n, 6) are given; else None."""
    if not straightened:
        return None
    posture = Posture()
    if floors is not None:
        posture.measure(floors)
    return posture
