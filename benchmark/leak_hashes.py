"""Perceptual hashes of photographs: one is recognised after re-encoding, resizing, greying, padding or mirroring.

A pHash (signs of the low frequencies of a cosine transform against their median; Zauner 2010) of 256 bits, taken of the
round field alone. The usual 64 bits of the whole picture do not tell eyes apart: all photographs of a retina share a
bright disc on black, and on the phantom two different eyes came as near as two copies of one
(docs/decisions/0009-leak-checks.md has the figures).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from fundus2oct.benchmark.fundus_crop import crop_to_field

SIDE = 64
"""Pixels of the square that is transformed."""

FREQUENCIES = 16
"""Lowest frequencies in each direction: FREQUENCIES**2 bits."""

BITS = FREQUENCIES**2
NEAR_BITS = 30
"""At most so many bits differ between copies of one photograph. Measured on 144 phantom eyes: at most 26 between copies
that must be found, at least 36 between different eyes (tests/bench/measure_leaks.py)."""

TURNS = 8
"""A square has eight ways to lie: four quarter turns, each with its mirror image."""

Bits = NDArray[np.bool_]


def field_square(photograph: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(SIDE, SIDE) green channel of the round field: what colour balance and surround leave alone.

    Args:
        photograph: (height, width, 3) uint8 RGB.
    """
    field = crop_to_field(photograph, size=4 * SIDE)[..., 1]
    return np.asarray(Image.fromarray(field).resize((SIDE, SIDE), Image.Resampling.BOX), np.float64)


def perceptual_hash(square: NDArray[np.float64]) -> Bits:
    """(BITS,) signs of the low frequencies of a square against their median."""
    low = dctn(square, norm="ortho")[:FREQUENCIES, :FREQUENCIES]
    return np.asarray(low > np.median(low)).ravel()


def turned_hashes(square: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(TURNS, BITS) hashes of a square as it lies, turned by quarters, and mirrored."""
    turned = [np.rot90(side, quarter) for side in (square, square[:, ::-1]) for quarter in range(4)]
    return np.stack([perceptual_hash(one) for one in turned])


def distances(held_out: NDArray[np.bool_], public: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Differing bits between every held-out photograph and every public one, however that lies.

    Args:
        held_out: (n, TURNS, BITS), of which only the first way to lie is used.
        public: (m, TURNS, BITS).

    Returns:
        (n, m) smallest number of differing bits over the public one's ways to lie, 0..BITS.
    """
    signs = [np.where(bits, np.float32(1), np.float32(-1)) for bits in (held_out[:, 0], public)]
    agreement = np.einsum("nb,mtb->nmt", *signs, optimize=True)
    return np.asarray(np.rint((BITS - agreement.max(axis=2)) / 2), np.int64)
