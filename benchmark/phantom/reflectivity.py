"""What the OCT would see without noise: the logarithm of reflectivity along every A-scan, built from steps.

Layers, bands, vessels with their shadows, cysts and choroidal lumens each add steps at exact depths; a running sum
turns steps into the picture, and a narrow blur stands for the instrument's resolution. Display levels (0..255 on the
fourth-root scale) are read from a real Spectralis scan. Called by `oct_renderer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.anatomy import Eye
from fundus2oct.benchmark.phantom.choroid import LEVELS
from fundus2oct.benchmark.phantom.smooth_fields import Floats, smoothstep

VITREOUS: Final = 8.0
_NEAR_RETINA: Final = 42.0
LEVEL: Final = {"RNFL": 170.0, "GCL": 120.0, "IPL": 126.0, "INL": 89.0, "OPL": 108.0, "HFL": 76.0, "ONL": 64.0}
"""Brightness of each layer on the 0..255 fourth-root scale, before gain."""

BLUR_ROWS: Final = 0.95
"""Sigma of the axial blur, native rows; applied on the fourth-root scale so that edges stay where they are."""


class StepStack:
    """Log reflectivity as steps at exact depths; `picture` sums them up."""

    def __init__(self, columns: int) -> None:
        self.steps = np.zeros((6, norms.NATIVE_ROWS + 2, columns))
        self.kinks = np.zeros((6, norms.NATIVE_ROWS + 2, columns))
        self._frame, self._column = np.arange(6)[:, None], np.arange(columns)[None, :]

    def step(self, depth_um: Floats, change: Floats | float) -> None:
        """Change the log reflectivity from ``depth_um`` downwards; (6, columns), one depth per A-scan."""
        self._add(self.steps, depth_um, change)

    def slope(self, depth_um: Floats, per_um: Floats | float) -> None:
        """Change the slope of the log reflectivity from ``depth_um`` downwards."""
        self._add(self.kinks, depth_um, np.multiply(per_um, norms.NATIVE_AXIAL_UM))

    def slab(self, top_um: Floats, bottom_um: Floats, change: Floats | float) -> None:
        """Change the log reflectivity between two depths."""
        self.step(top_um, change)
        self.step(bottom_um, -np.asarray(change))

    def lump(self, where: NDArray[np.bool_], top_um: Floats, bottom_um: Floats, change: float) -> None:
        """A slab at a few A-scans only: ``where`` (6, columns), depths one per true place."""
        frame, column = np.nonzero(where)
        for depth, sign in ((top_um, 1.0), (bottom_um, -1.0)):
            row, share = self._rows(depth)
            self.steps[frame, row, column] += sign * change * (1.0 - share)
            self.steps[frame, row + 1, column] += sign * change * share

    def _add(self, target: Floats, depth_um: Floats, change: Floats | float) -> None:
        row, share = self._rows(depth_um)
        target[self._frame, row, self._column] += change * (1.0 - share)
        target[self._frame, row + 1, self._column] += change * share

    @staticmethod
    def _rows(depth_um: Floats) -> tuple[NDArray[np.intp], Floats]:
        place = np.clip(depth_um / norms.NATIVE_AXIAL_UM, 0.0, norms.NATIVE_ROWS)
        row = np.floor(place).astype(np.intp)
        return row, place - row

    def picture(self) -> Floats:
        """Fourth root of the reflectivity, (6, 496, columns), 1 = white; the stack is used up."""
        steps, kinks = self.steps, self.kinks
        steps[:, 0] += kinks[:, 0]
        for row in range(1, norms.NATIVE_ROWS):  # running sums; row by row is faster than cumsum along this axis
            kinks[:, row] += kinks[:, row - 1]
            steps[:, row] += steps[:, row - 1]
            steps[:, row] += kinks[:, row]
        log = steps[:, : norms.NATIVE_ROWS]
        log *= 0.25
        root = np.exp(log)
        return ndimage.gaussian_filter1d(root, BLUR_ROWS, axis=1, truncate=3.2, mode="nearest")


@dataclass(frozen=True, eq=False)
class Columns:
    """Surfaces of one eye at the A-scans of its six lines; everything (6, columns) float64, micrometres."""

    x: Floats
    y: Floats
    layers: dict[str, Floats]
    druse: Floats
    membrane_depth: Floats
    """Depth of Bruch's membrane below the picture's top, continued through the disc."""
    ilm_depth: Floats
    has_membrane: NDArray[np.bool_]

    def top(self, layer: str) -> Floats:
        """Depth of a layer's upper surface."""
        above = norms.LAYERS[: norms.LAYERS.index(layer)]
        return self.ilm_depth + sum((self.layers[name] for name in above), np.zeros_like(self.x))


