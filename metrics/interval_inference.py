"""Uncertainty of one value by patient: headline means, and the intervals that held their coverage in simulation.

Two eyes of a patient are not independent, so everything here counts patients. Case metrics get the studentised patient
bootstrap, set metrics the delete-one-patient jackknife. Comparisons of entries are in `paired_inference` and
`rank_inference`. Others import all of it through `inference`; pure functions, loads no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

REPLICATES: Final = 4_000
SEED: Final = 20_240_607
"""Fixed: equal inputs give equal intervals, on every machine and in every order of calls."""

MIN_BOOTSTRAP_PATIENTS: Final = 5
"""With fewer, too many resamples hold one patient alone, and the studentised interval is undefined."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its uncertainty.

    Attributes:
        estimate: the value.
        standard_error: its standard error over patients.
        low, high: bounds of the interval.
        level: its nominal coverage.
        method: ``studentised bootstrap``, ``t`` or ``jackknife t``.
    """

    estimate: float
    standard_error: float
    low: float
    high: float
    level: float
    method: str


def patient_means(case_values: ArrayLike, patients: ArrayLike) -> tuple[NDArray[np.generic], Floats]:
    """Mean over each patient's cases.

    Args:
        case_values: (n,) finite values, one per case.
        patients: (n,) labels.

    Returns:
        The labels, ordered as ``np.unique``, and (number of patients,) means.

    >>> patient_means([1.0, 3.0, 10.0], ["b", "b", "a"])[1].tolist()
    [10.0, 2.0]
    """
    values = finite_vector(case_values, "case_values")
    labels, index = np.unique(np.asarray(patients), return_inverse=True)
    if index.shape != values.shape:
        raise ValueError(f"patients: expected shape {values.shape} as case_values, found {np.shape(patients)}")
    return labels, np.bincount(index, weights=values) / np.bincount(index)


def headline_mean(case_values: ArrayLike, patients: ArrayLike) -> float:
    """Cases -> patient -> mean over patients: every patient counts once, whether one eye was scanned or two."""
    return float(patient_means(case_values, patients)[1].mean())


def mean_interval(
    values: ArrayLike, *, level: float = 0.95, replicates: int = REPLICATES, seed: int = SEED
) -> Interval:
    """Studentised (bootstrap-t) interval of a mean over patients.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 12.5. Among 20 skewed patients it covered
    92 % where BCa covered 88 % and the percentile interval 87 % (nominal 95 %).

    Args:
        values: (g,) one finite value per patient, g >= 5 (see `patient_means`).
        level: nominal coverage.
        replicates: bootstrap resamples, at least 2,000.
        seed: seed of the resampling.

    Returns:
        The interval; Student's t instead when so many resamples are constant (values tied at a cap) that the
        studentised quantiles are infinite.
    """
    y = np.sort(finite_vector(values, "values"))  # so that the order of patients cannot change the interval
    if len(y) < MIN_BOOTSTRAP_PATIENTS:
        raise ValueError(f"values: expected at least {MIN_BOOTSTRAP_PATIENTS} patients, found {len(y)}")
    if replicates < 2_000:
        raise ValueError(f"replicates: expected at least 2000, found {replicates}")
    estimate, error = float(y.mean()), _standard_error_of_mean(y)
    quantiles = _studentised_quantiles(y, _tails(level), replicates, seed)
    if not np.isfinite(quantiles).all():
        return t_interval(estimate, error, len(y) - 1, level=level)
    low, high = estimate - quantiles[1] * error, estimate - quantiles[0] * error
    return Interval(estimate, error, float(low), float(high), level, "studentised bootstrap")


def jackknife_interval(
    value: float, delete_one: ArrayLike, *, cases_per_patient: ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """Interval of a set metric: jackknife standard error, Student's t with patients - 1 degrees of freedom.

    What it covers is the metric's expectation *at this number of cases*. It is wider than needed for close entries
    (97-99 % coverage), and means nothing for a copy of the truth.

    Args: as in `jackknife_se`; ``level`` is the nominal coverage.
    """
    error = jackknife_se(value, delete_one, cases_per_patient=cases_per_patient)
    return t_interval(value, error, np.size(delete_one) - 1, level=level, method="jackknife t")


def jackknife_se(value: float, delete_one: ArrayLike, *, cases_per_patient: ArrayLike | None = None) -> float:
    """Standard error from delete-one-patient values, for groups of unequal size.

    The delete-m_j jackknife of Busing, Meijer and van der Leeden (Statistics and Computing 1999). Its pseudo-values
    cancel a bias of order 1/n. That matters for Fréchet distances, which are mostly such bias: in the plain jackknife,
    deleting two eyes instead of one would count as spread. In a simulation of 40 patients with one or two eyes (true
    spread 0.93) this one gave 1.03 and the plain one 1.13. With equal groups the two are the same.

    Args:
        value: the metric on all cases.
        delete_one: (g,) the metric without each patient, g >= 2.
        cases_per_patient: (g,) cases of each, in the same order; None when all have as many.
    """
    return float(np.linalg.norm(jackknife_deviations(value, delete_one, cases_per_patient=cases_per_patient)))


def jackknife_deviations(value: float, delete_one: ArrayLike, *, cases_per_patient: ArrayLike | None = None) -> Floats:
    """Each patient's share d_j of the jackknife: the variance is the sum of d_j^2, a covariance the sum of d_j d'_j.

    With equal groups ``d_j = sqrt((g - 1) / g) (mean of theta_(-) - theta_(-j))``. Shares of two entries on the same
    patients subtract: those of the difference are the difference of theirs.

    Args: as in `jackknife_se`.

    Returns:
        (g,) in the metric's unit.
    """
    theta_without = finite_vector(delete_one, "delete_one")
    g = len(theta_without)
    if not np.isfinite(value):
        raise ValueError(f"value: expected a finite number, found {value}")
    if g < 2:
        raise ValueError(f"delete_one: expected at least 2 patients, found {g}")
    m = np.ones(g) if cases_per_patient is None else finite_vector(cases_per_patient, "cases_per_patient")
    if m.shape != theta_without.shape or not (m > 0).all():
        raise ValueError(f"cases_per_patient: expected {g} counts above zero, found shape {m.shape}, minimum {m.min()}")
    h = m.sum() / m
    deviations = value - theta_without
    pseudo = value + (h - 1) * deviations
    centre = value + ((1 - 1 / h) * deviations).sum()
    shares: Floats = (pseudo - centre) / np.sqrt(g * (h - 1))
    return shares


def t_interval(
    estimate: float, standard_error: float, degrees_of_freedom: int, *, level: float = 0.95, method: str = "t"
) -> Interval:
    """``estimate ± t standard_error`` with Student's t quantile.

    >>> i = t_interval(10.0, 1.0, 4)
    >>> round(i.low, 3), round(i.high, 3)
    (7.224, 12.776)
    """
    if degrees_of_freedom < 1:
        raise ValueError(f"degrees_of_freedom: expected at least 1, found {degrees_of_freedom}")
    if not (np.isfinite(estimate) and np.isfinite(standard_error) and standard_error >= 0):
        raise ValueError(f"estimate, standard_error: expected finite, at least 0, found {estimate}, {standard_error}")
    from scipy import special

    reach = float(special.stdtrit(degrees_of_freedom, _tails(level)[1])) * standard_error
    return Interval(estimate, standard_error, estimate - reach, estimate + reach, level, method)


def _studentised_quantiles(y: Floats, tails: tuple[float, float], replicates: int, seed: int) -> Floats:
    """Quantiles of t* = (mean* - mean) / se*; a constant resample counts as infinite, away from the mean."""
    rows = np.random.default_rng(seed).integers(len(y), size=(replicates, len(y)))
    resampled = y[rows]
    shift = resampled.mean(axis=1) - y.mean()
    spread = resampled.std(axis=1, ddof=1) / np.sqrt(len(y))
    constant = spread <= 1e-12 * np.abs(y).max()
    t = np.where(shift == 0, 0.0, np.copysign(np.inf, shift))
    np.divide(shift, spread, out=t, where=~constant)
    return np.quantile(t, tails, method="inverted_cdf")


def _standard_error_of_mean(y: Floats) -> float:
    return float(y.std(ddof=1) / np.sqrt(len(y)))


def _tails(level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise ValueError(f"level: expected a probability between 0 and 1, found {level}")
    return (1 - level) / 2, (1 + level) / 2


def finite_vector(values: ArrayLike, name: str) -> Floats:
    """``values`` as a float64 vector; ValueError naming the argument when it is empty, not a vector or not finite."""
    given = np.asarray(values)
    if given.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected real numbers, found {given.dtype} of shape {given.shape}")
    vector = given.astype(np.float64)
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"{name}: expected a vector with at least one value, found shape {vector.shape}")
    if not np.isfinite(vector).all():
        raise ValueError(
            f"{name}: expected finite values, found NaN or infinity at {np.flatnonzero(~np.isfinite(vector))[:5]}"
        )
    return vector
