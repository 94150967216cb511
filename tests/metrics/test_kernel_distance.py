"""The kernel distance against torchmetrics, against plain loops, and its independence of pairs of one patient."""

from __future__ import annotations

import itertools

import golden_inputs
import numpy as np
import pytest
from golden_values import FEATURE_METRICS

from fundus2oct.metrics.kernel_distance import jackknife_kernel_distance, kernel_distance


def by_loops(x: np.ndarray, y: np.ndarray, patients: np.ndarray) -> float:
    def mean(a: np.ndarray, b: np.ndarray) -> float:
        pairs = itertools.product(range(len(a)), range(len(b)))
        return float(np.mean([(a[i] @ b[j] / len(a[i]) + 1) ** 3 for i, j in pairs if patients[i] != patients[j]]))

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


def test_rows_of_different_patients_give_torchmetrics_value() -> None:
    x, y = golden_inputs.feature_pair()
    assert kernel_distance(x, y) == pytest.approx(FEATURE_METRICS["kernel_distance"], rel=1e-6)


def test_only_pairs_of_different_patients_enter() -> None:
    x, y = (features.astype(np.float64) for features in golden_inputs.feature_pair(9, 4))
    patients = np.array(["a", "a", "b", "c", "c", "c", "d", "e", "e"])
    assert kernel_distance(x, y, patients) == pytest.approx(by_loops(x, y, patients), rel=1e-12)


def test_a_copy_of_the_truth_is_zero() -> None:
    x, _ = golden_inputs.feature_pair()
    assert kernel_distance(x, x, np.arange(len(x)) // 2) == 0


def test_two_samples_of_one_population_are_zero_on_average_even_when_fellow_eyes_are_alike() -> None:
    rng = np.random.default_rng(1)
    patients = np.arange(40) // 2
    values = []
    for _ in range(200):
        x, y = (rng.normal(size=(20, 5)).repeat(2, axis=0) + 0.1 * rng.normal(size=(40, 5)) for _ in range(2))
        values.append(kernel_distance(x, y, patients))
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


def test_the_jackknife_leaves_each_patient_out_in_turn() -> None:
    x, y = golden_inputs.feature_pair(12, 4)
    patients = np.array(list("abbccddeefff"))
    value, delete_one = jackknife_kernel_distance(x, y, patients)
    expected = [kernel_distance(x[keep], y[keep], patients[keep]) for keep in (patients != p for p in "abcdef")]
    assert value == kernel_distance(x, y, patients)
    np.testing.assert_allclose(delete_one, expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("x", "patients", "message"),
    [
        (np.zeros((3, 2)), ["a", "a", "a"], "at least 2 different ones"),
        (np.zeros((3, 2)), ["a", "b"], r"expected shape \(3,\)"),
        (np.full((3, 2), np.nan), ["a", "b", "c"], "finite"),
    ],
)
def test_inputs_outside_the_rules_are_refused(x: np.ndarray, patients: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kernel_distance(x, x, patients)
