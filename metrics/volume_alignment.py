"""One shift in depth and one tilt that bring a generated volume over the truth: small, the same for all six B-scans.

The eye's distance from the instrument and its tilt are no anatomy, and a photograph does not tell them. They are looked
for in a table of squared differences of reduced B-scans. Called by `aligned_similarity`. Pure functions, no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fundus2oct.metrics.scan_geometry import ANGLES_DEG, AXIAL_UM, LATERAL_UM, column_positions_um

MAX_SHIFT_UM: Final = 100.0
MAX_TILT_DEG: Final = 3.0
COARSE_TILT_DEG: Final = 0.5
FINE_TILT_DEG: Final = 0.125
BLOCK_COLUMNS: Final = 16
SMOOTHING_ROWS: Final = 2.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Alignment:
    """How a volume is moved.

    Attributes:
        shift_um: downwards.
        slope_right, slope_up: micrometres down per micrometre to the right, and upwards, in the photograph's plane.
    """

    shift_um: float
    slope_right: float
    slope_up: float

    @property
    def tilt_deg(self) -> float:
        """Angle of the tilted plane."""
        return float(np.rad2deg(np.arctan(np.hypot(self.slope_right, self.slope_up))))


def find_alignment(truth: NDArray[np.uint8], generated: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Alignment:
    """The shift (at most 100 µm) and tilt (at most 3 degrees) with the smallest squared difference in ``mask``.

    Args:
        truth: (6, h, w) uint8.
        generated: (6, h, w) uint8.
        mask: (6, h, w) where the truth shows tissue.
    """
    table = _difference_table(truth, generated, mask)
    x = column_positions_um(truth.shape[2])[: table.shape[2] * BLOCK_COLUMNS].reshape(-1, BLOCK_COLUMNS).mean(axis=1)
    coarse = _candidates(Alignment(0.0, 0.0, 0.0), 2 * AXIAL_UM, COARSE_TILT_DEG, reach=100)
    best = _best(table, x, coarse)
    fine = _candidates(_alignment(best), AXIAL_UM, FINE_TILT_DEG, reach=4)
    return _alignment(_best(table, x, fine))


def aligned(volume: NDArray[np.uint8], alignment: Alignment) -> NDArray[np.uint8]:
    """The volume moved by whole pixels, column by column, so that no grain is smoothed away; edges are repeated."""
    rows = row_shifts(alignment, volume.shape[2])
    source = np.arange(volume.shape[1])[None, :, None] - rows[:, None, :]
    moved: NDArray[np.uint8] = np.take_along_axis(volume, np.clip(source, 0, volume.shape[1] - 1), axis=1)
    return moved


def row_shifts(alignment: Alignment, width: int) -> NDArray[np.intp]:
    """(6, width) rows by which each column moves down."""
    parameters = np.array([[alignment.shift_um, alignment.slope_right, alignment.slope_up]])
    rows: NDArray[np.intp] = _rows(parameters, column_positions_um(width))[0]
    return rows


def _rows(parameters: Floats, x_um: Floats) -> NDArray[np.intp]:
    """(candidates, 6, columns) rows for (candidates, 3) shift and slopes."""
    angle = np.deg2rad(np.array(ANGLES_DEG))
    slope = parameters[:, 1, None] * np.cos(angle) + parameters[:, 2, None] * np.sin(angle)
    depth_um = parameters[:, 0, None, None] + slope[:, :, None] * x_um
    rows: NDArray[np.intp] = np.rint(depth_um / AXIAL_UM).astype(np.intp)
    return rows


def _reach_rows() -> int:
    """Most rows that any allowed candidate moves any column."""
    half_width_um = float(column_positions_um()[-1]) + LATERAL_UM
    return int(np.ceil((MAX_SHIFT_UM + half_width_um * np.tan(np.deg2rad(MAX_TILT_DEG))) / AXIAL_UM))


def _difference_table(truth: NDArray[np.uint8], generated: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Floats:
    """(2 reach + 1, 6, blocks): summed squared difference in the mask for every shift of every block of columns."""
    x, y = _reduced(truth), _reduced(generated)
    weight = _blocks(mask.astype(np.float64))
    reach = _reach_rows()
    padded = np.pad(y, ((0, 0), (reach, reach), (0, 0)), mode="edge")
    h = truth.shape[1]
    shifted = (padded[:, reach - s : reach - s + h] for s in range(-reach, reach + 1))
    return np.stack([(weight * (x - candidate) ** 2).sum(axis=1) for candidate in shifted])


def _reduced(volume: NDArray[np.uint8]) -> Floats:
    reduced: Floats = ndimage.gaussian_filter1d(_blocks(volume.astype(np.float64)), SMOOTHING_ROWS, axis=1)
    return reduced


def _blocks(volume: Floats) -> Floats:
    """Means of blocks of columns; columns beyond the last whole block are left out."""
    slices, h, w = volume.shape
    blocks = w // BLOCK_COLUMNS
    means: Floats = volume[:, :, : blocks * BLOCK_COLUMNS].reshape(slices, h, blocks, BLOCK_COLUMNS).mean(axis=3)
    return means


def _candidates(centre: Alignment, shift_step_um: float, tilt_step_deg: float, *, reach: int) -> Floats:
    """(candidates, 3) shift and slopes on a grid around ``centre``, within the allowed range; nearest to none first."""
    steepest = np.tan(np.deg2rad(MAX_TILT_DEG))
    slope_step = np.tan(np.deg2rad(tilt_step_deg))
    shifts = _axis(centre.shift_um, shift_step_um, MAX_SHIFT_UM, reach)
    right = _axis(centre.slope_right, slope_step, steepest, reach)
    up = _axis(centre.slope_up, slope_step, steepest, reach)
    grid = np.stack(np.meshgrid(shifts, right, up, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[np.hypot(grid[:, 1], grid[:, 2]) <= steepest * (1 + 1e-9)]
    movement = np.abs(grid / [MAX_SHIFT_UM, steepest, steepest]).sum(axis=1)
    ordered: Floats = grid[np.argsort(movement, kind="stable")]
    return ordered


def _axis(centre: float, step: float, limit: float, reach: int) -> Floats:
    values = centre + step * np.arange(-reach, reach + 1)
    within: Floats = values[np.abs(values) <= limit * (1 + 1e-9)]
    return within


def _best(table: Floats, x_um: Floats, candidates: Floats) -> Floats:
    rows = _rows(candidates, x_um) + len(table) // 2
    lines, blocks = np.arange(table.shape[1])[:, None], np.arange(table.shape[2])
    best: Floats = candidates[int(np.argmin(table[rows, lines, blocks].sum(axis=(1, 2))))]
    return best


def _alignment(parameters: Floats) -> Alignment:
    return Alignment(*(float(value) for value in parameters))
