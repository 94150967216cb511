"""A photograph as a row of numbers in which similar eyes lie close: what `nearest-fundus` and `ridge` look at.

The round field is cropped, left eyes are mirrored onto right ones, and the slow change of illumination is taken out,
so that vessels, lesions and pigment count and not the flash. Nothing is learned here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from fundus2oct.benchmark.fundus_crop import crop_to_field
from fundus2oct.metrics.scan_geometry import mirror_fundus

SIDE = 64
ILLUMINATION_SIGMA = SIDE / 5
"""Pixels; structures wider than this count as illumination."""

CONTRAST_FLOOR = 0.02
"""Of full scale: keeps the local contrast of flat regions from being blown up."""

LENGTH = SIDE * SIDE * 3


def describe(fundus: NDArray[np.uint8], *, eye: str) -> NDArray[np.float32]:
    """Describe one photograph.

    Args:
        fundus: (height, width, 3) uint8 RGB, 0..255.
        eye: "L" or "R"; a left eye is described by its mirror image.

    Returns:
        (12288,) float32: local contrast of a 64 x 64 colour picture, about -3..3; zero outside the round field.
    """
    picture = mirror_fundus(fundus) if eye == "L" else fundus
    field = crop_to_field(picture, size=SIDE).astype(np.float64) / 255.0
    inside = _round_field()[:, :, None]
    return np.ravel(_local_contrast(field, inside) * inside).astype(np.float32)


def _local_contrast(field: NDArray[np.float64], inside: NDArray[np.float64]) -> NDArray[np.float64]:
    """(field - local mean) / local deviation, both over the inside of the field only."""
    weight = _blurred(inside) + 1e-9
    mean = _blurred(field * inside) / weight
    variance = _blurred((field - mean) ** 2 * inside) / weight
    return np.asarray((field - mean) / np.sqrt(variance + CONTRAST_FLOOR**2), dtype=np.float64)


def _blurred(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    sigmas = (ILLUMINATION_SIGMA, ILLUMINATION_SIGMA, 0.0)
    return np.asarray(gaussian_filter(picture, sigmas, mode="constant"), dtype=np.float64)


def _round_field() -> NDArray[np.float64]:
    """(64, 64) float64: one inside a circle a little smaller than the field, zero outside."""
    place = (np.arange(SIDE) - (SIDE - 1) / 2) / (SIDE / 2)
    return np.asarray(np.hypot(place[:, None], place[None, :]) < 0.95, dtype=np.float64)
