"""Two further ways to cut a radial volume: pictures seen from the front, and pictures along a circle.

Only the B-scan is a native plane of six radial lines. En-face pictures are means over a slab relative to a surface,
interpolated between the lines, hence only within 1.5 mm of the scan centre (the gap between lines is 0.52 r); a
circular section has 12 samples, the ends of the six lines. Called by `plane_distances`. Pure functions, no torch.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.retinal_layers import volume_surfaces
from fundus2oct.metrics.scan_geometry import ANGLES_DEG, AXIAL_UM, LATERAL_UM, WIDTH, column_positions_um
from fundus2oct.metrics.volume_pair import check_volume

MAX_RADIUS_UM: Final = 1_500.0
EN_FACE_SIDE: Final = 64
"""Pixels across the 3 mm of an en-face picture: 47 µm each."""

SLABS_UM: Final = (("ilm", 0.0, 80.0), ("bm", -80.0, 0.0), ("bm", 20.0, 100.0))
"""Surface, and depth range below it: inner retina, outer retina, choroid."""

RADII_UM: Final = (750.0, 1_500.0)
ABOVE_BM_UM: Final = 420.0
BELOW_BM_UM: Final = 120.0
"""Depth range of a circular section, around Bruch's membrane."""

FALLBACK_ILM: Final = 0.35
FALLBACK_THICKNESS_UM: Final = 300.0
"""Where no retina is found in a B-scan: a flat ILM at 35 % of the depth, and Bruch's membrane 300 µm below."""

Floats = NDArray[np.float64]


def surfaces(volume: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Rows of ILM and Bruch's membrane of the volume itself, without gaps.

    Gaps are bridged linearly; a B-scan in which no retina is found (a black one) gets flat surfaces.

    Args:
        volume: (6, h, 448) uint8; the circles need the full line of 9 mm.

    Returns:
        Two arrays (6, 448).
    """
    check_volume(volume, "volume")
    if volume.shape[2] != WIDTH:
        raise ValueError(f"volume: expected {WIDTH} columns of {LATERAL_UM} um, found shape {volume.shape}")
    ilm, bm = volume_surfaces(volume)
    ilm_row = FALLBACK_ILM * volume.shape[1]
    bm_row = ilm_row + FALLBACK_THICKNESS_UM / AXIAL_UM
    return (
        np.stack([_bridged(rows, ilm_row) for rows in ilm]),
        np.stack([_bridged(rows, bm_row) for rows in bm]),
    )


def en_face_pictures(volume: NDArray[np.uint8], ilm: Floats, bm: Floats) -> Floats:
    """Three slabs seen from the front, as in the photograph: x to the right, y upwards.

    Args:
        volume: (6, h, 448) uint8.
        ilm: (6, 448) rows from `surfaces`.
        bm: (6, 448) rows from `surfaces`.

    Returns:
        (3, 64, 64) mean grey levels; 0 outside the circle of 1.5 mm.
    """
    reference = {"ilm": ilm, "bm": bm}
    return np.stack([_on_disc(_slab(volume, reference[name], top, end)) for name, top, end in SLABS_UM])


def circular_sections(volume: NDArray[np.uint8], bm: Floats) -> Floats:
    """Two circular sections, flattened at Bruch's membrane.

    Args:
        volume: (6, h, 448) uint8.
        bm: (6, 448) rows from `surfaces`.

    Returns:
        (2, 90, 12) grey levels: radius x depth x direction, anticlockwise from the picture's right.
    """
    offset = np.arange(-ABOVE_BM_UM, BELOW_BM_UM, AXIAL_UM) / AXIAL_UM
    sections = []
    for radius in RADII_UM:
        ascans = [
            np.interp(bm[line, column] + offset, np.arange(volume.shape[1]), volume[line, :, column])
            for line, column in _ends(radius, volume.shape[2])
        ]
        sections.append(np.stack(ascans, axis=1))
    return np.stack(sections)


def _bridged(rows: Floats, otherwise: float) -> Floats:
    known = np.isfinite(rows)
    if not known.any():
        return np.full(len(rows), otherwise)
    columns = np.arange(len(rows))
    return np.interp(columns, columns[known], rows[known])


def _slab(volume: NDArray[np.uint8], surface: Floats, top_um: float, end_um: float) -> Floats:
    """(6, w) mean grey level between two depths below a surface; whole rows, at least one."""
    first = np.rint(surface + top_um / AXIAL_UM).astype(np.intp)
    rows = first[:, None] + np.arange(round((end_um - top_um) / AXIAL_UM))[:, None]
    means: Floats = np.take_along_axis(volume, np.clip(rows, 0, volume.shape[1] - 1), axis=1).mean(axis=1)
    return means


def _directions() -> tuple[NDArray[np.intp], Floats, Floats]:
    """Line, sign of its end and angle of the 12 half-lines, by angle from 0 to 330 degrees."""
    line = np.tile(np.arange(len(ANGLES_DEG)), 2)
    sign = np.repeat([1.0, -1.0], len(ANGLES_DEG))
    angle = np.mod(np.array(ANGLES_DEG)[line] + 180.0 * (sign < 0), 360.0)
    order = np.argsort(angle)
    return line[order], sign[order], angle[order]


def _ends(radius_um: float, width: int) -> list[tuple[int, int]]:
    """Line and nearest column of the 12 points on a circle."""
    x = column_positions_um(width)
    line, sign, _ = _directions()
    return [(int(i), int(np.argmin(np.abs(x - s * radius_um)))) for i, s in zip(line, sign, strict=True)]


def _on_disc(values: Floats) -> Floats:
    """(64, 64) picture from (6, w) values: linear along the lines, then between neighbouring lines."""
    half = (np.arange(EN_FACE_SIDE) + 0.5) / EN_FACE_SIDE * 2 - 1
    x, y = half * MAX_RADIUS_UM, -half[:, None] * MAX_RADIUS_UM
    radius, step = np.hypot(x, y), 360.0 / (2 * len(ANGLES_DEG))
    position = np.mod(np.rad2deg(np.arctan2(y, x)), 360.0) / step
    low = position.astype(np.intp)
    line, sign, _ = _directions()
    columns = column_positions_um(values.shape[1])
    on_ray = np.stack([np.interp(s * radius, columns, values[i]) for i, s in zip(line, sign, strict=True)])
    pick = [np.take_along_axis(on_ray, (low + k)[None] % len(line), axis=0)[0] for k in (0, 1)]
    share = position - low
    return np.where(radius <= MAX_RADIUS_UM, pick[0] * (1 - share) + pick[1] * share, 0.0)
