"""Paths and smoothers against brute force and closed forms."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fundus2oct.metrics.surface_path import best_path, peak_offset, stiff_curve, straightened


def value(reward: np.ndarray, path: tuple[int, ...], penalty: float) -> float:
    return sum(reward[r, c] for c, r in enumerate(path)) - penalty * sum((b - a) ** 2 for a, b in pairwise(path))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), max_step=st.integers(1, 3), penalty=st.floats(0.0, 2.0))
def test_the_path_is_the_best_of_all_paths(seed: int, max_step: int, penalty: float) -> None:
    reward = np.random.default_rng(seed).normal(size=(4, 5))
    allowed = [p for p in product(range(4), repeat=5) if all(abs(b - a) <= max_step for a, b in pairwise(p))]
    best = max(value(reward, p, penalty) for p in allowed)
    found = tuple(best_path(reward, max_step=max_step, step_penalty=penalty).tolist())
    assert found in allowed
    assert value(reward, found, penalty) == pytest.approx(best)


def test_the_peak_of_a_parabola_is_found_between_rows() -> None:
    rows = np.arange(9.0)[:, None]
    reward = -((rows - np.array([3.3, 4.0, 4.8])) ** 2)
    path = reward.argmax(axis=0)
    assert path + peak_offset(reward, path) == pytest.approx([3.3, 4.0, 4.8])


def test_straightening_reads_between_rows_and_repeats_the_border() -> None:
    picture = np.array([[0.0, 10.0], [2.0, 20.0], [4.0, 30.0]])
    strip = straightened(picture, np.array([1.0, 0.5]), np.array([-5.0, 0.0, 0.5]))
    assert strip.tolist() == [[0.0, 10.0], [2.0, 15.0], [3.0, 20.0]]


@pytest.mark.parametrize("stiffness", [0.1, 10.0, 1e6])
def test_a_straight_line_survives_any_stiffness(stiffness: float) -> None:
    line = 3.0 + 0.25 * np.arange(40)
    assert stiff_curve(line, np.ones(40), stiffness) == pytest.approx(line, abs=1e-4)


def test_the_stiff_curve_solves_its_normal_equations() -> None:
    rng = np.random.default_rng(2)
    values, weights = rng.normal(size=12), rng.uniform(0.1, 1.0, 12)
    second = np.diff(np.eye(12), n=2, axis=0)
    expected = np.linalg.solve(np.diag(weights) + 7.0 * second.T @ second, weights * values)
    assert stiff_curve(values, weights, 7.0) == pytest.approx(expected, abs=1e-6)
