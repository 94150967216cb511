"""The choroid: how thick it is and where its vessels run. Seen in the B-scan as dark lumens, in the photograph as
tessellation. Sampled by `anatomy`, read by both renderers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.smooth_fields import Floats

LEVELS = 18
"""Levels of relative depth, from Bruch's membrane to the sclera."""

_LATTICE = 112
_HALF_WIDTH_UM = 7500.0


@dataclass(frozen=True, eq=False)
class Choroid:
    """Thickness map and vessel field of one choroid."""

    subfoveal_um: float
    direction: float
    vessel_field: Floats
    """(LEVELS, n, n), unit variance: high values are lumens."""

    def thickness_um(self, x: Floats, y: Floats) -> Floats:
        """Thickness at places in micrometres from the fovea (x nasal): thinner nasally and away from the fovea."""
        nasal = norms.CHOROID_NASAL_3MM_UM / norms.CHOROID_SUBFOVEAL_UM
        slope = np.where(x > 0, np.log(nasal) / 3000.0**1.5, -0.18 / 3000.0**1.5)
        shape = np.exp(slope * np.abs(x) ** 1.5 - 0.10 * (y / 3000.0) ** 2)
        thickness: Floats = np.maximum(self.subfoveal_um * shape, 45.0)
        return thickness

    def lumens(self, x: Floats, y: Floats) -> Floats:
        """Share of lumen, 0..1, at every level: shape (LEVELS, *x.shape)."""
        rows, columns = self._lattice_places(x, y)
        levels = np.arange(LEVELS, dtype=np.float64).reshape(-1, *(1,) * x.ndim)
        shape = (LEVELS, *x.shape)
        places = [np.broadcast_to(levels, shape), np.broadcast_to(rows, shape), np.broadcast_to(columns, shape)]
        return _lumen(ndimage.map_coordinates(self.vessel_field, places, order=1, mode="nearest"))

    def tessellation(self, x: Floats, y: Floats) -> Floats:
        """Mean share of lumen over depth, minus its mean: what shines through a thin pigment epithelium."""
        mean = _lumen(self.vessel_field[3:13]).mean(axis=0)
        rows, columns = self._lattice_places(x, y)
        return ndimage.map_coordinates(mean - mean.mean(), [rows, columns], order=1, mode="nearest")

    def _lattice_places(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        scale = (_LATTICE - 1) / (2 * _HALF_WIDTH_UM)
        cos, sin = np.cos(self.direction), np.sin(self.direction)
        along, across = x * cos + y * sin, y * cos - x * sin
        return (across + _HALF_WIDTH_UM) * scale, (along + _HALF_WIDTH_UM) * scale


def sample_choroid(rng: np.random.Generator, thickness: float, *, myopia: float) -> Choroid:
    """A choroid; ``thickness`` is a standard-normal trait, ``myopia`` a severity 0..1 that thins it."""
    subfoveal = norms.CHOROID_SUBFOVEAL_UM + norms.CHOROID_SUBFOVEAL_SD_UM * np.clip(thickness, -2.2, 2.2)
    subfoveal *= 1.0 - 0.55 * myopia
    noise = rng.standard_normal((LEVELS, _LATTICE, _LATTICE))
    field = ndimage.gaussian_filter(noise, (1.5, 0.75, 2.0), mode=("nearest", "wrap", "wrap"))
    return Choroid(float(max(subfoveal, 60.0)), float(rng.uniform(-0.6, 0.6)), field / field.std())


def _lumen(field: Floats) -> Floats:
    return np.clip(0.5 + 2.0 * (field - 0.3), 0.0, 1.0)
