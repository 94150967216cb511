"""Layer thickness and surfaces of one eye at any retinal place. No pictures here; the B-scans and the truth of
thickness come from it.

Profiles over eccentricity are fixed from `norms`; the direction, the nerve-fibre bundles, the disc, the lesions and
the eye's own variation act on them. Coordinates are micrometres from the fovea, x nasal, y up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.interpolate import PchipInterpolator

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.disc import Disc
from fundus2oct.benchmark.phantom.lesions import Lesions
from fundus2oct.benchmark.phantom.smooth_fields import Floats, SmoothField, smoothstep

_KNOTS_UM: Final = (0.0, 250.0, 500.0, 750.0, 1000.0, 1500.0, 2000.0, 3000.0, 4500.0, 7000.0)
_PROFILES_UM: Final[dict[str, tuple[float, ...]]] = {
    "GCL": (2.0, 8.0, 26.0, 44.0, 55.0, 53.0, 41.0, 24.0, 17.0, 13.0),
    "IPL": (7.0, 14.0, 30.0, 41.0, 44.5, 41.0, 31.5, 21.0, 18.0, 16.0),
    "INL": (6.0, 13.0, 28.0, 39.0, 42.0, 40.0, 35.0, 29.0, 27.0, 24.0),
    "OPL": (16.0, 21.0, 29.5, 34.0, 34.0, 32.0, 29.0, 26.0, 25.0, 22.0),
    "ONL": (114.0, 103.0, 87.0, 77.0, 71.0, 62.0, 58.0, 54.0, 50.0, 46.0),
    "OUTER": (95.0, 91.0, 84.0, 81.0, 80.0, 80.0, 80.0, 80.0, 78.0, 75.0),
}


def _profile(values: tuple[float, ...]) -> Any:
    """A smooth even function of eccentricity through the knots."""
    knots = np.array(_KNOTS_UM)
    both = np.concatenate([-knots[:0:-1], knots])
    return PchipInterpolator(both, np.concatenate([np.array(values)[:0:-1], values]))


_CURVES: Final = {layer: _profile(values) for layer, values in _PROFILES_UM.items()}


@dataclass(frozen=True, eq=False)
class Shape:
    """How one eye's layers differ from the norm: factors near 1, standard-normal maps, and what lies in the eye."""

    overall: float
    fibre: float
    fill_um: float
    """Extra tissue in the middle of the pit, micrometres; negative in a deep pit."""
    pit_width: float
    asymmetry: float
    layer_factor: dict[str, float]
    maps: tuple[SmoothField, SmoothField, SmoothField]
    disc: Disc
    lesions: Lesions

    def thickness_um(self, x: Floats, y: Floats) -> dict[str, Floats]:
        """Thickness of each layer, micrometres; each of x's shape."""
        r = np.hypot(x, y)
        reach = r * (1.0 + (1.0 / self.pit_width - 1.0) * np.exp(-((r / 1300.0) ** 2)))
        layers = {layer: _CURVES[layer](reach) * self.layer_factor[layer] for layer in _PROFILES_UM}
        inner, outer, fibre = (0.035 * field.at(x, y) for field in self.maps)
        self._shape_inner(layers, x, y, r, inner)
        layers["INL"] = layers["INL"] * (1.0 + inner)
        layers["ONL"] = layers["ONL"] * self.overall * (1.0 + outer)
        layers["OUTER"] = layers["OUTER"] * (0.5 + 0.5 * self.overall)
        layers["RNFL"] = self.nerve_fibres_um(x, y) * (1.0 + 1.5 * fibre)
        self._add_lesions(layers, x, y, r)
        self._end_at_disc(layers, x, y)
        return layers

    def _shape_inner(self, layers: dict[str, Floats], x: Floats, y: Floats, r: Floats, wave: Floats) -> None:
        nasal, up = x / np.maximum(r, 1.0), y / np.maximum(r, 1.0)
        away = smoothstep(r, 300.0, 1200.0)
        far = smoothstep(r, 1400.0, 2600.0)
        tilt = (
            1.0
            + away * (_NASAL * nasal + _UP * up + self.asymmetry * nasal)
            + far * (_FAR_NASAL * nasal + _FAR_UP * up + _FAR_WIDE * nasal**2)
        )
        centre = np.exp(-((r / 560.0) ** 2))
        loss = 1.0 - 0.55 * self._fibre_loss(x, y) * (1.0 - centre)
        for layer, share in (("GCL", 0.30), ("IPL", 0.30), ("INL", 0.22)):
            lost = loss if layer != "INL" else 1.0
            value = layers[layer] * self.overall * tilt * (1.0 + wave) * lost
            layers[layer] = np.maximum(value + share * self.fill_um * centre, 1.0)
        layers["ONL"] = layers["ONL"] + 0.18 * self.fill_um * centre

    def bundle(self, x: Floats, y: Floats) -> Floats:
        """Arcade coordinate: on which arching bundle a place lies; 0 on the disc-fovea axis, +-1 on the arcades."""
        angle = np.arctan2(self.disc.y_um, self.disc.x_um)
        dx, dy = self.disc.x_um - x, y - self.disc.y_um
        along, up = dx * np.cos(angle) - dy * np.sin(angle), dy * np.cos(angle) + dx * np.sin(angle)
        reach = np.sqrt(along**2 + 900.0**2)
        along = np.where(along > 0, reach, 900.0**2 / reach)
        coordinate: Floats = up / np.sqrt(4.0 * 420.0 * along)
        return coordinate

    def _fibre_loss(self, x: Floats, y: Floats) -> Floats:
        axis, width, depth = self.lesions.wedge
        wedge = depth * np.exp(-(np.abs((self.bundle(x, y) - axis) / width) ** 3))
        loss: Floats = 1.0 - (1.0 - self.lesions.fibre_loss) * (1.0 - wedge)
        return loss

    def nerve_fibres_um(self, x: Floats, y: Floats) -> Floats:
        """Nerve fibre layer up to the disc: two humps along the arcades, thinning with distance, none at the fovea."""
        u = self.bundle(x, y)
        rho = np.maximum(np.hypot(x - self.disc.x_um, y - self.disc.y_um) - 900.0, 0.0)
        hump = _HUMP_UM * np.exp(-(((np.abs(u) - 1.0) / 0.58) ** 2)) * np.exp(-rho / 4400.0)
        axial = _AXIAL_UM * np.exp(-((u / 0.75) ** 2)) * np.exp(-rho / 1500.0)
        beyond = _BEYOND_UM * smoothstep(np.abs(u), 1.2, 2.2) * np.exp(-rho / 6000.0)
        rest = self.fibre * (_FLOOR_UM + hump + axial + beyond) * (1.0 - self._fibre_loss(x, y))
        return np.maximum(rest * smoothstep(np.hypot(x, y), 80.0, 950.0), 1.0)

    def _add_lesions(self, layers: dict[str, Floats], x: Floats, y: Floats, r: Floats) -> None:
        swelling = self.lesions.swelling_height(x, y)
        for layer, share in (("INL", 0.30), ("OPL", 0.15), ("ONL", 0.55)):
            layers[layer] = layers[layer] + share * swelling
        layers["ONL"] = np.maximum(layers["ONL"] - 0.75 * self.lesions.druse_height(x, y), 14.0)
        membrane = self.lesions.membrane_strength(x, y)
        fold = 10.0 * self.lesions.folds(x, y) * membrane
        centre = np.exp(-((r / 650.0) ** 2))
        for layer, share in (("RNFL", 0.12), ("GCL", 0.28), ("IPL", 0.20), ("INL", 0.22), ("ONL", 0.18)):
            layers[layer] = layers[layer] + share * membrane * (42.0 + 95.0 * centre)
        layers["RNFL"] = np.maximum(layers["RNFL"] + 7.0 * membrane + fold, 2.0)
        if self.lesions.myopia > 0:
            thin = 1.0 - 0.12 * self.lesions.myopia * smoothstep(r, 400.0, 2500.0)
            for layer in ("GCL", "IPL", "INL", "OPL", "ONL"):
                layers[layer] = layers[layer] * thin

    def _end_at_disc(self, layers: dict[str, Floats], x: Floats, y: Floats) -> None:
        """Only nerve fibres cross the margin; they crowd there, and form the rim and the wall of the cup."""
        radius, opening = self.disc.radius(x, y), self.disc.opening(x, y)
        taper = smoothstep(opening, 1.0, 1.22)
        for layer in ("GCL", "IPL", "INL", "OPL", "ONL"):
            layers["RNFL"] = layers["RNFL"] + 0.75 * (1.0 - taper) * layers[layer]
            layers[layer] = layers[layer] * taper
        crowd = (
            45.0 * self.fibre * (1.0 - 0.6 * self.lesions.fibre_loss) * np.exp(-np.maximum(radius - 1.0, 0.0) / 0.22)
        )
        inside = 1.0 - smoothstep(radius, 0.9, 1.15)
        rim = (1.0 - inside) * layers["RNFL"] + inside * (235.0 - 90.0 * self.disc.cup_ratio)
        layers["RNFL"] = rim + crowd - (self.disc.cup_depth_um + 220.0) * self.disc.cup(x, y)

    def druse_um(self, x: Floats, y: Floats) -> Floats:
        """Height of the pigment epithelium above Bruch's membrane."""
        return self.lesions.druse_height(x, y)

    def total_um(self, x: Floats, y: Floats) -> Floats:
        """ILM to Bruch's membrane, micrometres; on the disc, height of the ILM above the membrane's plane."""
        layers = self.thickness_um(x, y)
        return sum((layers[name] for name in norms.LAYERS), np.zeros_like(x)) + self.druse_um(x, y)


_NASAL, _UP, _FAR_NASAL, _FAR_UP, _FAR_WIDE = 0.018, 0.010, 0.02, 0.018, 0.06
_HUMP_UM, _AXIAL_UM, _BEYOND_UM, _FLOOR_UM = 64.0, 74.0, 30.0, 15.0
