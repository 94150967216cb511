"""A Fréchet distance known to thirty digits, at the size where programs differ: 2048 features of 125 cases.

Features are whole numbers, so that means, covariances and the cross-Gram matrix are exact; only its singular values are
computed, in 50-digit arithmetic. Called by `measure_peers`.
"""

from __future__ import annotations

import mpmath
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DIGITS = 50


def whole_features(n: int, d: int, seed: int) -> Floats:
    """(n, d) whole numbers with correlated columns and a falling spectrum, as features of networks have."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n, n)) / np.arange(1, n + 1) @ rng.normal(size=(n, d))
    return np.rint(100 * mixed + 20 * seed)


def exact_distance(a: Floats, b: Floats) -> mpmath.mpf:
    """The distance of two sets (n, d) of whole numbers, n at most d."""
    n_a, n_b = len(a), len(b)
    x, y = (np.rint(len(s) * s - s.sum(axis=0)).astype(np.int64).astype(object) for s in (a, b))  # n times centred
    with mpmath.workdps(DIGITS):
        between = mpmath.mpf(int(np.square((n_b * a.sum(axis=0) - n_a * b.sum(axis=0)).astype(object)).sum()))
        traces = [mpmath.mpf(int((s * s).sum())) / (n**2 * (n - 1)) for s, n in ((x, n_a), (y, n_b))]
        cross = x.dot(y.T)
        squares = mpmath.eigsy(mpmath.matrix(cross.dot(cross.T).tolist()), eigvals_only=True)
        nuclear = mpmath.fsum(mpmath.sqrt(max(value, 0)) for value in squares)
        root_trace = nuclear / (n_a * n_b * mpmath.sqrt((n_a - 1) * (n_b - 1)))
        return +(between / (n_a * n_b) ** 2 + traces[0] + traces[1] - 2 * root_trace)
