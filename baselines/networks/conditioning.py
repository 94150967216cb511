"""What a network is shown of one photograph: the round field, and the strip under each of the six scan lines.

Pure numpy, bytes in and bytes out, so that a whole training set fits on a device. Left eyes are mirrored onto right
ones, so networks see one orientation; their volumes follow by `canonical_volume`. Fitting and generating both call
this module, so both see the same.

Where the lines lie is a guess: a generator is not told the scan centre nor the photograph's scale. The lines are laid
through the field's centre, moved by `centre_offset_um` where the training table knows the usual offset; 9.06 mm of a
field taken to be 13 mm wide, which is a 45 degree photograph of an eye of ordinary length at about 0.29 mm a degree.
Measured on 96 eyes of
the phantom: the scan centre lies 0.47 +- 0.32 mm temporal of the field's centre and 0.10 +- 0.25 mm below it, and the
field is 12.8 +- 0.3 mm wide; real clinics vary more. A strip is therefore wider than its line (`across`, `across_um`),
and a network must find the fovea in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.fundus_crop import crop_to_field
from fundus2oct.metrics.scan_geometry import ANGLES_DEG, LINE_LENGTH_UM, mirror_fundus, mirror_volume

FIELD_UM: Final = 13_000.0
"""Width on the retina of a 45 degree photograph; the number the harness assumes where a table names no scale."""


@dataclass(frozen=True)
class ConditioningConfig:
    """How a photograph becomes arrays.

    Attributes:
        fundus_size: side of the field's picture in pixels.
        along: columns of a strip, evenly spread over the 9.06 mm of a scan line.
        across: rows of a strip, from one side of the line to the other.
        across_um: micrometres between two rows of a strip.
        centre_offset_um: usual place of the scan centre, right and up of the field's centre, in a right eye.
    """

    fundus_size: int = 128
    along: int = 96
    across: int = 8
    across_um: float = 120.0
    centre_offset_um: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class ConditioningArrays:
    """What a network is shown of one eye.

    Attributes:
        fundus: (3, S, S) uint8, 0..255: the round field as colour planes.
        strips: (6, 3, across, along) uint8, 0..255: B-scan x colour x across the line x along the line.
    """

    fundus: NDArray[np.uint8]
    strips: NDArray[np.uint8]


def conditioning_arrays(fundus: NDArray[np.uint8], *, eye: str, config: ConditioningConfig) -> ConditioningArrays:
    """Arrays of one photograph.

    Args:
        fundus: (height, width, 3) uint8 RGB, 0..255, any size.
        eye: "L" or "R"; a left eye is shown as its mirror image.
        config: sizes.

    Returns:
        The arrays, in the orientation of a right eye.

    Raises:
        ValueError: for another shape, type or eye.
    """
    if eye not in ("L", "R"):
        raise ValueError(f'eye: expected "L" or "R", found {eye!r}')
    picture = mirror_fundus(fundus) if eye == "L" else fundus
    small = crop_to_field(picture, size=config.fundus_size)
    fine_size = round(FIELD_UM / LINE_LENGTH_UM * config.along)  # one pixel of the field a column of the strip
    fine = crop_to_field(picture, size=fine_size)
    return ConditioningArrays(np.ascontiguousarray(small.transpose(2, 0, 1)), _strips(fine, config))


def canonical_volume(volume: NDArray[Any], *, eye: str) -> NDArray[Any]:
    """The volume as a right eye's: mirrored when the eye is left. Its own inverse.

    Args:
        volume: (6, ..., width), any dtype.
        eye: "L" or "R", of the eye the volume was or shall be of.
    """
    return mirror_volume(volume) if eye == "L" else volume


def mirror_strips(strips: NDArray[Any]) -> NDArray[Any]:
    """Strips of the mirrored photograph: columns by the volume's mirror rule, and the vertical frame's rows reversed.

    The mirror maps the vertical line to itself and its two sides to each other. Every other line changes its
    direction, and with it the sides, so its rows stay.

    Args:
        strips: (6, 3, across, along), any dtype.

    Returns:
        The same shape and dtype. Applying it twice gives the input back.
    """
    mirrored = mirror_volume(strips)
    mirrored[0] = mirrored[0, :, ::-1].copy()
    return mirrored


def mirror_arrays(arrays: ConditioningArrays) -> ConditioningArrays:
    """Arrays of the mirrored photograph of the same eye: the partner of `mirror_volume` in augmentation.

    It agrees with `conditioning_arrays` of the mirrored photograph when `centre_offset_um` has no part to the right.
    """
    return ConditioningArrays(arrays.fundus[..., ::-1].copy(), mirror_strips(arrays.strips))


def strip_places_um(config: ConditioningConfig) -> NDArray[np.float64]:
    """Where each pixel of the strips lies.

    Returns:
        (6, across, along, 2) float64: x (right) and y (up) in micrometres from the field's centre. Columns run in the
        line's direction, rows to its left.
    """
    s = _spread(config.along, LINE_LENGTH_UM / config.along)[None, None, :, None]
    q = _spread(config.across, config.across_um)[None, :, None, None]
    angle = np.deg2rad(np.array(ANGLES_DEG))
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[:, None, None]
    normal = np.stack([-np.sin(angle), np.cos(angle)], axis=-1)[:, None, None]
    return np.asarray(s * direction + q * normal + np.array(config.centre_offset_um))


def _spread(count: int, step: float) -> NDArray[np.float64]:
    """(count,) places `step` apart, symmetric about zero."""
    return (np.arange(count, dtype=np.float64) - (count - 1) / 2) * step


def _strips(field: NDArray[np.uint8], config: ConditioningConfig) -> NDArray[np.uint8]:
    """Sample a square field (size, size, 3) bilinearly; what lies outside it takes the nearest edge."""
    from scipy.ndimage import map_coordinates

    size = field.shape[0]
    places = strip_places_um(config) * (size / FIELD_UM)
    column, row = (size - 1) / 2 + places[..., 0], (size - 1) / 2 - places[..., 1]
    planes = [
        map_coordinates(field[..., colour].astype(np.float64), [row, column], order=1, mode="nearest")
        for colour in range(3)
    ]
    return np.rint(np.stack(planes, axis=1)).clip(0, 255).astype(np.uint8)
