"""The shuffled-fundus gap: zero for a generator that ignores the photograph, by hand for one that does not."""

from __future__ import annotations

import numpy as np
import pytest

from fundus2oct.metrics.photograph_use import shuffled_gap, strangers

RNG = np.random.default_rng(3)


def cohort(n_patients: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Patients with one or two eyes: labels and sides."""
    patients = np.repeat(np.arange(n_patients), [2 - i % 2 for i in range(n_patients)])
    sides = np.array(["R" if i == 0 or patients[i] != patients[i - 1] else "L" for i in range(len(patients))])
    return patients, sides


def test_the_gap_is_the_mean_difference_by_hand() -> None:
    patients, sides = np.arange(10), np.repeat("R", 10)
    errors = np.full((10, 10), 7.0) - 4.0 * np.eye(10)
    gap = shuffled_gap(errors, patients, sides)
    assert gap is not None
    assert gap.value == pytest.approx(4.0)
    assert gap.p == pytest.approx(1 / 2001)


def test_the_fellow_eye_and_the_other_side_are_no_strangers() -> None:
    found = strangers(np.array([0, 0, 1, 2]), np.array(["R", "L", "R", "L"]))
    assert found.tolist() == [
        [False, False, True, False],
        [False, False, False, True],
        [True, False, False, False],
        [False, True, False, False],
    ]


def test_a_generator_that_ignores_the_photograph_has_a_gap_around_zero() -> None:
    patients, sides = cohort()
    covered = 0
    for _ in range(200):
        truth, drawn = RNG.normal(size=len(patients)), RNG.normal(size=len(patients))
        gap = shuffled_gap(np.abs(truth[:, None] - drawn), patients, sides, permutations=1)
        assert gap is not None
        covered += gap.low <= 0 <= gap.high
    assert 0.90 <= covered / 200 <= 1.0


def test_the_permutation_test_keeps_its_level() -> None:
    patients, sides = cohort()
    rejected = 0
    for _ in range(150):
        truth, drawn = RNG.normal(size=len(patients)), RNG.normal(size=len(patients))
        gap = shuffled_gap(np.abs(truth[:, None] - drawn), patients, sides, permutations=99)
        rejected += gap is not None and gap.p <= 0.05
    assert rejected / 150 <= 0.11


def test_a_generator_that_uses_the_photograph_is_told_apart() -> None:
    patients, sides = cohort()
    truth = RNG.normal(size=len(patients))
    gap = shuffled_gap(np.abs(truth[:, None] - (truth + 0.3 * RNG.normal(size=len(patients)))), patients, sides)
    assert gap is not None
    assert gap.low > 0
    assert gap.p < 0.01


def test_a_constant_generator_has_a_gap_of_exactly_zero() -> None:
    patients, sides = cohort()
    truth = RNG.normal(size=len(patients))
    gap = shuffled_gap(np.repeat(np.abs(truth)[:, None], len(truth), axis=1), patients, sides)
    assert gap is not None
    assert gap.value == pytest.approx(0, abs=1e-12)
    assert gap.p == 1.0


def test_the_order_of_cases_changes_nothing() -> None:
    patients, sides = cohort()
    errors = RNG.random((len(patients), len(patients)))
    order = RNG.permutation(len(patients))
    first = shuffled_gap(errors, patients, sides, permutations=1)
    second = shuffled_gap(errors[np.ix_(order, order)], patients[order], sides[order], permutations=1)
    assert first is not None
    assert second is not None
    assert (second.value, second.low) == pytest.approx((first.value, first.low))


def test_too_few_patients_have_no_gap() -> None:
    assert shuffled_gap(np.eye(9), np.arange(9), np.repeat("R", 9)) is None


def test_a_matrix_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"errors: expected shape \(3, 3\)"):
        shuffled_gap(np.eye(2), np.arange(3), np.repeat("R", 3))


@pytest.mark.parametrize("seed", range(20))
def test_one_volume_for_everybody_has_a_gap_of_exactly_zero(seed: int) -> None:
    """Rounding alone once gave a lower bound above zero, which would have made one such entry in ten eligible."""
    errors = np.abs(np.random.default_rng(seed).normal(size=24)) * 30
    gap = shuffled_gap(np.tile(errors[:, None], 24), np.repeat(range(12), 2), ["L", "R"] * 12, permutations=19)
    assert gap is not None
    assert (gap.value, gap.low, gap.high, gap.p) == (0.0, 0.0, 0.0, 1.0)
