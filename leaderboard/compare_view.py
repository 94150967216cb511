"""What the pages of comparisons show, as text and drawings: two entries in every metric, one entry against the others.

Differences are "first minus second". An advantage is the difference turned by the metric's direction, so that the same
side of a drawing means the same entry in every metric. Called by `leaderboard.compare_pages`.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_view import Cell, make_cell
from fundus2oct.leaderboard.forest_drawing import Forest, Mark, Scale, draw_forest
from fundus2oct.leaderboard.metric_groups import RoleGroup, group_cards
from fundus2oct.leaderboard.number_text import counted, fixed, interval, percent, signed
from fundus2oct.leaderboard.pair_table import Pair, PairTable
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.leaderboard.scatter_drawing import Point, draw_scatter, make_range, shortened
from fundus2oct.metrics.metric_card import MetricCard

FEWEST_CASES = 2
LARGEST_ADVANTAGE = 12.0
"""Standard errors of the difference; what lies beyond is drawn as an arrow."""


@dataclass(frozen=True, kw_only=True)
class CompareLine:
    """One metric of two entries.

    Attributes:
        card: the metric.
        first, second: their values.
        difference: first minus second, with its sign.
        interval: of the difference.
        p, adjusted_p: of this pair alone, and in the family of all pairs.
        verdict: who is better, or why nothing is said.
        is_significant: whether one of them is significantly better.
        note: what a reader must know of the pair; mostly empty.
    """

    card: MetricCard
    first: Cell
    second: Cell
    difference: str
    interval: str
    p: str
    adjusted_p: str
    verdict: str
    is_significant: bool
    note: str


@dataclass(frozen=True, kw_only=True)
class CaseScatter:
    """Two entries eye by eye in one metric: a drawing, and its words."""

    card: MetricCard
    drawing: Markup
    told: str


@dataclass(frozen=True, kw_only=True)
class CompareView:
    """Everything that the page of two entries shows."""

    first: Row
    second: Row
    answer: str
    forest: Forest | None
    groups: tuple[RoleGroup, ...]
    lines: dict[str, CompareLine]
    scatters: tuple[CaseScatter, ...]
    why_no_cases: str
    level: str
    family: str


def view_pair(first: Row, second: Row, board: Board, table: PairTable) -> CompareView:
    """Two rows of ``board`` side by side."""
    lines = {card.name: compare_line(card, first, second, table) for card in board.cards}
    scatters = tuple(_case_scatters(first, second, board))
    return CompareView(
        first=first,
        second=second,
        answer=_answer(lines[board.ranking_card.name]),
        forest=_draw_advantages(first, second, board, table),
        groups=group_cards(board.cards),
        lines=lines,
        scatters=scatters,
        why_no_cases="" if scatters else _why_no_cases(first, second),
        level=percent(table.level),
        family=table.family,
    )


def compare_line(card: MetricCard, first: Row, second: Row, table: PairTable) -> CompareLine:
    """One metric of two rows as text."""
    pair = table.pair(card.name, first, second)
    better = None if pair is None or pair.better is None else (first if pair.better == "first" else second)
    return CompareLine(
        card=card,
        first=make_cell(first.entry, card),
        second=make_cell(second.entry, card),
        difference="–" if pair is None else signed(pair.difference, card.decimals),
        interval=interval(pair.interval, card.decimals) if pair and pair.interval else "–",
        p="–" if pair is None else p_text(pair.p),
        adjusted_p="–" if pair is None else p_text(pair.adjusted_p),
        verdict=f"{better.entry.title} is better" if better else _why_open(card, first, second, table, pair),
        is_significant=better is not None,
        note=_note(pair),
    )


def _why_open(card: MetricCard, first: Row, second: Row, table: PairTable, pair: Pair | None) -> str:
    if pair is None:
        return f"not compared: {table.why_not(card.name, first, second)}"
    return pair.reason or "not told apart"


def _note(pair: Pair | None) -> str:
    if pair is None or pair.order_agrees is not False or pair.better is None:
        return ""
    return "The bias-matched distance has the other sign: this order may be owed to the number of eyes."


def p_text(p: float | None) -> str:
    """A p value as printed: three digits after the point, and never 0.

    >>> p_text(0.0312), p_text(0.00001), p_text(None)
    ('0.031', '< 0.001', '–')
    """
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else fixed(p, 3)


def _answer(ranking: CompareLine) -> str:
    """The page's first sentence: the metric that orders the board."""
    card = ranking.card
    if ranking.difference == "–":
        return f"In {card.abbreviation} they are {ranking.verdict}."
    return f"In {card.abbreviation}: {ranking.verdict}; the difference is {ranking.difference} {ranking.interval}."


