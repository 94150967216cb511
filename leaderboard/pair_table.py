"""The comparisons of a board looked up by two entries' names, turned so that the first named is the first.

The tests were made by `bench compare --all`; nothing is computed here. Called by the views of comparisons and by the
report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_pairs import Pairwise, entry_places
from fundus2oct.leaderboard.ranking import Row

Side = Literal["first", "second"]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two entries in one metric.

    Attributes:
        difference: value of the first minus value of the second.
        standard_error: of the difference; None where there is none.
        interval: of this pair alone; None where there is none.
        p: of this pair alone.
        adjusted_p: in the family of all pairs of the board.
        better: which of the two is significantly better in that family; None where neither is.
        order_agrees: whether the bias-matched distance has the same sign; None for a metric without one.
        reason: why there is no interval; empty where there is one.
    """

    difference: float
    standard_error: float | None
    interval: tuple[float, float] | None
    p: float | None
    adjusted_p: float | None
    better: Side | None
    order_agrees: bool | None
    reason: str


class PairTable:
    """Every pair of one board."""

    def __init__(self, document: Pairwise) -> None:
        self.level: float = document["rules"]["level"]
        self.family: str = document["rules"]["family"]
        self._places = entry_places(document)
        self._metrics: dict[str, Any] = document["metrics"]
        self._pairs = {
            (name, pair["a"], pair["b"]): pair for name, told in self._metrics.items() for pair in told["pairs"]
        }

    @classmethod
    def of(cls, board: Board) -> PairTable | None:
        """The table of a board; None where no comparisons fit it."""
        return None if board.pairwise is None else cls(board.pairwise)

    def holds(self, row: Row) -> bool:
        """Whether a row was there when the comparisons were made."""
        return row.entry.submission.name in self._places

    def pair(self, metric: str, first: Row, second: Row) -> Pair | None:
        """What was found of two rows in one metric; None where they were not compared."""
        a, b = (self._places[row.entry.submission.name] for row in (first, second))
        found = self._pairs.get((metric, min(a, b), max(a, b)))
        return None if found is None else _turned(found, is_swapped=found["a"] != a)

    def why_not(self, metric: str, first: Row, second: Row) -> str:
        """Why two rows were not compared in one metric."""
        if metric not in self._metrics:
            return "not among the metrics that were compared"
        reasons = {item["entry"]: item["reason"] for item in self._metrics[metric]["left_out"]}
        told = [(row.entry.title, reasons.get(self._places[row.entry.submission.name])) for row in (first, second)]
        if told[0][1] and told[0][1] == told[1][1]:
            return f"both: {told[0][1]}"
        return "; ".join(f"{title}: {reason}" for title, reason in told if reason) or "no test was made"


def _turned(pair: dict[str, Any], *, is_swapped: bool) -> Pair:
    sides: dict[str | None, Side] = {"a": "second" if is_swapped else "first", "b": "first" if is_swapped else "second"}
    interval = None
    if pair["interval"] is not None:
        low, high = pair["interval"]
        interval = (-high, -low) if is_swapped else (low, high)
    return Pair(
        difference=-pair["difference"] if is_swapped else pair["difference"],
        standard_error=pair["standard_error"],
        interval=interval,
        p=pair["p"],
        adjusted_p=pair["adjusted_p"],
        better=sides.get(pair["better"]),
        order_agrees=pair["order_agrees"],
        reason=pair["reason"] or "",
    )
