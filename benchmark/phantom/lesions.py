"""What a disease puts into an eye, as places and sizes both pictures are drawn from. Sampled by `anatomy`.

Coordinates are micrometres from the fovea, x nasal, y up. An eye without disease has empty arrays and zeros, apart
from the few small hard drusen that many healthy eyes have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fundus2oct.benchmark.phantom.smooth_fields import Floats

DISEASES = ("none", "drusen", "oedema", "glaucoma", "myopia", "membrane")


def _empty(columns: int) -> Floats:
    return np.zeros((0, columns))


@dataclass(frozen=True, eq=False)
class Lesions:
    """Lesions of one eye; every array has one row per lesion."""

    drusen: Floats = field(default_factory=lambda: _empty(4))
    """x, y, radius, height."""
    cysts: Floats = field(default_factory=lambda: _empty(5))
    """x, y, depth (0 INL .. 1 Henle's layer), lateral radius, axial radius."""
    exudates: Floats = field(default_factory=lambda: _empty(3))
    """x, y, radius."""
    haemorrhages: Floats = field(default_factory=lambda: _empty(3))
    """x, y, radius."""
    swelling: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1000.0)
    """x, y, height, radius of the oedema."""
    fibre_loss: float = 0.0
    """Share of nerve fibres lost everywhere."""
    wedge: tuple[float, float, float] = (0.0, 0.3, 0.0)
    """Arcade coordinate of the wedge's axis (sign: upper or lower), half width, share lost."""
    membrane: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 260.0)
    """Strength, x and y of its centre, wavelength of its folds."""
    fold_direction: float = 0.0
    myopia: float = 0.0

    def druse_height(self, x: Floats, y: Floats) -> Floats:
        """Height of the pigment epithelium above Bruch's membrane, micrometres, of x's shape."""
        height = np.zeros(x.shape)
        for dx, dy, row, (_, _, radius, top) in _Places(x, y).near(self.drusen, 2.2):
            bump = top * np.exp(-(((dx * dx + dy * dy) / radius**2) ** 1.4))
            height.flat[row] = np.maximum(height.flat[row], bump)
        return height

    def swelling_height(self, x: Floats, y: Floats) -> Floats:
        """Extra thickness of the inner nuclear to Henle's layers from oedema, micrometres."""
        cx, cy, height, radius = self.swelling
        return height * np.exp(-(((x - cx) ** 2 + (y - cy) ** 2) / radius**2))

    def membrane_strength(self, x: Floats, y: Floats) -> Floats:
        """0..1: how thick the epiretinal membrane is here."""
        strength, cx, cy, _ = self.membrane
        return strength * np.exp(-(((x - cx) ** 2 + (y - cy) ** 2) / 2300.0**2))

    def folds(self, x: Floats, y: Floats) -> Floats:
        """-1..1: folds of the inner surface under a membrane."""
        cos, sin = np.cos(self.fold_direction), np.sin(self.fold_direction)
        along, across = x * cos + y * sin, y * cos - x * sin
        phase = 2 * np.pi * across / self.membrane[3] + 1.3 * np.sin(along / 800.0) + 0.8 * np.sin(across / 530.0)
        folds: Floats = np.sin(phase)
        return folds


def spot_maps(x: Floats, y: Floats, *kinds: Floats) -> list[Floats]:
    """Maps 0..1 of round spots, soft at the edge, one of x's shape for each table (columns x, y, radius first)."""
    places = _Places(x, y)
    maps = []
    for spots in kinds:
        out = np.zeros(x.shape)
        for dx, dy, row, spot in places.near(spots, 1.6):
            value = np.exp(-(((dx * dx + dy * dy) / spot[2] ** 2) ** 2))
            out.flat[row] = np.maximum(out.flat[row], value)
        maps.append(out)
    return maps


