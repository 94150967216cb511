"""The vessel tree of one eye: arcades, branches and twigs as densely sampled curves with a width at every point.

Curves are drawn in the eye's frame (micrometres from the fovea, x nasal, y up). The photograph stamps the points,
the B-scans cut them. Sampled by `anatomy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.disc import Disc
from fundus2oct.benchmark.phantom.smooth_fields import Floats

SPACING_UM = 14.0
_FIELD_UM = 8200.0
ARTERY, VEIN = 0, 1
_CURVE = np.linspace(0.0, 1.0, 24)[:, None]


@dataclass(frozen=True)
class VesselTraits:
    """What shapes a tree: widths, how wide the arcades open, how they wind, the vessel-free zone of the fovea."""

    width: float
    arcade: float
    tortuosity: float
    avascular_um: float


@dataclass(frozen=True, eq=False)
class VesselTree:
    """All points of all vessels: (n,) float64 places and half widths in micrometres, (n,) kind ARTERY or VEIN."""

    x: Floats
    y: Floats
    half_width: Floats
    kind: Floats

    @cached_property
    def index(self) -> cKDTree:
        """Search tree over the vessels wide enough to matter in a B-scan."""
        return cKDTree(np.stack([self.x, self.y], axis=1)[self._wide])

    @cached_property
    def _wide(self) -> Floats:
        return np.flatnonzero(self.half_width > 9.0)  # type: ignore[return-value]  # an index array

    def chord(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """How much vessel a vertical line at each place passes.

        Returns:
            The lumen's chord in micrometres (0 beside vessels) and the vessel's kind, both of x's shape.
        """
        places = np.stack([x.ravel(), y.ravel()], axis=1)
        distance, nearest = self.index.query(places, k=3, distance_upper_bound=110.0)
        found = np.minimum(nearest, len(self._wide) - 1)
        half = self.half_width[self._wide][found]
        chord = 2.0 * np.sqrt(np.maximum(half**2 - np.minimum(distance, 1e6) ** 2, 0.0))
        best = chord.argmax(axis=1)
        pick = np.arange(len(best))
        kind = self.kind[self._wide][found[pick, best]]
        return chord[pick, best].reshape(x.shape), kind.reshape(x.shape)


class _Grower:
    """Collects curves; one instance per tree."""

    def __init__(self, rng: np.random.Generator, disc: Disc, traits: VesselTraits) -> None:
        self.rng, self.disc, self.traits = rng, disc, traits
        self.parts: list[tuple[Floats, Floats, Floats, int]] = []

    def add(self, x: Floats, y: Floats, half_width: Floats, kind: int, wave_um: float) -> tuple[Floats, Floats]:
        """Resample a curve evenly, let it wind, keep it off the fovea; return its places."""
        step = np.hypot(np.diff(x), np.diff(y))
        length = np.concatenate([[0.0], np.cumsum(step)])
        n = max(int(length[-1] / SPACING_UM), 8)
        at = np.linspace(0.0, length[-1], n)
        x, y = np.interp(at, length, x), np.interp(at, length, y)
        half_width = np.interp(at, length, half_width)
        dx, dy = np.diff(x, append=2 * x[-1] - x[-2]), np.diff(y, append=2 * y[-1] - y[-2])
        norm = np.maximum(np.hypot(dx, dy), 1e-9)
        wave = self._wave(at, wave_um)
        x, y = x - dy / norm * wave, y + dx / norm * wave
        r = np.hypot(x, y)
        keep = (r > self.traits.avascular_um) & (r < _FIELD_UM)
        self.parts.append((x[keep], y[keep], half_width[keep], kind))
        return x, y

    def _wave(self, at: Floats, wave_um: float) -> Floats:
        draw = self.rng.random((3, 3, 1))
        period = (900.0 + 1700.0 * draw[0]) * (0.4 + 0.6 * min(at[-1] / 4000.0, 1.0))
        wave = ((0.2 + 0.8 * draw[2]) * np.sin(2 * np.pi * (at / period + draw[1]))).sum(axis=0)
        rise = np.minimum(at / 900.0, 1.0) * np.minimum((at[-1] - at) / 400.0 + 0.3, 1.0)
        size = wave_um * self.traits.tortuosity * min(1.0, float(at[-1]) / 2500.0)
        winding: Floats = wave * rise * size
        return winding

    def trunk(self, up: int, side: int, kind: int, opening: float, length: float, width: float) -> None:
        """One arcade: a parabola leaving the disc upwards or downwards, bending to the temporal or nasal side."""
        s = np.linspace(0.0, length, 90)
        height = up * (np.sqrt(4.0 * opening * (s + 25.0)) - np.sqrt(100.0 * opening))
        height = height * (1.0 - 0.16 * (s / 7000.0) ** 2)
        start_x = self.disc.x_um + self.disc.radius_x_um * (0.22 + 0.05 * self.rng.standard_normal())
        start_y = self.disc.y_um + up * 60.0
        axis = np.arctan2(self.disc.y_um, self.disc.x_um) * 0.8
        x = start_x + side * s * np.cos(axis) + height * np.sin(-axis) * -side
        y = start_y + side * s * np.sin(axis) + height * np.cos(axis)
        half = 0.5 * width * (1.0 - 0.62 * np.linspace(0.0, 1.0, 90))
        x, y = self.add(x, y, half, kind, 75.0)
        self._branches(x, y, kind, up, inward=side < 0, half0=0.5 * width)

    def _branches(self, x: Floats, y: Floats, kind: int, up: int, *, inward: bool, half0: float) -> None:
        n = len(x)
        places = np.sort(self.rng.uniform(0.10, 0.88, 9 if inward else 5))
        for i, place in enumerate(places):
            k = int(place * n)
            tangent = np.array([x[min(k + 5, n - 1)] - x[k - 5], y[min(k + 5, n - 1)] - y[k - 5]])
            tangent /= max(float(np.hypot(*tangent)), 1e-9)
            half = half0 * (1.0 - 0.62 * place) * self.rng.uniform(0.38, 0.66)
            if inward and i % 2 == 0:
                radius = self.traits.avascular_um + self.rng.uniform(0.0, 1300.0)
                angle = np.arctan2(y[k], x[k]) + self.rng.normal(0.0, 0.45)
                target = radius * np.array([np.cos(angle), np.sin(angle)])
            else:
                away = np.array([tangent[0] * 0.8, up * 0.85 + tangent[1] * 0.5])
                target = np.array([x[k], y[k]]) + away * self.rng.uniform(1300.0, 3400.0)
            self.branch(np.array([x[k], y[k]]), tangent, target, half, kind, twigs=2 if i % 3 else 1)

    def branch(self, start: Floats, tangent: Floats, target: Floats, half: float, kind: int, twigs: int) -> None:
        """A cubic curve from a parent's point to a target, with side twigs."""
        span = float(np.hypot(*(target - start)))
        t = _CURVE
        first = start + tangent * 0.38 * span
        second = target + (start - target) * 0.35 + self.rng.normal(0.0, 0.09 * span, 2)
        curve = (1 - t) ** 3 * start + 3 * (1 - t) ** 2 * t * first + 3 * (1 - t) * t**2 * second + t**3 * target
        width = half * (1.0 - 0.72 * t[:, 0])
        x, y = self.add(curve[:, 0], curve[:, 1], np.maximum(width, 5.0), kind, 45.0)
        for _ in range(twigs):
            k = int(self.rng.uniform(0.25, 0.85) * len(x))
            heading = np.arctan2(y[min(k + 4, len(y) - 1)] - y[k - 4], x[min(k + 4, len(x) - 1)] - x[k - 4])
            heading += self.rng.choice([-1.0, 1.0]) * self.rng.uniform(0.5, 1.0)
            direction = np.array([np.cos(heading), np.sin(heading)])
            origin = np.array([x[k], y[k]])
            end = origin + direction * span * self.rng.uniform(0.2, 0.45)
            self.branch(origin, direction, end, half * 0.55, kind, twigs=1 if twigs > 1 else 0)


