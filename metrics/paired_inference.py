"""Two entries on the same patients: the difference, its interval and a test.

Case metrics are compared by patient means (studentised bootstrap, sign flips), set metrics by delete-one-patient values
(jackknife) or, where features are at hand, by swapping the entries' volumes patient by patient. Many entries at once
are in `rank_inference`. Pure functions on arrays whose rows are the same patients in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fundus2oct.metrics.frechet_distance import frechet_distance
from fundus2oct.metrics.interval_inference import (
    MIN_BOOTSTRAP_PATIENTS,
    SEED,
    Interval,
    finite_vector,
    jackknife_deviations,
    mean_interval,
    t_interval,
)

Floats = NDArray[np.float64]
Distance = Callable[[Floats, Floats], float]

MIN_PERMUTATIONS: Final = 10_000
SWAPS: Final = 2_000
COPY_TOLERANCE: Final = 1e-6
"""A set value that stays below this share of the other entry's is rounding: a copy of the truth."""
CHUNK: Final = 4_096
"""Permutations held in memory at once."""

COPY_REASON: Final = "its value is the same whoever is left out, as for a copy of the truth, so there is no interval"
EQUAL_REASON: Final = "both entries are equal for every patient"


@dataclass(frozen=True)
class Difference:
    """Value A minus value B on the same patients.

    Attributes:
        estimate: A - B.
        interval: with its standard error; None with a reason.
        p: two-sided p value of "no difference"; None where no test makes sense.
        test: ``sign flips``, ``jackknife t`` or ``patient swaps``.
        reason: why there is no interval; empty otherwise.
    """

    estimate: float
    interval: Interval | None
    p: float | None
    test: str
    reason: str = ""


@dataclass(frozen=True)
class SetScore:
    """What `per_patient.npz` keeps of a set metric.

    Attributes:
        value: the metric on all cases.
        delete_one: (g,) the metric without each patient.
        cases_per_patient: (g,) cases of each patient.
    """

    value: float
    delete_one: Floats
    cases_per_patient: Floats

    @property
    def deviations(self) -> Floats:
        """(g,) each patient's share of the jackknife, see `interval_inference.jackknife_deviations`."""
        return jackknife_deviations(self.value, self.delete_one, cases_per_patient=self.cases_per_patient)

    def is_copy_of_truth(self, scale: float) -> bool:
        """Whether all its values are nothing but rounding beside ``scale``, a typical value of the metric."""
        return bool(max(abs(self.value), np.abs(self.delete_one).max()) <= COPY_TOLERANCE * scale)


def permutations_needed(entries: int, level: float = 0.95) -> int:
    """Permutations so that 20 lie beyond the Bonferroni level of all pairs: ``20 K(K-1)/2 / 0.05``, at least 10,000.

    >>> permutations_needed(2), permutations_needed(20)
    (10000, 76000)
    """
    return max(MIN_PERMUTATIONS, ceil(20 * entries * (entries - 1) / 2 / round(1 - level, 9)))


def case_difference(
    means_a: ArrayLike,
    means_b: ArrayLike,
    *,
    level: float = 0.95,
    permutations: int = MIN_PERMUTATIONS,
    seed: int = SEED,
) -> Difference:
    """Difference of two headline means: studentised bootstrap of the patients' differences, sign-flip test.

    Args:
        means_a: (g,) patient means of A, g >= 5.
        means_b: (g,) of B, same patients in the same order.
        level: nominal coverage.
        permutations: sign flips.
        seed: of resamples and flips.
    """
    a, b = finite_vector(means_a, "means_a"), finite_vector(means_b, "means_b")
    _check_same_patients(len(a), len(b), "means_b")
    d = np.sort(a - b)  # so that the order of patients cannot change the last digit
    p = float(sign_flip_p(d[:, None], permutations=permutations, seed=seed)[0])
    if np.ptp(d) == 0:
        reason = EQUAL_REASON if d[0] == 0 else "the difference is the same for every patient"
        return Difference(float(d[0]), None, p, "sign flips", reason)
    return Difference(float(d.mean()), mean_interval(d, level=level, seed=seed), p, "sign flips")


def set_difference(a: SetScore, b: SetScore, *, level: float = 0.95) -> Difference:
    """Difference of two set metrics: jackknife over patients, Student's t with patients - 1 degrees of freedom.

    What it covers is the difference of the expectations *at this number of cases*. It over-covers when the entries are
    close, and then its test is conservative.

    Args:
        a: set score of A, g >= 5 patients.
        b: set score of B on the same patients in the same order.
        level: nominal coverage.
    """
    _check_same_patients(len(a.delete_one), len(b.delete_one), "b")
    if not np.array_equal(a.cases_per_patient, b.cases_per_patient):
        raise ValueError("b: expected as many cases of each patient as in a, found other counts")
    estimate = a.value - b.value
    scale = max(abs(a.value), abs(b.value))
    if a.is_copy_of_truth(scale) or b.is_copy_of_truth(scale):
        return Difference(estimate, None, None, "jackknife t", COPY_REASON)
    d = a.deviations - b.deviations
    error = float(np.linalg.norm(d))
    if error == 0:
        return Difference(estimate, None, 1.0 if estimate == 0 else None, "jackknife t", EQUAL_REASON)
    interval = t_interval(estimate, error, len(d) - 1, level=level, method="jackknife t")
    return Difference(estimate, interval, t_test_p(estimate / error, len(d) - 1), "jackknife t")


