"""Structural similarity between every true and every generated volume, at a quarter of the resolution.

What the shuffled-fundus gap of SSIM compares. The full matrix grows with the square of the cohort, so B-scans are first
averaged over 4 x 4 pixels, and what belongs to one volume alone is computed once for a block of pairs; each pair costs
one filtering of a product. The number is that of `structural_similarity.ssim` on the reduced B-scans. No torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fundus2oct.metrics.structural_similarity import C1, C2, SIGMA, WINDOW

REDUCTION: Final = 4
"""Sides of the pixels that are averaged: 24 µm in depth, 81 µm across. Most of the speckle goes, layers stay."""

BLOCK: Final = 16
"""Volumes whose moments are held at once on either side; memory does not grow with the cohort."""

PRODUCT: Final = 2**18
"""Multiplications of one matrix product: beyond it the library would spread them over threads, whose number would then
reach the last digits."""

VERSION: Final = "ssim-mean4x4-gauss11-l255-valid-v1"

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]


def reduced(volume: Bytes) -> Bytes:
    """Means of 4 x 4 pixels, rounded; an incomplete last row or column of pixels is left out.

    Args:
        volume: (6, h, w) uint8.

    Returns:
        (6, h // 4, w // 4) uint8.
    """
    slices, h, w = volume.shape[0], volume.shape[1] // REDUCTION, volume.shape[2] // REDUCTION
    tiles = volume[:, : h * REDUCTION, : w * REDUCTION].reshape(slices, h, REDUCTION, w, REDUCTION)
    means: Bytes = np.rint(tiles.mean(axis=(2, 4))).astype(np.uint8)
    return means


def dissimilarity_matrix(truth: Bytes, generated: Bytes, wanted: ArrayLike) -> Floats:
    """``1 - mean SSIM`` over the six B-scans of every wanted pair.

    Args:
        truth: (n, 6, h, w) uint8, h and w at least 11.
        generated: (m, 6, h, w) uint8.
        wanted: (n, m) bool.

    Returns:
        (n, m) float64, 0 (identical) to 2; 0 where nothing was wanted.
    """
    pairs = np.asarray(wanted, dtype=bool)
    if truth.ndim != 4 or truth.shape[1:] != generated.shape[1:] or pairs.shape != (len(truth), len(generated)):
        raise ValueError(
            f"generated: expected (m, 6, h, w) as truth {truth.shape} and wanted (n, m), found {generated.shape} and "
            f"{pairs.shape}"
        )
    if min(truth.shape[2:]) < WINDOW:
        raise ValueError(f"truth: expected sides of at least {WINDOW}, found {truth.shape[2:]}")
    rows, columns = (_valid_filter(length) for length in truth.shape[2:])
    matrix = np.zeros(pairs.shape)
    for i in range(0, len(truth), BLOCK):
        x = [_Moments(volume, rows, columns) for volume in truth[i : i + BLOCK]]
        for j in range(0, len(generated), BLOCK):
            y = [_Moments(volume, rows, columns) for volume in generated[j : j + BLOCK]]
            for a, b in np.argwhere(pairs[i : i + BLOCK, j : j + BLOCK]):
                matrix[i + a, j + b] = 1 - x[a].similarity(y[b], rows, columns)
    return matrix


class _Moments:
    """A volume with its local means and mean squares under the Gaussian window."""

    def __init__(self, volume: Bytes, rows: Floats, columns: Floats) -> None:
        self.volume = volume.astype(np.float64)
        self.mean = _filtered(self.volume, rows, columns)
        self.variance = _filtered(self.volume**2, rows, columns) - self.mean**2

    def similarity(self, other: _Moments, rows: Floats, columns: Floats) -> float:
        """Mean SSIM of two volumes (Wang et al. 2004, eq. 13)."""
        means = self.mean * other.mean
        covariance = _filtered(self.volume * other.volume, rows, columns) - means
        luminance = (2 * means + C1) / (self.mean**2 + other.mean**2 + C1)
        contrast = (2 * covariance + C2) / (self.variance + other.variance + C2)
        return float((luminance * contrast).mean())


def _filtered(maps: Floats, rows: Floats, columns: Floats) -> Floats:
    """Both filters applied to (k, h, w) maps: (k, h - 10, w - 10), a few columns at a time."""
    down = _in_strips(lambda strip: rows @ maps[:, :, strip], maps.shape[2], rows.size)
    return _in_strips(lambda strip: down @ columns[strip].T, len(columns), len(rows) * columns.shape[1])


def _in_strips(product: Callable[[slice], Floats], width: int, multiplications: int) -> Floats:
    """A product put together from strips of columns, each of which costs so many multiplications a column."""
    step = max(1, PRODUCT // multiplications)
    return np.concatenate([product(slice(left, left + step)) for left in range(0, width, step)], axis=2)


def _valid_filter(length: int) -> Floats:
    """(length - 10, length) matrix that applies the Gaussian window wherever it fits."""
    offset = np.arange(WINDOW) - WINDOW // 2
    window = np.exp(-(offset**2) / (2 * SIGMA**2))
    window /= window.sum()
    matrix = np.zeros((length - WINDOW + 1, length))
    for row in range(len(matrix)):
        matrix[row, row : row + WINDOW] = window
    return matrix
