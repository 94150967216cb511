"""Two entries on the same patients: closed forms, exact permutation counts, scipy, and degenerate inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from fundus2oct.metrics.frechet_distance import frechet_distance, jackknife_frechet
from fundus2oct.metrics.inference import (
    SetScore,
    case_difference,
    permutations_needed,
    set_difference,
    sign_flip_p,
    swap_test,
)


def score_of_mean(x: Any) -> SetScore:
    """A set metric that is a plain mean, so that the textbook's paired t test applies."""
    values = np.asarray(x, np.float64)
    delete_one = np.array([np.delete(values, i).mean() for i in range(len(values))])
    return SetScore(float(values.mean()), delete_one, np.ones(len(values)))


def features(seed: int) -> tuple[Any, Any, Any, Any]:
    """Truth, A, B and patients of 12 eyes with 3 features."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(12, 3))
    patients = np.repeat(np.arange(8), [1, 2, 1, 2, 1, 2, 1, 2])
    return truth, truth + rng.normal(size=truth.shape), truth + rng.normal(size=truth.shape), patients


def test_difference_of_a_mean_is_the_paired_t_test() -> None:
    a, b = np.array([1.0, 4.0, 2.0, 8.0, 5.0, 7.0]), np.array([2.0, 3.5, 4.0, 8.5, 7.0, 9.0])
    found = set_difference(score_of_mean(a), score_of_mean(b))
    expected = stats.ttest_rel(a, b)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.p == pytest.approx(expected.pvalue)


def test_difference_of_case_means_is_near_the_paired_t_interval() -> None:
    a = stats.norm.ppf((np.arange(40) + 0.5) / 40)
    b = np.zeros(40) + 0.3
    found = case_difference(a, b)
    assert found.interval is not None
    expected = stats.t.interval(0.95, 39, loc=-0.3, scale=stats.sem(a))
    assert (found.interval.low, found.interval.high) == pytest.approx(expected, abs=0.05)


def test_five_patients_of_one_sign_have_two_of_thirty_two_flips() -> None:
    assert sign_flip_p(np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]))[0] == 2 / 32


def test_sign_flips_match_scipy() -> None:
    d = np.array([0.3, -0.1, 0.8, 0.5, -0.4, 0.9, 0.2])
    expected = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(d[:, None])[0] == pytest.approx(expected.pvalue)


def test_random_flips_are_near_the_exact_count() -> None:
    d = np.random.default_rng(3).normal(0.5, 1, size=(12, 1))
    exact, drawn = sign_flip_p(d)[0], sign_flip_p(d, permutations=4_000)[0]
    assert drawn == pytest.approx(exact, abs=0.02)
    assert drawn != exact


def test_order_of_patients_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=30), rng.normal(size=30)
    shuffled = rng.permutation(30)
    assert case_difference(a, b) == case_difference(a[shuffled], b[shuffled])


def test_exchanging_the_entries_changes_the_sign_alone() -> None:
    rng = np.random.default_rng(1)
    a, b = score_of_mean(rng.normal(size=9)), score_of_mean(rng.normal(size=9))
    there, back = set_difference(a, b), set_difference(b, a)
    assert (there.estimate, there.p) == (-back.estimate, back.p)


def test_a_copy_of_the_truth_never_gets_an_interval() -> None:
    truth, a, _, patients = features(0)
    counts = np.unique(patients, return_counts=True)[1].astype(np.float64)
    copy = SetScore(*jackknife_frechet(truth, truth, patients), counts)
    found = set_difference(SetScore(*jackknife_frechet(truth, a, patients), counts), copy)
    assert (found.interval, found.p) == (None, None)
    assert "copy of the truth" in found.reason


def test_two_copies_of_the_truth_are_not_compared() -> None:
    nothing = SetScore(0.0, np.zeros(6), np.ones(6))
    assert set_difference(nothing, nothing).interval is None


def test_equal_entries_are_equal_for_every_patient() -> None:
    a = score_of_mean([1.0, 5.0, 2.0, 8.0, 3.0])
    found = set_difference(a, a)
    assert (found.estimate, found.interval, found.p) == (0.0, None, 1.0)
    found = case_difference([1.0, 5.0, 2.0, 8.0, 3.0], [1.0, 5.0, 2.0, 8.0, 3.0])
    assert (found.estimate, found.interval, found.p) == (0.0, None, 1.0)


def test_a_constant_difference_is_tested_but_has_no_interval() -> None:
    found = case_difference([2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.interval is None
    assert found.p == 2 / 32
    assert "same for every patient" in found.reason


def test_unequal_eyes_do_not_count_as_spread() -> None:
    """Both entries are finite-sample bias alone, 50 / n and 30 / n: nothing varies."""
    eyes = np.array([1.0, 2.0, 2.0, 1.0, 2.0, 1.0])
    n = eyes.sum()
    a, b = (SetScore(bias / n, bias / (n - eyes), eyes) for bias in (50.0, 30.0))
    assert np.linalg.norm(a.deviations - b.deviations) == pytest.approx(0, abs=1e-12)


def test_swapping_finds_a_shift_and_not_a_difference_in_noise() -> None:
    truth, a, b, patients = features(5)
    far = swap_test(truth, a, b + 4.0, patients, permutations=199)
    near = swap_test(truth, a, b, patients, permutations=199)
    assert far.p is not None
    assert near.p is not None
    assert far.p < 0.03
    assert near.p > 0.1


def test_swap_test_estimates_the_difference_of_the_distances() -> None:
    truth, a, b, patients = features(6)
    found = swap_test(truth, a, b, patients, permutations=20)
    assert found.estimate == pytest.approx(frechet_distance(truth, a) - frechet_distance(truth, b))
    assert found.interval is None


def test_order_of_cases_does_not_change_the_swap_test() -> None:
    truth, a, b, patients = features(7)
    i = np.random.default_rng(0).permutation(12)
    there = swap_test(truth, a, b, patients, permutations=99)
    back = swap_test(truth[i], a[i], b[i], patients[i], permutations=99)
    assert there.p == back.p


def test_permutations_grow_with_the_pairs() -> None:
    """20 K(K-1)/2 / 0.05: 45 pairs of 10 entries need 18,000."""
    assert permutations_needed(10) == 18_000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: case_difference([1.0] * 4, [2.0] * 4), "expected at least 5 patients, found 4"),
        (lambda: case_difference([1.0] * 6, [2.0] * 5), "means_b: expected the 6 patients of the first entry, found 5"),
        (lambda: set_difference(score_of_mean([1.0, 2.0]), score_of_mean([1.0, 3.0])), "at least 5 patients, found 2"),
        (
            lambda: set_difference(SetScore(1.0, np.ones(5), np.ones(5)), SetScore(1.0, np.ones(5), np.full(5, 2.0))),
            "b: expected as many cases of each patient",
        ),
        (lambda: sign_flip_p([1.0, 2.0]), "differences: expected a finite matrix"),
        (lambda: swap_test(np.ones((4, 2)), np.ones((4, 2)), np.ones((3, 2)), range(4)), "features: expected equal"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
