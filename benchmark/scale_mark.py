"""Removing the scale mark that the OCT device burns into the lower left corner of every exported B-scan.

The whole safe region is replaced, not the bright pixels alone, so that no rim of JPEG ringing stays behind and a
B-scan looks the same whether it had a mark or not. Called by `benchmark.aptos_import`; docs/data.md tells the rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

NATIVE_SHAPE = (496, 768)
"""Rows and columns of a B-scan as the device exports it."""

MARK_ROWS = slice(425, 496)
MARK_COLUMNS = slice(0, 64)
"""The region that holds the L-shaped 200 um mark with a margin (docs/data.md)."""

BLEND = 24
"""Native pixels over which the fill passes from the tissue above to the tissue at its right."""

SMOOTHING = 6.0
"""Standard deviation, in native pixels, that separates brightness (kept smooth) from speckle (kept rough)."""


def fill_scale_mark(bscan: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Replace the region of the scale mark by what lies beside it, mirrored.

    The B-scan is split into smooth brightness and speckle. At each border of the region both continue as the mirror
    image of the tissue across that border, so value and slope go on unbroken. Inside, the brightness of the two mirror
    images is averaged with weights w and 1 - w, their speckle with sqrt(w) and sqrt(1 - w), which keeps its variance.
    Nothing outside the region changes, and nothing inside it is looked at.

    Args:
        bscan: (496, 768) uint8, 0..255, depth x width.

    Returns:
        (496, 768) float64, 0..255.
    """
    if bscan.shape != NATIVE_SHAPE:
        raise ValueError(f"bscan: expected shape {NATIVE_SHAPE}, found {bscan.shape}")
    pixels = bscan.astype(np.float64)
    height, width = MARK_ROWS.stop - MARK_ROWS.start, MARK_COLUMNS.stop
    right = pixels[MARK_ROWS, width : 2 * width]
    above = pixels[MARK_ROWS.start - height : MARK_ROWS.start, :width]
    smooth_right, rough_right = _split(right[:, ::-1])
    smooth_above, rough_above = _split(above[::-1])
    w = _weight_of_right(height, width)
    fill = w * smooth_right + (1 - w) * smooth_above + np.sqrt(w) * rough_right + np.sqrt(1 - w) * rough_above
    pixels[MARK_ROWS, MARK_COLUMNS] = np.clip(fill, 0, 255)
    return pixels


def _split(tissue: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smooth brightness and the speckle that is left; their sum is the tissue."""
    smooth = gaussian_filter(tissue, SMOOTHING, mode="reflect")
    return smooth, tissue - smooth


def _weight_of_right(height: int, width: int) -> NDArray[np.float64]:
    """Weight of the tissue at the right: 1 at the right border and below the blend, 0 at the border above."""
    below_top = _ramp(np.arange(height) + 0.5)[:, None]
    left_of_right = _ramp(width - 0.5 - np.arange(width))[None, :]
    return 1 - (1 - below_top) * left_of_right


def _ramp(distance: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """0 at distance 0, 1 from BLEND on, with level ends: 3 t^2 - 2 t^3."""
    t = np.clip(distance / BLEND, 0, 1)
    return t * t * (3 - 2 * t)
