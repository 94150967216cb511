"""Finding ILM and Bruch's membrane in one B-scan: roughly on a coarse grid, then exactly along straightened strips.

The coarse search looks at wide windows (dark vitreous over bright retina; a bright band over a darker choroid), the
fine one at edges. Every length is in micrometres, so that resolution does not matter. Whether there is a retina at all
is decided by the caller, `retinal_layers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fundus2oct.metrics.surface_path import (
    Floats,
    best_path,
    blurred,
    peak_offset,
    stiff_curve,
    straightened,
)

GRID_ROW_UM: Final = 8.0
GRID_COLUMN_UM: Final = 40.0
"""Pixel of the coarse grid."""

STRIP_STEP_UM: Final = 2.0
"""Axial sampling of a straightened strip."""

_REACH: Final = round(160.0 / GRID_ROW_UM)

MUTED: Final = 0.6
"""Brighter levels count as this much when the ILM is looked for: the outer bands outshine the inner retina."""

MIN_THICKNESS_UM: Final = 90.0
MAX_THICKNESS_UM: Final = 1000.0
"""Bruch's membrane is looked for this far below the ILM; the thinnest and thickest maculae lie within."""


@dataclass(frozen=True, eq=False)
class Scan:
    """A B-scan with its grey levels between the picture's own dark (0) and bright (1), and its pixel size."""

    level: Floats
    axial_um: float
    lateral_um: float


def coarse_grid(scan: Scan) -> Floats:
    """The blurred picture at every 8 x 40 micrometres, (rows, columns)."""
    height, width = scan.level.shape
    rows = np.arange(0.0, height - 0.5, GRID_ROW_UM / scan.axial_um)
    columns = np.arange(0.0, width - 0.5, GRID_COLUMN_UM / scan.lateral_um)
    soft = blurred(scan.level, 7.0 / scan.axial_um, 30.0 / scan.lateral_um)
    return _sampled(_sampled(soft, rows).T, columns).T


def _sampled(picture: Floats, rows: Floats) -> Floats:
    lower = np.minimum(rows.astype(np.intp), max(len(picture) - 2, 0))
    share = (rows - lower)[:, None]
    return np.asarray(picture[lower] * (1.0 - share) + picture[np.minimum(lower + 1, len(picture) - 1)] * share)


def coarse_ilm(grid: Floats) -> NDArray[np.intp]:
    """Row of the ILM in each column of the coarse grid: the picture is dark for long above it and bright below."""
    muted, exact = Windows(np.minimum(grid, MUTED)), Windows(grid)
    wide = muted.mean(0.0, 100.0) - muted.mean(-160.0, 0.0)
    narrow = exact.mean(0.0, 24.0) - exact.mean(-24.0, 0.0)
    return best_path(wide + 0.7 * narrow, max_step=4, step_penalty=0.006)


def coarse_membrane(grid: Floats, ilm: NDArray[np.intp]) -> NDArray[np.intp]:
    """Row of the outer edge of the outermost bright band, below a known ILM."""
    levels = Windows(grid)
    reward = levels.mean(-32.0, 0.0) - 0.65 * levels.mean(0.0, 64.0) - 0.35 * levels.mean(-136.0, -88.0)
    thickness = (np.arange(len(grid))[:, None] - ilm) * GRID_ROW_UM
    reward[(thickness < MIN_THICKNESS_UM) | (thickness > MAX_THICKNESS_UM)] = -1.0
    return best_path(reward, max_step=3, step_penalty=0.02)


