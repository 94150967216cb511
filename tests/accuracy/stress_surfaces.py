"""ILM and Bruch's membrane under speckle, displays, resolutions and damage that the search was not made on.

Every variant of a B-scan knows its true surfaces. `measure` makes the table in docs/accuracy.md from all of them,
`test_stress_surfaces` checks a few eyes with every run of the tests. A real scan with its instrument's rows can be
added with ``measure --real FILE.npz`` (bscan, ilm_row, bm_row, axial_um, lateral_um).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.anatomy import sample_eye
from fundus2oct.benchmark.phantom.lesions import DISEASES
from fundus2oct.benchmark.phantom.oct_renderer import native_bscans, structure
from fundus2oct.benchmark.phantom.reflectivity import columns_of
from fundus2oct.metrics.retinal_layers import segment_surfaces

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

HEIGHT, WIDTH = norms.NATIVE_ROWS, norms.NATIVE_COLUMNS
AXIAL_UM: Final = norms.NATIVE_AXIAL_UM
LATERAL_UM: Final = 20.23 * 448 / WIDTH
WHOLE: Final = (0, WIDTH)
SIX_MM: Final = (round(WIDTH / 2 - 3000 / LATERAL_UM), round(WIDTH / 2 + 3000 / LATERAL_UM))

SCANNERS: Final = (
    (200, 200, "gamma 3", "log"),
    (160, 224, "gamma 3", "fourth root"),
    (650, 512, "gamma 3", "fourth root"),
    (885, 512, "gamma 3", "log"),
    (1024, 512, "gamma 1", "fourth root"),
    (1024, 200, "gamma 1", "log"),
)
"""Rows and columns over 6 mm, speckle and display of pictures from other instruments."""

SPECKLES: Final = (
    ("gamma 1", "log"),
    ("gamma 1", "fourth root"),
    ("gamma 40", "fourth root"),
    ("lognormal", "fourth root"),
    ("K", "fourth root"),
    ("gamma 3, strong floor", "fourth root"),
    ("correlated", "log"),
)


@dataclass(frozen=True, eq=False)
class Variant:
    """A B-scan, its spacings in micrometres and the rows of its true surfaces."""

    name: str
    bscan: Bytes
    axial_um: float
    lateral_um: float
    ilm_row: Floats
    bm_row: Floats


@dataclass(frozen=True)
class Errors:
    """Mean absolute errors within 3 mm, in rows of the picture; share of the columns where a surface is missing."""

    ilm: float
    bm: float
    missing: float
    axial_um: float


def errors_of(variant: Variant) -> Errors:
    """What `segment_surfaces` makes of a variant, where both surfaces lie well inside the picture."""
    ilm, bm = segment_surfaces(variant.bscan, axial_um=variant.axial_um, lateral_um=variant.lateral_um)
    height, width = variant.bscan.shape
    scored = np.abs((np.arange(width) - (width - 1) / 2) * variant.lateral_um) <= 3000
    scored &= (variant.ilm_row > 30 / variant.axial_um + 1) & (variant.bm_row < height - 2 - 12 / variant.axial_um)
    missing = float(np.mean(np.isnan(ilm[scored]) | np.isnan(bm[scored])))
    differences = [np.abs(ilm - variant.ilm_row)[scored], np.abs(bm - variant.bm_row)[scored]]
    first, second = (float(np.nanmean(d)) if np.isfinite(d).any() else np.nan for d in differences)
    return Errors(first, second, missing, variant.axial_um)


class StressEye:
    """One phantom eye of a seed that no setting was chosen on, and all variants of its B-scans."""

    def __init__(self, disease: str, patient: int, seed: int = 271_828) -> None:
        side = "RL"[patient % 2]
        self.eye = sample_eye(seed, 100 * DISEASES.index(disease) + patient, side, cohort="stress", disease=disease)
        self.root = structure(self.eye).root.copy()
        self.native = native_bscans(self.eye)
        at = columns_of(self.eye)
        self.ilm_row = at.ilm_depth / AXIAL_UM - 0.5
        self.bm_row = np.where(at.has_membrane, at.membrane_depth / AXIAL_UM - 0.5, np.nan)
        self.rng = np.random.default_rng([seed, patient, DISEASES.index(disease)])

    def variants(self, frame: int) -> Iterator[Variant]:
        """Every variant of one B-scan."""
        yield self._placed("native, 496 x 768", self.native[frame], frame)
        yield self._placed("320 x 448", self._own(frame), frame)
        yield from self._speckled(frame)
        yield from self._scanned(frame)
        yield from self._displayed(frame)
        yield from self._damaged(frame)
        yield from self._moved(frame)

    def _own(self, frame: int) -> Bytes:
        return _resized(self.native[frame], 320, 448)

    def _placed(self, name: str, bscan: Bytes, frame: int, columns: tuple[int, int] = WHOLE) -> Variant:
        """A picture of some columns of the native scan, whatever its size."""
        (height, width), (low, high) = bscan.shape, columns
        at = low + (np.arange(width) + 0.5) * (high - low) / width - 0.5
        rows = [
            (np.interp(at, np.arange(WIDTH), row[frame]) + 0.5) * height / HEIGHT - 0.5
            for row in (self.ilm_row, self.bm_row)
        ]
        lateral = LATERAL_UM * (high - low) / width
        return Variant(name, np.ascontiguousarray(bscan), AXIAL_UM * HEIGHT / height, lateral, rows[0], rows[1])

    def _speckled(self, frame: int) -> Iterator[Variant]:
        for kind, display in SPECKLES:
            grey = _display(_speckle(self.root[frame] ** 4, kind, self.rng), display)
            yield self._placed(f"{kind} speckle, {display} display", _resized(grey, 320, 448), frame)

    def _scanned(self, frame: int) -> Iterator[Variant]:
        low, high = SIX_MM
        for height, width, kind, display in SCANNERS:
            root = _resized_floats(self.root[frame][:, low:high], height, width)
            grey = _display(_speckle(root**4, kind, self.rng), display)
            yield self._placed(f"{height} x {width} over 6 mm, {kind}, {display}", grey, frame, SIX_MM)

    def _displayed(self, frame: int) -> Iterator[Variant]:
        grey = self._own(frame).astype(np.float64)
        for power in (0.4, 0.6, 1.6, 2.2, 3.0, 4.0):
            yield self._placed(f"gamma {power:g}", _bytes(255 * (grey / 255) ** power), frame)
        yield self._placed("contrast cut to 8 %", _bytes(0.08 * grey + 20), frame)
        yield self._placed("1.5 times as bright, saturated", _bytes(1.5 * grey), frame)
        yield self._placed("darker to one side, to 35 %", _bytes(grey * np.linspace(1, 0.35, 448)), frame)

    def _damaged(self, frame: int) -> Iterator[Variant]:
        own, rng = self._own(frame), self.rng
        yield self._placed("noise, 60 grey levels", _bytes(own + rng.normal(0, 60, own.shape)), frame)
        salt = np.where(rng.random(own.shape) < 0.1, rng.choice([0, 255], own.shape), own)
        yield self._placed("salt and pepper, 10 %", salt.astype(np.uint8), frame)
        yield self._placed("JPEG, quality 10", _jpeg(own, 10), frame)
        stripe = own.copy()
        stripe[:, 200:215] //= 6
        yield self._placed("dark stripe of 300 µm", stripe, frame)
        line = own.astype(np.float64)
        line[40:44] += 120
        yield self._placed("bright line in the vitreous", _bytes(line), frame)

    def _moved(self, frame: int) -> Iterator[Variant]:
        x = (np.arange(448) - 223.5) * 20.23
        yield self._sheared("tilted by -12 degrees", np.tan(np.deg2rad(-12)) * x / 6.0, frame)
        yield self._sheared("tilted by 15 degrees", np.tan(np.deg2rad(15)) * x / 6.0, frame)
        yield self._sheared("bowed, radius 9 mm", 40 - x**2 / (2 * 9000 * 6.0), frame)

    def _sheared(self, name: str, rows_down: Floats, frame: int) -> Variant:
        flat = self._placed(name, self._own(frame), frame)
        rows = np.arange(320)[:, None] - rows_down
        columns = np.broadcast_to(np.arange(448), rows.shape)
        moved = ndimage.map_coordinates(flat.bscan.astype(np.float64), [rows, columns], order=1, cval=12.0)
        return Variant(
            name, _bytes(moved), flat.axial_um, flat.lateral_um, flat.ilm_row + rows_down, flat.bm_row + rows_down
        )


def real_variants(path: Path) -> Iterator[Variant]:
    """One real B-scan with its instrument's rows, at its own and at three other sizes."""
    told = np.load(path)
    bscan, axial, lateral = told["bscan"], float(told["axial_um"]), float(told["lateral_um"])
    height, width = bscan.shape
    for rows, columns in ((height, width), (320, 448), (248, 384), (885, 512)):
        at = (np.arange(columns) + 0.5) * width / columns - 0.5
        true = []
        for name in ("ilm_row", "bm_row"):
            known = np.flatnonzero(np.isfinite(told[name]))
            true.append((np.interp(at, known, told[name][known]) + 0.5) * rows / height - 0.5)
        picture = bscan if (rows, columns) == bscan.shape else _resized(bscan, rows, columns)
        name = f"real scan, {rows} x {columns}"
        yield Variant(name, picture, axial * height / rows, lateral * width / columns, true[0], true[1])


