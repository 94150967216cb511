"""Does a generator use the photograph? The shuffled-fundus gap: own eyes against other patients' eyes.

A generator that ignores the photograph is as good for a stranger's eye as for the right one. From the full matrix of
scores, truth x generated, the gap is how much better the matched pairs are than pairs of different patients with the
same eye side. Pure functions on a matrix; which score fills it is the caller's choice. For eligibility.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fundus2oct.metrics.interval_inference import jackknife_interval

PERMUTATIONS: Final = 2_000
SEED: Final = 20_240_609
MIN_PATIENTS: Final = 10
"""With fewer patients in a stratum no gap is given: its interval would not mean much."""

Floats = NDArray[np.float64]
Labels = NDArray[np.generic]


@dataclass(frozen=True)
class Gap:
    """How much the photograph helps.

    Attributes:
        value: mean over patients of (mean score with other patients' volumes - score with their own); positive when the
            photograph helps, in the unit of the score.
        low, high: 95 % interval, jackknife over patients; low is the lower 97.5 % bound that decides eligibility.
        standard_error: of the jackknife.
        p: one-sided p of the permutation test whose null is that volumes were dealt to patients at random.
        n_cases, n_patients: what it rests on.
    """

    value: float
    low: float
    high: float
    standard_error: float
    p: float
    n_cases: int
    n_patients: int


def shuffled_gap(
    errors: ArrayLike,
    patients: ArrayLike,
    strata: ArrayLike,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = SEED,
) -> Gap | None:
    """The shuffled-fundus gap of an error (lower is better).

    Args:
        errors: (n, n) finite errors, ``errors[i, j]`` of true eye i against the volume generated for eye j.
        patients: (n,) labels; a patient's fellow eye is never a stranger.
        strata: (n,) labels, such as the eye side, or side and disease: strangers come from the same stratum.
        permutations: of the null.
        seed: of the permutations.

    Returns:
        The gap, or None with fewer than 10 patients, or where nobody has a stranger in the stratum.
    """
    matrix, labels, groups = _checked(errors, patients, strata)
    if permutations < 1:
        raise ValueError(f"permutations: expected at least 1, found {permutations}")
    if len(np.unique(labels)) < MIN_PATIENTS:
        return None
    value = _gap(matrix, labels, groups)
    if np.isnan(value):
        return None
    names, counts = np.unique(labels, return_counts=True)
    keeps = [labels != name for name in names]
    delete_one = np.array([_gap(matrix[np.ix_(keep, keep)], labels[keep], groups[keep]) for keep in keeps])
    if np.isnan(delete_one).any():
        return None
    p = _permutation_p(matrix, labels, groups, value, permutations, seed)
    if np.ptp(delete_one) == 0:
        return Gap(value, value, value, 0.0, p, len(labels), len(names))
    interval = jackknife_interval(value, delete_one, cases_per_patient=counts)
    return Gap(value, interval.low, interval.high, interval.standard_error, p, len(labels), len(names))


def strangers(patients: Labels, strata: Labels) -> NDArray[np.bool_]:
    """(n, n) whether eye j belongs to another patient than eye i and to the same stratum."""
    found: NDArray[np.bool_] = (patients[:, None] != patients) & (strata[:, None] == strata)
    return found


def _weights(patients: Labels, strata: Labels) -> Floats | None:
    """(n, n) weights W with gap = sum(W * errors): each patient counts once, its eyes alike; None: no strangers."""
    pairs = strangers(patients, strata)
    n_strangers = pairs.sum(axis=1)
    has = n_strangers > 0
    if not has.any():
        return None
    index = np.unique(patients, return_inverse=True)[1]
    eyes = np.bincount(index, weights=has)
    share = np.where(has, 1 / np.maximum(eyes[index], 1), 0.0) / (eyes > 0).sum()
    weights: Floats = share[:, None] * (pairs / np.maximum(n_strangers, 1)[:, None] - np.eye(len(patients)))
    return weights


def _gap(matrix: Floats, patients: Labels, strata: Labels) -> float:
    """Mean over patients of their eyes' mean gap; NaN when no eye has a stranger."""
    weights = _weights(patients, strata)
    return float("nan") if weights is None else _weighted(weights, matrix)


def _weighted(weights: Floats, matrix: Floats) -> float:
    """``sum(W * errors)``; each row less its own eye's error first, for rows of W sum to 0.

    So a generator that draws one volume for everybody has a gap of exactly 0, and no rounding that could pass for one.
    """
    return float((weights * (matrix - np.diag(matrix)[:, None])).sum())


def _permutation_p(
    matrix: Floats, patients: Labels, strata: Labels, value: float, permutations: int, seed: int
) -> float:
    """Deal whole patients' volumes to patients with the same eyes; how often is the gap as large by chance?"""
    weights = _weights(patients, strata)
    if weights is None:
        return 1.0
    rng = np.random.default_rng(seed)
    groups = _rows_of_alike_patients(patients, strata)
    exceed = 0
    for _ in range(permutations):
        dealt = np.arange(len(patients))
        for group in groups:
            dealt[group.ravel()] = group[rng.permutation(len(group))].ravel()
        exceed += _weighted(weights, matrix[:, dealt]) >= value - 1e-12
    return (1 + exceed) / (1 + permutations)


def _rows_of_alike_patients(patients: Labels, strata: Labels) -> list[NDArray[np.intp]]:
    """Groups of patients whose eyes lie in the same strata: (patients, eyes) row numbers, eyes ordered by stratum."""
    groups: dict[tuple[str, ...], list[NDArray[np.intp]]] = {}
    for patient in np.unique(patients):
        rows = np.flatnonzero(patients == patient)
        rows = rows[np.argsort(strata[rows], kind="stable")]
        groups.setdefault(tuple(str(stratum) for stratum in strata[rows]), []).append(rows)
    return [np.stack(group) for group in groups.values()]


def _checked(errors: ArrayLike, patients: ArrayLike, strata: ArrayLike) -> tuple[Floats, Labels, Labels]:
    matrix, labels, groups = np.asarray(errors, np.float64), np.asarray(patients), np.asarray(strata)
    n = labels.size
    if labels.ndim != 1 or matrix.shape != (n, n) or groups.shape != (n,):
        raise ValueError(
            f"errors: expected shape ({n}, {n}) for {n} patients' labels, found {matrix.shape}; strata {groups.shape}"
        )
    if not np.isfinite(matrix).all():
        raise ValueError("errors: expected finite values; a failed case has its metric's worst value")
    return matrix, labels, groups
