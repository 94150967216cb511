"""SSIM's two local maps, luminance and contrast-structure, which the variants of SSIM combine in their own ways.

Constants and window are those of `structural_similarity` (Wang et al. 2004). Called by `multiscale_similarity` and
`aligned_similarity`. Pure functions, no torch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fundus2oct.metrics.structural_similarity import C1, C2, SIGMA, WINDOW

Floats = NDArray[np.float64]

BORDER = WINDOW // 2
"""Rows and columns that the valid region loses on each side."""


def similarity_maps(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Luminance and contrast-structure at every window inside the pictures (Wang et al. 2004, eq. 6 and 13).

    Args:
        x: (h, w) grey levels 0..255, both sides at least 11.
        y: (h, w), the same shape.

    Returns:
        Two maps (h - 10, w - 10); their product is the SSIM map.
    """
    mu_x, mu_y = _window_mean(x), _window_mean(y)
    mu_xy, mu_squares = mu_x * mu_y, mu_x**2 + mu_y**2
    sigma_xy = _window_mean(x * y) - mu_xy
    sigma_squares = _window_mean(x * x + y * y) - mu_squares
    return (2 * mu_xy + C1) / (mu_squares + C1), (2 * sigma_xy + C2) / (sigma_squares + C2)


def _window_mean(picture: Floats) -> Floats:
    """Gaussian-weighted mean around every pixel whose whole window lies inside."""
    offset = np.arange(WINDOW) - BORDER
    weights = np.exp(-(offset**2) / (2 * SIGMA**2))
    weights /= weights.sum()
    rows = ndimage.correlate1d(picture, weights, axis=0)[BORDER:-BORDER]
    means: Floats = ndimage.correlate1d(rows, weights, axis=1)[:, BORDER:-BORDER]
    return means
