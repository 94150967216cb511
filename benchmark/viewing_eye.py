"""One eye for viewing: its files, and what `pictures.json` tells of them. Nothing is written here.

Called by `benchmark.viewing`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fundus2oct.benchmark import picture_encoding as encoding
from fundus2oct.benchmark import pictures_file
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.picture_rights import licence_of
from fundus2oct.benchmark.scan_place import line_ends, scan_place
from fundus2oct.benchmark.viewing_plan import ViewingPlan
from fundus2oct.metrics.retinal_layers import volume_surfaces
from fundus2oct.metrics.retinal_thickness import subfield_thickness_um, thickness_um

Floats = encoding.Floats


@dataclass(frozen=True, kw_only=True)
class MadeEye:
    """One eye: its part of `pictures.json` without its name, and its files by their paths below the folder."""

    told: dict[str, Any]
    files: Mapping[str, bytes]


def make_eye(plan: ViewingPlan, case: Case, eye: str, quality: int) -> MadeEye:
    """All pictures and numbers of one eye."""
    data, (width, height) = encoding.photograph_webp(plan.dataset.fundus(case))
    files = {pictures_file.photograph_path(eye): data}
    told: list[dict[str, Any] | None] = []
    levels: tuple[float, float] | None = None
    for name, volume in plan.volumes(case).items():
        if volume is None:
            told.append(None)
            continue
        ilm_row, bm_row = volume_surfaces(volume)
        values = encoding.slab(volume, ilm_row, bm_row)
        levels = levels or encoding.grey_range(values)  # the truth comes first
        bscans, en_face = encoding.bscans_webp(volume, quality), encoding.en_face_webp(values, levels)
        files |= {pictures_file.bscans_path(eye, name): bscans, pictures_file.en_face_path(eye, name): en_face}
        told.append(_told_volume(bscans, en_face, ilm_row, bm_row) | {"value": plan.value(name, case)})
    return MadeEye(
        told={
            "side": case.eye,
            "licence": {kind: licence_of(plan.dataset, case, kind) for kind in ("fundus", "oct")},
            "photograph": {"file": _told_file(data), "width": width, "height": height},
            "scan": _told_scan(plan.dataset, case, width),
            "truth": told[0],
            "entries": told[1:],
        },
        files=files,
    )


def _told_file(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _told_volume(bscans: bytes, en_face: bytes, ilm_row: Floats, bm_row: Floats) -> dict[str, Any]:
    central = subfield_thickness_um(thickness_um(ilm_row, bm_row)).central_um
    return {
        "bscans": _told_file(bscans),
        "en_face": _told_file(en_face),
        "ilm": [surface_text(row) for row in ilm_row],
        "bm": [surface_text(row) for row in bm_row],
        "central_um": round(float(central), 1) if np.isfinite(central) else None,
    }


def surface_text(row: Floats) -> str:
    """A surface in every fourth column, to half a row; a dash where it is not seen.

    >>> surface_text(np.array([10.2, 0, 0, 0, np.nan, 0, 0, 0, 11.6]))
    '10 - 11.5'
    """
    return " ".join("-" if np.isnan(v) else f"{round(2 * v) / 2:g}" for v in row[:: pictures_file.COLUMN_STEP])


def _told_scan(dataset: Dataset, case: Case, width: int) -> dict[str, Any]:
    """The six lines in the shown photograph, whose upper left corner is 0, 0."""
    full_height, full_width = dataset.fundus(case).shape[:2]
    place, scale = scan_place(case, width=full_width, height=full_height), width / full_width
    lines = [[round((value + 0.5) * scale, 1) for point in ends for value in point] for ends in line_ends(place)]
    return {"lines": lines, "um_per_px": round(place.um_per_px / scale, 3), "notes": list(place.notes)}