class Windows:
    """Means over windows of rows, from one running sum; above the picture it is dark, below it the last row repeats."""

    def __init__(self, grid: Floats) -> None:
        self.height = len(grid)
        above, below = np.zeros((_REACH + 1, grid.shape[1])), np.repeat(grid[-1:], _REACH, axis=0)
        self.running = np.concatenate([above, grid, below]).cumsum(axis=0)

    def mean(self, start_um: float, end_um: float) -> Floats:
        """Mean from ``start_um`` to ``end_um`` below the upper edge of each row, at most 160 micrometres away."""
        start, end = round(start_um / GRID_ROW_UM), round(end_um / GRID_ROW_UM)
        first, last = (self.running[_REACH + shift : _REACH + shift + self.height] for shift in (start, end))
        mean: Floats = (last - first) / (end - start)
        return mean


def to_picture(scan: Scan, grid_row: NDArray[np.intp]) -> Floats:
    """Rows of the coarse grid, one per grid column, as rows of the picture, one per picture column.

    A coarse edge lies between two grid rows: on the upper edge of the row that is returned.
    """
    at = np.arange(len(grid_row)) * GRID_COLUMN_UM / scan.lateral_um
    rows = (np.asarray(grid_row, dtype=np.float64) - 0.5) * GRID_ROW_UM / scan.axial_um
    return np.asarray(np.interp(np.arange(scan.level.shape[1]), at, rows))


def fine_ilm(scan: Scan, rough: Floats) -> Floats:
    """The ILM to a fraction of a row: the steepest rise within 70 micrometres of a rough guess."""
    offsets = _offsets(70.0)
    strip = straightened(scan.level, rough, offsets / scan.axial_um)
    soft = blurred(strip, 4.0 / STRIP_STEP_UM, 18.0 / scan.lateral_um)
    rise = ndimage.gaussian_filter1d(soft, 5.0 / STRIP_STEP_UM, axis=0, order=1, mode="nearest")
    path = _smooth_path(rise, scan, steps=4, penalty=0.0012)
    found = rough + (offsets[path] + STRIP_STEP_UM * peak_offset(rise, path)) / scan.axial_um
    return np.asarray(blurred(found[None, :], 0.0, 14.0 / scan.lateral_um)[0])


def _smooth_path(reward: Floats, scan: Scan, *, steps: int, penalty: float) -> NDArray[np.intp]:
    """`best_path` with limits given for columns of 20 micrometres: the same slope costs the same at any spacing."""
    columns = scan.lateral_um / 20.0
    return best_path(reward, max_step=max(1, int(np.ceil(steps * columns))), step_penalty=penalty / columns**2)


def _offsets(reach_um: float) -> Floats:
    return np.arange(-reach_um, reach_um + STRIP_STEP_UM / 2, STRIP_STEP_UM)


def fine_membrane(scan: Scan, rough: Floats) -> Floats:
    """Bruch's membrane to a fraction of a row: a stiff curve under the band's outer edge."""
    base = lower_envelope(rough, scan, reach_um=250.0)
    offsets = _offsets(40.0)
    strip = straightened(scan.level, base, offsets / scan.axial_um)
    soft = blurred(strip, 4.0 / STRIP_STEP_UM, 40.0 / scan.lateral_um)
    drop = -ndimage.gaussian_filter1d(soft, 5.0 / STRIP_STEP_UM, axis=0, order=1, mode="nearest")
    path = _smooth_path(drop, scan, steps=2, penalty=0.003)
    found = base + (offsets[path] + STRIP_STEP_UM * peak_offset(drop, path)) / scan.axial_um
    return lower_envelope(found, scan, reach_um=180.0)


def lower_envelope(rows: Floats, scan: Scan, *, reach_um: float) -> Floats:
    """A stiff curve that follows ``rows`` where they are low and bridges bumps: drusen lift the band only."""
    stiffness = (reach_um / scan.lateral_um) ** 4
    weights = np.ones(len(rows))
    for _ in range(4):
        curve = stiff_curve(rows, weights, stiffness)
        lift_um = (curve - rows) * scan.axial_um
        weights = 1.0 / (1.0 + (np.maximum(lift_um, 0.0) / 6.0) ** 2 + (np.maximum(-lift_um, 0.0) / 15.0) ** 2)
    return curve