def _speckle(intensity: Floats, kind: str, rng: np.random.Generator) -> Floats:
    shape = intensity.shape
    floor = (4e-3 if "strong floor" in kind else 4e-4) * rng.exponential(1.0, shape)
    if kind.startswith("gamma"):
        looks = float(kind.split()[1].rstrip(","))
        return intensity * rng.gamma(looks, 1 / looks, shape) + floor
    if kind == "lognormal":
        return intensity * np.exp(0.6 * rng.normal(size=shape) - 0.18) + floor
    if kind == "K":
        return intensity * rng.gamma(2.0, 0.5, shape) * rng.exponential(1.0, shape) + floor
    field = ndimage.gaussian_filter(rng.normal(size=shape) + 1j * rng.normal(size=shape), (2.0, 2.5))
    grains = np.abs(field) ** 2
    return np.asarray(intensity * grains / grains.mean() + floor)


def _display(intensity: Floats, curve: str) -> Bytes:
    if curve == "log":
        return _bytes(255 * (1 + 10 * np.log10(intensity + 1e-9) / 40))
    return _bytes(255 * intensity**0.25)


def _bytes(grey: Floats) -> Bytes:
    return np.rint(np.clip(grey, 0, 255)).astype(np.uint8)


def _resized(bscan: Bytes, height: int, width: int) -> Bytes:
    return np.asarray(Image.fromarray(bscan).resize((width, height), Image.Resampling.BILINEAR))


def _resized_floats(picture: Floats, height: int, width: int) -> Floats:
    image = Image.fromarray(picture.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float64)


def _jpeg(bscan: Bytes, quality: int) -> Bytes:
    buffer = io.BytesIO()
    Image.fromarray(bscan).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
