"""The bias-matched Fréchet distance: its formula, the known distances it must find, and that sameness does not pay."""

from __future__ import annotations

import numpy as np
import pytest

from fundus2oct.metrics.bias_matched_frechet import (
    _splits,
    bias_matched_frechet,
    jackknife_bias_matched_frechet,
)
from fundus2oct.metrics.frechet_distance import frechet_distance

PATIENTS = np.arange(64)
SPREAD = np.arange(1, 201) ** -0.5
"""Spectrum 1/i in 200 dimensions, 64 patients."""


def sets(seed: int, factor: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 64, 200)) * SPREAD
    y = factor * y
    y[:, 0] += shift
    return x, y


def true_distance(factor: float, shift: float) -> float:
    """Closed form of Gaussians with proportional covariances."""
    return float(shift**2 + ((1 - factor) ** 2 * SPREAD**2).sum())


def test_the_formula_by_hand_on_the_splits() -> None:
    x, y = sets(0, 0.9, 1.0)
    values = [
        frechet_distance(x[a], y[b])
        + frechet_distance(x[b], y[a])
        - frechet_distance(x[a], x[b])
        - frechet_distance(y[a], y[b])
        for a, b in _splits(PATIENTS)
    ]
    assert bias_matched_frechet(x, y, PATIENTS) == pytest.approx(np.mean(values) / 2, rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_at_equal_spread_the_true_distance_is_found_where_the_plain_one_is_mostly_bias(shift: float) -> None:
    pairs = [sets(seed, 1.0, shift) for seed in range(25)]
    assert np.mean([bias_matched_frechet(x, y, PATIENTS) for x, y in pairs]) == pytest.approx(
        true_distance(1.0, shift), abs=0.35
    )
    assert np.mean([frechet_distance(x, y) for x, y in pairs]) > true_distance(1.0, shift) + 3


def test_less_variety_never_pays_although_the_plain_distance_rewards_it() -> None:
    full, shrunk = ([sets(seed, factor, 2.0) for seed in range(12)] for factor in (1.0, 0.75))
    plain = [np.mean([frechet_distance(x, y) for x, y in pairs]) for pairs in (full, shrunk)]
    matched = [np.mean([bias_matched_frechet(x, y, PATIENTS) for x, y in pairs]) for pairs in (full, shrunk)]
    assert plain[1] < plain[0]
    assert matched[1] > matched[0]


def test_a_copy_of_the_truth_is_zero() -> None:
    x, _ = sets(1, 1.0, 0.0)
    assert bias_matched_frechet(x, x, PATIENTS // 2) == pytest.approx(0, abs=1e-10)


def test_both_eyes_of_a_patient_stay_in_one_half() -> None:
    labels = np.repeat([f"p{i}" for i in range(9)], 2)
    for first, second in _splits(labels):
        assert not set(labels[first]) & set(labels[second])
        assert sorted([*first, *second]) == list(range(18))


def test_the_jackknife_deletes_a_patient_from_its_half() -> None:
    x, y = sets(2, 0.8, 1.0)
    labels = PATIENTS // 2
    value, delete_one = jackknife_bias_matched_frechet(x, y, labels)
    assert value == bias_matched_frechet(x, y, labels)
    assert delete_one.shape == (32,)
    assert 0 < delete_one.std() < 0.2 * value


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 4 different ones, found 3"):
        bias_matched_frechet(np.eye(6), np.eye(6), [1, 1, 2, 2, 3, 3])
