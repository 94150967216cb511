"""Strata of made records: groups with chosen numbers, as a scorer writes them."""

from __future__ import annotations

from typing import Any


def group(name: str, **metrics: tuple[float, float | None, float | None]) -> dict[str, Any]:
    """One group of 15 eyes of 12 patients: metric -> value and ends of its interval, or None for no interval."""
    return {
        "group": name,
        "n_cases": 15,
        "n_patients": 12,
        "metrics": {metric: _measured(*numbers) for metric, numbers in metrics.items()},
    }


def stratum(
    column: str, groups: list[dict[str, Any]], *, source: str = "table", left_out: int = 0, reason: str | None = None
) -> dict[str, Any]:
    """One column of the `strata` table."""
    return {"column": column, "source": source, "groups": groups, "left_out": left_out, "reason": reason}


def _measured(value: float, low: float | None, high: float | None) -> dict[str, Any]:
    told = {
        "method": "studentised bootstrap",
        "standard_error": 0.01,
        "level": 0.95,
        "interval": [low, high],
        "estimand": "mean over patients like these",
    }
    return {"value": value, "n_cases": 15, "n_patients": 12, "uncertainty": None if low is None else told}
