"""Principal components and left-out errors, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fundus2oct.baselines.principal_components import centred_gram, principal_axes, principal_scores
from fundus2oct.baselines.ridge_regression import fit_ridge, left_out_errors

PATIENTS = ["a", "a", "b", "c", "c", "d", "e", "f", "g", "g"]


def centred(rng: np.random.Generator, columns: int) -> NDArray[np.float64]:
    array = rng.normal(size=(len(PATIENTS), columns))
    return np.asarray(array - array.mean(axis=0))


def test_components_are_those_of_the_singular_value_decomposition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fundus2oct.baselines.principal_components.BLOCK_COLUMNS", 7)
    rows = np.random.default_rng(0).integers(0, 256, (5, 31), dtype=np.uint8)
    mean, gram = centred_gram(rows)
    scores = principal_scores(gram, most=3)
    axes = np.concatenate([part for _, part in principal_axes(rows, mean, scores)], axis=1)
    u, s, vt = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(scores @ axes, (u[:, :3] * s[:3]) @ vt[:3], atol=1e-9)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)


def test_equal_rows_have_no_components() -> None:
    _, gram = centred_gram(np.full((4, 9), 5, dtype=np.uint8))
    assert principal_scores(gram, most=3).shape == (4, 0)


@pytest.mark.parametrize("penalty", [0.5, 50.0, np.inf])
def test_left_out_errors_equal_refitting_without_the_patient(penalty: float) -> None:
    rng = np.random.default_rng(1)
    x, y = centred(rng, 4), centred(rng, 3)
    errors = left_out_errors(x, y, PATIENTS, penalty)
    for patient in set(PATIENTS):
        out = np.array(PATIENTS) == patient
        x_mean, y_mean = x[~out].mean(axis=0), y[~out].mean(axis=0)
        inner = x[~out] - x_mean
        slope = 0.0 if np.isinf(penalty) else np.linalg.inv(inner.T @ inner + penalty * np.eye(4)) @ inner.T @ y[~out]
        expected = y[out] - y_mean - (np.zeros((out.sum(), 3)) if np.isinf(penalty) else (x[out] - x_mean) @ slope)
        np.testing.assert_allclose(errors[out], expected, atol=1e-10)


def test_learnable_outputs_are_learned_and_noise_is_not() -> None:
    rng = np.random.default_rng(2)
    x = centred(rng, 3)
    learned = fit_ridge(x, x @ rng.normal(size=(3, 5)), PATIENTS)
    noise = fit_ridge(x, centred(rng, 5), PATIENTS)
    assert learned.left_out_r2 > 0.99
    assert noise.left_out_r2 < 0.3
    assert noise.penalty > learned.penalty
