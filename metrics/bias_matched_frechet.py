"""The bias-matched Fréchet distance: distances across minus distances within, on halves of the patients.

At about a hundred cases most of a Fréchet distance is bias, and the bias shrinks with a generator's variety: sameness
is rewarded. Here the same bias is subtracted again. The distance itself is in `frechet_distance`; the card of the
version on FVD features is in `video_distances`. Pure numpy.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fundus2oct.metrics.feature_pair import checked_pair
from fundus2oct.metrics.frechet_distance import distance_of, feature_statistics

N_SPLITS: Final = 20
SEED: Final = 20_240_607
"""Fixed: equal inputs give equal numbers; every entry of a board is judged on the same halves."""

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


def bias_matched_frechet(
    features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike | None = None
) -> float:
    """``1/2 [FD(X1,Y2) + FD(X2,Y1)] - 1/2 [FD(X1,X2) + FD(Y1,Y2)]``, averaged over 20 splits of the patients.

    Args:
        features_truth: (n, d) real: X.
        features_generated: (n, d) real: Y; row i belongs to the same patient as row i of the truth.
        patients: (n,) labels, at least 4 different ones; None when every row is a patient of its own.

    Returns:
        The distance. 0 for a copy of the truth; negative at times when the sets are alike.
    """
    x, y, labels = _checked(features_truth, features_generated, patients, 4)
    return float(np.mean([_of_split(x, y, *halves) for halves in _splits(labels)]))


def jackknife_bias_matched_frechet(
    features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike
) -> tuple[float, Floats]:
    """The distance, and the distance without each patient in turn: what `inference.jackknife_se` needs.

    The splits stay as they are; a deleted patient is missing from its half.

    Args: as in `bias_matched_frechet`; at least 6 different patients.

    Returns:
        The distance, and (number of patients,) distances, ordered as ``np.unique(patients)``.
    """
    x, y, labels = _checked(features_truth, features_generated, patients, 6)
    splits = _splits(labels)
    value = float(np.mean([_of_split(x, y, *halves) for halves in splits]))
    delete_one = []
    for patient in np.unique(labels):
        kept = [tuple(half[labels[half] != patient] for half in halves) for halves in splits]
        delete_one.append(np.mean([_of_split(x, y, first, second) for first, second in kept]))
    return value, np.array(delete_one)


def _splits(labels: NDArray[np.generic]) -> list[tuple[Rows, Rows]]:
    """Rows of the first and the second half, split after split; a patient's rows stay together."""
    names, index = np.unique(labels, return_inverse=True)
    generator = np.random.default_rng(SEED)
    splits = []
    for _ in range(N_SPLITS):
        first = np.isin(index, generator.permutation(len(names))[: len(names) // 2])
        splits.append((np.flatnonzero(first), np.flatnonzero(~first)))
    return splits


def _of_split(x: Floats, y: Floats, first: Rows, second: Rows) -> float:
    x1, x2, y1, y2 = (feature_statistics(features[rows]) for features in (x, y) for rows in (first, second))
    across = distance_of(x1, y2) + distance_of(x2, y1)
    within = distance_of(x1, x2) + distance_of(y1, y2)
    return (across - within) / 2


def _checked(
    features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike | None, at_least: int
) -> tuple[Floats, Floats, Rows]:
    x, y, labels = checked_pair(features_truth, features_generated, patients)
    found = int(labels.max()) + 1
    if found < at_least:
        raise ValueError(f"patients: expected at least {at_least} different ones, found {found}")
    return x, y, labels
