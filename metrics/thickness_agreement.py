"""Thickness over a cohort: bias, limits of agreement, skill against a reference, and two slopes. Numbers in, table out.

Which eyes and how they were measured is the caller's business (`thickness_error`); intervals by patient are those of
the statistics module, on the errors returned here. Called by the scorer and boards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from fundus2oct.metrics.surface_path import Floats
from fundus2oct.metrics.thickness_error import WORST_UM

Z95: Final = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Agreement:
    """Generated against true thickness; micrometres. None = not defined for these data.

    Attributes:
        n: eyes.
        n_failed: eyes without a generated thickness, entered as 0 micrometres.
        bias: mean of generated minus truth: above zero is too thick.
        sd: standard deviation of the differences.
        lower_limit, upper_limit: limits of agreement, ``bias ± 1.96 sd``: 95 % of differences lie between them.
        mae: mean absolute error, each at most 400.
        calibration_slope: slope of truth on generated; 1 = a difference that is drawn may be believed.
        response_slope: slope of generated on truth; 1 = a difference that exists is drawn in full, 0 = not at all.
    """

    n: int
    n_failed: int
    bias: float
    sd: float | None
    lower_limit: float | None
    upper_limit: float | None
    mae: float
    calibration_slope: float | None
    response_slope: float | None


def signed_errors_um(truth_um: ArrayLike, generated_um: ArrayLike) -> Floats:
    """Generated minus truth; an eye without a generated thickness (NaN) counts as 0 micrometres thick.

    Args:
        truth_um: (n,) finite.
        generated_um: (n,); NaN = failed.

    >>> signed_errors_um([270.0, 300.0], [280.0, float("nan")]).tolist()
    [10.0, -300.0]
    """
    truth, generated = _pair(truth_um, generated_um)
    return np.nan_to_num(generated, nan=0.0) - truth


def agreement(truth_um: ArrayLike, generated_um: ArrayLike) -> Agreement:
    """Agreement after Bland and Altman (Lancet 1986), with failures inside it.

    Eyes are counted, not patients: limits of agreement describe the spread over eyes and need no independence. For an
    interval of the bias or of the mean absolute error take patients' means first.

    Args: as in `signed_errors_um`.
    """
    truth, generated = _pair(truth_um, generated_um)
    drawn = np.nan_to_num(generated, nan=0.0)
    errors = drawn - truth
    bias = float(errors.mean())
    sd = float(errors.std(ddof=1)) if len(errors) > 1 else None
    return Agreement(
        n=len(errors),
        n_failed=int(np.isnan(generated).sum()),
        bias=bias,
        sd=sd,
        lower_limit=None if sd is None else bias - Z95 * sd,
        upper_limit=None if sd is None else bias + Z95 * sd,
        mae=mean_absolute_error(truth_um, generated_um),
        calibration_slope=_slope(drawn, truth),
        response_slope=_slope(truth, drawn),
    )


def mean_absolute_error(truth_um: ArrayLike, generated_um: ArrayLike) -> float:
    """Mean of the absolute errors, each at most 400 micrometres, as on the board."""
    return float(np.minimum(np.abs(signed_errors_um(truth_um, generated_um)), WORST_UM).mean())


def skill(mae: float, reference_mae: float) -> float | None:
    """``1 − MAE / MAE(reference)``: 1 = perfect, 0 = no better than the reference, below 0 worse; None at reference 0.

    The reference is `mean-volume` on the same eyes: what can be had without looking at the photograph.

    >>> skill(10.0, 20.0)
    0.5
    """
    if not (0 <= mae < np.inf and 0 <= reference_mae < np.inf):
        raise ValueError(f"mae, reference_mae: expected finite, at least 0, found {mae} and {reference_mae}")
    return None if reference_mae == 0 else 1.0 - mae / reference_mae


def _slope(x: Floats, y: Floats) -> float | None:
    """Least-squares slope of y on x; None when x does not vary."""
    centred = x - x.mean()
    spread = float((centred**2).sum())
    if spread <= 1e-9 * len(x):
        return None
    return float((centred * (y - y.mean())).sum() / spread)


def _pair(truth_um: ArrayLike, generated_um: ArrayLike) -> tuple[Floats, Floats]:
    truth, generated = np.asarray(truth_um, dtype=np.float64), np.asarray(generated_um, dtype=np.float64)
    if truth.ndim != 1 or not len(truth) or truth.shape != generated.shape:
        raise ValueError(
            f"generated_um: expected as many eyes as truth_um, at least one, found {truth.shape} and {generated.shape}"
        )
    if not np.isfinite(truth).all():
        raise ValueError("truth_um: expected finite values; leave out eyes whose truth cannot be measured")
    if np.isinf(generated).any():
        raise ValueError("generated_um: expected finite values, or NaN for a failed eye; found infinity")
    return truth, generated
