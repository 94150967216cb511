"""Many entries at once: max-t between its bounds, rank intervals and tiers by hand, and what must not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fundus2oct.metrics.inference import max_t, rank_intervals, same_order, tiers
from fundus2oct.metrics.rank_inference import mean_deviations


def entries(k: int, g: int = 20, seed: int = 0, spacing: float = 0.0) -> Any:
    """(g, k) patient means of entries ``spacing`` apart."""
    return np.random.default_rng(seed).normal(size=(g, k)) + spacing * np.arange(k)


def adjusted(means: Any, **options: Any) -> Any:
    return max_t(means.mean(axis=0), mean_deviations(means), **options)


def test_two_entries_are_the_paired_t_test() -> None:
    means = entries(2)
    expected = stats.ttest_rel(means[:, 0], means[:, 1]).pvalue
    found = adjusted(means)
    assert found.p[0, 1] == pytest.approx(expected)
    assert found.adjusted_p[0, 1] == pytest.approx(expected, abs=0.01)
    assert found.critical_value == pytest.approx(stats.t.ppf(0.975, 19), rel=0.01)


def test_critical_value_lies_between_one_test_and_bonferroni() -> None:
    found = adjusted(entries(6))
    assert stats.t.ppf(0.975, 19) < found.critical_value < stats.t.ppf(1 - 0.025 / 15, 19)


def test_critical_value_of_independent_entries_is_tukeys() -> None:
    """Equal variances, no correlation: the studentised range over sqrt(2), here with 200 patients and 5 entries."""
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.normal(size=(200, 6)) - rng.normal(size=(200, 6)).mean(axis=0))
    found = max_t(np.zeros(5), q[:, :5])
    assert found.critical_value == pytest.approx(stats.studentized_range.ppf(0.95, 5, 199) / np.sqrt(2), rel=0.01)


def test_adjusting_never_lowers_a_p_value() -> None:
    found = adjusted(entries(5, spacing=0.3))
    off = ~np.eye(5, dtype=bool)
    assert (found.adjusted_p[off] >= found.p[off] - 0.005).all()


def test_order_of_patients_changes_nothing() -> None:
    means = entries(4, spacing=0.4)
    shuffled = np.random.default_rng(1).permutation(len(means))
    assert adjusted(means[shuffled]).adjusted_p[0, 1:] == pytest.approx(adjusted(means).adjusted_p[0, 1:], abs=2e-5)


def test_another_entry_changes_no_difference_and_no_order() -> None:
    means = entries(5, spacing=0.2)
    fewer, more = adjusted(means[:, :4]), adjusted(means)
    assert np.array_equal(more.differences[:4, :4], fewer.differences)
    assert np.allclose(more.standard_errors[:4, :4], fewer.standard_errors)


def test_clones_are_neither_different_nor_an_error() -> None:
    means = entries(3)
    means[:, 2] = means[:, 1]
    found = adjusted(means)
    assert np.isnan(found.adjusted_p[1, 2])
    assert not found.significant[1, 2]
    assert np.isfinite(found.critical_value)


def test_all_equal_entries_have_no_significant_pair() -> None:
    found = adjusted(np.tile(entries(1), (1, 3)))
    assert not found.significant.any()
    assert rank_intervals(found.better("lower")) == [(1, 3)] * 3


def test_better_follows_the_direction_of_the_card() -> None:
    found = adjusted(entries(2, spacing=5.0))
    assert found.better("lower")[0, 1]
    assert found.better("higher")[1, 0]
    assert not found.better("higher")[0, 1]


def wins(k: int, *pairs: tuple[int, int]) -> Any:
    matrix = np.zeros((k, k), bool)
    for i, j in pairs:
        matrix[i, j] = True
    return matrix


def test_rank_interval_counts_the_better_and_the_worse() -> None:
    """Entry 0 beats 2 and 3, entry 1 beats 3: [1, 2], [1, 3], [2, 4], [3, 4]."""
    assert rank_intervals(wins(4, (0, 2), (0, 3), (1, 3))) == [(1, 2), (1, 3), (2, 4), (3, 4)]


@given(st.integers(2, 7), st.integers(0, 1000))
def test_every_rank_lies_in_some_interval(k: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=k)
    better = (values[:, None] - values[None, :]) < -1.0
    intervals = rank_intervals(better)
    assert all(any(lo <= rank <= hi for lo, hi in intervals) for rank in range(1, k + 1))
    ranks = np.argsort(np.argsort(values)) + 1
    assert all(lo <= rank <= hi for (lo, hi), rank in zip(intervals, ranks, strict=True))


def test_a_tier_opens_at_the_first_row_worse_than_its_leader() -> None:
    """Not separable is not transitive: 0 ~ 1, 1 ~ 2, yet 0 beats 2."""
    cut = tiers([0, 1, 2, 3], wins(4, (0, 2), (0, 3)))
    assert cut.tier == (1, 1, 2, 2)
    assert cut.leaders == (0, 2)


def test_tiers_are_told_in_the_entries_order() -> None:
    assert tiers([2, 0, 1], wins(3, (2, 0), (2, 1))).tier == (2, 2, 1)


def test_no_tier_opens_where_the_order_depends_on_bias() -> None:
    agreement = same_order([[0.0, -1.0], [1.0, 0.0]], [[0.0, 0.2], [-0.2, 0.0]])
    cut = tiers([0, 1], wins(2, (0, 1)), agreement)
    assert cut.tier == (1, 1)
    assert cut.held_back == (1,)


def test_a_value_that_is_missing_agrees_with_nothing() -> None:
    assert not same_order([[0.0, -1.0], [1.0, 0.0]], np.full((2, 2), np.nan)).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: max_t([1.0], np.ones((5, 1))), "values: expected at least 2 entries"),
        (lambda: max_t([1.0, 2.0], np.ones((5, 3))), r"deviations: expected shape \(patients, 2\)"),
        (lambda: max_t([1.0, 2.0], np.ones((4, 2))), "deviations: expected at least 5 patients, found 4"),
        (lambda: max_t([1.0, np.nan], np.ones((5, 2))), "expected finite values"),
        (lambda: same_order(np.zeros((2, 2)), np.zeros((3, 3))), "bias_matched_differences: expected shape"),
    ],
)
def test_what_cannot_be_tested_is_refused_with_the_reason(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
