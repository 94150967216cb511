"""Ranks over resamples: exact for means, the jackknife's covariance for sets, and Kendall's tau as scipy has it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fundus2oct.metrics.rank_inference import mean_deviations
from fundus2oct.metrics.rank_resampling import (
    draw_patients,
    kendall_tau,
    rank_counts,
    ranks_in,
    resampled_values,
)


def test_a_mean_is_averaged_over_the_patients_of_the_draw() -> None:
    y = np.random.default_rng(1).gamma(2.0, size=(17, 3))
    counts = draw_patients(17, resamples=50)
    moved = resampled_values(y.mean(axis=0), mean_deviations(y), counts)
    exact = counts @ y / 17
    scale = np.sqrt(17 / 16)  # the jackknife's variance divides by g - 1, a draw's by g
    np.testing.assert_allclose(moved - y.mean(axis=0), (exact - y.mean(axis=0)) * scale, rtol=1e-12, atol=1e-12)


def test_draws_have_the_covariance_of_the_jackknife() -> None:
    d = np.random.default_rng(2).normal(size=(40, 3)) @ np.array([[1.0, 0.9, 0.0], [0.0, 0.4, 0.0], [0.0, 0.0, 2.0]])
    d -= d.mean(axis=0)
    moved = resampled_values([5.0, 6.0, 7.0], d, draw_patients(40, resamples=40_000))
    np.testing.assert_allclose(np.cov(moved.T), d.T @ d, atol=0.04 * (d.T @ d).max())
    np.testing.assert_allclose(moved.mean(axis=0), [5.0, 6.0, 7.0], atol=0.1)


def test_every_draw_has_as_many_patients_as_there_are() -> None:
    counts = draw_patients(23, resamples=100)
    assert counts.shape == (100, 23)
    assert (counts.sum(axis=1) == 23).all()


@pytest.mark.parametrize("ties", [False, True])
def test_kendalls_tau_is_scipys(ties: bool) -> None:
    rng = np.random.default_rng(3)
    places, draws = rng.normal(size=9), rng.normal(size=(30, 9))
    if ties:
        places, draws = np.round(places), np.round(draws)
    expected = [stats.kendalltau(places, draw, variant="b").statistic for draw in draws]
    np.testing.assert_allclose(kendall_tau(places, draws), expected, rtol=1e-12)


def test_an_order_without_order_has_no_tau() -> None:
    assert np.isnan(kendall_tau([1.0, 1.0, 1.0], [[1.0, 2.0, 3.0]])).all()


def test_equals_share_the_best_or_the_mean_of_their_ranks() -> None:
    values = [[3.0, 1.0, 1.0, 2.0]]
    assert ranks_in(values, "lower").tolist() == [[4.0, 1.0, 1.0, 3.0]]
    assert ranks_in(values, "lower", ties="average").tolist() == [[4.0, 1.5, 1.5, 3.0]]
    assert ranks_in(values, "higher").tolist() == [[1.0, 3.0, 3.0, 2.0]]


def test_counts_of_every_entry_add_up_to_the_draws() -> None:
    draws = np.random.default_rng(4).normal(size=(500, 6))
    assert (rank_counts(ranks_in(draws, "lower")).sum(axis=1) == 500).all()


def test_the_share_of_a_rank_is_that_of_the_normal_law() -> None:
    d = np.random.default_rng(5).normal(size=(60, 2)) / np.sqrt(60)
    d -= d.mean(axis=0)
    counts = rank_counts(ranks_in(resampled_values([0.0, 1.0], d, draw_patients(60, resamples=20_000)), "lower"))
    expected = stats.norm.cdf(1.0 / np.linalg.norm(d[:, 0] - d[:, 1]))
    assert counts[0, 0] / 20_000 == pytest.approx(expected, abs=0.01)
