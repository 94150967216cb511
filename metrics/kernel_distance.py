"""The unbiased kernel distance between two sets of features, over pairs of different patients only, and its jackknife.

One U-statistic over all samples, never subsets. KVD and the KIDs are this number on different features: see
`kernel_cards`. Pure numpy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    delete_one = [_distance(sums[:, keep][:, :, keep], pairs[np.ix_(keep, keep)]) for keep in keeps]
    return _distance(sums, pairs), np.array(delete_one)


def _distance(sums: Floats, pairs: Floats) -> float:
    """From sums of kernel values by patient and patient: (3, g, g) for xx, yy, xy, and (g, g) numbers of pairs."""
    different = ~np.eye(len(pairs), dtype=bool)
    xx, yy, xy = sums[:, different].sum(axis=1) / pairs[different].sum()
    return float(xx + yy - 2 * xy)


def _patient_sums(
    features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike | None
) -> tuple[Floats, Floats]:
    x, y = _checked(features_truth, "features_truth"), _checked(features_generated, "features_generated")
    if x.shape != y.shape:
        raise ValueError(f"features_generated: expected shape {x.shape} as features_truth, found {y.shape}")
    labels = np.arange(len(x)) if patients is None else np.asarray(patients)
    if labels.shape != (len(x),):
        raise ValueError(f"patients: expected shape ({len(x)},), found {labels.shape}")
    names, index = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        raise ValueError("patients: expected at least 2 different ones, found 1")
    member = (index == np.arange(len(names))[:, None]).astype(np.float64)
    kernels = [(a @ b.T / x.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))]
    counts = member.sum(axis=1)
    return np.stack([member @ kernel @ member.T for kernel in kernels]), np.outer(counts, counts)


def _checked(features: ArrayLike, name: str) -> Floats:
    given = np.asarray(features)
    if given.dtype.kind not in "fiu" or given.ndim != 2 or given.shape[1] == 0:
        raise ValueError(f"{name}: expected real numbers of shape (n, d), found {given.dtype} of shape {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError(f"{name}: expected finite features, found NaN or infinity")
    return given.astype(np.float64)
