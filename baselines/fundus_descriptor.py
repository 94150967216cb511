"""A photograph as a row of numbers in which similar maculas lie close: what `nearest-fundus` and `ridge` look at.

The round field is cropped, left eyes are mirrored onto right ones, and colours become logarithms about their mean, so
that exposure and the colour of the flash drop out. Nothing is learned here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.fundus_crop import crop_to_field
from fundus2oct.metrics.scan_geometry import mirror_fundus

SIDE = 24
"""Coarse on purpose: vessels that never lie in the same place twice would drown what eyes have in common."""

WINDOW_SIGMA = 0.25
"""Of the field's radius. The scan covers the macula, so its picture counts and the periphery fades out."""

DARKEST = 0.03
"""Of full scale; added before the logarithm."""

LENGTH = SIDE * SIDE * 3


def describe(fundus: NDArray[np.uint8], *, eye: str) -> NDArray[np.float32]:
    """Describe one photograph.

    Args:
        fundus: (height, width, 3) uint8 RGB, 0..255.
        eye: "L" or "R"; a left eye is described by its mirror image.

    Returns:
        (1728,) float32: natural logarithm of a 24 x 24 colour picture about its mean colour, faded out from the
        middle; about -1..1.
    """
    picture = mirror_fundus(fundus) if eye == "L" else fundus
    colour = np.log(crop_to_field(picture, size=SIDE).astype(np.float64) / 255.0 + DARKEST)
    window = _window()
    mean_colour = np.sum(colour * window, axis=(0, 1)) / np.sum(window)
    return np.ravel((colour - mean_colour) * window).astype(np.float32)


def _window() -> NDArray[np.float64]:
    """(24, 24, 1) float64: a bell over the middle of the field, 0..1."""
    place = (np.arange(SIDE) - (SIDE - 1) / 2) / (SIDE / 2)
    bell = np.exp(-(place**2) / (2 * WINDOW_SIGMA**2))
    return np.asarray(bell[:, None, None] * bell[None, :, None])
