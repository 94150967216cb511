"""Principal components of few long rows, from the small matrix of their inner products.

With n rows of d numbers and n far below d, the n x n Gram matrix holds everything: it is summed over blocks of
columns, so that training volumes never have to lie in memory together. All sums are float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_COLUMNS = 16_384
SMALLEST_SHARE = 1e-12
"""Directions with less than this share of the largest variance are rounding, not structure."""


def column_blocks(n_columns: int) -> Iterator[slice]:
    """Slices that cover ``n_columns`` columns, block by block."""
    for start in range(0, n_columns, BLOCK_COLUMNS):
        yield slice(start, min(start + BLOCK_COLUMNS, n_columns))


def centred_gram(rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean row and inner products of the rows about it.

    Args:
        rows: (n, d), any kind of number, possibly mapped from disk.

    Returns:
        the mean (d,) and the Gram matrix (n, n), float64.
    """
    mean = np.empty(rows.shape[1], dtype=np.float64)
    gram = np.zeros((len(rows), len(rows)), dtype=np.float64)
    for columns in column_blocks(rows.shape[1]):
        block = rows[:, columns].astype(np.float64)
        mean[columns] = block.mean(axis=0)
        block -= mean[columns]
        gram += block @ block.T
    return mean, gram


def principal_scores(gram: NDArray[np.float64], *, most: int) -> NDArray[np.float64]:
    """Coordinates of the rows along their principal axes, strongest axis first.

    Args:
        gram: (n, n) centred Gram matrix.
        most: number of axes to keep at most.

    Returns:
        (n, k) float64 with k <= most; column j has the length of singular value j, its largest entry is positive.
    """
    variances, directions = np.linalg.eigh(gram)
    variances, directions = variances[::-1], directions[:, ::-1]
    keep = min(most, int(np.sum(variances > SMALLEST_SHARE * max(variances[0], 0.0))))
    directions = directions[:, :keep]
    strongest = np.abs(directions).argmax(axis=0)
    signs = np.sign(directions[strongest, np.arange(keep)])
    return np.asarray(directions * signs * np.sqrt(variances[:keep]))


def principal_axes(
    rows: NDArray[Any], mean: NDArray[np.float64], scores: NDArray[np.float64]
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """The axes that belong to ``scores``, block by block of columns.

    Args:
        rows: (n, d), as given to `centred_gram`.
        mean: (d,) float64, as it returned.
        scores: (n, k) float64, from `principal_scores`.

    Yields:
        the slice of columns and the (k, columns) float64 part of the k orthonormal axes.
    """
    weights = (scores / np.sum(scores**2, axis=0)).T
    for columns in column_blocks(rows.shape[1]):
        yield columns, weights @ (rows[:, columns].astype(np.float64) - mean[columns])
