"""Detection of central thickening: counts by hand, intervals against SciPy, patients against eyes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fundus2oct.metrics.thickening_detection import (
    design_effect,
    detection,
    exact_interval,
    proportion,
    wilson_interval,
)


def test_counts_worked_by_hand() -> None:
    truth = [320.0, 400.0, 350.0, 319.9, 300.0, 250.0]
    generated = [330.0, 310.0, np.nan, 320.0, 319.0, np.nan]
    found = detection(truth, generated, list("abcdef"))
    assert (found.true_positives, found.false_negatives) == (1, 2)
    assert (found.false_positives, found.true_negatives) == (2, 1)
    assert found.failed == 2
    assert found.sensitivity.value == pytest.approx(1 / 3)


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (3, 11), (19, 20), (40, 40)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_intervals_are_scipys(hits: int, n: int, level: float) -> None:
    test = stats.binomtest(hits, n)
    assert wilson_interval(hits / n, n, level) == pytest.approx(test.proportion_ci(level, "wilson"), abs=1e-12)
    assert exact_interval(hits, n, level) == pytest.approx(test.proportion_ci(level, "exact"), abs=1e-12)


def test_one_eye_each_gives_the_plain_interval() -> None:
    right = [True] * 13 + [False] * 4
    found = proportion(right, range(17))
    assert found.effective_n == 17.0
    assert (found.low, found.high) == pytest.approx(wilson_interval(13 / 17, 17))


def test_two_eyes_that_always_agree_count_as_one() -> None:
    right = np.repeat([True, False, True, True, False, True, True, True, False, True] * 4, 2)
    found = proportion(right, np.repeat(np.arange(40), 2))
    assert found.n == 80
    assert found.effective_n == pytest.approx(40.0, rel=0.03)


def test_two_eyes_that_answer_independently_count_almost_as_two() -> None:
    rng = np.random.default_rng(6)
    right, patients = rng.random(4_000) < 0.7, np.repeat(np.arange(2_000), 2)
    assert design_effect(right, patients) == pytest.approx(1.0, abs=0.1)


def test_equal_answers_everywhere_count_patients() -> None:
    assert proportion([True] * 6, list("aabbcc")).effective_n == 3.0


def test_without_thickened_eyes_there_is_no_sensitivity() -> None:
    found = detection([250.0, 260.0], [255.0, 330.0], ["a", "b"], method="exact")
    assert found.sensitivity.value is None
    assert found.sensitivity.low is None
    assert found.specificity.value == 0.5


def test_erased_and_invented_oedema_show_on_either_side() -> None:
    truth = np.array([400.0] * 5 + [270.0] * 5)
    erased = detection(truth, np.full(10, 270.0), range(10))
    invented = detection(truth, np.full(10, 400.0), range(10))
    assert (erased.sensitivity.value, erased.specificity.value) == (0.0, 1.0)
    assert (invented.sensitivity.value, invented.specificity.value) == (1.0, 0.0)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 20))
def test_the_interval_holds_its_share_and_stays_a_probability(right: list[bool], patients: int) -> None:
    found = proportion(right, [i % patients for i in range(len(right))])
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert 0.0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1.0


def test_lists_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="truth_um: expected finite values, one per eye"):
        detection([300.0], [300.0, 310.0], ["a"])
