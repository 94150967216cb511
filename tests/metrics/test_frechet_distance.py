"""The Fréchet distance against closed forms, 50-digit arithmetic and its own invariances."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fundus2oct.metrics import frechet_distance as module
from fundus2oct.metrics.frechet_distance import frechet_distance, jackknife_frechet

Floats = NDArray[np.float64]


def gaussian(n: int, d: int, seed: int, shift: float = 0.0) -> Floats:
    """Correlated features with a decaying spectrum."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) / np.arange(1, d + 1) @ rng.normal(size=(d, d)) + shift


def with_covariance(deviations: list[float]) -> Floats:
    """Features whose sample covariance (divisor N - 1) is exactly diagonal: +-s on each axis in turn."""
    d = len(deviations)
    n = 2 * d
    axes = np.diag(np.array(deviations) * np.sqrt((n - 1) / 2))
    return np.concatenate([axes, -axes])


def by_fifty_digits(a: Floats, b: Floats) -> float:
    """The defining formula with the square root of S_a S_b from its eigenvalues, in 50-digit arithmetic."""
    with mpmath.workdps(50):
        means, covariances = [], []
        for features in (a, b):
            x = mpmath.matrix(features.tolist())
            mean = [mpmath.fsum(x[i, j] for i in range(x.rows)) / x.rows for j in range(x.cols)]
            centred = mpmath.matrix(x.rows, x.cols)
            for i in range(x.rows):
                for j in range(x.cols):
                    centred[i, j] = x[i, j] - mean[j]
            means.append(mean)
            covariances.append(centred.T * centred / (x.rows - 1))
        eigenvalues = mpmath.eig(covariances[0] * covariances[1], left=False, right=False)
        root_trace = mpmath.fsum(mpmath.sqrt(abs(mpmath.re(value))) for value in eigenvalues)
        traces = mpmath.fsum(s[j, j] for s in covariances for j in range(s.rows))
        between = mpmath.fsum((p - q) ** 2 for p, q in zip(*means, strict=True))
        return float(between + traces - 2 * root_trace)


def test_two_one_dimensional_gaussians_by_hand() -> None:
    """Means 1 and 5, standard deviations sqrt 2 and sqrt 8: 16 + (sqrt 8 - sqrt 2)^2 = 18. Divisor N gives 17."""
    assert frechet_distance([[0.0], [2.0]], [[3.0], [7.0]]) == pytest.approx(18, abs=1e-12)


def test_diagonal_covariances_have_a_closed_form() -> None:
    a, b = with_covariance([1.0, 2.0, 3.0]), with_covariance([2.0, 0.5, 3.0])
    assert frechet_distance(a, b + np.array([0, 0, 4])) == pytest.approx(16 + 1**2 + 1.5**2, abs=1e-12)


def test_rank_one_sets_at_right_angles_share_no_variance() -> None:
    line = np.array([-1.0, 0.0, 1.0])[:, None]
    a, b = line * [3.0, 0, 0, 0], line * [0, 4.0, 0, 0]
    assert frechet_distance(a, b) == pytest.approx(9 + 16, abs=1e-12)


def test_rank_one_sets_at_an_angle_have_a_closed_form() -> None:
    """The root trace is |cos| s_a s_b, here cos 60 degrees = 1/2."""
    line = np.array([-1.0, 0.0, 1.0])[:, None]
    a, b = line * [2.0, 0.0], line * [3 * 0.5, 3 * np.sqrt(0.75)]
    assert frechet_distance(a, b) == pytest.approx(4 + 9 - 2 * 0.5 * 6, abs=1e-12)


@pytest.mark.parametrize(("n_a", "n_b"), [(5, 4), (12, 20), (4, 15)], ids=["fewer cases", "more cases", "mixed"])
def test_distance_equals_fifty_digit_arithmetic(n_a: int, n_b: int) -> None:
    a, b = gaussian(n_a, 7, seed=1), gaussian(n_b, 7, seed=2, shift=0.3)
    assert frechet_distance(a, b) == pytest.approx(by_fifty_digits(a, b), rel=1e-12)


