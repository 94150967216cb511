"""One metric against another over the entries of a board: do they agree on who is good?

The challenge saw its set metric and its paired metrics disagree: sharp volumes of other people win the one, blurred
means the others. Here every board shows it, as a drawing, as a table, and as Kendall's tau. Called by
`leaderboard.relations_page`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_view import Cell, make_cell
from fundus2oct.leaderboard.number_text import counted, fixed
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.leaderboard.scatter_drawing import Point, Range, draw_scatter, make_range
from fundus2oct.metrics.metric_card import MetricCard

PARTNERS = ("ssim", "central_thickness_error")
"""What the ranking metric is held against: structure in the pixels, and anatomy in micrometres."""

FROM_TRUTH = ("oracle", "degraded-truth")
"""Kinds of rows that are made from the truth: drawn, and left out where orders are counted."""

FEWEST_ROWS = 2


@dataclass(frozen=True, kw_only=True)
class RelationLine:
    """One entry in two metrics."""

    row: Row
    first: Cell
    second: Cell


@dataclass(frozen=True, kw_only=True)
class Relation:
    """Two metrics of a board.

    Attributes:
        first, second: the metrics, across and upwards.
        drawing: the entries as points.
        told: how far the two orders agree.
        lines: the same numbers as a table, in the board's order.
    """

    first: MetricCard
    second: MetricCard
    drawing: Markup
    told: str
    lines: tuple[RelationLine, ...]


def partners(board: Board) -> tuple[MetricCard, ...]:
    """The metrics that a board holds its ranking metric against."""
    return tuple(card for card in board.cards[1:] if card.name in PARTNERS)


def view_relations(board: Board) -> tuple[Relation, ...]:
    """The ranking metric against each of its partners that at least two entries hold."""
    found = ((card, _rows_with(board, card)) for card in partners(board))
    return tuple(_relation(board, card, rows) for card, rows in found if len(rows) >= FEWEST_ROWS)


def _rows_with(board: Board, card: MetricCard) -> list[Row]:
    return [row for row in board.rows if None not in _values(row, board.ranking_card, card)]


def _values(row: Row, first: MetricCard, second: MetricCard) -> tuple[float, float]:
    return row.entry.measured(first.name)["value"], row.entry.measured(second.name)["value"]


def _relation(board: Board, second: MetricCard, rows: Sequence[Row]) -> Relation:
    first = board.ranking_card
    values = [_values(row, first, second) for row in rows]
    x, y = (_axis(card, [pair[i] for pair in values]) for i, card in enumerate((first, second)))
    # Ranked entries first: they take the best places for their names.
    in_order = sorted(zip(rows, values, strict=True), key=lambda item: item[0].rank is None)
    points = [Point(x=a, y=b, name=row.entry.title, shape=_shape(row, board)) for row, (a, b) in in_order]
    label = (
        f"{first.abbreviation} against {second.abbreviation}, {counted(len(rows), 'point')}; the table has the numbers"
    )
    return Relation(
        first=first,
        second=second,
        drawing=draw_scatter(points, x, y, label=label),
        told=_told(first, second, rows),
        lines=tuple(
            RelationLine(row=row, first=make_cell(row.entry, first), second=make_cell(row.entry, second))
            for row in rows
        ),
    )


def _axis(card: MetricCard, values: Sequence[float]) -> Range:
    unit = f" ({card.unit})" if card.unit else ""
    is_distance = card.direction == "lower" and card.best == 0 and min(values) >= 0
    title = f"{card.title}{unit}, {card.direction} is better"
    return make_range(values, title, is_square_root=is_distance)


def _shape(row: Row, board: Board) -> str:
    if row.entry is board.reference:
        return "diamond"
    return "dot" if row.rank is not None else "ring"


def _told(first: MetricCard, second: MetricCard, rows: Sequence[Row]) -> str:
    """How far the orders of the two metrics agree, among rows that are not made from the truth."""
    pairs = [_values(row, first, second) for row in rows if row.entry.kind not in FROM_TRUTH]
    tau = kendall_tau([_harm(first, a) for a, _ in pairs], [_harm(second, b) for _, b in pairs])
    if tau is None:
        return f"Too few different values among {counted(len(pairs), 'generator')} to compare the two orders."
    return (
        f"Kendall’s tau between the two orders, best first, is {fixed(tau, 2)} (n = {len(pairs)} generators; rows made "
        "from the truth are left out). It is 1 where both metrics put all entries in one order, and −1 where one order "
        "is the reverse of the other. It describes these entries and is no test."
    )


def _harm(card: MetricCard, value: float) -> float:
    """The value turned so that smaller is better."""
    return value if card.direction == "lower" else -value


def kendall_tau(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Kendall's tau-b (Kendall 1945, with ties); None where one side has a single value.

    >>> kendall_tau([1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
    -1.0
    """
    signs = list(_pair_signs(a, b))
    of_a, of_b = sum(x * x for x, _ in signs), sum(y * y for _, y in signs)
    if not of_a or not of_b:
        return None
    return sum(x * y for x, y in signs) / math.sqrt(of_a * of_b)


def _pair_signs(a: Sequence[float], b: Sequence[float]) -> Iterator[tuple[int, int]]:
    for i, j in itertools.combinations(range(len(a)), 2):
        yield (a[i] > a[j]) - (a[i] < a[j]), (b[i] > b[j]) - (b[i] < b[j])
