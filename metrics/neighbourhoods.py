"""Precision, recall, density and coverage: how two sets of features lie in each other's neighbourhoods.

A sample's neighbourhood is the ball that reaches to its k-th nearest sample of another patient. Checks -> distances ->
numbers, so that the jackknife measures distances once. The cards are in `neighbourhood_cards`. Pure numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from fundus2oct.metrics.feature_pair import Floats, Labels, checked_pair

K_PRECISION: Final = 3
"""Kynkäänniemi et al., NeurIPS 2019, section 3: k = 3."""

K_COVERAGE: Final = 5
"""Naeem et al., ICML 2020, section 3.3: k = 5."""

Share = Callable[[Floats, Floats, Floats, Labels], float]
"""(distances truth x truth, generated x generated, truth x generated, patients) -> value."""


def precision(features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike | None = None) -> float:
    """Share of generated samples inside the neighbourhood of some true one (Kynkäänniemi et al. 2019, eq. 2).

    Args:
        features_truth: (n, d) real.
        features_generated: (n, d) real; row i belongs to the same patient as row i of the truth.
        patients: (n,) labels; at least 4 different ones. None when every row is a patient of its own.

    >>> precision([[0.0], [1.0], [2.0], [3.0]], [[0.5], [9.0], [2.5], [-8.0]])
    0.5
    """
    return _precision(*_distances(features_truth, features_generated, patients, K_PRECISION))


def recall(features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike | None = None) -> float:
    """Share of true samples inside the neighbourhood of some generated one; arguments as in `precision`."""
    return _recall(*_distances(features_truth, features_generated, patients, K_PRECISION))


def density(features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike | None = None) -> float:
    """True neighbourhoods that a generated sample lies in, over k (Naeem et al. 2020, eq. 3); may exceed 1."""
    return _density(*_distances(features_truth, features_generated, patients, K_COVERAGE))


def coverage(features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike | None = None) -> float:
    """Share of true neighbourhoods with a generated sample inside (Naeem et al. 2020, eq. 4)."""
    return _coverage(*_distances(features_truth, features_generated, patients, K_COVERAGE))


def jackknife_precision(x: ArrayLike, y: ArrayLike, patients: ArrayLike) -> tuple[float, Floats]:
    """`precision`, and without each patient in turn, ordered as ``np.unique(patients)``."""
    return _jackknife(_precision, _distances(x, y, patients, K_PRECISION))


def jackknife_recall(x: ArrayLike, y: ArrayLike, patients: ArrayLike) -> tuple[float, Floats]:
    """`recall`, and without each patient in turn."""
    return _jackknife(_recall, _distances(x, y, patients, K_PRECISION))


def jackknife_density(x: ArrayLike, y: ArrayLike, patients: ArrayLike) -> tuple[float, Floats]:
    """`density`, and without each patient in turn."""
    return _jackknife(_density, _distances(x, y, patients, K_COVERAGE))


def jackknife_coverage(x: ArrayLike, y: ArrayLike, patients: ArrayLike) -> tuple[float, Floats]:
    """`coverage`, and without each patient in turn."""
    return _jackknife(_coverage, _distances(x, y, patients, K_COVERAGE))


def _precision(xx: Floats, yy: Floats, xy: Floats, patients: Labels) -> float:
    return float((xy <= _radii(xx, patients, K_PRECISION)[:, None]).any(axis=0).mean())


def _recall(xx: Floats, yy: Floats, xy: Floats, patients: Labels) -> float:
    return float((xy <= _radii(yy, patients, K_PRECISION)[None, :]).any(axis=1).mean())


def _density(xx: Floats, yy: Floats, xy: Floats, patients: Labels) -> float:
    return float((xy <= _radii(xx, patients, K_COVERAGE)[:, None]).sum(axis=0).mean() / K_COVERAGE)


def _coverage(xx: Floats, yy: Floats, xy: Floats, patients: Labels) -> float:
    return float((xy <= _radii(xx, patients, K_COVERAGE)[:, None]).any(axis=1).mean())


def _radii(distances: Floats, patients: Labels, k: int) -> Floats:
    """(n,) squared distance to the k-th nearest row of another patient."""
    others = np.where(patients[:, None] == patients, np.inf, distances)
    radii: Floats = np.partition(others, k - 1, axis=1)[:, k - 1]
    return radii


def _jackknife(share: Share, all_rows: tuple[Floats, Floats, Floats, Labels]) -> tuple[float, Floats]:
    xx, yy, xy, patients = all_rows
    delete_one = []
    for patient in np.unique(patients):
        keep = np.flatnonzero(patients != patient)
        kept = [distances[np.ix_(keep, keep)] for distances in (xx, yy, xy)]
        delete_one.append(share(kept[0], kept[1], kept[2], patients[keep]))
    return share(xx, yy, xy, patients), np.array(delete_one)


def _distances(
    features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike | None, k: int
) -> tuple[Floats, Floats, Floats, Labels]:
    """Squared distances truth x truth, generated x generated, truth x generated, and patients as numbers."""
    x, y, index = checked_pair(features_truth, features_generated, patients)
    if len(x) - int(np.bincount(index).max()) < k:
        raise ValueError(f"patients: expected at least {k} rows of other patients for every row, found too few")
    return _squared(x, x), _squared(y, y), _squared(x, y), index


def _squared(a: Floats, b: Floats) -> Floats:
    """Squared Euclidean distances (n, m), by differences and not by products: equal rows are exactly 0 apart."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(a, b, "sqeuclidean"), np.float64)
