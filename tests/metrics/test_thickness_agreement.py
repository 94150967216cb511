"""Cohort tables against closed forms and another program; failures stay inside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fundus2oct.metrics.thickness_agreement import agreement, mean_absolute_error, signed_errors_um, skill

TRUTH = np.array([250.0, 270.0, 290.0, 330.0, 410.0])


def test_bland_and_altman_worked_by_hand() -> None:
    found = agreement([100.0, 200.0, 300.0], [101.0, 203.0, 305.0])
    # differences 1, 3, 5: mean 3, standard deviation 2
    assert (found.bias, found.sd, found.mae) == (3.0, 2.0, 3.0)
    assert found.lower_limit == pytest.approx(3 - 1.959964 * 2, abs=1e-6)
    assert found.upper_limit == pytest.approx(3 + 1.959964 * 2, abs=1e-6)


def test_slopes_are_those_of_scipys_regression() -> None:
    generated = np.array([262.0, 268.0, 300.0, 310.0, 350.0])
    found = agreement(TRUTH, generated)
    assert found.calibration_slope == pytest.approx(stats.linregress(generated, TRUTH).slope)
    assert found.response_slope == pytest.approx(stats.linregress(TRUTH, generated).slope)


def test_the_best_guess_that_shrinks_is_calibrated_and_responds_too_little() -> None:
    rng = np.random.default_rng(0)
    guess = rng.normal(300.0, 20.0, 4_000)
    found = agreement(guess + rng.normal(0.0, 20.0, 4_000), guess)
    assert found.calibration_slope == pytest.approx(1.0, abs=0.05)
    assert found.response_slope == pytest.approx(0.5, abs=0.05)


def test_one_thickness_for_everybody_has_no_calibration_and_does_not_respond() -> None:
    found = agreement(TRUTH, np.full(5, 300.0))
    assert found.calibration_slope is None
    assert found.response_slope == 0.0


def test_a_failed_eye_is_zero_micrometres_thick() -> None:
    generated = np.where(TRUTH == 290.0, np.nan, TRUTH)
    found = agreement(TRUTH, generated)
    assert found.n == 5
    assert found.n_failed == 1
    assert found.bias == pytest.approx(-290.0 / 5)
    assert signed_errors_um(TRUTH, generated).tolist() == [0.0, 0.0, -290.0, 0.0, 0.0]


def test_a_single_eye_has_a_bias_and_no_spread() -> None:
    found = agreement([270.0], [280.0])
    assert found.bias == 10.0
    assert (found.sd, found.lower_limit, found.calibration_slope) == (None, None, None)


def test_no_error_is_charged_more_than_the_worst() -> None:
    assert mean_absolute_error([700.0, 300.0], [float("nan"), 300.0]) == 200.0


def test_skill_is_zero_for_the_reference_itself_and_undefined_without_one() -> None:
    assert skill(23.5, 23.5) == 0.0
    assert skill(30.0, 20.0) == pytest.approx(-0.5)
    assert skill(1.0, 0.0) is None


@given(st.permutations(range(5)), st.floats(-50.0, 50.0))
def test_the_order_of_eyes_changes_nothing_and_a_shift_moves_the_bias_alone(order: list[int], shift: float) -> None:
    generated = np.array([260.0, 268.0, 300.0, 310.0, 350.0])
    plain, moved = agreement(TRUTH, generated), agreement(TRUTH[order], generated[order] + shift)
    assert moved.bias == pytest.approx(plain.bias + shift)
    assert moved.sd == pytest.approx(plain.sd)
    assert moved.calibration_slope == pytest.approx(plain.calibration_slope)


@pytest.mark.parametrize(
    ("truth", "generated", "message"),
    [
        ([], [], "generated_um: expected as many eyes as truth_um, at least one"),
        ([1.0], [1.0, 2.0], "generated_um: expected as many eyes"),
        ([np.nan], [1.0], "truth_um: expected finite values; leave out eyes"),
        ([1.0], [np.inf], "generated_um: expected finite values, or NaN for a failed eye"),
    ],
)
def test_wrong_thicknesses_are_named(truth: list[float], generated: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        agreement(truth, generated)
