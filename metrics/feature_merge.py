"""Statistics of features too many to hold: of parts, merged in a fixed tree, so that no digit depends on the order.

A part keeps its number, its mean and the triangular factor of its centred features (`FeatureStatistics`): d x d numbers
however many volumes there were. Factors are merged by a QR of one on the other, which loses no digits to squaring.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fundus2oct.metrics.frechet_distance import FeatureStatistics


def merge_statistics(a: FeatureStatistics, b: FeatureStatistics) -> FeatureStatistics:
    """The statistics of two sets together, from those of each.

    Chan, Golub and LeVeque (COMPSTAT 1982): the scatter of both is the sum of the two and of
    ``n_a n_b / n (mean_a - mean_b)^T (mean_a - mean_b)``; here in factors, whose stack is reduced by a QR.

    Args:
        a: of n_a cases.
        b: of n_b cases, with as many features.

    Raises:
        ValueError: for different numbers of features.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(f"merge: expected {a.mean.size} features, found {b.mean.size}")
    n = a.n + b.n
    difference = b.mean - a.mean
    between = np.sqrt(a.n * b.n / n) * difference
    stacked = np.concatenate([a.factor, b.factor, between[None]])
    factor = np.asarray(np.linalg.qr(stacked, mode="r"), np.float64) if len(stacked) > difference.size else stacked
    return FeatureStatistics(n, a.mean + difference * (b.n / n), factor)


def merge_tree(statistics_of: Callable[[int], FeatureStatistics], start: int, stop: int) -> FeatureStatistics:
    """The statistics of parts ``start`` to ``stop - 1`` together, halves first: the tree is fixed by the numbers alone.

    At most 2 + log2(stop - start) parts are held at once.

    Args:
        statistics_of: number of a part -> its statistics.
        start: first part.
        stop: behind the last, > start.
    """
    if stop - start == 1:
        return statistics_of(start)
    middle = (start + stop) // 2
    return merge_statistics(merge_tree(statistics_of, start, middle), merge_tree(statistics_of, middle, stop))
