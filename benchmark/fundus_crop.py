"""The round field of view of a photograph, cut out as a square of a chosen size.

Photographs come with dark surrounds of every width. Generators may call `crop_to_field` so that all of them see the
same field; the harness itself hands photographs over as they are. No file is read here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

EDGE_FRACTION = 0.05
"""A row or column belongs to the field when this part of its pixels is lit: specks and labels do not count."""

LIT_FRACTION = 0.1
"""A pixel is lit when it stands this far above the surround, on the way to the field's bright parts."""

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels; right and bottom are the first ones outside."""


def crop_to_field(fundus: NDArray[np.uint8], *, size: int) -> NDArray[np.uint8]:
    """Cut the photograph to the square around its round field and resize it, antialiased.

    A field that is cut off at the top and bottom keeps its scale: the square has the longer side and is filled up
    with black. A photograph without a dark surround is taken whole.

    Args:
        fundus: (height, width, 3) uint8 RGB, 0..255.
        size: side of the result in pixels.

    Returns:
        (size, size, 3) uint8 RGB, 0..255.
    """
    if fundus.ndim != 3 or fundus.shape[2] != 3 or fundus.dtype != np.uint8:
        raise ValueError(f"fundus: expected (height, width, 3) uint8, found {fundus.shape} {fundus.dtype}")
    left, top, right, bottom = field_box(fundus)
    square = _padded_to_square(fundus[top:bottom, left:right])
    return np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.LANCZOS))


def field_box(fundus: NDArray[np.uint8]) -> Box:
    """The rectangle around the lit field: left, top, right, bottom in pixels of the photograph.

    Args:
        fundus: (height, width, 3) uint8 RGB, 0..255.
    """
    lit = _lit_pixels(fundus)
    height, width = lit.shape
    columns = np.flatnonzero(lit.mean(axis=0) > EDGE_FRACTION)
    rows = np.flatnonzero(lit.mean(axis=1) > EDGE_FRACTION)
    if not len(columns) or not len(rows):
        return 0, 0, width, height
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _lit_pixels(fundus: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(height, width) bool: what stands out from the darkest corner; everything when no corner is dark."""
    brightness = fundus.max(axis=2)
    reach = max(1, min(brightness.shape) // 50)
    ends = (slice(None, reach), slice(-reach, None))
    surround = min(float(np.median(brightness[rows, columns])) for rows in ends for columns in ends)
    bright = float(np.percentile(brightness, 95))
    if surround > bright / 3:
        return np.ones(brightness.shape, dtype=np.bool_)
    return np.asarray(brightness > surround + LIT_FRACTION * (bright - surround))


def _padded_to_square(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    side = max(height, width)
    side += (side - width) % 2  # equal margins left and right, so that a mirrored photograph gives the mirrored crop
    above, beside = (side - height) // 2, (side - width) // 2
    return np.pad(picture, ((above, side - height - above), (beside, beside), (0, 0)))
