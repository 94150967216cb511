"""Arrays as small WebP files for viewing: a photograph, six B-scans in one strip, an en-face star. Writes nothing.

Lossy on purpose: nobody should measure these. Called by `benchmark.viewing`.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fundus2oct.benchmark.volume import Volume
from fundus2oct.metrics.scan_geometry import ANGLES_DEG, WIDTH

PHOTOGRAPH_SIDE = 512
PHOTOGRAPH_QUALITY = 82
EN_FACE_SIDE = WIDTH // 2
EN_FACE_QUALITY = 85
LINE_PX = 9.0
"""How wide a line of the star is drawn: far wider than it was scanned."""

SMOOTH_COLUMNS = 5
"""Columns that are averaged along a line of the star: 0.1 mm, or speckle would be all one sees."""

Floats = NDArray[np.float64]


def photograph_webp(fundus: NDArray[np.uint8]) -> tuple[bytes, tuple[int, int]]:
    """A photograph (h, w, 3), its longer side at most `PHOTOGRAPH_SIDE`; the file and its width and height."""
    picture = Image.fromarray(fundus)
    scale = min(1.0, PHOTOGRAPH_SIDE / max(picture.size))
    if scale < 1.0:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return webp_bytes(picture, PHOTOGRAPH_QUALITY), picture.size


def bscans_webp(volume: Volume, quality: int) -> bytes:
    """The six B-scans of a volume below one another: (6 * 320, 448) in one file: turning pages loads nothing."""
    return webp_bytes(Image.fromarray(volume.reshape(-1, volume.shape[-1])), quality)


def webp_bytes(picture: Image.Image, quality: int) -> bytes:
    """Lossy WebP without metadata."""
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=quality, method=4)
    return buffer.getvalue()


def slab(volume: Volume, ilm_row: Floats, bm_row: Floats) -> Floats:
    """Mean grey from ILM to Bruch's membrane, of each column and its `SMOOTH_COLUMNS` neighbourhood.

    Args:
        volume: (6, h, w) uint8.
        ilm_row: (6, w), NaN where not seen.
        bm_row: (6, w), NaN where not seen.

    Returns:
        (6, w) float64; NaN where a surface is not seen in the column itself, or both lie on one row.
    """
    row = np.arange(volume.shape[1])[None, :, None]
    inside = (row >= ilm_row[:, None, :]) & (row < bm_row[:, None, :])  # False where NaN
    total, count = (_neighbours((part * inside).sum(axis=1, dtype=np.float64)) for part in (volume, 1))
    return np.where(inside.any(axis=1), total / np.maximum(count, 1), np.nan)


def _neighbours(values: Floats) -> Floats:
    """Sum over a column and those beside it; fewer at the ends."""
    ends = ((0, 0), (SMOOTH_COLUMNS // 2, SMOOTH_COLUMNS // 2))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, ends), SMOOTH_COLUMNS, axis=1)
    return np.asarray(windows.sum(axis=-1))


def grey_range(values: Floats) -> tuple[float, float]:
    """The greys that are drawn black and white: of the truth, for all pictures of one eye."""
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 255.0
    low, high = (float(value) for value in np.quantile(known, (0.01, 0.99)))
    return low, max(high, low + 1.0)


def en_face_webp(values: Floats, levels: tuple[float, float]) -> bytes:
    """Six lines as a star, in the orientation of the photograph; clear where no line runs or nothing was seen.

    Args:
        values: (6, 448) from `slab`.
        levels: from `grey_range`.
    """
    line, column, on_line = star_places()
    found = values[line, column]
    visible = on_line & np.isfinite(found)
    low, high = levels
    grey = np.clip((np.where(visible, found, low) - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    alpha = np.where(visible, 255, 0).astype(np.uint8)
    return webp_bytes(Image.fromarray(np.stack([grey, grey, grey, alpha], axis=-1), "RGBA"), EN_FACE_QUALITY)


def star_places() -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """For each pixel of the star: the nearest line, the column of its B-scan, and whether the line covers it.

    >>> line, column, on_line = star_places()
    >>> int(line[10, 112]), bool(on_line[10, 112]), int(column[10, 112]) > 400
    (0, True, True)
    """
    right = np.arange(EN_FACE_SIDE) - (EN_FACE_SIDE - 1) / 2
    x, up = right[None, :], -right[:, None]
    angle = np.deg2rad(np.array(ANGLES_DEG))[:, None, None]
    across = np.abs(up * np.cos(angle) - x * np.sin(angle))
    along = x * np.cos(angle) + up * np.sin(angle)
    line = across.argmin(axis=0)
    nearest = line[None]
    position = np.take_along_axis(along, nearest, axis=0)[0]
    column = np.clip(np.rint(position * WIDTH / EN_FACE_SIDE + (WIDTH - 1) / 2), 0, WIDTH - 1).astype(np.intp)
    near = np.take_along_axis(across, nearest, axis=0)[0] <= LINE_PX / 2
    return line, column, near & (np.abs(position) <= EN_FACE_SIDE / 2)
