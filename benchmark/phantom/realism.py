"""How far the phantom's B-scans are from real ones: speckle, correlation, layer contrast, decay with depth.

The same measures are taken of any B-scan whose ILM, nerve fibre and Bruch's membrane rows are known, at native size
on the fourth-root scale. `python -m fundus2oct.benchmark.phantom.realism [scan.npz]` prints the table of
docs/phantom.md; the scan holds `bscan, ilm_row, rnfl_row, bm_row`. Nothing in the package needs a real scan.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.anatomy import sample_eye
from fundus2oct.benchmark.phantom.oct_renderer import add_noise, through_jpeg
from fundus2oct.benchmark.phantom.reflectivity import columns_of, fourth_root_reflectivity
from fundus2oct.benchmark.phantom.smooth_fields import Floats

Mask = NDArray[np.bool_]
REGIONS = ("vitreous", "RNFL", "GCL+IPL", "ONL", "RPE", "choroid", "deep")
WINDOW = 9
"""Side of the moving mean that the high-passed contrast takes away, native pixels."""


def measure(bscan: NDArray[Any], ilm_row: Floats, rnfl_row: Floats, bm_row: Floats) -> dict[str, float]:
    """Texture figures of one native B-scan.

    Args:
        bscan: (496, columns) 0..255 on the fourth-root scale.
        ilm_row: (columns,) float rows; NaN columns are left out, here and below.
        rnfl_row: lower surface of the nerve fibre layer.
        bm_row: Bruch's membrane.

    Returns:
        Figures by name; a region too small to measure is NaN.
    """
    picture = np.asarray(bscan, dtype=np.float64)
    figures: dict[str, float] = {}
    for name, inside in _regions(ilm_row, rnfl_row, bm_row, picture.shape[0]).items():
        enough = int(inside.sum()) > 1500
        weight = inside.astype(np.float64)
        local = ndimage.uniform_filter(picture * weight, WINDOW) / np.maximum(
            ndimage.uniform_filter(weight, WINDOW), 1e-9
        )
        texture = picture - local
        level = picture[inside].mean() if enough else np.nan
        figures[f"level {name}"] = float(level)
        figures[f"speckle contrast {name}"] = float(texture[inside].std() / level) if enough else np.nan
        for label, axis in (("axial", 0), ("lateral", 1)):
            figures[f"{label} lag-1 {name}"] = _lag_one(texture, inside, axis) if enough else np.nan
    figures["zeros in vitreous"] = _share_of_zeros(picture, ilm_row)
    figures["decay per 100 um"] = _decay(picture, bm_row)
    return figures


def measure_phantom(eyes: Iterable[int], *, disease: str = "none", seed: int = 0) -> dict[str, float]:
    """Mean figures over all B-scans of some phantom eyes."""
    rows = []
    for patient in eyes:
        eye = sample_eye(seed, patient, "R", cohort="realism", disease=disease)
        at = columns_of(eye)
        bscans = through_jpeg(add_noise(fourth_root_reflectivity(eye, at), eye))
        surfaces = (at.ilm_depth, at.top("GCL"), np.where(at.has_membrane, at.membrane_depth, np.nan))
        ilm, rnfl, bm = (depth / norms.NATIVE_AXIAL_UM - 0.5 for depth in surfaces)
        rows += [measure(bscan, ilm[i], rnfl[i], bm[i]) for i, bscan in enumerate(bscans)]
    return {name: _mean([row[name] for row in rows]) for name in rows[0]}


def _regions(ilm: Floats, rnfl: Floats, bm: Floats, rows: int) -> dict[str, Mask]:
    row = np.arange(rows)[:, None]
    spans = (
        (np.full_like(ilm, 10.0), ilm - 35),
        (ilm + 4, rnfl - 3),
        (rnfl + 4, rnfl + 12),
        (bm - 33, bm - 23),
        (bm - 5, bm - 2),
        (bm + 25, bm + 60),
        (bm + 120, bm + 150),
    )
    found = np.isfinite(ilm) & np.isfinite(bm)
    return {name: (row >= top) & (row <= end) & found for name, (top, end) in zip(REGIONS, spans, strict=True)}


def _lag_one(texture: Floats, inside: Mask, axis: int) -> float:
    first, second = (slice(None, -1), slice(None)), (slice(1, None), slice(None))
    if axis == 1:
        first, second = first[::-1], second[::-1]
    both = inside[first] & inside[second]
    a, b = texture[first][both], texture[second][both]
    return float((a * b).mean() / np.sqrt((a**2).mean() * (b**2).mean()))


def _share_of_zeros(picture: Floats, ilm: Floats) -> float:
    end = int(np.nanmin(ilm)) - 35
    return float((picture[5:end] == 0).mean()) if end > 15 else float("nan")


def _decay(picture: Floats, bm: Floats) -> float:
    """Slope of log reflectivity with depth from 80 to 460 micrometres below Bruch's membrane, per 100 micrometres."""
    offsets = np.arange(20, 120)
    columns = np.flatnonzero(np.isfinite(bm) & (bm < picture.shape[0] - 121))
    if not len(columns):
        return float("nan")
    rows = np.rint(bm[columns]).astype(int)[None, :] + offsets[:, None]
    level = 4.0 * np.log(np.maximum(picture[rows, columns[None, :]].mean(axis=1), 1.0) / 255.0)
    return float(np.polyfit(offsets, level, 1)[0] / norms.NATIVE_AXIAL_UM * 100.0)


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def main(arguments: list[str]) -> None:
    """Print the figures of the phantom, and of a real scan beside them."""
    phantom = measure_phantom(range(6))
    real: dict[str, float] = {}
    if arguments:
        scan = np.load(Path(arguments[0]))
        real = measure(scan["bscan"], scan["ilm_row"], scan["rnfl_row"], scan["bm_row"])
    for name, value in phantom.items():
        print(f"| {name} | {value:.3g} | {real.get(name, float('nan')):.3g} |")


if __name__ == "__main__":
    main(sys.argv[1:])
