"""Precision, recall, density and coverage against the authors' own program, and what patients change."""

from __future__ import annotations

from collections.abc import Callable

import golden_inputs
import numpy as np
import pytest
from golden_values import FEATURE_METRICS

from fundus2oct.metrics import neighbourhoods

NAMES = [("precision", "prdc_3"), ("recall", "prdc_3"), ("density", "prdc_5"), ("coverage", "prdc_5")]


@pytest.mark.parametrize(("name", "reference"), NAMES)
def test_rows_of_different_patients_give_the_authors_values(name: str, reference: str) -> None:
    x, y = golden_inputs.feature_pair()
    measure: Callable[..., float] = getattr(neighbourhoods, name)
    assert measure(x, y) == pytest.approx(FEATURE_METRICS[reference][name], abs=1e-12)


@pytest.mark.parametrize(("name", "reference"), NAMES)
def test_the_other_k_would_be_noticed(name: str, reference: str) -> None:
    other = {"prdc_3": "prdc_5", "prdc_5": "prdc_3"}[reference]
    assert FEATURE_METRICS[reference][name] != FEATURE_METRICS[other][name]


@pytest.mark.parametrize("name", [name for name, _ in NAMES])
def test_the_jackknife_leaves_each_patient_out_in_turn(name: str) -> None:
    x, y = golden_inputs.feature_pair()
    patients = np.arange(40) // 4
    value, delete_one = getattr(neighbourhoods, f"jackknife_{name}")(x, y, patients)
    measure = getattr(neighbourhoods, name)
    expected = [measure(x[patients != p], y[patients != p], patients[patients != p]) for p in range(10)]
    assert value == measure(x, y, patients)
    np.testing.assert_array_equal(delete_one, expected)


@pytest.mark.parametrize("name", ["precision", "recall", "coverage"])
def test_a_copy_of_the_truth_scores_one(name: str) -> None:
    x, _ = golden_inputs.feature_pair()
    assert getattr(neighbourhoods, name)(x, x, np.arange(40) // 6) == 1


def test_slices_of_one_eye_do_not_shrink_its_neighbourhood() -> None:
    """Six nearly equal rows for each patient: without labels every ball has almost no radius."""
    rng = np.random.default_rng(3)
    x, y = (rng.normal(size=(20, 3)).repeat(6, axis=0) + 1e-3 * rng.normal(size=(120, 3)) for _ in range(2))
    assert neighbourhoods.precision(x, y, np.arange(120) // 6) > 0.8
    assert neighbourhoods.precision(x, y) < 0.1


def test_one_eye_for_everybody_lacks_variety() -> None:
    x, _ = golden_inputs.feature_pair()
    same = np.broadcast_to(x[np.linalg.norm(x, axis=1).argmin()], x.shape) + 1e-4 * np.random.default_rng(0).normal(
        size=x.shape
    )
    assert neighbourhoods.precision(x, same) == 1
    assert neighbourhoods.recall(x, same) < 0.1


def test_too_few_rows_of_other_patients_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 rows of other patients"):
        neighbourhoods.precision(np.eye(6), np.eye(6), [1, 1, 1, 1, 2, 2])
