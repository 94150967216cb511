"""What no distance between sets of features may take for numbers, and what none may lose digits on."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fundus2oct.metrics import memorisation
from fundus2oct.metrics.bias_matched_frechet import bias_matched_frechet, jackknife_bias_matched_frechet
from fundus2oct.metrics.frechet_distance import frechet_distance, jackknife_frechet
from fundus2oct.metrics.frechet_video_distance import fvd
from fundus2oct.metrics.kernel_distance import jackknife_kernel_distance, kernel_distance
from fundus2oct.metrics.neighbourhoods import (
    coverage,
    density,
    jackknife_coverage,
    jackknife_density,
    jackknife_precision,
    jackknife_recall,
    precision,
    recall,
)

PATIENTS = np.repeat(np.arange(8), 2)
GOOD = np.random.default_rng(0).normal(size=(16, 4))

Distance = Callable[..., Any]
VALUES: tuple[Distance, ...] = (
    frechet_distance,
    fvd,
    bias_matched_frechet,
    kernel_distance,
    precision,
    recall,
    density,
    coverage,
)
JACKKNIVES: tuple[Distance, ...] = (
    jackknife_frechet,
    jackknife_bias_matched_frechet,
    jackknife_kernel_distance,
    jackknife_precision,
    jackknife_recall,
    jackknife_density,
    jackknife_coverage,
)
CALLS: dict[str, Callable[[Any, Any], Any]] = {
    **{function.__name__: function for function in VALUES},
    **{f.__name__: lambda x, y, f=f: f(x, y, PATIENTS[: len(x)]) for f in JACKKNIVES},
    "memorisation": lambda x, y: memorisation.flags(x, y, PATIENTS[: len(y)]),
}
UNUSABLE: dict[str, Any] = {
    "empty": np.empty((0, 4)),
    "no features": np.empty((16, 0)),
    "a vector": GOOD[:, 0],
    "a volume": GOOD[:, :, None],
    "NaN": np.where(GOOD > 2, np.nan, np.where(GOOD < -2, np.inf, GOOD)),
    "infinite": np.full((16, 4), np.inf),
    "truth values": GOOD > 0,
    "complex": GOOD + 1j,
    "text": np.full((16, 4), "1.5"),
    "dates": np.full((16, 4), np.datetime64("2020-01-01")),
    "objects": GOOD.astype(object),
    "another d": GOOD[:, :3],
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("bad", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_is_no_features_is_refused_on_either_side(call: Callable[[Any, Any], Any], bad: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        call(GOOD, bad)
    with pytest.raises(ValueError, match="expected"):
        call(bad, GOOD)


@pytest.mark.parametrize("function", VALUES)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, np.uint8])
def test_features_of_other_number_types_count_as_their_values(function: Distance, dtype: Any) -> None:
    x, y = ((10 * sample).clip(0, 100).astype(dtype) for sample in (GOOD, GOOD[::-1] + 0.5))
    assert function(x, y) == function(x.astype(np.float64), y.astype(np.float64))


@pytest.mark.parametrize("function", [frechet_distance, bias_matched_frechet, precision, recall, density, coverage])
def test_features_far_from_zero_lose_no_digits(function: Distance) -> None:
    """Multiples of 1/1024 stay exact when 10,000 is added."""
    x, y = (np.rint(1024 * sample) / 1024 for sample in (GOOD, GOOD[::-1] * 1.3))
    assert function(x + 1e4, y + 1e4) == pytest.approx(function(x, y), rel=1e-9)


def test_memorisation_does_not_depend_on_where_descriptors_lie() -> None:
    x, y = (np.rint(1024 * sample) / 1024 for sample in (GOOD, GOOD[::-1] * 1.3))
    near, far = (memorisation.flags(x + shift, y + shift, PATIENTS) for shift in (0.0, 1e6))
    np.testing.assert_allclose(far.ratio, near.ratio, rtol=1e-9)
    assert far.threshold == pytest.approx(near.threshold, rel=1e-9)


def exact_kernel_distance(x: np.ndarray, y: np.ndarray) -> Fraction:
    """Binkowski et al. 2018, eq. 4, pairs i = j left out of all three means, in rational numbers."""
    n, d = x.shape
    truth, drawn = ([[Fraction(float(v)) for v in row] for row in rows] for rows in (x, y))

    def mean(a: list[list[Fraction]], b: list[list[Fraction]]) -> Fraction:
        kernels = [
            (sum((p * q for p, q in zip(a[i], b[j], strict=True)), Fraction(0)) / d + 1) ** 3
            for i in range(n)
            for j in range(n)
            if i != j
        ]
        return sum(kernels, Fraction(0)) / (n * (n - 1))

    return mean(truth, truth) + mean(drawn, drawn) - 2 * mean(truth, drawn)


@pytest.mark.parametrize("offset", [0.0, 1e2, 1e4])
@pytest.mark.parametrize("spread", [1.0, 1e-3])
def test_kernel_distance_equals_rational_arithmetic(offset: float, spread: float) -> None:
    """Subtracting the three means as they stand is wrong by 37 % at offset 10,000 and spread 0.001."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 5)) + offset
    y = x + spread * rng.normal(size=x.shape)
    assert kernel_distance(x, y) == pytest.approx(float(exact_kernel_distance(x, y)), rel=1e-6)


def test_a_copy_is_exactly_zero_however_it_lies_in_memory() -> None:
    x = np.random.default_rng(2).normal(size=(40, 60)) + 300
    assert kernel_distance(x, np.asfortranarray(x)) == 0
    assert jackknife_kernel_distance(x, x.copy(), np.arange(40))[1].tolist() == [0.0] * 40


@pytest.mark.parametrize("patients", [4, 5])
def test_a_half_of_one_patient_is_never_deleted_to_nothing(patients: int) -> None:
    x = GOOD[:patients]
    assert np.isfinite(bias_matched_frechet(x, x + 1))
    with pytest.raises(ValueError, match=f"at least 6 different ones, found {patients}"):
        jackknife_bias_matched_frechet(x, x + 1, np.arange(patients))