def t_test_p(t: float, degrees_of_freedom: int) -> float:
    """Two-sided p value of Student's t.

    >>> round(t_test_p(2.776445, 4), 6)
    0.05
    """
    from scipy import special

    return float(2 * special.stdtr(degrees_of_freedom, -abs(t)))


def sign_flip_p(differences: ArrayLike, *, permutations: int = MIN_PERMUTATIONS, seed: int = SEED) -> Floats:
    """Two-sided permutation p values of mean zero: every patient's difference keeps or changes its sign.

    Exact, over all 2^g flips, when there are no more than ``permutations``; else ``(1 + extreme) / (1 + draws)``
    (Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 9, 2010).

    Args:
        differences: (g, m), m comparisons of the same g patients, tested with the same flips.
        permutations: number of random flips.
        seed: of the flips.

    Returns:
        (m,) p values.
    """
    d = np.asarray(differences, np.float64)
    if d.ndim != 2 or not d.size or not np.isfinite(d).all():
        raise ValueError(f"differences: expected a finite matrix patients x comparisons, found shape {d.shape}")
    _check_permutations(permutations)
    d = np.sort(d, axis=0)  # so that the order of patients cannot change the result
    threshold = np.abs(d.sum(axis=0)) - 1e-12 * np.abs(d).sum(axis=0)
    exact = len(d) < 60 and 2 ** len(d) <= permutations
    total = 2 ** len(d) if exact else permutations
    rng = np.random.default_rng(seed)
    extreme = np.zeros(d.shape[1])
    for start in range(0, total, CHUNK):
        stop = min(start + CHUNK, total)
        signs = _all_signs(start, stop, len(d)) if exact else _random_signs(rng, stop - start, len(d))
        extreme += (np.abs(signs @ d) >= threshold).sum(axis=0)
    p: Floats = extreme / total if exact else (1 + extreme) / (1 + total)
    return p


def swap_test(
    truth: ArrayLike,
    features_a: ArrayLike,
    features_b: ArrayLike,
    patients: ArrayLike,
    *,
    distance: Distance = frechet_distance,
    permutations: int = SWAPS,
    seed: int = SEED,
) -> Difference:
    """Test of "A and B are interchangeable": each patient's volumes of A and B keep or change their places.

    Exact when A and B draw from one distribution given the truth. It tests more than equal expectations: entries that
    differ in kind but not in the metric's expectation are not what it was made for. No interval comes from it.

    Args:
        truth: (n, d) features of the true volumes.
        features_a: (n, d) of A's.
        features_b: (n, d) of B's.
        patients: (n,) labels.
        distance: (n, d), (n, d) -> value.
        permutations: random swaps.
        seed: of the swaps.
    """
    t, a, b = (np.asarray(x, np.float64) for x in (truth, features_a, features_b))
    if not t.shape == a.shape == b.shape or np.shape(patients) != t.shape[:1]:
        raise ValueError(
            f"features: expected equal shapes and one patient a row, found {t.shape}, {a.shape}, {b.shape}"
        )
    _check_permutations(permutations)
    labels, index = np.unique(np.asarray(patients), return_inverse=True)
    _check_same_patients(len(labels), len(labels), "patients")
    estimate = distance(t, a) - distance(t, b)
    rng = np.random.default_rng(seed)
    extreme = 0
    for _ in range(permutations):
        swapped = (rng.random(len(labels)) < 0.5)[index][:, None]
        difference = distance(t, np.where(swapped, b, a)) - distance(t, np.where(swapped, a, b))
        extreme += abs(difference) >= abs(estimate) - 1e-12
    p = (1 + extreme) / (1 + permutations)
    return Difference(estimate, None, p, "patient swaps", "the swap test gives no interval")


def _all_signs(start: int, stop: int, g: int) -> Floats:
    """Rows ``start`` to ``stop`` of the 2^g sign vectors, counted in binary."""
    numbers = np.arange(start, stop)[:, None]
    return np.asarray(1.0 - 2.0 * ((numbers >> np.arange(g)) & 1), np.float64)


def _random_signs(rng: np.random.Generator, rows: int, g: int) -> Floats:
    return np.asarray(1.0 - 2.0 * rng.integers(0, 2, size=(rows, g)), np.float64)


def _check_permutations(permutations: int) -> None:
    if permutations < 1:
        raise ValueError(f"permutations: expected at least 1, found {permutations}")


def _check_same_patients(n_a: int, n_b: int, name: str) -> None:
    if n_a != n_b:
        raise ValueError(f"{name}: expected the {n_a} patients of the first entry, found {n_b}")
    if n_a < MIN_BOOTSTRAP_PATIENTS:
        raise ValueError(f"{name}: expected at least {MIN_BOOTSTRAP_PATIENTS} patients, found {n_a}")
