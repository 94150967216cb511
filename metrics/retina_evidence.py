"""Whether the surfaces found in a B-scan belong to a retina, and in which of its columns.

The search always returns two paths, in noise too. Here the levels around them are measured: a retina is brighter than
the vitreous above it nearly everywhere, ends in a bright band, and has tissue behind it. Called by `retinal_layers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fundus2oct.metrics.surface_path import Floats, blurred, straightened
from fundus2oct.metrics.surface_search import Scan

MIN_CONTRAST: Final = 0.35
"""Median over the columns of retina minus vitreous, as a share of the picture's own range of levels."""

MIN_LOW_CONTRAST: Final = 0.20
"""The same at the 10 % quantile: a retina spans the picture."""

MIN_BAND: Final = 0.02
"""Median of the outermost band minus what lies behind it. Low, because averages of unaligned scans are to pass."""

MIN_BACKGROUND: Final = 0.05
"""Median of the tissue behind minus the vitreous: choroid is brighter. Negative in a picture turned upside down."""

MAX_VITREOUS_SPREAD: Final = 0.15
"""Spread of the vitreous level along the picture, (90 % − 10 % quantile) / 2.56: clouds of noise are uneven."""

THICKNESS_RANGE_UM: Final = (120.0, 900.0)

MIN_INSIDE: Final = 0.3
"""Share of columns in which both surfaces lie within the picture; a tilted retina may leave it."""

_VITREOUS_UM: Final = 30.0
"""So much vitreous must be in the picture above the ILM: an edge nearer to the border may be the border's own."""

_MARGIN_UM: Final = 12.0

_BRIDGED_UM: Final = 300.0
"""Shorter gaps of evidence are shadows of vessels: both surfaces go on beneath them."""

_WEAK: Final = 0.3
"""A column with less than this share of the median contrast shows no surface of its own."""

_SHARP_BAND: Final = 0.2
"""Only where the outer band is at least this clear is its end at the disc looked for."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Levels around two surfaces, one value per column, blurred by 100 micrometres; shares of the picture's range."""

    vitreous: Floats
    contrast: Floats
    """Retina minus vitreous."""
    band: Floats
    """The band above the outer surface minus what lies behind it."""
    background: Floats
    """What lies behind minus the vitreous."""
    stripe: Floats
    """The outer band minus the brighter of what lies behind it and of the outer nuclear layer above it."""
    thickness_um: Floats
    inside: NDArray[np.bool_]
    """Both surfaces lie in the picture; the rule looks at these columns only."""


def measure_evidence(scan: Scan, ilm: Floats, membrane: Floats) -> Evidence:
    """Levels of vitreous, retina, outer band and choroid around two complete surfaces."""
    height = len(scan.level)
    inside = (
        (ilm >= _VITREOUS_UM / scan.axial_um) & (membrane > ilm) & (membrane <= height - 1 - _MARGIN_UM / scan.axial_um)
    )
    vitreous = _level(scan, ilm, -140.0, -12.0)
    share = np.linspace(0.04, 0.96, 24)[:, None]
    rows = ilm + share * (membrane - ilm)
    retina = ndimage.map_coordinates(
        scan.level, [rows, np.broadcast_to(np.arange(len(ilm)), rows.shape)], order=1, mode="nearest"
    ).mean(axis=0)
    behind = _level(scan, membrane, 6.0, 60.0)
    band = _level(scan, membrane, -36.0, -2.0)
    stripe = band - np.maximum(behind, _level(scan, membrane, -136.0, -88.0))
    return Evidence(
        vitreous=_along(vitreous, scan),
        contrast=_along(retina - vitreous, scan),
        band=_along(band - behind, scan),
        background=_along(behind - vitreous, scan),
        stripe=_along(stripe, scan),
        thickness_um=(membrane - ilm) * scan.axial_um,
        inside=inside,
    )


def _along(values: Floats, scan: Scan) -> Floats:
    """Blurred by 100 micrometres along the scan."""
    return np.asarray(blurred(values[None, :], 0.0, 100.0 / scan.lateral_um)[0])


def _level(scan: Scan, row: Floats, start_um: float, end_um: float) -> Floats:
    """Mean level between two depths below a surface, over the rows that lie in the picture; 0 where none does."""
    offsets = np.arange(start_um, end_um + 1.0, 4.0) / scan.axial_um
    present = row[None, :] + offsets[:, None] >= 0.0
    total: Floats = (straightened(scan.level, row, offsets) * present).sum(axis=0)
    return np.asarray(total / np.maximum(present.sum(axis=0), 1))


def is_retina(evidence: Evidence) -> bool:
    """The no-retina rule: every one of the constants above must hold."""
    here = evidence.inside
    if here.mean() < MIN_INSIDE:
        return False
    thin, thick = THICKNESS_RANGE_UM
    return bool(
        np.median(evidence.contrast[here]) >= MIN_CONTRAST
        and np.quantile(evidence.contrast[here], 0.10) >= MIN_LOW_CONTRAST
        and np.median(evidence.band[here]) >= MIN_BAND
        and np.median(evidence.background[here]) >= MIN_BACKGROUND
        and np.diff(np.quantile(evidence.vitreous[here], (0.1, 0.9)))[0] / 2.56 <= MAX_VITREOUS_SPREAD
        and thin <= np.median(evidence.thickness_um[here]) <= thick
    )


def columns_with_ilm(evidence: Evidence, scan: Scan) -> NDArray[np.bool_]:
    """False in long stretches without contrast between vitreous and retina."""
    weak = evidence.contrast < _WEAK * np.median(evidence.contrast[evidence.inside])
    return ~_long_runs(weak, _BRIDGED_UM / scan.lateral_um)


def columns_with_membrane(evidence: Evidence, scan: Scan) -> NDArray[np.bool_]:
    """False where the outer band is missing at either end of the picture: Bruch's membrane ends at the disc."""
    typical = np.median(evidence.stripe[evidence.inside])
    if typical < _SHARP_BAND:
        return np.ones(len(evidence.band), bool)
    weak = _long_runs(evidence.stripe < _WEAK * typical, _BRIDGED_UM / scan.lateral_um)
    runs, count = ndimage.label(weak)
    ends = {int(runs[0]), int(runs[-1])} - {0}
    return ~np.isin(runs, sorted(ends)) if count else ~weak


def _long_runs(flags: NDArray[np.bool_], columns: float) -> NDArray[np.bool_]:
    """Only the stretches of True that are at least so long; half as long at the picture's ends."""
    runs, count = ndimage.label(flags)
    sizes = np.bincount(runs, minlength=count + 1).astype(np.float64)
    for end in (runs[0], runs[-1]):
        sizes[end] *= 2.0
    keep = sizes >= columns
    keep[0] = False
    return np.asarray(keep[runs], dtype=np.bool_)
