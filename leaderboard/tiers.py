"""Tiers and rank intervals of a board's rows, from the comparisons that were filed for it.

The order is `leaderboard.ranking`'s and is not changed here: who else entered may move a tier's border, never two rows.
Pairs were tested when the file was made; counting them is all that happens here. Called by `leaderboard.board`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.leaderboard.board_pairs import Pairwise, entry_places
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.metrics import inference

Booleans = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class PairTests:
    """Which of K entries is significantly better than which, in one metric.

    Attributes:
        better: (K, K) whether entry i is significantly better than j.
        agrees: (K, K) whether the bias-matched distance puts them in the same order; None for a metric without one.
        problem: why the K entries cannot be put into tiers; empty when they can.
    """

    better: Booleans
    agrees: Booleans | None
    problem: str


def pair_tests(document: Pairwise, metric: str, names: Sequence[str]) -> PairTests:
    """The tests of the entries ``names`` in one metric, in that order.

    Args:
        document: comparisons that fit the board.
        metric: its name.
        names: ``team/method`` of entries in the document.
    """
    told, places = document["metrics"][metric], entry_places(document)
    wanted = {places[name]: i for i, name in enumerate(names)}
    pairs = [pair for pair in told["pairs"] if pair["a"] in wanted and pair["b"] in wanted]
    better, agrees = np.zeros((2, len(names), len(names)), np.bool_)
    for pair in pairs:
        i, j = wanted[pair["a"]], wanted[pair["b"]]
        better[i, j], better[j, i] = pair["better"] == "a", pair["better"] == "b"
        agrees[i, j] = agrees[j, i] = bool(pair["order_agrees"])
    has_partner = any(pair["order_agrees"] is not None for pair in pairs)
    return PairTests(better=better, agrees=agrees if has_partner else None, problem=_problem(told, wanted, names))


def _problem(told: Mapping[str, Any], wanted: Mapping[int, int], names: Sequence[str]) -> str:
    """Why not all of the entries can be compared: one was left out when the file was made."""
    left_out = [(wanted[item["entry"]], item["reason"]) for item in told["left_out"] if item["entry"] in wanted]
    return f"{names[left_out[0][0]]} cannot be compared: {left_out[0][1]}" if left_out and len(names) > 1 else ""


def with_tiers(rows: Sequence[Row], document: Pairwise, metric: str) -> tuple[tuple[Row, ...], str]:
    """The rows with their rank intervals and tiers, and why there are none where they lack.

    Args:
        rows: of a board, in order.
        document: comparisons that fit it.
        metric: name of the metric that orders the board.
    """
    ranked = [row for row in rows if row.rank is not None]
    tests = pair_tests(document, metric, [row.entry.submission.name for row in ranked])
    if tests.problem or not ranked:
        return tuple(rows), tests.problem
    intervals = inference.rank_intervals(tests.better)
    told = {id(row): replace(row, rank_interval=bounds) for row, bounds in zip(ranked, intervals, strict=True)}
    reason = document["metrics"][metric]["tiers_reason"] or ""
    if not reason:
        cut = inference.tiers(range(len(ranked)), tests.better, tests.agrees)
        for i, row in enumerate(ranked):
            note = inference.ORDER_DEPENDS_ON_BIAS if i in cut.held_back else ""
            told[id(row)] = replace(told[id(row)], tier=cut.tier[i], tier_note=note)
    return tuple(told.get(id(row), row) for row in rows), reason
