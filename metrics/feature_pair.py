"""The checks every distance between sets of features makes first: real, finite, in pairs, with a patient a row.

Nothing is cast from text, dates or complex numbers, and a NaN never becomes a number. No metric is here; the Fréchet
distance, whose two sets need not be pairs, has checks of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]


def checked_features(features: ArrayLike, name: str) -> Floats:
    """``features`` (n, d) as float64, n and d at least 1.

    Raises:
        ValueError: naming the argument, for another shape or type, for NaN or infinity.
    """
    given = np.asarray(features)
    if given.dtype.kind not in "fiu" or given.ndim != 2 or not given.size:
        raise ValueError(f"{name}: expected real numbers of shape (n, d), found {given.dtype} of shape {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError(f"{name}: expected finite features, found NaN or infinity")
    return given.astype(np.float64)


def checked_pair(
    features_truth: ArrayLike, features_generated: ArrayLike, patients: ArrayLike | None
) -> tuple[Floats, Floats, Labels]:
    """Two sets whose rows belong together, and the patient of each row as a number.

    Args:
        features_truth: (n, d) real.
        features_generated: (n, d) real.
        patients: (n,) labels; None when every row is a patient of its own.

    Returns:
        Both sets in float64, and (n,) numbers 0..g - 1 in the order of ``np.unique(patients)``.

    Raises:
        ValueError: naming the argument.
    """
    x = checked_features(features_truth, "features_truth")
    y = checked_features(features_generated, "features_generated")
    if x.shape != y.shape:
        raise ValueError(f"features_generated: expected shape {x.shape} as features_truth, found {y.shape}")
    labels = np.arange(len(x)) if patients is None else np.asarray(patients)
    if labels.shape != (len(x),):
        raise ValueError(f"patients: expected shape ({len(x)},), found {labels.shape}")
    return x, y, np.unique(labels, return_inverse=True)[1]
