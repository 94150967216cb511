"""The optic disc: margin, cup and myopic crescent. Drawn by both renderers; sampled by `anatomy`.

Coordinates are micrometres from the fovea, x nasal, y up. The normalised radius is 1 on the disc's margin. Bruch's
membrane ends at the margin, or at the crescent's outer edge in a myopic eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.smooth_fields import Floats, smoothstep


@dataclass(frozen=True)
class Disc:
    """Place and shape of one optic disc."""

    x_um: float
    y_um: float
    radius_x_um: float
    radius_y_um: float
    cup_ratio: float
    cup_depth_um: float
    crescent_um: float
    """Width of the crescent on the temporal side; 0 in most eyes."""

    def radius(self, x: Floats, y: Floats) -> Floats:
        """Normalised distance from the disc's centre: 1 on the margin."""
        return np.hypot((x - self.x_um) / self.radius_x_um, (y - self.y_um) / self.radius_y_um)

    def opening(self, x: Floats, y: Floats) -> Floats:
        """Normalised distance, 1 where Bruch's membrane ends: the margin widened by the crescent."""
        dx, dy = x - self.x_um, y - self.y_um
        temporal = smoothstep(-dx / np.maximum(np.hypot(dx, dy), 1.0), -0.2, 0.9)
        widen = 1.0 + self.crescent_um / self.radius_x_um * temporal
        return self.radius(x, y) / widen

    def crescent(self, x: Floats, y: Floats) -> Floats:
        """1 inside the crescent, 0 on the disc and beyond."""
        if self.crescent_um <= 0:
            return np.zeros_like(x)
        radius, opening = self.radius(x, y), self.opening(x, y)
        return smoothstep(radius, 0.97, 1.03) * (1.0 - smoothstep(opening, 0.97, 1.03))

    def cup(self, x: Floats, y: Floats) -> Floats:
        """Depth of the excavation as a share of the cup's depth: 1 at its bottom, 0 on the rim."""
        return 1.0 - smoothstep(self.radius(x, y), 0.55 * self.cup_ratio, 1.25 * self.cup_ratio + 0.02)


def sample_disc(rng: np.random.Generator, size: float, cup: float, *, myopia: float, glaucoma: float) -> Disc:
    """A disc from the published means; ``size`` and ``cup`` are standard-normal traits, the rest severities 0..1."""
    distance = norms.DISC_DISTANCE_UM + norms.DISC_DISTANCE_SD_UM * rng.standard_normal()
    angle = np.deg2rad(np.clip(norms.DISC_ANGLE_DEG + norms.DISC_ANGLE_SD_DEG * rng.standard_normal(), 3.0, 11.0))
    scale = 1.0 + 0.06 * np.clip(size, -2.0, 2.0)
    ratio = norms.CUP_RATIO + norms.CUP_RATIO_SD * cup + glaucoma * (0.16 + 0.14 * rng.random())
    ratio = float(np.clip(ratio, 0.12, 0.86))
    crescent = myopia * (250.0 + 450.0 * rng.random()) + (60.0 * rng.random() if rng.random() < 0.25 else 0.0)
    return Disc(
        x_um=float(distance * np.cos(angle)),
        y_um=float(distance * np.sin(angle)),
        radius_x_um=float(norms.DISC_RADII_UM[0] * scale * (1.0 - 0.12 * myopia)),
        radius_y_um=float(norms.DISC_RADII_UM[1] * scale),
        cup_ratio=ratio,
        cup_depth_um=float(120.0 + 420.0 * ratio + 40.0 * rng.standard_normal()),
        crescent_um=float(crescent),
    )
