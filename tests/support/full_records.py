"""Everything a record may hold today: anatomy, texture, groups, controls, draws of other real eyes, and every metric.

Invented numbers of plausible size, all made from a few that a test chooses. `tests/leaderboard/conftest.py` makes the
plain records that these functions complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fundus2oct.metrics.metric_card import MetricCard

JACKKNIFE = "delete-one-patient jackknife"
BOOTSTRAP = "studentised bootstrap by patient"
ZONES = ("central", "inner", "outer")
GAPS = {"central": 1.0, "central_same_disease": 0.6, "grid": 0.3, "ssim": 0.002}
"""Gap -> its size as a share of that of central thickness."""

GROUPED = ("ssim", "psnr", "central_thickness_error", "inner_ring_error", "outer_ring_error")
"""Metrics that are told by group."""


def complete(
    result: dict[str, Any],
    cards: Sequence[MetricCard],
    *,
    error_um: float = 24.0,
    bias_um: float = -3.2,
    gap_um: float = 18.4,
    sharpness: float = 0.95,
    draws: int = 0,
) -> dict[str, Any]:
    """Add to ``result``, in place, what a scorer of today writes.

    Args:
        result: a valid record with FVD, SSIM and PSNR.
        cards: cards of all metrics; those that need weights that are absent get a reason instead of a value.
        error_um: mean absolute error of central thickness, micrometres.
        bias_um: mean signed error of the same.
        gap_um: shuffled-fundus gap of the same.
        sharpness: ratio of fine power to real.
        draws: draws of other real eyes; 0 for every row but real-vs-real.
    """
    for card in cards:
        measured = result["metrics"].setdefault(card.name, metric(card, _share(card, error_um, sharpness)))
        if draws and card.level == "set" and measured["value"] is not None:
            measured["reference"] = draws_of(measured["value"], draws)
        if card.name == "central_thickness_error":
            measured |= {"value": error_um, **_bounds(card, error_um)}
        result["protocol"]["metric_versions"][card.name] = measured["version"]
    result["anatomy"] = anatomy(error_um, bias_um)
    result["texture"] = {
        "speckle_contrast_ratio": sharpness**0.5,
        "fine_power_ratio": sharpness,
        "radial_disagreement_ratio": 2.0 - sharpness,
    }
    result["strata"] = strata(result)
    result["controls"] = controls(gap_um)
    return result


def metric(card: MetricCard, share: float) -> dict[str, Any]:
    """One metric's entry: ``share`` of the way from best to a bad value, or the reason of absent weights."""
    base = {"version": card.version, "n_cases": 24, "n_patients": 12}
    if card.weights not in (None, "i3d", "efficientnet-lite0"):
        reason = f"weights {card.weights} are not installed: run `bench weights install {card.weights}`"
        return {**base, "value": None, "reason": reason, "uncertainty": None}
    bad = card.worst if card.worst is not None else (0.0 if card.direction == "higher" else 20.0)
    value = card.best + share * (bad - card.best)
    return {**base, "value": value, "reason": None, **_bounds(card, value)}


def draws_of(value: float, draws: int) -> dict[str, Any]:
    """What other real eyes score around ``value``."""
    return {
        "draws": draws,
        "mean": value * 1.02,
        "standard_deviation": value * 0.05,
        "low": value * 0.93,
        "median": value * 1.01,
        "high": value * 1.12,
        "n_cases": 24,
        "relaxed": 1.5,
    }


def anatomy(error_um: float, bias_um: float) -> dict[str, Any]:
    """The `anatomy` table of an entry that errs by so much in the centre, and less further out."""
    return {
        "version": "surfaces-dp-v1",
        "reference": "mean thickness of 96 training eyes: central 303.1 µm, inner 341.0 µm, outer 299.4 µm",
        "reason": None,
        "zones": {name: _zone(error_um / (i + 1), bias_um / (i + 1)) for i, name in enumerate(ZONES)},
        "detection": {
            "threshold_um": 320.0,
            "true_positives": 4,
            "false_negatives": 2,
            "false_positives": 3,
            "true_negatives": 15,
            "failed": 1,
            "sensitivity": {"hits": 4, "n": 6, "value": 4 / 6, "low": 0.30, "high": 0.90},
            "specificity": {"hits": 15, "n": 18, "value": 15 / 18, "low": 0.61, "high": 0.94},
        },
        "missing_bscans": 1 / 144,
    }


