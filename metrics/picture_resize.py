"""Resizing grey pictures for feature networks, as two small matrices: antialiased, or as TensorFlow 1 did it.

A resized picture is ``rows @ picture @ columns.T``, in float64 and with sparse matrices, so that it is cheap and its
digits depend on no library's threads. Called by the 2D feature networks. No torch.
"""

from __future__ import annotations

import functools
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Filter = Literal["antialiased", "tf1"]


def resized(pictures: NDArray[np.uint8] | Floats, side: int, filter_name: Filter = "antialiased") -> Floats:
    """Square pictures of another size.

    Args:
        pictures: (n, h, w) grey levels.
        side: of the results.
        filter_name: ``antialiased`` (a triangle as wide as the reduction, half-pixel centres: Pillow's bilinear) or
            ``tf1`` (two neighbours, pixel corners aligned at the origin, no antialiasing: TensorFlow 1's
            ``resize_bilinear``).

    Returns:
        (n, side, side) float64, in the range of the input.
    """
    if pictures.ndim != 3 or not pictures.size or side < 1:
        raise ValueError(f"pictures: expected shape (n, h, w) and a side above 0, found {pictures.shape} and {side}")
    if filter_name not in get_args(Filter):
        raise ValueError(f"filter_name: expected {' or '.join(get_args(Filter))}, found {filter_name!r}")
    rows, columns = (_sparse(length, side, filter_name) for length in pictures.shape[1:])
    return np.stack([columns @ (rows @ picture.astype(np.float64)).T for picture in pictures]).transpose(0, 2, 1)


@functools.lru_cache(maxsize=16)
def _sparse(length: int, samples: int, filter_name: Filter) -> sparse.csr_array[np.float64]:
    matrix = antialiased_matrix if filter_name == "antialiased" else tf1_matrix
    return sparse.csr_array(matrix(length, samples))


def antialiased_matrix(length: int, samples: int) -> Floats:
    """Weights (samples, length) of a triangle filter whose half width is the reduction, at least one pixel.

    >>> antialiased_matrix(4, 2).round(3).tolist()  # 3, 3 and 1 parts of 7
    [[0.429, 0.429, 0.143, 0.0], [0.0, 0.143, 0.429, 0.429]]
    """
    scale = length / samples
    reach = max(scale, 1.0)
    centre = (np.arange(samples)[:, None] + 0.5) * scale
    distance = np.abs(np.arange(length) + 0.5 - centre) / reach
    weights = np.maximum(1 - distance, 0)
    normalised: Floats = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def tf1_matrix(length: int, samples: int) -> Floats:
    """Weights (samples, length) of linear interpolation at ``i * length / samples``; the last pixel is repeated.

    >>> tf1_matrix(2, 4).tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.0, 1.0]]
    """
    position = np.arange(samples) * (length / samples)
    low = np.minimum(position.astype(np.intp), length - 1)
    high = np.minimum(low + 1, length - 1)
    weights = np.zeros((samples, length))
    np.add.at(weights, (np.arange(samples), low), 1 - (position - low))
    np.add.at(weights, (np.arange(samples), high), position - low)
    return weights