def _draw_advantages(first: Row, second: Row, board: Board, table: PairTable) -> Forest | None:
    """Every metric that was compared, as the second's and the first's advantage in standard errors."""
    marks = [
        mark for group in group_cards(board.cards) for _, cards in group.families for card in cards
        if (mark := _advantage(card, first, second, table))
    ]  # fmt: skip
    if not marks:
        return None
    return draw_forest(
        marks,
        Scale(LARGEST_ADVANTAGE, is_ratio=False),
        caption=f"Differences in standard errors, with {percent(table.level)} intervals of each pair alone: on the "
        "side of the entry that the metric favours, whatever its direction. An arrow lies further out than is drawn. "
        "Told beside each: first minus second.",
        below=f"{first.entry.title} better",
        above=f"{second.entry.title} better",
    )


def _advantage(card: MetricCard, first: Row, second: Row, table: PairTable) -> Mark | None:
    pair = table.pair(card.name, first, second)
    if pair is None or pair.interval is None or not pair.standard_error:
        return None
    turn = 1.0 if card.direction == "lower" else -1.0
    low, high = sorted(turn * bound / pair.standard_error for bound in pair.interval)
    told = f"{signed(pair.difference, card.decimals)} {interval(pair.interval, card.decimals)}"
    at = turn * pair.difference / pair.standard_error
    return Mark(label=card.abbreviation, told=f"{told} {card.unit}".strip(), value=at, low=low, high=high)


def _case_scatters(first: Row, second: Row, board: Board) -> Iterator[CaseScatter]:
    """The case metrics that every page links to, where both rows tell their values."""
    tables = [row.entry.records[-1].cases for row in (first, second)]
    for card in board.linked_cards:
        values = [table.of(card.name) if table else {} for table in tables]
        shared = sorted(values[0].keys() & values[1].keys())
        if card.level == "case" and len(shared) >= FEWEST_CASES:
            yield _case_scatter(card, first, second, [(values[0][case], values[1][case]) for case in shared])


def _case_scatter(card: MetricCard, first: Row, second: Row, pairs: Sequence[tuple[float, float]]) -> CaseScatter:
    unit = f", {card.unit}" if card.unit else ""
    ends = [value for pair in pairs for value in pair]
    x = make_range(ends, f"{card.abbreviation} of {shortened(first.entry.title)}{unit}")
    y = make_range(ends, f"{card.abbreviation} of {shortened(second.entry.title)}{unit}")
    told = _cases_told(card, first, second, pairs)
    points = [Point(x=a, y=b, shape="speck") for a, b in pairs]
    return CaseScatter(card=card, told=told, drawing=draw_scatter(points, x, y, label=told, diagonal=True))


def _cases_told(card: MetricCard, first: Row, second: Row, pairs: Sequence[tuple[float, float]]) -> str:
    """What the drawing shows, in numbers."""
    wins = sum(card.is_better(a, b) for a, b in pairs)
    losses = sum(card.is_better(b, a) for a, b in pairs)
    low, middle, high = (signed(q, card.decimals) for q in statistics.quantiles([a - b for a, b in pairs], n=4))
    unit = f" {card.unit}" if card.unit else ""
    equal = len(pairs) - wins - losses
    return (
        f"{card.abbreviation}, {counted(len(pairs), 'eye')}: {first.entry.title} is better in {wins}, "
        f"{second.entry.title} in {losses}{f', equal in {equal}' if equal else ''}. First minus second: median "
        f"{middle}{unit}, middle half from {low} to {high}{unit}."
    )


def _why_no_cases(first: Row, second: Row) -> str:
    rule = first.entry.result["protocol"].get("disclosure") or {}
    if not rule.get("per_case", False):
        return "This phase discloses no values per case, so nothing is drawn eye by eye."
    missing = [row.entry.title for row in (first, second) if row.entry.records[-1].cases is None]
    return f"No values per case lie beside the record of {' and '.join(missing)}." if missing else ""
