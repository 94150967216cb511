"""Experiments on case metrics: coverage of the studentised bootstrap, false positives of sign flips and of max-t.

Scores are drawn patient by patient, one or two eyes each, around a known mean. Called by `coverage.py` and, small, by a
test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from phantom_model import eyes_of

from fundus2oct.metrics import inference
from fundus2oct.metrics.rank_inference import mean_deviations

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, Any], Floats]

FAILED_SHARE = 0.03
FAILED_SCORE = -1.0


def _normal(rng: np.random.Generator, size: Any) -> Floats:
    return rng.standard_normal(size)


def _student(rng: np.random.Generator, size: Any) -> Floats:
    return rng.standard_t(5, size) / np.sqrt(5 / 3)


def _uniform(rng: np.random.Generator, size: Any) -> Floats:
    return rng.uniform(-np.sqrt(3), np.sqrt(3), size)


def _gumbel(rng: np.random.Generator, size: Any) -> Floats:
    return (rng.gumbel(size=size) - np.euler_gamma) / np.sqrt(np.pi**2 / 6)


def _lognormal(rng: np.random.Generator, size: Any) -> Floats:
    return (np.exp(rng.standard_normal(size)) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)


SHAPES: dict[str, tuple[Draw, bool]] = {
    "normal": (_normal, True),
    "heavy tails (Student, 5 df)": (_student, True),
    "uniform": (_uniform, True),
    "mildly skewed (Gumbel, skewness 1.1)": (_gumbel, True),
    "strongly skewed (lognormal, skewness 6.2)": (_lognormal, False),
}
"""Shape of patients' and eyes' deviations (mean 0, variance 1) -> (how to draw it, near-symmetric?)."""
WITH_FAILURES = "3 % of the eyes failed (score -1)"


def patient_scores(draw: Draw, patients: int, rng: np.random.Generator, *, failed_share: float = 0.0) -> Floats:
    """(g,) patient means of an SSIM-like score: mean 0.6, sd 0.06 between patients and 0.04 between fellow eyes."""
    labels = eyes_of(patients)
    eyes = 0.6 + 0.06 * draw(rng, patients)[labels] + 0.04 * draw(rng, len(labels))
    eyes = np.where(rng.random(len(labels)) < failed_share, FAILED_SCORE, eyes)
    return inference.patient_means(eyes, labels)[1]


def covers(task: tuple[str, int, list[int]]) -> bool:
    """Whether one 95 % interval of the mean covers it."""
    name, patients, seed = task
    rng = np.random.default_rng(seed)
    failed = FAILED_SHARE if name == WITH_FAILURES else 0.0
    draw = _normal if name == WITH_FAILURES else SHAPES[name][0]
    truth = (1 - failed) * 0.6 + failed * FAILED_SCORE
    means = patient_scores(draw, patients, rng, failed_share=failed)
    found = inference.mean_interval(means, replicates=2_000, seed=seed[-1])
    return found.low <= truth <= found.high


def paired_panel(name: str, patients: int, entries: int, rng: np.random.Generator) -> Floats:
    """(g, K) patient means of entries of equal expectation that share what makes a patient hard."""
    hard = SHAPES[name][0](rng, patients)[:, None] * 0.06
    own = SHAPES[name][0](rng, (patients, entries)) * 0.04 * np.linspace(0.5, 1.5, entries)
    panel: Floats = 0.6 + hard + own
    return panel


def false_positives(task: tuple[str, int, int, list[int]]) -> tuple[bool, bool, bool, bool]:
    """Of equal entries: sign flips reject, the paired interval misses 0, max-t claims a pair, a rank set is missed."""
    name, patients, entries, seed = task
    means = paired_panel(name, patients, entries, np.random.default_rng(seed))
    pair = inference.case_difference(means[:, 0], means[:, 1], permutations=2_000, seed=seed[-1])
    tests = inference.max_t(means.mean(axis=0), mean_deviations(means), draws=10_000, seed=seed[-1])
    ranks = inference.rank_intervals(tests.better("higher"))
    return (
        bool(pair.p is not None and pair.p <= 0.05),
        bool(pair.interval is not None and not pair.interval.low <= 0 <= pair.interval.high),
        bool(tests.significant.any()),
        any(interval != (1, entries) for interval in ranks),
    )
