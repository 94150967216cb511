"""Paths through pictures: the best smooth surface in a reward map, straightening along it, and stiff smoothing.

Rows run down, columns across; nothing here knows what a retina is. Called by `surface_search`; pure functions.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, ndimage

Floats = NDArray[np.float64]

_IMPASSABLE: Final = -1e9


def best_path(reward: Floats, *, max_step: int, step_penalty: float) -> NDArray[np.intp]:
    """The path from the first column to the last that collects most reward; dynamic programming (Bellman 1957).

    Args:
        reward: (h, w) float64, finite.
        max_step: largest change of row between neighbouring columns.
        step_penalty: reward lost for a change of one row; a change of n rows costs n² times as much.

    Returns:
        (w,) row of the path in each column.

    >>> best_path(np.array([[0.0, 9.0, 0.0], [1.0, 0.0, 1.0]]), max_step=1, step_penalty=0.5).tolist()
    [1, 0, 1]
    """
    height, width = reward.shape
    penalty = (step_penalty * np.arange(-max_step, max_step + 1, dtype=np.float64) ** 2)[:, None]
    total = np.full((width, height + 2 * max_step), _IMPASSABLE)
    inner = total[:, max_step : max_step + height]
    inner[:] = reward.T
    shifted = np.lib.stride_tricks.sliding_window_view(total, height, axis=1)
    offers = np.empty((2 * max_step + 1, height))
    for column in range(1, width):
        np.subtract(shifted[column - 1], penalty, out=offers)
        inner[column] += np.maximum.reduce(offers, axis=0)
    return _walk_back(total, penalty[:, 0], int(inner[-1].argmax()))


def _walk_back(total: Floats, penalty: Floats, last_row: int) -> NDArray[np.intp]:
    """The choices are made again along the one path that is wanted: cheaper than storing them all."""
    width, max_step = len(total), len(penalty) // 2
    path = np.empty(width, np.intp)
    path[-1] = row = last_row
    for column in range(width - 1, 0, -1):
        row += int((total[column - 1, row : row + len(penalty)] - penalty).argmax()) - max_step
        path[column - 1] = row
    return path


def peak_offset(reward: Floats, path: NDArray[np.intp]) -> Floats:
    """Where the parabola through the reward at the path and its two neighbours peaks, -0.5..0.5 rows from the path."""
    columns = np.arange(len(path))
    inner = np.clip(path, 1, len(reward) - 2)
    above, here, below = (reward[inner + step, columns] for step in (-1, 0, 1))
    curvature = above - 2.0 * here + below
    peaked = curvature < -1e-12
    offset = 0.5 * (above - below) / np.where(peaked, curvature, 1.0)
    return np.asarray(inner - path + np.where(peaked, np.clip(offset, -0.5, 0.5), 0.0), dtype=np.float64)


def straightened(picture: Floats, row: Floats, offsets: Floats) -> Floats:
    """The picture along a surface: linear interpolation at ``row + offset``, the border repeated outside.

    Args:
        picture: (h, w) float64.
        row: (w,) finite rows of the surface.
        offsets: (n,) distances below it, in rows.

    Returns:
        (n, w) float64.
    """
    height, width = picture.shape
    place = np.clip(row[None, :] + offsets[:, None], 0.0, height - 1.0)
    upper = np.minimum(place.astype(np.intp), max(height - 2, 0))
    share = place - upper
    flat = picture.ravel()
    index = upper * width + np.arange(width)
    below = np.minimum(index + width, flat.size - 1)
    return np.asarray(flat[index] * (1.0 - share) + flat[below] * share)


def stiff_curve(values: Floats, weights: Floats, stiffness: float) -> Floats:
    """Whittaker's smoother: minimises Σ w (y - z)² + stiffness · Σ (Δ²z)² (Eilers, Analytical Chemistry 2003).

    Args:
        values: (w,) finite.
        weights: (w,) >= 0, at least two above zero.
        stiffness: in (columns)⁴ for weights near 1.
    """
    n = len(values)
    bands = np.zeros((3, n))  # Δ²ᵀΔ² is pentadiagonal: 1 -4 6 -4 1, other at its corners
    bands[0, 2:], bands[1, 1:], bands[2] = 1.0, -4.0, 6.0
    bands[2, [0, -1]], bands[2, [1, -2]], bands[1, [1, -1]] = 1.0, 5.0, -2.0
    bands *= stiffness
    bands[2] += weights + 1e-9
    return np.asarray(linalg.solveh_banded(bands, weights * values))


def blurred(picture: Floats, rows: float, columns: float) -> Floats:
    """Gaussian blur with a sigma for each axis, in pixels; below 0.2 pixels an axis is left alone."""
    out = picture
    for axis, sigma in ((0, rows), (1, columns)):
        if sigma >= 0.2:
            out = ndimage.gaussian_filter1d(out, sigma, axis=axis, mode="nearest", truncate=3.0)
    return out
