"""Smooth random maps over the retina: a lattice of filtered noise, read off by linear interpolation.

They give layer thickness, pigment and choroid their irregularity. No anatomy here. Called by the anatomy modules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SmoothField:
    """A map of unit variance over the square |x|, |y| <= ``half_width_um`` around the fovea; edges repeat."""

    values: Floats
    half_width_um: float

    def at(self, x: Floats, y: Floats) -> Floats:
        """Value at retinal places (micrometres from the fovea); x and y of any equal shape."""
        scale = (self.values.shape[0] - 1) / (2 * self.half_width_um)
        rows = (y + self.half_width_um) * scale
        columns = (x + self.half_width_um) * scale
        return ndimage.map_coordinates(self.values, [rows, columns], order=1, mode="nearest")


def smooth_field(
    rng: np.random.Generator, correlation_um: float, half_width_um: float = 8000.0, lattice: int = 64
) -> SmoothField:
    """Gaussian noise filtered to a correlation length, scaled to mean 0 and standard deviation 1."""
    sigma = correlation_um * (lattice - 1) / (2 * half_width_um)
    values = ndimage.gaussian_filter(rng.standard_normal((lattice, lattice)), sigma, mode="wrap")
    values -= values.mean()
    return SmoothField(values / values.std(), half_width_um)


def smoothstep(value: Floats, low: float, high: float) -> Floats:
    """0 below ``low``, 1 above ``high``, a cubic between."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