def columns_of(eye: Eye, columns: int = norms.NATIVE_COLUMNS) -> Columns:
    """Anatomy of an eye where its scan's A-scans lie."""
    x, y, local_x, local_y = eye.scan.places(eye.nasal, columns)
    layers = eye.shape.thickness_um(x, y)
    druse = eye.shape.druse_um(x, y)
    membrane = eye.scan.membrane_depth_um(local_x, local_y)
    total = sum((layers[name] for name in norms.LAYERS), np.zeros_like(x)) + druse
    has_membrane = eye.disc.opening(x, y) >= 1.0
    return Columns(x, y, layers, druse, membrane, membrane - total, has_membrane)


def fourth_root_reflectivity(eye: Eye, at: Columns) -> Floats:
    """The noise-free picture, (6, 496, columns) float64: fourth root of reflectivity, 1 = white."""
    stack = StepStack(at.x.shape[1])
    _vitreous(stack, eye, at)
    _inner_retina(stack, eye, at)
    _outer_retina(stack, eye, at)
    _choroid(stack, eye, at)
    _disc(stack, eye, at)
    _vessels(stack, eye, at)
    _lesions(stack, eye, at)
    return stack.picture()


def _log(level: float) -> float:
    return float(4.0 * np.log(level / 255.0))


def _vitreous(stack: StepStack, eye: Eye, at: Columns) -> None:
    stack.step(np.zeros_like(at.x), _log(VITREOUS))
    rise = (_log(_NEAR_RETINA) - _log(VITREOUS)) / 190.0
    stack.slope(at.ilm_depth - 200.0, rise)
    stack.slope(at.ilm_depth - 10.0, -rise)
    stack.step(at.ilm_depth, _log(LEVEL["RNFL"]) - _log(_NEAR_RETINA))
    if eye.traits["reflex"] > 0.2:  # the detached hyaloid, in part of the eyes
        lift = 70.0 + 60.0 * eye.traits["choroid"] ** 2 + 45.0 * eye.pigment_map.at(0.6 * at.x, 0.6 * at.y)
        face = at.ilm_depth - np.maximum(lift, 4.0)
        stack.slab(face - 9.0, face, 1.1 * smoothstep(lift, 15.0, 50.0))


def _inner_retina(stack: StepStack, eye: Eye, at: Columns) -> None:
    retina = at.has_membrane.astype(np.float64)
    names = ("RNFL", "GCL", "IPL", "INL", "OPL")
    for upper, lower in pairwise(names):
        stack.step(at.top(lower), retina * (_log(LEVEL[lower]) - _log(LEVEL[upper])))
    onl, thickness = at.top("ONL"), at.layers["ONL"]
    r = np.hypot(at.x, at.y)
    # Henle's fibres are brighter on the side the beam meets them head-on (Lujan et al. 2011).
    lit = 8.0 * np.clip(eye.scan.tilt_x * at.x / 40.0 + eye.scan.tilt_y * at.y / 40.0, -1.0, 1.0)
    henle = 4.0 * np.log((LEVEL["HFL"] + lit * np.exp(-((r / 1600.0) ** 2))) / LEVEL["OPL"])
    stack.step(onl, retina * henle)
    split = onl + thickness * (0.25 + 0.2 * np.exp(-((r / 1200.0) ** 2)))
    stack.step(split, retina * (_log(LEVEL["ONL"]) - _log(LEVEL["OPL"]) - henle))
    shine = np.clip(eye.pigment_map.at(at.x * 2.7, at.y * 2.7) - 0.9, 0.0, 1.2) + 1.2 * np.exp(-((r / 70.0) ** 2))
    stack.slab(at.ilm_depth + 0.5, at.ilm_depth + 9.0, 1.1 * shine * (0.6 + 0.4 * np.tanh(eye.traits["reflex"])))


_BANDS: Final = (
    # height above Bruch's membrane as a share of the outer retina, brightness from there down
    (1.00, 100.0),  # external limiting membrane
    (0.93, 64.0),  # myoid
    (0.82, 186.0),  # ellipsoid
    (0.56, 92.0),  # outer segments
    (0.46, 150.0),  # interdigitation
    (0.36, 210.0),  # pigment epithelium
)
_BELOW_MEMBRANE: Final = 118.0


