"""Metrics that cost nothing, kept or broken on purpose, for tests of the audit.

`ERROR` is a case metric that keeps its promises, `SPREAD` a set metric on one feature; the others break one rule each.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.metric_card import MetricCard

Volume = NDArray[np.uint8]
Floats = NDArray[np.float64]

calls: list[str] = []
"""One entry a call of a metric or a feature; a test clears it."""


def grey_error(truth: Volume, generated: Volume) -> Floats:
    """(6,) mean absolute difference of grey levels, 0 for a copy."""
    calls.append("grey_error")
    return np.abs(truth[:, ::8, ::8].astype(np.float64) - generated[:, ::8, ::8]).mean(axis=(1, 2))


def nan_for_grey(truth: Volume, generated: Volume) -> Floats:
    """`grey_error`, but NaN for a volume of one grey level."""
    values = grey_error(truth, generated)
    return np.full(6, np.nan) if np.ptp(generated) == 0 else values


def perfect_for_grey(truth: Volume, generated: Volume) -> Floats:
    """`grey_error`, but 0 for a volume of one grey level."""
    return np.zeros(6) if np.ptp(generated) == 0 else grey_error(truth, generated)


def off_at_best(truth: Volume, generated: Volume) -> Floats:
    """`grey_error` plus 1: a copy is not at its best."""
    return grey_error(truth, generated) + 1


def mean_features(volumes: NDArray[np.uint8]) -> Floats:
    """(n, 6, h, w) uint8 -> (n, 1): how bright the volume is."""
    calls.append("mean_features")
    return volumes[:, :, ::8, ::8].mean(axis=(1, 2, 3))[:, None]


def _card(name: str, function: str, reacts_to: tuple[str, ...], ignores: tuple[str, ...] = ()) -> MetricCard:
    return MetricCard(
        name=name,
        title=name,
        abbreviation=name,
        unit="grey",
        direction="lower",
        level="case",
        best=0.0,
        worst=255.0,
        decimals=3,
        version=f"{name}-v1",
        summary="",
        description=(),
        formula="",
        traps=(),
        source="",
        function=f"cheap_metrics:{function}",
        reacts_to=reacts_to,
        ignores=ignores,
        tolerance=0.01,
    )


ERROR = _card("error", "grey_error", ("contrast", "constant", "patient-shuffle"))
NAN = _card("nan", "nan_for_grey", ())
PERFECT = _card("perfect", "perfect_for_grey", ())
OFF = _card("off", "off_at_best", ())
UPSIDE_DOWN = dataclasses.replace(ERROR, name="upside-down", direction="higher", worst=-1.0, version="upside-down-v1")
DEAF = dataclasses.replace(ERROR, name="deaf", reacts_to=(), ignores=("contrast",), version="deaf-v1")
SPREAD = dataclasses.replace(
    ERROR,
    name="spread",
    version="spread-v1",
    level="set",
    worst=None,
    function="fundus2oct.metrics.frechet_distance:frechet_distance",
    features="cheap_metrics:mean_features",
    features_version="brightness-v1",
    jackknife="fundus2oct.metrics.frechet_distance:jackknife_frechet",
    reacts_to=("constant",),
    ignores=("patient-shuffle",),
)