def strata(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The `strata` table: two sides, and a disease of which two of seven groups are told."""
    sides = [_group(result, name, share) for name, share in (("L", 0.97), ("R", 1.04))]
    diseases = [_group(result, name, share) for name, share in (("none", 1.06), ("oedema, with cysts", 0.7))]
    reason = "fewer than 10 patients"
    return [
        {"column": "eye", "source": "table", "groups": sides, "left_out": 0, "reason": None},
        {"column": "disease", "source": "sidecar", "groups": diseases, "left_out": 5, "reason": reason},
    ]


def _group(result: dict[str, Any], name: str, share: float) -> dict[str, Any]:
    """A group whose values are ``share`` times those of all eyes."""
    metrics = {}
    for metric in GROUPED:
        measured = result["metrics"][metric]
        value, told = measured["value"] * share, measured["uncertainty"]
        bounds = told and {
            **told,
            "interval": [value - 2.4 * told["standard_error"], value + 2.8 * told["standard_error"]],
        }
        metrics[metric] = {"value": value, "n_cases": 14, "n_patients": 11, "uncertainty": bounds}
    return {"group": name, "n_cases": 14, "n_patients": 11, "metrics": metrics}


def controls(gap_um: float) -> dict[str, Any]:
    """The `controls` table of an entry with such a gap in central thickness, and no memory of its training eyes."""
    return {
        "photograph_gap": {name: _gap(name, gap_um * share) for name, share in GAPS.items()},
        "memorisation": {
            "version": "cells-v1",
            "cases": 24,
            "training_cases": 96,
            "reason": None,
            "flagged": 0,
            "exact_copies": 0,
            "flagged_real_eyes": 0,
        },
    }


def _gap(name: str, value: float) -> dict[str, Any]:
    reach = {"ssim": 0.012}.get(name, 14.0)
    found = {
        "value": value,
        "low": value - reach,
        "high": value + reach,
        "standard_error": reach / 2.1,
        "p": 0.0005 if value > reach else 0.24,
        "n_cases": 24,
        "n_patients": 12,
    }
    return {"score": f"score of {name}", "version": "v1", "reason": None, "gap": found}


def _zone(error_um: float, bias_um: float) -> dict[str, Any]:
    spread = 1.2 * error_um
    return {
        "n": 24,
        "n_failed": 1,
        "bias": bias_um,
        "sd": spread,
        "lower_limit": bias_um - 1.96 * spread,
        "upper_limit": bias_um + 1.96 * spread,
        "mae": error_um,
        "calibration_slope": 0.82,
        "response_slope": 0.41,
        "skill": 1 - error_um / 34.0,
        "skill_mean_volume": 1 - error_um / 41.0,
    }


def _bounds(card: MetricCard, value: float) -> dict[str, Any]:
    spread = abs(value) * 0.2 + 10.0**-card.decimals
    expected = f"expected {card.abbreviation} at this number of patients, not its value for infinitely many"
    return {
        "uncertainty": {
            "method": JACKKNIFE if card.level == "set" else BOOTSTRAP,
            "standard_error": spread / 2,
            "level": 0.95,
            "interval": [value - spread, value + spread],
            "estimand": expected if card.level == "set" else "mean over patients like these",
        }
    }


def _share(card: MetricCard, error_um: float, sharpness: float) -> float:
    """How bad a metric is, so that entries differ: anatomy by its error, the rest by how much was blurred away."""
    return min(error_um / 400, 1.0) if card.unit == "µm" else 0.1 + 0.5 * abs(1 - sharpness)
