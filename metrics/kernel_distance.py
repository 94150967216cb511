"""The unbiased kernel distance between two sets of features, over pairs of different patients only, and its jackknife.

One U-statistic over all samples, never subsets. KVD and the KIDs are this number on different features: see
`video_distances` and `picture_distances`. Pure numpy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fundus2oct.metrics.feature_pair import checked_pair

Floats = NDArray[np.float64]


def kernel_distance(
    features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike | None = None
) -> float:
    """Squared maximum mean discrepancy with the kernel ``(x . y / d + 1)^3``.

    Binkowski et al., Demystifying MMD GANs (ICLR 2018), eq. 3 and section 4. ``mean k(x, x') + mean k(y, y') -
    2 mean k(x, y)``, each mean over pairs of rows of *different patients*: fellow eyes, slices of one eye, and a
    generated volume with its own truth are not independent draws, and would bias the means by 11 to 18 %.

    Args:
        features_truth: (n, d) real.
        features_generated: (n, d) real; row i belongs to the same patient as row i of the truth.
        patients: (n,) labels, at least 2 different ones; None when every row is a patient of its own.

    Returns:
        The distance. Unbiased, hence negative at times when the sets are alike; 0 for a copy of the truth.

    >>> x, y = [[0.0], [1.0]], [[2.0], [3.0]]  # k(0, 1) = 1, k(2, 3) = 343, k(0, 3) = 1, k(1, 2) = 27
    >>> kernel_distance(x, y)  # 1 + 343 - 2 * (1 + 27) / 2
    316.0
    """
    return _distance(*_patient_sums(features_truth, features_generated, patients))


def jackknife_kernel_distance(
    features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike
) -> tuple[float, Floats]:
    """The distance, and the distance without each patient in turn: what `inference.jackknife_se` needs.

    Args: as in `kernel_distance`; at least 3 different patients.

    Returns:
        The distance, and (number of patients,) distances, ordered as ``np.unique(patients)``.
    """
    sums, pairs = _patient_sums(features_truth, features_generated, patients)
    if len(pairs) < 3:
        raise ValueError(f"patients: expected at least 3 different ones, found {len(pairs)}")
    keeps = [np.delete(np.arange(len(pairs)), i) for i in range(len(pairs))]
    delete_one = [_distance(sums[np.ix_(keep, keep)], pairs[np.ix_(keep, keep)]) for keep in keeps]
    return _distance(sums, pairs), np.array(delete_one)


def _distance(sums: Floats, pairs: Floats) -> float:
    """From (g, g) sums of differences of kernel values by patient and patient, and (g, g) numbers of pairs of rows."""
    different = ~np.eye(len(pairs), dtype=bool)
    return float(sums[different].sum() / pairs[different].sum())


def _patient_sums(
    features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike | None
) -> tuple[Floats, Floats]:
    x, y, index = checked_pair(features_truth, features_generated, patients)
    g = int(index.max()) + 1
    if g < 2:
        raise ValueError("patients: expected at least 2 different ones, found 1")
    member = (index == np.arange(g)[:, None]).astype(np.float64)
    counts = member.sum(axis=1)
    return member @ _kernel_differences(x, y) @ member.T, np.outer(counts, counts)


def _kernel_differences(x: Floats, y: Floats) -> Floats:
    """(n, n) of ``[k(x_i, x_j) - k(x_i, y_j)] + [k(y_i, y_j) - k(y_i, x_j)]``, whose mean is the distance.

    With ``a^3 - b^3 = (a - b)(a^2 + a b + b^2)`` and ``a - b`` from the difference of the features: subtracting the
    kernel's means would lose all digits where features lie far from 0 or the sets close together.
    """
    d, apart = x.shape[1], (x - y).T
    xx, xy, yy = x @ x.T / d + 1, x @ y.T / d + 1, y @ y.T / d + 1
    yx = xy.T
    of_x = (x @ apart / d) * (xx**2 + xx * xy + xy**2)
    of_y = (y @ apart / d) * (yy**2 + yy * yx + yx**2)
    differences: Floats = of_x - of_y
    return differences
