"""A frame in which every retina is straight and equally thick, and the way there and back.

How deep the retina lies, how it tilts and bows is mostly how the instrument was held: no photograph tells it, and an
average over it is a smear. How thick it is, a photograph does tell, but a weighted sum of pictures shows two edges
and not one in between. So `ridge` takes both out of a volume before it looks at grey levels, and predicts them apart:

- the floor: a quadratic function of the place on the retina, fitted to the lower edge of the brightest deep band;
- the thickness: from the retina's first lit row down to the floor, in every A-scan.

These are a baseline's quick estimates. The numbers on the board come from `fundus2oct.metrics.retinal_layers`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d, median_filter

from fundus2oct.metrics.scan_geometry import DEPTH, LINE_LENGTH_UM, N_BSCANS, WIDTH, retinal_positions_um

N_FLOOR = 6
FRAME_FLOOR, FRAME_THICKNESS = 200.0, 48.0
"""Rows: where every retina lies in the frame."""

THICKNESS_RANGE = (8.0, 150.0)
"""Rows: what is believed of a measured or predicted thickness."""

SHADOW_ROWS = 20
"""The band must stand out from the mean of this many rows below it."""

REACHES = (DEPTH, 40, 25, 15, 10)
"""Rows around the last fit in which the band is searched again, from everywhere to close by."""

COLUMN_STEP = 4
"""Every fourth A-scan is enough for six coefficients."""

LIT_SHARE = 0.35
"""The retina begins where a pixel is lit by this share of the way from vitreous to bright layers."""

LIT_RUN = 7
"""... and so many rows below it are lit too."""

Floats = NDArray[np.float64]


def find_floor(volume: NDArray[np.uint8]) -> Floats:
    """Fit the floor of one volume.

    Args:
        volume: (6, 320, 448) uint8, B-scan x depth x width.

    Returns:
        (6,) float64: rows of 1, x, y, x², xy, y² with x and y in half line lengths from the scan centre.
    """
    return _fit_floor(_band_score(volume)[:, :, ::COLUMN_STEP], _basis()[:, ::COLUMN_STEP])


def find_bscan_floor(bscan: NDArray[np.uint8]) -> Floats:
    """The floor of a single B-scan (h, w) uint8, quadratic along it: (w,) float64 rows."""
    place = np.linspace(-1, 1, bscan.shape[1])
    basis = np.stack([np.ones_like(place), place, place**2], axis=-1)[None]
    coefficients = _fit_floor(_band_score(bscan[None])[:, :, ::COLUMN_STEP], basis[:, ::COLUMN_STEP])
    return np.asarray(basis[0] @ coefficients)


def _fit_floor(score: NDArray[np.float32], basis: Floats) -> Floats:
    """Coefficients of ``basis`` (b, w, k) that follow the brightest deep band of ``score`` (b, h, w)."""
    bscans, depth, _ = score.shape
    flat = basis.reshape(-1, basis.shape[-1])
    coefficients = np.zeros(basis.shape[-1])
    for reach in REACHES:
        rows = (flat @ coefficients).reshape(bscans, 1, -1)
        near = np.abs(np.arange(depth)[None, :, None] - rows) <= reach
        band = np.where(near, score, -np.inf).argmax(axis=1).ravel()
        coefficients = _least_absolute_fit(flat, band.astype(np.float64))
    return coefficients


def floor_rows(coefficients: Floats) -> Floats:
    """Row of the floor in every A-scan: (6, 448) float64."""
    return np.asarray(_basis() @ coefficients)


def find_thickness(volume: NDArray[np.uint8], floor: Floats) -> Floats:
    """Rows from the first lit row of the retina to the floor, smoothed along each B-scan.

    Args:
        volume: (b, 320, w) uint8.
        floor: (b, w) float64, from `floor_rows`.

    Returns:
        (b, w) float64, within `THICKNESS_RANGE`.
    """
    smooth = gaussian_filter(volume.astype(np.float32), (0, 1.5, 3))
    height = floor[:, None, :] - np.arange(DEPTH)[None, :, None]
    lowest, highest = THICKNESS_RANGE
    dark = _level(smooth[height > highest], 50)
    bright = _level(smooth[(height > lowest) & (height < FRAME_THICKNESS)], 75)
    lit = (smooth > dark + LIT_SHARE * (bright - dark)) & (height < highest)
    total = np.cumsum(np.pad(lit, ((0, 0), (1, LIT_RUN), (0, 0))), axis=1)
    begins: NDArray[np.bool_] = (total[:, LIT_RUN:-1] - total[:, :DEPTH]) == LIT_RUN
    thickness = floor - np.where(begins.any(axis=1), begins.argmax(axis=1), floor - lowest)
    steady = gaussian_filter1d(median_filter(thickness, size=(1, 15)), 4.0, axis=1)
    return np.clip(steady, lowest, highest)


def to_frame(volume: NDArray[np.uint8], floor: Floats, thickness: Floats) -> NDArray[np.uint8]:
    """The volume with every A-scan moved and stretched into the frame: (6, 320, 448) uint8."""
    source = source_rows(FRAME_FLOOR, FRAME_THICKNESS, floor, thickness)
    return np.rint(_resampled(volume, source)).astype(np.uint8)


def from_frame(picture: NDArray[Any], floor: Floats, thickness: Floats) -> NDArray[np.float32]:
    """A picture in the frame, moved and stretched to a floor and a thickness.

    Args:
        picture: (6, 320, 448), any kind of number.
        floor: (6, 448) float64, rows.
        thickness: (6, 448) float64, rows; kept within `THICKNESS_RANGE`.

    Returns:
        (6, 320, 448) float32.
    """
    believed = np.clip(thickness, *THICKNESS_RANGE)
    return _resampled(picture, source_rows(floor, believed, FRAME_FLOOR, FRAME_THICKNESS))


def source_rows(
    floor: Floats | float, thickness: Floats | float, source_floor: Floats | float, source_thickness: Floats | float
) -> Floats:
    """The row from which every row of a moved picture is taken; stretched within the retina, moved as a whole outside.

    Args:
        floor: (b, w) float64 or a number, rows: where the retina is to lie.
        thickness: the same, how thick it is to be.
        source_floor: the same, where it lies.
        source_thickness: the same, how thick it is.

    Returns:
        (b, 320, w) float64; what lies outside 0..319 is beyond the picture.
    """
    floor, thickness, source_floor, source_thickness = (
        rows[:, None, :] for rows in np.broadcast_arrays(floor, thickness, source_floor, source_thickness)
    )
    height = floor - np.arange(DEPTH)[None, :, None]
    inside = np.clip(height, 0, thickness) * (source_thickness / thickness)
    outside = np.minimum(height, 0) + np.maximum(height - thickness, 0)
    return np.asarray(source_floor - inside - outside)


def _resampled(volume: NDArray[Any], source: Floats) -> NDArray[np.float32]:
    """Every A-scan read at the rows ``source``, linearly interpolated; beyond the ends the end is repeated."""
    source = np.clip(source, 0, DEPTH - 1)
    upper = np.minimum(source.astype(np.intp), DEPTH - 2)
    share = (source - upper).astype(np.float32)
    above = np.take_along_axis(volume, upper, axis=1)
    below = np.take_along_axis(volume, upper + 1, axis=1)
    return np.asarray(above * (1 - share) + below * share, dtype=np.float32)


def _band_score(volume: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(6, 320, 448) float32: how much a smoothed pixel stands out from what lies below it."""
    smooth = gaussian_filter(volume.astype(np.float32), (0, 2, 3))
    total = np.cumsum(np.pad(smooth, ((0, 0), (1, SHADOW_ROWS), (0, 0)), mode="edge"), axis=1)
    return np.asarray(smooth - (total[:, SHADOW_ROWS:-1] - total[:, :DEPTH]) / SHADOW_ROWS)


def _least_absolute_fit(basis: Floats, rows: Floats) -> Floats:
    """Least absolute deviations by reweighting: drusen and a missing band at the disc pull little."""
    weights = np.ones(len(rows))
    coefficients = np.zeros(basis.shape[1])
    for _ in range(10):
        weighted = (basis * weights[:, None]).T
        coefficients = np.asarray(np.linalg.solve(weighted @ basis, weighted @ rows), dtype=np.float64)
        weights = 1.0 / np.maximum(np.abs(rows - basis @ coefficients), 1.0)
    return coefficients


def _level(pixels: NDArray[np.float32], percent: float) -> float:
    return float(np.percentile(pixels, percent)) if pixels.size else 0.0


def _basis() -> Floats:
    """(6, 448, 6) float64: the six functions in every A-scan."""
    x, y = np.moveaxis(retinal_positions_um() / (LINE_LENGTH_UM / 2), -1, 0)
    return np.stack([np.ones((N_BSCANS, WIDTH)), x, y, x**2, x * y, y**2], axis=-1)
