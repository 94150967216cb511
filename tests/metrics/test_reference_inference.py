"""The real-vs-real reference: matched draws, strata, and refusal when the pool is too small."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fundus2oct.metrics.inference import real_vs_real
from fundus2oct.metrics.reference_inference import draw_matched

TRUTH: dict[str, Any] = {"truth_patients": ["a", "a", "b"], "truth_sides": ["L", "R", "R"]}
POOL: dict[str, Any] = {"pool_patients": ["p", "p", "q", "q", "r"], "pool_sides": ["L", "R", "L", "R", "R"]}


def drawn_sets(**options: Any) -> tuple[Any, list[list[float]]]:
    """The reference, and the pool rows of each draw: the pool's one feature is its row's number."""
    seen: list[list[float]] = []

    def keep(truth: Any, generated: Any) -> float:
        seen.append(generated[:, 0].tolist())
        return float(len(seen))

    pool = np.arange(5.0)[:, None]
    found = real_vs_real(np.zeros((3, 1)), pool, distance=keep, **{**TRUTH, **POOL, **options})
    return found, seen


def test_every_draw_has_the_test_sets_eyes() -> None:
    """Patient a (both eyes) is p or q, and b (right eye) somebody else's right eye."""
    _, seen = drawn_sets()
    assert {tuple(rows[:2]) for rows in seen} == {(0.0, 1.0), (2.0, 3.0)}
    assert {rows[2] for rows in seen} == {1.0, 3.0, 4.0}
    assert all(rows[2] not in rows[:2] for rows in seen)


def test_disease_is_matched_while_there_is_somebody_left() -> None:
    strata = {"truth_disease": ["ill", "ill", "well"], "pool_disease": ["ill", "ill", "well", "well", "ill"]}
    found, seen = drawn_sets(**strata)
    assert {tuple(rows) for rows in seen} == {(0.0, 1.0, 3.0)}
    assert found.relaxed == 0


def test_who_has_no_match_in_disease_is_counted() -> None:
    strata = {"truth_disease": ["ill", "ill", "odd"], "pool_disease": ["ill"] * 5}
    assert drawn_sets(**strata)[0].relaxed == 1


def test_reference_tells_mean_spread_and_quantiles_of_its_values() -> None:
    found, seen = drawn_sets(draws=60)
    assert len(seen) == len(found.values) == 60
    assert found.mean == 30.5
    assert found.standard_deviation == pytest.approx(np.std(np.arange(60), ddof=1))
    assert found.quantiles[0.5] == 30.5


def test_the_same_seed_draws_the_same_eyes() -> None:
    assert drawn_sets()[1] == drawn_sets()[1]
    assert drawn_sets(seed=1)[1] != drawn_sets()[1]


def test_no_patient_stands_for_two() -> None:
    wanted = {name: {"R": i} for i, name in enumerate("abc")}
    given = {name: {"R": i} for i, name in enumerate("pqr")}
    rows, _ = draw_matched(wanted, given, None, np.random.default_rng(0))
    assert sorted(rows.tolist()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 10}, "draws: expected at least 50, found 10"),
        ({"pool_sides": ["L", "R", "L", "R", "L"], "truth_sides": ["L", "R", "R"], "draws": 50}, None),
        ({"pool_patients": ["p", "q", "r", "s", "t"]}, r"pool: expected an unused patient with eyes L\+R"),
        ({"pool_sides": ["L", "L", "L", "R", "R"]}, "pool_sides: patient p has the side L twice"),
        ({"truth_sides": ["L", "R"]}, "truth: expected one patient and one side for each of 3 rows"),
    ],
)
def test_a_pool_that_cannot_be_matched_is_refused(options: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert drawn_sets(**options)[0].n_cases == 3
        return
    with pytest.raises(ValueError, match=message):
        drawn_sets(**options)