def sample_vessels(rng: np.random.Generator, disc: Disc, traits: VesselTraits) -> VesselTree:
    """A vessel tree that leaves the disc by four arcades, each an artery and a vein, and spares the fovea."""
    grower = _Grower(rng, disc, traits)
    for up in (1, -1):
        for side in (-1, 1):
            opening = (400.0 if side < 0 else 1000.0) * (1.0 + 0.16 * traits.arcade + 0.06 * rng.standard_normal())
            length = 9500.0 if side < 0 else 4200.0
            size = (1.0 if side < 0 else 0.78) * traits.width
            for kind, width in ((VEIN, norms.VEIN_UM), (ARTERY, norms.ARTERY_UM)):
                spread = 1.0 + (0.10 if kind == VEIN else -0.06) + 0.05 * rng.standard_normal()
                grower.trunk(up, side, kind, opening * spread, length, size * width)
    for up in (1, -1, 1, -1):
        start = np.array(
            [disc.x_um - 0.75 * disc.radius_x_um, disc.y_um + up * disc.radius_y_um * rng.uniform(0.1, 0.6)]
        )
        angle = rng.uniform(0.15, 0.9) * up
        target = (traits.avascular_um + rng.uniform(50.0, 900.0)) * np.array([np.cos(angle), np.sin(angle)])
        tangent = np.array([-0.92, 0.38 * up])
        grower.branch(start, tangent, target, 0.5 * rng.uniform(30.0, 46.0) * traits.width, int(rng.integers(2)), 1)
    parts = grower.parts
    x, y, half = (np.concatenate([part[i] for part in parts]) for i in range(3))
    kind_of = np.concatenate([np.full(len(part[0]), float(part[3])) for part in parts])
    return VesselTree(x, y, half, kind_of)
