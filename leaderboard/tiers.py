"""Tiers and rank intervals of a board's rows, from the comparisons that were filed for it.

The order is `leaderboard.ranking`'s and is not changed here: who else entered may move a tier's border, never two rows
of a board in the order of a metric. Pairs were tested when the file was made; counting them is all that happens here.
Called by `leaderboard.board`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.leaderboard.board_pairs import Pairwise, entry_places
from fundus2oct.leaderboard.ranking import Ranking, Row
from fundus2oct.metrics import inference

Booleans = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class PairTests:
    """Which of K entries is better than which beyond chance.

    Attributes:
        better: (K, K) whether entry i is significantly better than j.
        agrees: (K, K) whether the bias-matched distance puts them in the same order; None where none is needed.
        problem: why nothing can be told of them; empty when it can.
        tiers_problem: why there are no tiers; empty when there are.
    """

    better: Booleans
    agrees: Booleans | None
    problem: str
    tiers_problem: str


def with_tiers(rows: Sequence[Row], document: Pairwise, ranking: Ranking) -> tuple[tuple[Row, ...], str]:
    """The rows with their rank intervals and tiers, and why there are none where they lack.

    Args:
        rows: of a board, in order.
        document: comparisons that fit it.
        ranking: what made the order.
    """
    ranked = [row for row in rows if row.rank is not None]
    tests = order_tests(document, ranking, [row.entry.submission.name for row in ranked])
    if tests.problem or not ranked:
        return tuple(rows), tests.problem
    intervals = inference.rank_intervals(tests.better)
    told = {id(row): replace(row, rank_interval=bounds) for row, bounds in zip(ranked, intervals, strict=True)}
    if not tests.tiers_problem:
        cut = inference.tiers(range(len(ranked)), tests.better, tests.agrees)
        for i, row in enumerate(ranked):
            note = inference.ORDER_DEPENDS_ON_BIAS if i in cut.held_back else ""
            told[id(row)] = replace(told[id(row)], tier=cut.tier[i], tier_note=note)
    return tuple(told.get(id(row), row) for row in rows), tests.tiers_problem


def order_tests(document: Pairwise, ranking: Ranking, names: Sequence[str]) -> PairTests:
    """The tests of entries in the order that a rule makes.

    In the order of metrics the first decides alone, since values that are equal to the last digit have no true order.
    For ranks put together, each of M metrics gives every entry the ranks that its tests leave open, at 1/M of the error
    rate and with the bias-matched sign; an entry is better than another where even its worst mean (or median) is better
    than the other's best. That holds for all pairs at once, and is wide.

    Args:
        document: comparisons that fit the board.
        ranking: the rule.
        names: ``team/method`` of ranked entries in the document.
    """
    if not ranking.is_aggregate:
        return pair_tests(document, ranking.cards[0].name, names)
    alpha = (1 - document["rules"]["level"]) / len(ranking.cards)
    found = [pair_tests(document, card.name, names, alpha=alpha) for card in ranking.cards]
    wins = [tests.better if tests.agrees is None else tests.better & tests.agrees for tests in found]
    return PairTests(
        better=inference.better_in_the_middle(wins, "mean" if ranking.rule == "mean-rank" else "median"),
        agrees=None,
        problem=next((tests.problem for tests in found if tests.problem), ""),
        tiers_problem=next((tests.tiers_problem for tests in found if tests.tiers_problem), ""),
    )


def pair_tests(document: Pairwise, metric: str, names: Sequence[str], *, alpha: float | None = None) -> PairTests:
    """The tests of entries in one metric.

    Args:
        document: comparisons that fit the board.
        metric: its name.
        names: ``team/method`` of entries in the document.
        alpha: family-wise error rate; None is the document's.
    """
    told, places = document["metrics"][metric], entry_places(document)
    wanted = {places[name]: i for i, name in enumerate(names)}
    pairs = [pair for pair in told["pairs"] if pair["a"] in wanted and pair["b"] in wanted]
    better, agrees = np.zeros((2, len(names), len(names)), np.bool_)
    for pair in pairs:
        i, j = wanted[pair["a"]], wanted[pair["b"]]
        counts = alpha is None or (pair["adjusted_p"] is not None and pair["adjusted_p"] <= alpha)
        better[i, j], better[j, i] = counts and pair["better"] == "a", counts and pair["better"] == "b"
        agrees[i, j] = agrees[j, i] = bool(pair["order_agrees"])
    has_partner = any(pair["order_agrees"] is not None for pair in pairs)
    return PairTests(
        better=better,
        agrees=agrees if has_partner else None,
        problem=_problem(told, wanted, names),
        tiers_problem=told["tiers_reason"] or "",
    )


def is_better_beyond_chance(document: Pairwise | None, metric: str, a: str, b: str) -> bool | None:
    """Whether entry ``a`` is significantly better than ``b``; None where that was not tested."""
    places = {} if document is None else entry_places(document)
    if document is None or a not in places or b not in places or metric not in document["metrics"]:
        return None
    compared = {frozenset((pair["a"], pair["b"])) for pair in document["metrics"][metric]["pairs"]}
    if frozenset((places[a], places[b])) not in compared:
        return None
    return bool(pair_tests(document, metric, [a, b]).better[0, 1])


def _problem(told: Mapping[str, Any], wanted: Mapping[int, int], names: Sequence[str]) -> str:
    """Why not all of the entries can be compared: one was left out when the file was made."""
    left_out = [(wanted[item["entry"]], item["reason"]) for item in told["left_out"] if item["entry"] in wanted]
    return f"{names[left_out[0][0]]} cannot be compared: {left_out[0][1]}" if left_out and len(names) > 1 else ""
