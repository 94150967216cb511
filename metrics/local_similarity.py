"""SSIM's two local maps, luminance and contrast-structure, which the variants of SSIM combine in their own ways.

Constants and window are those of Wang et al. (2004). Called by `structural_similarity`, `multiscale_similarity` and
`aligned_similarity`. Pure functions, no torch.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

WINDOW: Final = 11
SIGMA: Final = 1.5
L: Final = 255
C1: Final = (0.01 * L) ** 2
C2: Final = (0.03 * L) ** 2

BORDER: Final = WINDOW // 2
"""Rows and columns that the valid region loses on each side."""

STRIP_ROWS: Final = 16
STRIP_COLUMNS: Final = 32
"""What is filtered at once. It stays in the processor's cache, and the matrix products are too small for a library to
spread over threads, so that no digit depends on their number."""

Floats = NDArray[np.float64]


def similarity_maps(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Luminance and contrast-structure at every window inside the pictures (Wang et al. 2004, eq. 6 and 13).

    Args:
        x: (h, w) grey levels 0..255, both sides at least 11.
        y: (h, w), the same shape.

    Returns:
        Two maps (h - 10, w - 10); their product is the SSIM map.
    """
    height, width = (length - 2 * BORDER for length in x.shape)
    luminance, contrast = np.empty((height, width)), np.empty((height, width))
    for top in range(0, height, STRIP_ROWS):
        rows = slice(top, min(top + STRIP_ROWS, height))
        window_rows = slice(top, rows.stop + 2 * BORDER)
        _strip_maps(x[window_rows], y[window_rows], luminance[rows], contrast[rows])
    return luminance, contrast


def _strip_maps(x: Floats, y: Floats, luminance: Floats, contrast: Floats) -> None:
    """Fill a strip of both maps. Four filtered maps suffice: the two variances enter only as their sum."""
    maps = np.empty((4, *x.shape))
    maps[0], maps[1] = x, y
    np.multiply(x, y, out=maps[2])
    np.add(x * x, y * y, out=maps[3])
    mu_x, mu_y, mean_xy, mean_squares = _window_means(maps)
    mu_xy, mu_squares = mu_x * mu_y, mu_x**2 + mu_y**2
    np.divide(2 * mu_xy + C1, mu_squares + C1, out=luminance)
    np.divide(2 * (mean_xy - mu_xy) + C2, mean_squares - mu_squares + C2, out=contrast)


def _window_means(maps: Floats) -> Floats:
    """Gaussian-weighted means around every pixel whose whole window lies inside: (k, h, w) -> (k, h - 10, w - 10)."""
    k, height, width = maps.shape
    rows = (_filter_matrix(height - 2 * BORDER) @ maps).reshape(-1, width)
    means = np.empty((len(rows), width - 2 * BORDER))
    for left in range(0, means.shape[1], STRIP_COLUMNS):
        columns = slice(left, min(left + STRIP_COLUMNS, means.shape[1]))
        weights = _filter_matrix(columns.stop - left).T
        np.matmul(rows[:, left : columns.stop + 2 * BORDER], weights, out=means[:, columns])
    return means.reshape(k, height - 2 * BORDER, -1)


@functools.lru_cache(maxsize=STRIP_COLUMNS)
def _filter_matrix(samples: int) -> Floats:
    """(samples, samples + 10) weights: the window, one pixel further in every row."""
    offset = np.arange(WINDOW) - BORDER
    window = np.exp(-(offset**2) / (2 * SIGMA**2))
    matrix = np.zeros((samples, samples + 2 * BORDER))
    for row in range(samples):
        matrix[row, row : row + WINDOW] = window / window.sum()
    return matrix