def test_identical_sets_are_at_distance_zero() -> None:
    a = gaussian(30, 11, seed=3, shift=1e3)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


@given(seed=st.integers(0, 10**6), n_a=st.integers(2, 12), n_b=st.integers(2, 12), d=st.integers(1, 9))
def test_distance_is_symmetric_and_not_negative(seed: int, n_a: int, n_b: int, d: int) -> None:
    a, b = gaussian(n_a, d, seed), gaussian(n_b, d, seed + 1)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9, abs=1e-9)
    assert frechet_distance(a, b) >= 0


@given(seed=st.integers(0, 10**6))
def test_moving_rotating_and_shuffling_both_sets_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = gaussian(6, 9, seed), gaussian(13, 9, seed + 1)
    rotation = np.linalg.qr(rng.normal(size=(9, 9)))[0]
    moved = frechet_distance(rng.permutation(a) @ rotation + 5, rng.permutation(b) @ rotation + 5)
    assert moved == pytest.approx(frechet_distance(a, b), rel=1e-9, abs=1e-9)


def test_float32_features_lose_no_digits_on_the_way() -> None:
    a, b = gaussian(8, 5, seed=5).astype(np.float32), gaussian(8, 5, seed=6).astype(np.float32)
    assert frechet_distance(a, b) == frechet_distance(a.astype(np.float64), b.astype(np.float64))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.ones((1, 3)), np.ones((4, 3)), "features_a: expected at least 2 cases, found 1"),
        (np.ones((4, 3)), np.ones((4, 2)), "features_b: expected 3 features as in features_a, found 2"),
        (np.ones(4), np.ones((4, 2)), r"features_a: expected shape \(n, d\), found \(4,\)"),
        (np.ones((4, 2)), np.ones((4, 2, 1)), r"features_b: expected shape \(n, d\), found \(4, 2, 1\)"),
        (np.ones((4, 2)), np.array([[1, 2], [np.nan, 0]]), r"features_b: .* NaN or infinity in case 1 \(1 in all\)"),
        (np.full((4, 2), np.inf), np.ones((4, 2)), "features_a: .* NaN or infinity in case 0"),
        (np.array([["a"], ["b"]]), np.ones((4, 1)), "features_a: expected real numbers"),
    ],
)
def test_unusable_features_are_named(a: Any, b: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        frechet_distance(a, b)


def test_rounding_below_zero_is_clipped_and_more_is_an_error() -> None:
    assert module._assemble(0.0, 1.0, 1.0, 1.0 + 0.9e-8) == 0.0
    with pytest.raises(ArithmeticError, match="negative beyond rounding"):
        module._assemble(0.0, 1.0, 1.0, 1.0 + 1.1e-8)


def test_a_number_that_overflowed_is_an_error_and_not_a_score() -> None:
    with pytest.raises(ArithmeticError, match="not a number"):
        module._assemble(float("inf"), 1.0, 1.0, float("inf"))


@pytest.mark.parametrize("d", [4, 30], ids=["more cases than features", "fewer cases than features"])
def test_jackknife_equals_the_distance_without_each_patient(d: int) -> None:
    patients = np.array(["c", "a", "a", "b", "d", "e", "c", "b", "f", "f", "f"])
    a, b = gaussian(11, d, seed=7, shift=100), gaussian(11, d, seed=8, shift=101)
    value, delete_one = jackknife_frechet(a, b, patients)
    expected = [frechet_distance(a[patients != p], b[patients != p]) for p in "abcdef"]
    assert value == frechet_distance(a, b)
    np.testing.assert_allclose(delete_one, expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("n_b", "patients", "message"),
    [
        (5, [1, 2, 3, 4], "features_b: expected the 4 cases of features_a, found 5"),
        (4, [1, 2, 3], r"patients: expected shape \(4,\), found \(3,\)"),
        (4, [1, 1, 1, 2], "patients: expected 2 cases left without any one patient, found 1"),
    ],
)
def test_a_jackknife_that_cannot_delete_is_refused(n_b: int, patients: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jackknife_frechet(gaussian(4, 3, 0), gaussian(n_b, 3, 1), patients)
