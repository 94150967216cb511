"""The Fréchet distance between two sets of features: exact, and cheap when there are fewer cases than features.

Checks -> statistics -> number, so that the delete-one-patient jackknife reuses the statistics. Which features, and what
the distance then means, is for the metrics that call this (`frechet_video_distance`). Pure numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

JACKKNIFE_GROUPS = 50
"""Features of single B-scans, six rows an eye, make each deletion dear: beyond so many patients, groups are deleted."""

NEGATIVE_TOLERANCE = 1e-8
"""A result below zero by at most this share of tr S1 + tr S2 is rounding and becomes 0; beyond it is an error."""


@dataclass(frozen=True)
class FeatureStatistics:
    """What the distance needs of one set.

    Attributes:
        n: number of cases N.
        mean: (d,) mean of the features.
        factor: (min(n, d), d) matrix F with F^T F = (N - 1) S: the centred features, or their R of a QR when n > d.
    """

    n: int
    mean: Floats
    factor: Floats

    @property
    def trace(self) -> float:
        """Total variance tr S."""
        return float(np.square(self.factor).sum() / (self.n - 1))


def frechet_distance(features_a: ArrayLike, features_b: ArrayLike) -> float:
    """``|mu_a - mu_b|^2 + tr S_a + tr S_b - 2 tr((S_a S_b)^(1/2))`` with divisor N - 1.

    Dowson and Landau (Journal of Multivariate Analysis 12, 1982); of network features: Heusel et al. (NeurIPS 2017).

    Args:
        features_a: (n_a, d) real, n_a >= 2.
        features_b: (n_b, d) real, n_b >= 2; n_a and n_b may differ.

    Raises:
        ValueError: for other shapes, for NaN or infinite features.

    >>> frechet_distance([[0.0], [2.0]], [[3.0], [7.0]])  # means 1 and 5, standard deviations sqrt(2) and sqrt(8)
    18.0
    """
    a, b = _checked_pair(features_a, features_b)
    return distance_of(feature_statistics(a), feature_statistics(b))


def feature_statistics(features: Floats) -> FeatureStatistics:
    """Mean and covariance factor of (n, d) float64 features."""
    n, d = features.shape
    mean = features.mean(axis=0)
    centred = features - mean
    factor = np.asarray(np.linalg.qr(centred, mode="r"), np.float64) if n > d else centred
    return FeatureStatistics(n, mean, factor)


def distance_of(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """The distance from two sets' statistics.

    ``tr((S_a S_b)^(1/2))`` is the nuclear norm of ``F_a F_b^T / sqrt((N_a - 1)(N_b - 1))``: no matrix square root.
    """
    mean_term = float(np.square(a.mean - b.mean).sum())
    return _assemble(mean_term, a.trace, b.trace, _root_trace(a.factor @ b.factor.T, a.n, b.n))


def jackknife_frechet(
    features_a: ArrayLike, features_b: ArrayLike, patients: ArrayLike
) -> tuple[float, NDArray[np.float64]]:
    """The distance, and the distance without each patient in turn: what `inference.jackknife_se` needs.

    Args:
        features_a: (n, d) real; case i of both sets belongs to patient ``patients[i]``.
        features_b: (n, d) real.
        patients: (n,) labels.

    Returns:
        The distance, and (number of patients,) distances, ordered as ``np.unique(patients)``.
    """
    a, b = _checked_pair(features_a, features_b)
    labels = _checked_patients(patients, len(a), len(b))
    value = distance_of(feature_statistics(a), feature_statistics(b))
    keeps = [labels != patient for patient in np.unique(labels)]
    if len(a) > a.shape[1]:
        delete_one = [distance_of(feature_statistics(a[keep]), feature_statistics(b[keep])) for keep in keeps]
    else:
        delete_one = _delete_one_by_gram(a - a.mean(axis=0), b - b.mean(axis=0), a.mean(axis=0) - b.mean(axis=0), keeps)
    return value, np.array(delete_one)


def _delete_one_by_gram(a: Floats, b: Floats, mean_difference: Floats, keeps: list[NDArray[np.bool_]]) -> list[float]:
    """Delete-one distances from one n x n cross-Gram: deleting cases deletes its rows and columns and re-centres it."""
    gram = a @ b.T
    values = []
    for keep in keeps:
        n, kept_a, kept_b = int(keep.sum()), a[keep], b[keep]
        shift_a, shift_b = kept_a.mean(axis=0), kept_b.mean(axis=0)
        mean_term = float(np.square(mean_difference + shift_a - shift_b).sum())
        traces = [
            float(np.square(kept - shift).sum() / (n - 1)) for kept, shift in ((kept_a, shift_a), (kept_b, shift_b))
        ]
        cross = gram[np.ix_(keep, keep)]
        cross = cross - cross.mean(axis=0) - cross.mean(axis=1, keepdims=True) + cross.mean()
        values.append(_assemble(mean_term, traces[0], traces[1], _root_trace(cross, n, n)))
    return values


def _root_trace(cross_gram: Floats, n_a: int, n_b: int) -> float:
    nuclear_norm = np.linalg.svd(cross_gram, compute_uv=False).sum()
    return float(nuclear_norm / np.sqrt((n_a - 1.0) * (n_b - 1.0)))


def _assemble(mean_term: float, trace_a: float, trace_b: float, root_trace: float) -> float:
    value = mean_term + trace_a + trace_b - 2 * root_trace
    if not value >= -NEGATIVE_TOLERANCE * (trace_a + trace_b):  # written so that NaN fails too
        raise ArithmeticError(
            f"Fréchet distance {value} is not a number, or negative beyond rounding (traces {trace_a} and {trace_b})"
        )
    return max(value, 0.0)


def _checked_pair(features_a: ArrayLike, features_b: ArrayLike) -> tuple[Floats, Floats]:
    a, b = _checked(features_a, "features_a"), _checked(features_b, "features_b")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"features_b: expected {a.shape[1]} features as in features_a, found {b.shape[1]}")
    return a, b


def _checked(features: ArrayLike, name: str) -> Floats:
    given = np.asarray(features)
    if given.dtype.kind not in "fiu":
        raise ValueError(f"{name}: expected real numbers, found dtype {given.dtype}")
    if given.ndim != 2 or given.shape[1] == 0:
        raise ValueError(f"{name}: expected shape (n, d), found {given.shape}")
    if len(given) < 2:
        raise ValueError(f"{name}: expected at least 2 cases, found {len(given)}; a covariance needs two")
    if not np.isfinite(given).all():
        rows = np.flatnonzero(~np.isfinite(given).all(axis=1))
        raise ValueError(
            f"{name}: expected finite features, found NaN or infinity in case {rows[0]} ({len(rows)} in all)"
        )
    return given.astype(np.float64)


def _checked_patients(patients: ArrayLike, n_a: int, n_b: int) -> NDArray[np.generic]:
    labels = np.asarray(patients)
    if n_a != n_b:
        raise ValueError(f"features_b: expected the {n_a} cases of features_a, found {n_b}")
    if labels.shape != (n_a,):
        raise ValueError(f"patients: expected shape ({n_a},), found {labels.shape}")
    counts = np.unique(labels, return_counts=True)[1]
    if n_a - int(counts.max()) < 2:
        raise ValueError(f"patients: expected 2 cases left without any one patient, found {n_a - int(counts.max())}")
    return labels