def _outer_retina(stack: StepStack, eye: Eye, at: Columns) -> None:
    retina = at.has_membrane.astype(np.float64)
    epithelium = at.membrane_depth - at.druse
    worn = np.clip(at.druse / 60.0, 0.0, 1.0) * 0.5
    above: Floats = np.full_like(at.x, _log(LEVEL["ONL"]))
    for share, level in _BANDS:
        value = _log(level) - worn * (0.4 < share < 0.9)
        stack.step(epithelium - share * at.layers["OUTER"], retina * (value - above))
        above = value
    drusenoid = np.where(at.druse > 3.0, _log(112.0), _log(_BELOW_MEMBRANE))
    stack.step(epithelium, retina * (drusenoid - above))
    stack.step(at.membrane_depth, retina * (_log(_BELOW_MEMBRANE) - drusenoid))


def _choroid(stack: StepStack, eye: Eye, at: Columns) -> None:
    retina = at.has_membrane.astype(np.float64)
    thickness = eye.choroid.thickness_um(at.x, at.y)
    stack.step(at.membrane_depth + 14.0, retina * (_log(98.0) - _log(_BELOW_MEMBRANE)))
    stack.slope(at.membrane_depth + 14.0, retina * -0.0118)
    lumens = eye.choroid.lumens(at.x, at.y)
    level = np.arange(LEVELS, dtype=np.float64)
    depth_of_lumen = np.interp(level, [0, 3, 8, LEVELS - 2, LEVELS - 1], [0.4, 1.0, 1.5, 1.5, 0.5])
    before = np.zeros_like(at.x)
    for k in range(LEVELS):
        value = -depth_of_lumen[k] * lumens[k] * retina
        stack.step(at.membrane_depth + 14.0 + thickness * k / LEVELS, value - before)
        before = value
    sclera = at.membrane_depth + 14.0 + thickness
    stack.step(sclera, retina * 0.45 - before)
    stack.slope(sclera + 60.0, retina * -0.003)


def _disc(stack: StepStack, eye: Eye, at: Columns) -> None:
    head = 1.0 - at.has_membrane.astype(np.float64)
    radius = eye.disc.radius(at.x, at.y)
    crescent = smoothstep(radius, 0.98, 1.04) * head
    stack.slope(at.ilm_depth + 40.0, head * -0.0075)
    stack.step(at.ilm_depth + 50.0, -0.6 * head)
    stack.step(at.ilm_depth, -0.9 * head * eye.disc.cup(at.x, at.y))
    lamina = at.membrane_depth + 0.62 * eye.disc.cup_depth_um
    bright = head * (1.0 - crescent) * (0.4 + 0.5 * eye.disc.cup(at.x, at.y))
    stack.slab(lamina, lamina + 160.0, bright)
    stack.slab(at.membrane_depth + 5.0, at.membrane_depth + 130.0, 1.1 * crescent)


def _vessels(stack: StepStack, eye: Eye, at: Columns) -> None:
    chord, kind = eye.vessels.chord(at.x, at.y)
    wall = smoothstep(chord, 8.0, 40.0)
    top = at.ilm_depth + 8.0 + 0.12 * chord
    stack.slab(top, top + 12.0 + 0.40 * chord, 0.75 * wall)
    shadow = -(0.024 + 0.003 * kind) * chord * smoothstep(chord, 8.0, 35.0)
    stack.step(top + 0.50 * chord, 0.35 * shadow)
    stack.step(top + 1.00 * chord, 0.65 * shadow)


def _lesions(stack: StepStack, eye: Eye, at: Columns) -> None:
    lesions = eye.lesions
    for x, y, level, lateral, axial in lesions.cysts:
        gap = (at.x - x) ** 2 + (at.y - y) ** 2
        where = (gap < lateral**2) & at.has_membrane
        if not where.any():
            continue
        half = axial * np.sqrt(1.0 - gap[where] / lateral**2)
        inl, outer = at.top("INL")[where], at.top("OUTER")[where]
        middle = inl + (0.18 + 0.5 * level) * (outer - inl)
        stack.lump(where, middle - half, middle + half, -1.9)
    for x, y, radius in lesions.exudates:
        gap = (at.x - x) ** 2 + (at.y - y) ** 2
        where = (gap < radius**2) & at.has_membrane
        if not where.any():
            continue
        half = 0.6 * np.sqrt(radius**2 - gap[where])
        middle = at.top("OPL")[where] + 0.5 * at.layers["OPL"][where]
        stack.lump(where, middle - half, middle + half, 2.2)
        stack.lump(where, middle + half, np.full(half.shape, 1e5), -0.018 * half.max())
    strength = lesions.membrane_strength(at.x, at.y)
    if lesions.membrane[0] > 0:
        stack.slab(at.ilm_depth, at.ilm_depth + 13.0, 1.1 * np.minimum(1.5 * strength, 1.0))
