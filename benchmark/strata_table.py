"""Case metrics by group: the `strata` table of a record, for every column that sorts the cases of a split.

The number of a group is the headline mean over its cases, failures at their price like everywhere. A group of few
patients is never told, and neither is what would let it be worked out from the rest; docs/decisions/0012. Called by
`measured_source`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.aggregation import case_aggregate
from fundus2oct.benchmark.scoring import CaseScores
from fundus2oct.benchmark.strata import Stratum
from fundus2oct.metrics import thickness_error
from fundus2oct.metrics.metric_card import MetricCard

MIN_PATIENTS = 10
"""A group of fewer is not told, and no two told groups differ by fewer."""

SMALL = f"fewer than {MIN_PATIENTS} patients"
GUARDED = f"{SMALL}, or needed so that such a group does not follow by subtraction"
NESTED = f"its groups differ from others that are told by {SMALL}"

THICKNESS_ERRORS = (thickness_error.CENTRAL_CARD, thickness_error.INNER_CARD, thickness_error.OUTER_CARD)

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def strata_table(scores: CaseScores, strata: Sequence[Stratum], cards: Sequence[MetricCard]) -> list[dict[str, Any]]:
    """The `strata` table of a record, one item a column.

    Args:
        scores: of every case.
        strata: the columns.
        cards: of all metrics, of which the headline ones of single cases and the thickness errors are told.
    """
    values = {name: eyes for name, eyes in _eye_values(scores, cards).items() if np.isfinite(eyes).any()}
    patients = np.array([case.patient_id for case in scores.cases])
    measured = [np.isfinite(eyes) for eyes in values.values()]
    published: list[Mask] = [np.full(len(patients), True)]
    table = []
    for stratum in strata if values else ():
        told, left_out, reason = _told_groups(stratum, measured, patients)
        masks = [stratum.labels == group for group in told]
        rest = [~np.isin(stratum.labels, told)] if left_out else []
        if any(_nearly_equal(a, b, measured, patients) for a in [*masks, *rest] for b in published):
            told, left_out, reason, masks, rest = [], len(told) + left_out, NESTED, [], []
        published += [*masks, *rest]
        groups = [_group(name, mask, values, patients) for name, mask in zip(told, masks, strict=True)]
        source = "sidecar" if stratum.is_hidden else "table"
        table.append(
            {"column": stratum.column, "source": source, "groups": groups, "left_out": left_out, "reason": reason}
        )
    return table


def _eye_values(scores: CaseScores, cards: Sequence[MetricCard]) -> dict[str, Floats]:
    """Metric -> (n_cases,) mean over the B-scans of each eye; NaN where the truth could not be measured."""
    wanted = (card for card in cards if card.role == "headline" or card in THICKNESS_ERRORS)
    return {card.name: scores.case_values[card.name].mean(axis=1) for card in wanted if card.name in scores.case_values}


def _told_groups(
    stratum: Stratum, measured: Sequence[Mask], patients: NDArray[Any]
) -> tuple[list[str], int, str | None]:
    """The groups that are told, by name, how many are left out, and why.

    Subtracting told groups from all eyes tells of those left out together: while these are few patients, the smallest
    told group goes too.
    """
    sizes = {name: _fewest(stratum.labels == name, measured, patients) for name in np.unique(stratum.labels).tolist()}
    told = sorted((name for name in sizes if sizes[name] >= MIN_PATIENTS), key=lambda name: (sizes[name], name))
    n_small = len(sizes) - len(told)
    while told and _is_few(~np.isin(stratum.labels, told), measured, patients):
        told = told[1:]
    n_left_out = len(sizes) - len(told)
    reason = None if not n_left_out else SMALL if n_left_out == n_small else GUARDED
    return sorted(told), n_left_out, reason


def _group(name: str, mask: Mask, values: Mapping[str, Floats], patients: NDArray[Any]) -> dict[str, Any]:
    keys = ("value", "n_cases", "n_patients", "uncertainty")
    entries = {metric: case_aggregate(eyes[mask], patients[mask], {}).entry for metric, eyes in values.items()}
    return {
        "group": name,
        "n_cases": int(mask.sum()),
        "n_patients": _n_patients(mask, patients),
        "metrics": {metric: {key: entry[key] for key in keys} for metric, entry in entries.items()},
    }


def _nearly_equal(a: Mask, b: Mask, measured: Sequence[Mask], patients: NDArray[Any]) -> bool:
    """Whether one of two sets of cases holds the other and a few patients more, which subtraction would tell."""
    is_nested = not (a & ~b).any() or not (b & ~a).any()
    return is_nested and _is_few(a ^ b, measured, patients)


def _is_few(mask: Mask, measured: Sequence[Mask], patients: NDArray[Any]) -> bool:
    """Whether in any metric some patients stand behind these cases, but too few."""
    return any(0 < _n_patients(mask & known, patients) < MIN_PATIENTS for known in measured)


def _fewest(mask: Mask, measured: Sequence[Mask], patients: NDArray[Any]) -> int:
    return min(_n_patients(mask & known, patients) for known in measured)


def _n_patients(mask: Mask, patients: NDArray[Any]) -> int:
    return len(np.unique(patients[mask]))
