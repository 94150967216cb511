"""Thickness from ILM to Bruch's membrane, and its area-weighted means over the subfields of the ETDRS grid.

Six radial lines are dense in the centre and sparse outside, so a plain mean over columns is wrong: every column stands
for a piece of ring whose area grows with its distance from the centre. Only the inner 3 mm count; the optic disc lies
beyond. Called by `thickness_error`, `radial_consistency` and the board; pure functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.scan_geometry import ANGLES_DEG, AXIAL_UM, LATERAL_UM, N_BSCANS, column_positions_um
from fundus2oct.metrics.surface_path import Floats

CENTRAL_UM: Final = (0.0, 500.0)
INNER_UM: Final = (500.0, 1500.0)
OUTER_UM: Final = (1500.0, 3000.0)
"""Radii of the three zones (Early Treatment Diabetic Retinopathy Study report 7, 1991)."""

MIN_VALID: Final = 0.5
"""A subfield with less of its area measured has no thickness."""


@dataclass(frozen=True)
class Subfields:
    """Mean thickness of each subfield in micrometres; NaN where too little was measured.

    The quadrants are those of the picture: ``upper``, ``lower``, ``right`` and ``left`` as the photographer sees them;
    `by_quadrant` names them for an eye.
    """

    central_um: float
    inner_um: float
    outer_um: float
    inner_quadrants_um: tuple[float, float, float, float]
    """Right, upper, left, lower."""
    outer_quadrants_um: tuple[float, float, float, float]
    valid_fraction: tuple[float, float, float]
    """Share of the area of the central, inner and outer zone in which both surfaces were found."""


def thickness_um(ilm_row: Floats, bm_row: Floats, axial_um: float = AXIAL_UM) -> Floats:
    """Distance from ILM to Bruch's membrane along each A-scan, micrometres; NaN where either is missing.

    >>> thickness_um(np.array([10.0, np.nan]), np.array([60.0, 60.0])).tolist()
    [300.0, nan]
    """
    distance: Floats = (np.asarray(bm_row) - np.asarray(ilm_row)) * axial_um
    return distance


def column_areas(inner_um: float, outer_um: float, width: int, lateral_um: float = LATERAL_UM) -> Floats:
    """Weight of each column in the mean over a ring: the integral of r over the part of the column inside it.

    A column wholly inside has the weight r · lateral, so that this is Σ r t / Σ r with exact borders.

    Returns:
        (width,) float64, square micrometres per radian.
    """
    middle = np.abs(column_positions_um(width, lateral_um))
    low = np.clip(np.maximum(middle - lateral_um / 2, 0.0), inner_um, outer_um)
    high = np.clip(middle + lateral_um / 2, inner_um, outer_um)
    areas: Floats = (high**2 - low**2) / 2.0
    return areas


def subfield_thickness_um(thickness: Floats, *, lateral_um: float = LATERAL_UM) -> Subfields:
    """Area-weighted mean thickness of every subfield.

    Args:
        thickness: (6, w) micrometres in the order of `scan_geometry.ANGLES_DEG`; NaN = not measured.
        lateral_um: micrometres from one column to the next.

    >>> round(subfield_thickness_um(np.full((6, 448), 300.0)).central_um, 6)
    300.0
    """
    values = np.asarray(thickness, dtype=np.float64)
    if values.ndim != 2 or len(values) != N_BSCANS:
        raise ValueError(f"thickness: expected shape ({N_BSCANS}, w), found {values.shape}")
    zones = [column_areas(*zone, values.shape[1], lateral_um) for zone in (CENTRAL_UM, INNER_UM, OUTER_UM)]
    everywhere = np.ones_like(values)
    (central, seen), (inner, seen_inner), (outer, seen_outer) = (_mean(values, area * everywhere) for area in zones)
    quadrants = [_quadrant_masks(values.shape[1]) * area for area in zones[1:]]
    return Subfields(
        central_um=central,
        inner_um=inner,
        outer_um=outer,
        inner_quadrants_um=_four(values, quadrants[0]),
        outer_quadrants_um=_four(values, quadrants[1]),
        valid_fraction=(seen, seen_inner, seen_outer),
    )


def by_quadrant(quadrants_um: tuple[float, float, float, float], eye: str) -> dict[str, float]:
    """Names of the quadrants (S, N, I, T) for a right ("R") or left ("L") eye.

    In the photograph of a right eye the nose is to the right.

    >>> by_quadrant((346.0, 344.0, 330.0, 341.0), "R")
    {'S': 344.0, 'N': 346.0, 'I': 341.0, 'T': 330.0}
    """
    right, upper, left, lower = quadrants_um
    if eye not in ("R", "L"):
        raise ValueError(f'eye: expected "R" or "L", found {eye!r}')
    nasal, temporal = (right, left) if eye == "R" else (left, right)
    return {"S": upper, "N": nasal, "I": lower, "T": temporal}


def _mean(values: Floats, weights: Floats) -> tuple[float, float]:
    """Weighted mean over what is known, NaN below MIN_VALID, and the share of the weight that is known."""
    known = np.isfinite(values)
    total, present = float(weights.sum()), float(weights[known].sum())
    share = present / total if total > 0 else 0.0
    if share < MIN_VALID:
        return float("nan"), share
    return float((weights[known] * values[known]).sum() / present), share


def _four(values: Floats, weights: Floats) -> tuple[float, float, float, float]:
    right, upper, left, lower = (_mean(values, weight)[0] for weight in weights)
    return right, upper, left, lower


def _quadrant_masks(width: int) -> NDArray[np.float64]:
    """(4, 6, width): 1 where a column lies in the right, upper, left and lower quadrant; three half-lines each."""
    forwards = column_positions_um(width) > 0
    angle = np.where(forwards, np.array(ANGLES_DEG)[:, None], np.array(ANGLES_DEG)[:, None] + 180.0)
    quadrant = np.floor((angle + 45.0) / 90.0).astype(int) % 4
    return np.asarray(quadrant == np.arange(4)[:, None, None], dtype=np.float64)
