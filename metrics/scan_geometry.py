"""Where every pixel of a volume lies on the retina, and how a left eye becomes a right one. No torch, no files.

A volume is six radial B-scans through one scan centre. Retinal coordinates are micrometres in the plane of the
photograph, seen as the photographer sees it: x to the right of the picture, y upwards, the origin at the scan centre.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

N_BSCANS: Final = 6
DEPTH: Final = 320
WIDTH: Final = 448
VOLUME_SHAPE: Final = (N_BSCANS, DEPTH, WIDTH)
"""B-scan x depth x width; the vitreous is at the top (row 0)."""

ANGLES_DEG: Final = (90.0, 60.0, 30.0, 0.0, -30.0, -60.0)
"""Direction in which the columns of each B-scan run, anticlockwise from the picture's right."""

LATERAL_UM: Final = 20.23
"""Micrometres from one column to the next."""

AXIAL_UM: Final = 6.0
"""Micrometres from one row to the next."""

LINE_LENGTH_UM: Final = WIDTH * LATERAL_UM

MIRROR_ORDER: Final = (0, 5, 4, 3, 2, 1)
"""Frame i of the mirrored volume comes from frame MIRROR_ORDER[i]."""


def column_positions_um(width: int = WIDTH, lateral_um: float = LATERAL_UM) -> NDArray[np.float64]:
    """Signed distance of each column from the scan centre: ``x(c) = (c - (width - 1) / 2) * lateral_um``.

    Returns:
        (width,) float64, micrometres. The centre is the border between the two middle columns.

    >>> column_positions_um()[[0, 223, 224]].round(3).tolist()
    [-4521.405, -10.115, 10.115]
    """
    return (np.arange(width, dtype=np.float64) - (width - 1) / 2) * lateral_um


def retinal_positions_um() -> NDArray[np.float64]:
    """Place of every A-scan on the retina.

    Returns:
        (6, 448, 2) float64: x (right) and y (up) in micrometres from the scan centre.
    """
    position = column_positions_um()
    angle = np.deg2rad(np.array(ANGLES_DEG))[:, None]
    return np.stack([position * np.cos(angle), position * np.sin(angle)], axis=-1)


def end_labels(frame: int, eye: str) -> tuple[str, str]:
    """What lies at the first and at the last column of a B-scan: S, I, N, T or two of them.

    A photograph of a right eye has its nasal side at the right.

    >>> end_labels(0, "R"), end_labels(3, "R"), end_labels(3, "L")
    (('I', 'S'), ('T', 'N'), ('N', 'T'))
    """
    right, left = ("N", "T") if eye == "R" else ("T", "N")
    names = []
    for turn in (180.0, 0.0):
        angle = math.radians(ANGLES_DEG[frame] + turn)
        upright = "S" if math.sin(angle) > 0.01 else "I" if math.sin(angle) < -0.01 else ""
        sideways = right if math.cos(angle) > 0.01 else left if math.cos(angle) < -0.01 else ""
        names.append(upright + sideways)
    return names[0], names[1]


def mirror_volume(volume: NDArray[Any]) -> NDArray[Any]:
    """The same eye seen in a mirror: what a horizontal flip of the photograph does to its six B-scans.

    The line at angle t maps to the line at -t run backwards: the vertical frame 0 stays, the horizontal frame 3 is
    reversed, 1 and 5 as well as 2 and 4 change places and are reversed. The eye's label changes too.

    Args:
        volume: (6, ..., width), any dtype; leading axis B-scan, last axis column.

    Returns:
        The same shape and dtype. Applying it twice gives the input back.

    >>> v = np.arange(12).reshape(6, 2)
    >>> mirror_volume(v).tolist()
    [[0, 1], [11, 10], [9, 8], [7, 6], [5, 4], [3, 2]]
    """
    if volume.shape[0] != N_BSCANS:
        raise ValueError(f"volume: expected {N_BSCANS} B-scans on the first axis, found shape {volume.shape}")
    mirrored = volume[list(MIRROR_ORDER), ..., ::-1].copy()
    mirrored[0] = volume[0]
    return mirrored


def mirror_eye(eye: str) -> str:
    """The other eye's label: "L" for "R" and "R" for "L"."""
    return {"L": "R", "R": "L"}[eye]


def mirror_fundus(fundus: NDArray[Any]) -> NDArray[Any]:
    """Horizontal flip of a photograph (height, width, ...): the partner of `mirror_volume`."""
    return fundus[:, ::-1].copy()
