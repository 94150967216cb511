"""Ridge regression of many outputs at once, its penalty chosen by leaving out one patient after the other.

Arrays in, arrays out: what the rows are is `baselines.ridge`'s business. The left-out errors are exact and need no
refitting: with the hat matrix H = 11'/n + X (X'X + penalty I)^-1 X' of centred inputs X and an intercept that is not
penalised, the errors of a left-out group g are (I - H_gg)^-1 (Y - H Y)_g.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PENALTIES = tuple(float(10.0**power) for power in np.arange(-4.0, 4.01, 0.25))
"""Candidates, as multiples of the mean squared length of the inputs' principal scores."""


@dataclass(frozen=True, kw_only=True)
class RidgeFit:
    """A fitted linear map from centred inputs to centred outputs.

    Attributes:
        coefficients: (inputs, outputs) float64.
        penalty: the chosen penalty, in squared units of the inputs.
        left_out_r2: share of the outputs' variance that the map predicts for patients it has not seen; the
            comparison is the mean over the other patients. At most 1; 0 or less when nothing was learned.
    """

    coefficients: NDArray[np.float64]
    penalty: float
    left_out_r2: float


def fit_ridge(x: NDArray[np.float64], y: NDArray[np.float64], patients: Sequence[str]) -> RidgeFit:
    """Choose the penalty and fit on all rows.

    Args:
        x: (n, inputs) float64, columns of mean zero.
        y: (n, outputs) float64, columns of mean zero.
        patients: n labels; rows of one label are left out together.
    """
    scale = float(np.mean(np.sum(x**2, axis=0)))
    penalties = [scale * relative for relative in PENALTIES]
    errors = [float(np.sum(left_out_errors(x, y, patients, penalty) ** 2)) for penalty in penalties]
    best = int(np.argmin(errors))
    baseline = float(np.sum(left_out_errors(x, y, patients, np.inf) ** 2))
    return RidgeFit(
        coefficients=_inverse_times_x(x, penalties[best]) @ y,
        penalty=penalties[best],
        left_out_r2=1.0 - errors[best] / baseline if baseline else 0.0,
    )


def left_out_errors(
    x: NDArray[np.float64], y: NDArray[np.float64], patients: Sequence[str], penalty: float
) -> NDArray[np.float64]:
    """What remains of each row of ``y`` when its patient is left out of the fit.

    Args:
        x: (n, inputs) float64, columns of mean zero.
        y: (n, outputs) float64.
        patients: n labels.
        penalty: > 0; infinity predicts the mean of the other patients.

    Returns:
        (n, outputs) float64.
    """
    n = len(x)
    hat = np.full((n, n), 1.0 / n)
    if np.isfinite(penalty):
        hat += x @ _inverse_times_x(x, penalty)
    residuals = y - hat @ y
    errors = np.empty_like(residuals)
    labels = np.asarray(patients)
    for patient in dict.fromkeys(patients):
        rows = np.flatnonzero(labels == patient)
        errors[rows] = np.linalg.solve(np.eye(len(rows)) - hat[np.ix_(rows, rows)], residuals[rows])
    return errors


def _inverse_times_x(x: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    """(X'X + penalty I)^-1 X': (inputs, n)."""
    return np.asarray(np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T), dtype=np.float64)
