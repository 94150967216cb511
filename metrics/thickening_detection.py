"""Would the generated volume have found the thickened centre? Sensitivity and specificity at 320 micrometres.

A failed eye is a wrong answer, whatever the truth. Intervals are Wilson's, widened when two eyes of a patient answer
alike, or Clopper and Pearson's. Called by the scorer and boards; numbers in, table out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

THRESHOLD_UM: Final = 320.0
"""Central subfield on a Spectralis at which a man's centre counts as thickened (Diabetic Retinopathy Clinical Research
Network, protocol T and later; 305 for women, whose sex a photograph does not tell)."""

Method = Literal["wilson", "exact"]


@dataclass(frozen=True)
class Proportion:
    """A share with its interval; all None without a single case.

    Attributes:
        hits, n: numerator and denominator, in eyes.
        value, low, high: the share and its bounds.
        effective_n: eyes' worth of information, less than n when eyes of a patient agree.
    """

    hits: int
    n: int
    value: float | None
    low: float | None
    high: float | None
    effective_n: float


@dataclass(frozen=True)
class Detection:
    """Detection of central thickening by the generated volumes."""

    true_positives: int
    false_negatives: int
    false_positives: int
    true_negatives: int
    failed: int
    """Eyes without a generated thickness; counted as missed or as false alarms above."""
    sensitivity: Proportion
    specificity: Proportion


def detection(
    truth_um: ArrayLike,
    generated_um: ArrayLike,
    patients: ArrayLike,
    *,
    threshold_um: float = THRESHOLD_UM,
    method: Method = "wilson",
    level: float = 0.95,
) -> Detection:
    """Compare who is thickened in truth and in the generated volumes.

    Args:
        truth_um: (n,) true central subfield thickness, finite.
        generated_um: (n,) generated; NaN = failed: a wrong answer.
        patients: (n,) labels.
        threshold_um: thickened means at least so thick.
        method: ``wilson`` with the effective number of eyes, or ``exact`` (Clopper and Pearson), which takes eyes as
            independent and is shown for comparison with other papers.
        level: nominal coverage.
    """
    truth, generated = np.asarray(truth_um, dtype=np.float64), np.asarray(generated_um, dtype=np.float64)
    labels = np.asarray(patients)
    if not truth.shape == generated.shape == labels.shape or truth.ndim != 1 or not np.isfinite(truth).all():
        shapes = f"{truth.shape}, {generated.shape} and {labels.shape}"
        raise ValueError(f"truth_um: expected finite values, one per eye, as generated_um and patients; found {shapes}")
    if np.isinf(generated).any():
        raise ValueError("generated_um: expected finite values, or NaN for a failed eye; found infinity")
    thick = truth >= threshold_um
    failed = np.isnan(generated)
    right = ((generated >= threshold_um) == thick) & ~failed
    parts = [proportion(right[group], labels[group], method=method, level=level) for group in (thick, ~thick)]
    return Detection(
        true_positives=parts[0].hits,
        false_negatives=parts[0].n - parts[0].hits,
        false_positives=parts[1].n - parts[1].hits,
        true_negatives=parts[1].hits,
        failed=int(failed.sum()),
        sensitivity=parts[0],
        specificity=parts[1],
    )


def proportion(right: ArrayLike, patients: ArrayLike, *, method: Method = "wilson", level: float = 0.95) -> Proportion:
    """A share of eyes with an interval that respects patients.

    Args:
        right: (n,) bool.
        patients: (n,) labels.
        method: as in `detection`.
        level: nominal coverage.
    """
    given, labels = np.asarray(right), np.asarray(patients)
    answers = given.astype(np.bool_)
    if given.ndim != 1 or given.shape != labels.shape or not np.array_equal(answers, given):
        raise ValueError(f"right: expected yes or no for each of {labels.size} eyes, found shape {given.shape}")
    n, hits = len(answers), int(answers.sum())
    if n == 0:
        return Proportion(0, 0, None, None, None, 0.0)
    effective = n / design_effect(answers, labels) if method == "wilson" else float(n)
    bounds = wilson_interval(hits / n, effective, level) if method == "wilson" else exact_interval(hits, n, level)
    return Proportion(hits, n, hits / n, *bounds, effective)


def design_effect(right: NDArray[np.bool_], patients: NDArray[np.generic]) -> float:
    """How many times the variance of a share exceeds that of independent eyes; at least 1.

    Rao and Scott, Biometrics 48 (1992): the variance of a ratio estimate over patients against p (1 − p) / n. Where
    every answer is equal nothing can be estimated, and patients are counted instead of eyes.
    """
    _, index = np.unique(patients, return_inverse=True)
    m = np.bincount(index).astype(np.float64)
    n, g, p = m.sum(), len(m), right.mean()
    if p in (0.0, 1.0) or g < 2:
        return float(n / g)
    residual = np.bincount(index, weights=right) - p * m
    clustered = g / (g - 1) * (residual**2).sum() / n**2
    return float(max(clustered * n / (p * (1 - p)), 1.0)) if n > g else 1.0


def wilson_interval(p: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (Journal of the American Statistical Association 1927); n may be a fraction.

    >>> [round(bound, 4) for bound in wilson_interval(0.9, 20.0)]
    [0.699, 0.9721]
    """
    if not (0 <= p <= 1 and n > 0 and 0 < level < 1):
        raise ValueError(f"p, n, level: expected a share, a number above 0 and a level, found {p}, {n}, {level}")
    from scipy import special

    z = float(special.ndtri((1 + level) / 2))
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * float(np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)))
    return max(centre - reach, 0.0) if p > 0 else 0.0, min(centre + reach, 1.0) if p < 1 else 1.0


def exact_interval(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval (Biometrika 1934): beta quantiles."""
    if not (0 <= hits <= n and 0 < level < 1):
        raise ValueError(f"hits, n, level: expected 0 <= hits <= n and a level, found {hits}, {n}, {level}")
    from scipy import special

    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(special.betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits == n else float(special.betaincinv(hits + 1, n - hits, 1 - tail))
    return low, high