class _Places:
    """Places to look spots up among."""

    def __init__(self, x: Floats, y: Floats) -> None:
        self.places = np.stack([x.ravel(), y.ravel()], axis=1)

    @cached_property
    def tree(self) -> cKDTree:
        return cKDTree(self.places, balanced_tree=False, compact_nodes=False)

    def near(self, spots: Floats, reach: float) -> Iterator[tuple[Floats, Floats, NDArray[np.intp], Floats]]:
        """For each spot: offsets and flat indices of the places within ``reach`` radii, and the spot."""
        if not len(spots):
            return
        for spot, found in zip(spots, self.tree.query_ball_point(spots[:, :2], reach * spots[:, 2]), strict=True):
            row = np.array(found, dtype=np.intp)
            yield self.places[row, 0] - spot[0], self.places[row, 1] - spot[1], row, spot


def sample_lesions(rng: np.random.Generator, disease: str, severity: float) -> Lesions:
    """Lesions of one eye; ``severity`` 0..1 within the disease."""
    if disease == "drusen":
        return Lesions(drusen=_drusen(rng, int(10 + 50 * severity), 60.0 + 60.0 * severity, 28.0 + 42.0 * severity))
    hard = _drusen(rng, int(rng.integers(0, 5)), 32.0, 12.0)
    if disease == "oedema":
        return _oedema(rng, severity, hard)
    if disease == "glaucoma":
        side = float(rng.choice([-1.0, 1.0]))
        wedge = (side * rng.uniform(0.7, 1.15), rng.uniform(0.18, 0.4), 0.45 + 0.45 * severity)
        return Lesions(drusen=hard, fibre_loss=0.10 + 0.38 * severity * rng.uniform(0.6, 1.0), wedge=wedge)
    if disease == "membrane":
        centre = rng.normal(0.0, 450.0, 2)
        membrane = (0.35 + 0.65 * severity, centre[0], centre[1], rng.uniform(190.0, 330.0))
        return Lesions(drusen=hard, membrane=membrane, fold_direction=rng.uniform(0.0, np.pi))
    return Lesions(drusen=hard, myopia=0.4 + 0.6 * severity if disease == "myopia" else 0.0)


def _drusen(rng: np.random.Generator, n: int, radius: float, height: float) -> Floats:
    place = rng.normal(0.0, 1150.0, (n, 2))
    size = radius * np.exp(0.35 * rng.standard_normal(n))
    top = height * (size / radius) ** 0.7 * np.exp(0.2 * rng.standard_normal(n))
    return np.column_stack([place, np.clip(size, 18.0, 240.0), np.clip(top, 5.0, 130.0)])


def _oedema(rng: np.random.Generator, severity: float, hard: Floats) -> Lesions:
    centre = rng.normal(0.0, 380.0, 2)
    height, radius = 35.0 + 230.0 * severity, rng.uniform(850.0, 1600.0)
    n = int(12 + 60 * severity)
    spread = rng.normal(0.0, 0.30 * radius, (n, 2)) + centre
    lateral = rng.uniform(45.0, 130.0, n) * (0.75 + 0.6 * severity)
    cysts = np.column_stack([spread, rng.uniform(0.0, 1.0, n), lateral, lateral * rng.uniform(0.25, 0.55, n)])
    ring = rng.uniform(0.0, 2 * np.pi) + rng.normal(0.0, 0.9, int(rng.poisson(6 + 16 * severity)))
    reach = radius * rng.uniform(0.75, 1.45, len(ring))
    exudates = np.column_stack(
        [centre[0] + reach * np.cos(ring), centre[1] + reach * np.sin(ring), rng.uniform(22.0, 65.0, len(ring))]
    )
    m = int(rng.poisson(5 + 10 * severity))
    bleeds = np.column_stack([rng.normal(0.0, 2300.0, (m, 2)), rng.uniform(20.0, 85.0, m)])
    return Lesions(hard, cysts, exudates, bleeds, swelling=(centre[0], centre[1], height, radius))
