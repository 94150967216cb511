"""What the challenge's report found, asked again: do pixel metrics and FVD disagree, and does FVD notice a crop?

Rank agreement over the degradations at their strongest dose, also between three ways to film six B-scans. Pure
functions on the values of a trial. Called by `benchmark.audit_file`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from fundus2oct.benchmark.audit import Trial
from fundus2oct.benchmark.audit_verdicts import harm_of
from fundus2oct.metrics.metric_card import MetricCard

FILMS = ("fvd", "fvd_repeat3", "fvd_closed")
PIXELS = ("ssim", "psnr")


def make_findings(trial: Trial) -> dict[str, Any]:
    """The tables `films`, `pixels_against_fvd` and `crop` of an audit file; null where a metric is missing."""
    harms = {
        card.name: found for card in _cards(trial).values() if (found := strongest_harms(trial, card.name)) is not None
    }
    return {
        "films": _films(harms),
        "pixels_against_fvd": {name: _tau(harms, "fvd", name) for name in PIXELS},
        "crop": {name: _share_of_real(trial, harms, name, "crop") for name in ("fvd", *PIXELS)},
    }


def strongest_harms(trial: Trial, metric: str) -> Mapping[str, float] | None:
    """Degradation -> how much worse than the truth copy at the strongest dose; None where a value is missing."""
    card = _cards(trial)[metric]
    truth = trial.truth[metric].value
    found = {name: values[metric][-1].value for name, values in trial.degraded.items() if values.get(metric)}
    if truth is None or len(found) < len(trial.degradations) or None in found.values():
        return None
    return {name: harm_of(card, truth, value) for name, value in found.items() if value is not None}


def kendall_tau(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Kendall's tau-b (Biometrika 33, 1945), which allows for ties; None where one side is all ties.

    >>> kendall_tau([1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
    -1.0
    """
    from scipy import stats

    if len(set(a)) < 2 or len(set(b)) < 2:
        return None
    return float(stats.kendalltau(a, b).statistic)


def _cards(trial: Trial) -> dict[str, MetricCard]:
    return {card.name: card for card in (*trial.cards, *trial.protocols)}


def _films(harms: Mapping[str, Mapping[str, float]]) -> dict[str, Any] | None:
    if not all(name in harms for name in FILMS):
        return None
    tau = {f"{a} and {b}": _tau(harms, a, b) for a, b in itertools.combinations(FILMS, 2)}
    return {"tau": tau, "values": {name: dict(harms[name]) for name in FILMS}}


def _tau(harms: Mapping[str, Mapping[str, float]], a: str, b: str) -> float | None:
    if a not in harms or b not in harms:
        return None
    names = sorted(harms[a])
    return kendall_tau([_rounded(harms[a][name]) for name in names], [_rounded(harms[b][name]) for name in names])


def _rounded(harm: float) -> float:
    """Six digits after the point: what differs by less is a tie, such as two exact zeros with rounding."""
    return round(harm, 6)


def _share_of_real(trial: Trial, harms: Mapping[str, Mapping[str, float]], metric: str, fault: str) -> float | None:
    """Harm of a fault at its strongest dose, over what other real eyes cost; None where either is missing."""
    if metric not in harms or fault not in harms[metric] or metric not in trial.real:
        return None
    card = _cards(trial)[metric]
    truth, real = trial.truth[metric].value, trial.real[metric].value
    if truth is None or real is None or harm_of(card, truth, real) <= 0:
        return None
    return harms[metric][fault] / harm_of(card, truth, real)
