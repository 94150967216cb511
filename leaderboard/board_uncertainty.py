"""What the intervals of a board cover, each kind of interval once. Called by the pages about a board and its
metrics, and by its report.
"""

from __future__ import annotations

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.values_view import nameless
from fundus2oct.metrics.metric_card import MetricCard


def uncertainties(board: Board) -> list[tuple[str, str, str]]:
    """Abbreviations, method and estimand of every kind of interval on the board."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for card in board.cards:
        measured = [row.entry.measured(card.name)["uncertainty"] for row in board.rows]
        for method, estimand in sorted({(u["method"], nameless(u["estimand"], card)) for u in measured if u}):
            found.setdefault((method, estimand), {})[card.abbreviation] = None
    return [(", ".join(names), method, estimand) for (method, estimand), names in found.items()]


def metric_uncertainties(board: Board, card: MetricCard) -> list[str]:
    """Method and estimand of the intervals of one metric; mostly one."""
    measured = [row.entry.measured(card.name)["uncertainty"] for row in board.rows]
    return sorted({f"{told['method']}: {told['estimand']}" for told in measured if told})
