"""Inner limiting and Bruch's membrane in one B-scan or in a whole volume: the entrance to everything anatomical.

How they are found stands in `surface_search`, when a picture counts as having no retina in `retina_evidence`, and why
in docs/anatomy.md. Numbers made from the surfaces are elsewhere (`retinal_thickness`, `radial_consistency`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.retina_evidence import columns_with_ilm, columns_with_membrane, is_retina, measure_evidence
from fundus2oct.metrics.scan_geometry import AXIAL_UM, LATERAL_UM
from fundus2oct.metrics.surface_path import Floats
from fundus2oct.metrics.surface_search import (
    Scan,
    coarse_grid,
    coarse_ilm,
    coarse_membrane,
    fine_ilm,
    fine_membrane,
    to_picture,
)

SEGMENTATION_VERSION: Final = "surfaces-dp-v2"
"""Rises whenever a surface may move; part of the version of every metric made from surfaces."""

MIN_SPAN: Final = 4.0
"""Grey levels between dark and bright parts of the blurred picture; with fewer there is nothing to see."""

MIN_MEAN_LEVEL: Final = 0.13
"""Mean of the coarse grid, 0 its dark and 1 its bright level, of a compressed display: 0.15 and more for logarithms and
fourth roots; 0.12 for a square root of the intensity, 0.07 for the intensity itself."""

MAX_ROOTS: Final = 2

_MIN_DEPTH_UM: Final = 300.0
_MIN_WIDTH_UM: Final = 500.0


LEAST_SPAN: Final = 1e-3
"""Grey levels between dark and bright of a picture that is plain: nothing is divided by less."""


def segment_surfaces(bscan: NDArray[np.uint8], *, axial_um: float, lateral_um: float) -> tuple[Floats, Floats]:
    """Rows of the inner limiting membrane and of Bruch's membrane in every column of a B-scan.

    Args:
        bscan: (h, w) uint8, vitreous at the top; any resolution.
        axial_um: micrometres from one row to the next.
        lateral_um: micrometres from one column to the next.

    Returns:
        ``ilm_row, bm_row``, each (w,) float64; integers are the middles of pixels. NaN in columns where a surface is
        not visible, and everywhere in both when the picture shows no retina (`retina_evidence.is_retina`).

    Raises:
        ValueError: for another dtype or rank, or spacings that are not above zero. Never because of what is in the
            picture.

    >>> ilm_row, bm_row = segment_surfaces(np.zeros((320, 448), np.uint8), axial_um=6.0, lateral_um=20.23)
    >>> bool(np.isnan(ilm_row).all() and np.isnan(bm_row).all())
    True
    """
    _check(bscan, axial_um, lateral_um)
    nothing = np.full(bscan.shape[1], np.nan)
    if bscan.shape[0] * axial_um < _MIN_DEPTH_UM or bscan.shape[1] * lateral_um < _MIN_WIDTH_UM:
        return nothing, nothing.copy()
    scan, grid, span = _levels(bscan, axial_um, lateral_um)
    if span < MIN_SPAN:
        return nothing, nothing.copy()
    ilm_in_grid = coarse_ilm(grid)
    membrane_in_grid = coarse_membrane(grid, ilm_in_grid)
    ilm = fine_ilm(scan, to_picture(scan, ilm_in_grid))
    membrane = fine_membrane(scan, to_picture(scan, membrane_in_grid))
    return _visible(scan, ilm, membrane)


def _visible(scan: Scan, ilm: Floats, membrane: Floats) -> tuple[Floats, Floats]:
    """Two complete surfaces with NaN wherever the picture does not bear them out."""
    evidence = measure_evidence(scan, ilm, membrane)
    nothing = np.full(len(ilm), np.nan)
    if not is_retina(evidence):
        return nothing, nothing.copy()
    seen = evidence.inside & columns_with_ilm(evidence, scan)
    seen_below = seen & columns_with_membrane(evidence, scan)
    return np.where(seen, ilm, np.nan), np.where(seen_below, membrane, np.nan)


def _levels(bscan: NDArray[np.uint8], axial_um: float, lateral_um: float) -> tuple[Scan, Floats, float]:
    """The picture and its coarse grid on a scale where 0 is its dark and 1 its bright level; and that span in grey.

    A display that is hardly compressed, where the outer bands outshine everything, is compressed by square roots.
    """
    scan, grid, span = _scaled(bscan.astype(np.float64), axial_um, lateral_um)
    roots = MAX_ROOTS if span >= MIN_SPAN else 0
    while roots and grid.mean() < MIN_MEAN_LEVEL:
        scan, grid, _ = _scaled(np.sqrt(np.maximum(scan.level, 0.0)), axial_um, lateral_um)
        roots -= 1
    return scan, grid, span


def _scaled(grey: Floats, axial_um: float, lateral_um: float) -> tuple[Scan, Floats, float]:
    """Shares of the span between dark and bright, picture and coarse grid; and that span."""
    grid = coarse_grid(Scan(grey, axial_um, lateral_um))
    dark, bright = np.quantile(grid, (0.10, 0.97))
    span = max(float(bright - dark), LEAST_SPAN)
    return Scan((grey - dark) / span, axial_um, lateral_um), np.clip((grid - dark) / span, 0.0, 1.2), span


def volume_surfaces(
    volume: NDArray[np.uint8], *, axial_um: float = AXIAL_UM, lateral_um: float = LATERAL_UM
) -> tuple[Floats, Floats]:
    """Surfaces of every B-scan of a volume.

    Args:
        volume: (n, h, w) uint8.
        axial_um: as in `segment_surfaces`.
        lateral_um: as in `segment_surfaces`.

    Returns:
        ``ilm_row, bm_row``, each (n, w) float64. The last few volumes are remembered by their bytes, since
        several metrics ask for the same ones.
    """
    if not isinstance(volume, np.ndarray) or volume.ndim != 3 or not len(volume):
        raise ValueError(f"volume: expected a uint8 array (n, h, w), found shape {np.shape(volume)}")
    _check(volume[0], axial_um, lateral_um)
    pairs = [_remembered(bscan.tobytes(), bscan.shape, axial_um, lateral_um) for bscan in volume]
    ilm_row, bm_row = (np.stack([pair[i] for pair in pairs]) for i in (0, 1))
    return ilm_row, bm_row


@lru_cache(maxsize=64)
def _remembered(data: bytes, shape: tuple[int, int], axial_um: float, lateral_um: float) -> tuple[Floats, Floats]:
    bscan = np.frombuffer(data, np.uint8).reshape(shape)
    return segment_surfaces(bscan, axial_um=axial_um, lateral_um=lateral_um)


def _check(bscan: NDArray[np.uint8], axial_um: float, lateral_um: float) -> None:
    if not isinstance(bscan, np.ndarray) or bscan.dtype != np.uint8 or bscan.ndim != 2 or not bscan.size:
        found = f"{getattr(bscan, 'dtype', type(bscan).__name__)} of shape {np.shape(bscan)}"
        raise ValueError(f"bscan: expected a uint8 array (h, w), found {found}")
    for name, value in (("axial_um", axial_um), ("lateral_um", lateral_um)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name}: expected micrometres above zero, found {value}")
