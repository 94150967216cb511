"""Where the six scan lines of a case lie on its photograph, from the optional columns of `cases.csv`.

`benchmark.dataset_check` judges the columns, `benchmark.contact_sheet` draws the lines. The columns are
`scan_centre_x, scan_centre_y` (pixels; the centre of the top left pixel is 0, 0; x right, y down) and `um_per_px`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from fundus2oct.benchmark.case_table import Case
from fundus2oct.metrics.scan_geometry import ANGLES_DEG, column_positions_um

FIELD_UM = 13_000.0
"""Width on the retina of a 45 degree photograph of an eye of ordinary length, about 0.29 mm a degree."""

Point = tuple[float, float]


@dataclass(frozen=True)
class ScanPlace:
    """The scan centre in pixels of the photograph, and the photograph's scale.

    Attributes:
        x, y: the scan centre, pixels, y downwards.
        um_per_px: micrometres on the retina a pixel.
        notes: what had to be assumed because the table does not say it.
    """

    x: float
    y: float
    um_per_px: float
    notes: tuple[str, ...] = ()


def scan_place(case: Case, *, width: int, height: int) -> ScanPlace:
    """The place the table gives, or the picture's centre and a 45 degree field, with a note for each assumption."""
    notes = []
    x, y, um_per_px = (_number(case, name) for name in ("scan_centre_x", "scan_centre_y", "um_per_px"))
    if x is None or y is None:
        x, y = (width - 1) / 2, (height - 1) / 2
        notes.append("scan centre unknown: drawn at the picture's centre")
    if um_per_px is None or um_per_px <= 0:
        um_per_px = FIELD_UM / min(width, height)
        notes.append("scale unknown: a 45° field is assumed")
    return ScanPlace(x, y, um_per_px, tuple(notes))


def line_ends(place: ScanPlace) -> list[tuple[Point, Point]]:
    """First and last A-scan of each of the six lines, in pixels of the photograph.

    The columns of frame i run in direction ANGLES_DEG[i], anticlockwise from the picture's right; rows grow downwards.
    """
    first, last = (float(position) / place.um_per_px for position in column_positions_um()[[0, -1]])
    directions = [(math.cos(math.radians(t)), -math.sin(math.radians(t))) for t in ANGLES_DEG]
    return [
        ((place.x + first * u, place.y + first * v), (place.x + last * u, place.y + last * v)) for u, v in directions
    ]


def column_problems(case: Case, *, width: int, height: int) -> Iterator[tuple[str, str, str]]:
    """Each bad value in the optional columns: (column, what it must be, what was found)."""
    for column, side in (("scan_centre_x", width), ("scan_centre_y", height)):
        value = _number(case, column)
        if value is not None and not 0 <= value <= side - 1:
            yield column, f"a number from 0 to {side - 1}, inside the photograph", repr(case.columns[column])
    scale = _number(case, "um_per_px")
    if scale is not None and not 0 < scale < math.inf:
        yield "um_per_px", "a number above 0", repr(case.columns["um_per_px"])


def _number(case: Case, column: str) -> float | None:
    """The column's value; None when it is absent or blank, NaN when it is not a number."""
    text = case.columns.get(column, "").strip()
    try:
        return float(text) if text else None
    except ValueError:
        return math.nan
