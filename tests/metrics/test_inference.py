"""Uncertainty by patient: hand-made values, and the coverage that the intervals claim."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from fundus2oct.metrics.frechet_distance import jackknife_frechet
from fundus2oct.metrics.inference import (
    headline_mean,
    jackknife_interval,
    jackknife_se,
    mean_interval,
    patient_means,
    t_interval,
)


def test_every_patient_counts_once() -> None:
    """Patient a has one eye, b two: (10 + (1 + 3) / 2) / 2 = 6, while the mean over eyes is 14 / 3."""
    assert headline_mean([1.0, 10.0, 3.0], ["b", "a", "b"]) == 6.0


def test_patient_means_come_with_their_sorted_labels() -> None:
    labels, means = patient_means([1.0, 10.0, 3.0], ["b", "a", "b"])
    assert labels.tolist() == ["a", "b"]
    assert means.tolist() == [10.0, 2.0]


def test_t_interval_matches_the_textbook() -> None:
    """t(0.975, 9) = 2.2622."""
    interval = t_interval(5.0, 2.0, 9)
    assert (interval.low, interval.high) == pytest.approx((5 - 4.52431, 5 + 4.52431), abs=1e-5)


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    x = np.array([2.0, 4.0, 4.0, 9.0, 1.0])
    delete_one = [np.delete(x, i).mean() for i in range(5)]
    assert jackknife_se(float(x.mean()), delete_one) == pytest.approx(x.std(ddof=1) / np.sqrt(5), rel=1e-12)


def test_a_bias_of_one_over_n_is_no_spread() -> None:
    """A statistic that is nothing but bias, 50 / n, has no sampling spread, whatever the patients' numbers of eyes."""
    eyes = np.array([1, 2, 2, 1, 2, 1])
    n = eyes.sum()
    assert jackknife_se(50 / n, 50 / (n - eyes), cases_per_patient=eyes) == pytest.approx(0, abs=1e-12)
    assert jackknife_se(50 / n, 50 / (n - eyes)) > 0.5


def test_jackknife_interval_has_patients_minus_one_degrees_of_freedom() -> None:
    x = np.array([2.0, 4.0, 4.0, 9.0, 1.0])
    interval = jackknife_interval(float(x.mean()), [np.delete(x, i).mean() for i in range(5)])
    expected = stats.t.interval(0.95, 4, loc=x.mean(), scale=stats.sem(x))
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-9)


def test_bootstrap_interval_of_symmetric_values_is_near_students() -> None:
    y = stats.norm.ppf((np.arange(40) + 0.5) / 40)
    interval = mean_interval(y)
    expected = stats.t.interval(0.95, 39, loc=y.mean(), scale=stats.sem(y))
    assert (interval.low, interval.high) == pytest.approx(expected, abs=0.05)
    assert interval.method == "studentised bootstrap"


def test_equal_inputs_give_equal_intervals() -> None:
    y = np.random.default_rng(0).lognormal(size=25)
    assert mean_interval(y) == mean_interval(y)


def test_bootstrap_leans_towards_the_long_tail() -> None:
    interval = mean_interval(np.random.default_rng(0).lognormal(size=25))
    assert interval.high - interval.estimate > interval.estimate - interval.low


def test_constant_values_have_an_interval_of_no_width() -> None:
    interval = mean_interval([3.0] * 8)
    assert (interval.low, interval.estimate, interval.high) == (3.0, 3.0, 3.0)


def test_values_tied_at_a_cap_fall_back_to_students_interval() -> None:
    interval = mean_interval([60.0] * 19 + [1.0])
    assert interval.method == "t"
    assert np.isfinite([interval.low, interval.high]).all()


def test_studentised_bootstrap_covers_the_mean_of_skewed_patients() -> None:
    """Nominal 95 %; 92 % is what 20 lognormal patients allow, where the percentile interval reaches 87 %."""
    rng = np.random.default_rng(1)
    samples = rng.lognormal(size=(400, 20))
    intervals = [mean_interval(y, replicates=2_000, seed=i) for i, y in enumerate(samples)]
    covered = np.mean([i.low <= np.exp(0.5) <= i.high for i in intervals])
    assert 0.89 <= covered <= 0.95


def test_jackknife_covers_the_expected_distance_at_this_number_of_cases() -> None:
    """Two eyes or one per patient; the distance is mostly finite-sample bias, which the interval must not count."""
    rng = np.random.default_rng(2)
    eyes = np.tile([1, 2], 10)
    patients = np.repeat(np.arange(20), eyes)
    scale = 3 / np.sqrt(np.arange(1, 26))

    def draw() -> Any:
        shared = rng.normal(size=(20, 25))[patients]
        truth = (shared + rng.normal(size=shared.shape)) * scale
        return truth, 0.5 * truth + 0.4 * (shared + rng.normal(size=shared.shape)) * scale + 0.5

    runs = [jackknife_frechet(*draw(), patients) for _ in range(150)]
    expected = np.mean([value for value, _ in runs])
    intervals = [jackknife_interval(value, others, cases_per_patient=eyes) for value, others in runs]
    assert 0.92 <= np.mean([i.low <= expected <= i.high for i in intervals]) <= 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([1.0, 2.0]), "values: expected at least 5 patients, found 2"),
        (lambda: mean_interval([1.0] * 5, replicates=100), "replicates: expected at least 2000, found 100"),
        (lambda: mean_interval([1.0] * 5, level=95), "level: expected a probability between 0 and 1, found 95"),
        (lambda: headline_mean([1.0, np.nan], ["a", "b"]), "case_values: expected finite values"),
        (lambda: headline_mean([1.0, 2.0], ["a"]), r"patients: expected shape \(2,\)"),
        (lambda: headline_mean([], []), "case_values: expected a vector with at least one value"),
        (lambda: jackknife_se(1.0, [1.0]), "delete_one: expected at least 2 patients, found 1"),
        (lambda: jackknife_se(1.0, [1.0, 2.0], cases_per_patient=[1, 0]), "cases_per_patient: expected 2 counts above"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_the_reason(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
