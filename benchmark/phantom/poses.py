"""How the two instruments looked at the eye: fixation, torsion, tilt and place in depth; framing and light.

Maps between picture coordinates and the eye's frame live here, so that both renderers agree. Sampled by `anatomy`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.smooth_fields import Floats
from fundus2oct.metrics.scan_geometry import ANGLES_DEG, LINE_LENGTH_UM, column_positions_um

PHOTO_SIZE = 512
PHOTO_FIELD_RADIUS_PX = 247.0


@dataclass(frozen=True)
class ScanPose:
    """One OCT acquisition, in the eye's frame (x nasal): centre, roll, and how the retina lies in depth."""

    centre_x_um: float
    centre_y_um: float
    roll: float
    membrane_um: float
    """Depth of Bruch's membrane at the scan centre."""
    tilt_x: float
    tilt_y: float
    sagitta_um: float
    """How far the membrane comes forward at the ends of the lines."""
    gain: float
    looks: float

    def places(self, nasal: float, columns: int = norms.NATIVE_COLUMNS) -> tuple[Floats, Floats, Floats, Floats]:
        """Retinal place of every A-scan of the six lines.

        Returns:
            x, y from the fovea in the eye's frame and the same from the scan centre, each (6, columns) float64.
        """
        position = column_positions_um(columns, LINE_LENGTH_UM / columns)
        angle = np.deg2rad(np.array(ANGLES_DEG))[:, None]
        local_x, local_y = nasal * position * np.cos(angle), position * np.sin(angle)
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        x = self.centre_x_um + local_x * cos - local_y * sin
        y = self.centre_y_um + local_x * sin + local_y * cos
        return x, y, local_x, local_y

    def membrane_depth_um(self, local_x: Floats, local_y: Floats) -> Floats:
        """Depth of Bruch's membrane below the top of the picture."""
        bow = self.sagitta_um * (local_x**2 + local_y**2) / 4500.0**2
        return self.membrane_um + self.tilt_x * local_x + self.tilt_y * local_y - bow


@dataclass(frozen=True)
class PhotoPose:
    """One photograph: where it is centred in the eye's frame, its roll and scale, and its light."""

    centre_x_um: float
    centre_y_um: float
    roll: float
    um_per_px: float
    exposure: float
    warmth: float
    light_x: float
    light_y: float
    blur_px: float

    def to_eye(self, nasal: float, column: Floats, row: Floats) -> tuple[Floats, Floats]:
        """Eye coordinates of photograph pixels."""
        middle = (PHOTO_SIZE - 1) / 2
        local_x = nasal * (column - middle) * self.um_per_px
        local_y = (middle - row) * self.um_per_px
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        return (
            self.centre_x_um + local_x * cos - local_y * sin,
            self.centre_y_um + local_x * sin + local_y * cos,
        )

    def to_pixel(self, nasal: float, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Photograph column and row of places in the eye's frame."""
        dx, dy = x - self.centre_x_um, y - self.centre_y_um
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        middle = (PHOTO_SIZE - 1) / 2
        column = middle + nasal * (dx * cos + dy * sin) / self.um_per_px
        row = middle - (dy * cos - dx * sin) / self.um_per_px
        return column, row


def sample_scan_pose(rng: np.random.Generator, *, myopia: float) -> ScanPose:
    """An OCT acquisition; myopia tilts and bends the retina."""
    sign = float(rng.choice([-1.0, 1.0]))
    sagitta = float(np.clip(105.0 + 50.0 * rng.standard_normal(), 0, 220) + 230.0 * myopia)
    return ScanPose(
        centre_x_um=float(np.clip(norms.FIXATION_SD_UM * rng.standard_normal(), -300, 300)),
        centre_y_um=float(np.clip(norms.FIXATION_SD_UM * rng.standard_normal(), -300, 300)),
        roll=float(np.deg2rad(np.clip(norms.TORSION_SD_DEG * rng.standard_normal(), -9, 9))),
        membrane_um=float(940.0 + np.clip(60.0 * rng.standard_normal(), -130, 130) + 0.5 * sagitta),
        tilt_x=float(0.018 * np.clip(rng.standard_normal(), -2, 2) + 0.035 * myopia * sign),
        tilt_y=float(0.015 * np.clip(rng.standard_normal(), -2, 2)),
        sagitta_um=sagitta,
        gain=float(np.exp(0.22 * rng.standard_normal())),
        looks=float(rng.uniform(4.0, 9.0)),
    )


def sample_photo_pose(rng: np.random.Generator) -> PhotoPose:
    """A photograph centred a little nasally of the fovea."""
    return PhotoPose(
        centre_x_um=float(np.clip(450.0 + 350.0 * rng.standard_normal(), -400, 1200)),
        centre_y_um=float(np.clip(80.0 + 250.0 * rng.standard_normal(), -500, 500)),
        roll=float(np.deg2rad(np.clip(2.0 * rng.standard_normal(), -5, 5))),
        um_per_px=float(25.8 * (1.0 + 0.03 * np.clip(rng.standard_normal(), -2, 2))),
        exposure=float(np.exp(0.10 * rng.standard_normal())),
        warmth=float(0.08 * rng.standard_normal()),
        light_x=float(0.16 * rng.standard_normal()),
        light_y=float(0.16 * rng.standard_normal()),
        blur_px=float(rng.uniform(0.7, 1.3)),
    )
