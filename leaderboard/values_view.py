"""All metrics of one entry as text, grouped by role and family; a value that is missing says why.

Intervals that mean the same share one note below the tables. Called by the view of an entry.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_view import Cell, make_cell
from fundus2oct.leaderboard.metric_groups import RoleGroup, group_cards
from fundus2oct.leaderboard.number_text import fixed, interval, percent, plain
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.metrics.metric_card import MetricCard


@dataclass(frozen=True, kw_only=True)
class MetricLine:
    """One metric of an entry: its card, its value, and what its interval means.

    Attributes:
        card: the card.
        cell: value, interval or reason.
        mark: letter of the note that says what the interval is; empty without one.
        standard_error: as text, or a dash.
        real_eyes: what other real eyes score; empty where nobody drew them.
        n_eyes, n_patients: what the value rests on.
    """

    card: MetricCard
    cell: Cell
    mark: str
    standard_error: str
    real_eyes: str
    n_eyes: str
    n_patients: str


@dataclass(frozen=True, kw_only=True)
class ValuesView:
    """The section "Values" of an entry.

    Attributes:
        groups: roles and families of the cards on the board.
        lines: name of a card -> its line.
        notes: letter and meaning of the kinds of intervals.
        has_real_eyes: whether any line tells what other real eyes score.
        unknown: name and value of metrics that no card describes.
    """

    groups: tuple[RoleGroup, ...]
    lines: dict[str, MetricLine]
    notes: tuple[tuple[str, str], ...]
    has_real_eyes: bool
    unknown: tuple[tuple[str, str], ...]


def view_values(entry: Entry, board: Board) -> ValuesView:
    """Every metric of ``entry`` that the board or the record knows."""
    notes = _interval_notes(entry, board.cards)
    lines = {card.name: _metric_line(entry, card, board, notes) for card in board.cards}
    return ValuesView(
        groups=group_cards(board.cards),
        lines=lines,
        notes=tuple((mark, text) for text, mark in notes.items()),
        has_real_eyes=any(line.real_eyes for line in lines.values()),
        unknown=tuple(
            (name, "–" if measured["value"] is None else plain(measured["value"]))
            for name, measured in sorted(entry.result["metrics"].items())
            if name not in lines
        ),
    )


def _interval_notes(entry: Entry, cards: Sequence[MetricCard]) -> dict[str, str]:
    """Meaning of an interval -> its letter, in the order of the page."""
    in_order = [card for group in group_cards(cards) for _, family in group.families for card in family]
    texts = dict.fromkeys(text for card in in_order if (text := _interval_text(entry, card)))
    letters = string.ascii_lowercase
    return {text: letters[i] if i < len(letters) else str(i + 1) for i, text in enumerate(texts)}


def _interval_text(entry: Entry, card: MetricCard) -> str:
    """Level, method and estimand; the metric's own name is left out, so that equal kinds read alike."""
    told = entry.measured(card.name)["uncertainty"]
    if not told:
        return ""
    return f"{percent(told['level'])}, {told['method']}: {nameless(told['estimand'], card)}"


def nameless(estimand: str, card: MetricCard) -> str:
    """An estimand without the metric's own name, so that those of different metrics can be told in one line."""
    return re.sub(rf"(?<!\w){re.escape(card.abbreviation)}(?!\w)", "value", estimand)


def _metric_line(entry: Entry, card: MetricCard, board: Board, notes: dict[str, str]) -> MetricLine:
    measured, drawn = entry.measured(card.name), board.real_eyes(card)
    uncertainty = measured["uncertainty"]
    return MetricLine(
        card=card,
        cell=make_cell(entry, card),
        mark=notes.get(_interval_text(entry, card), ""),
        standard_error=f"{uncertainty['standard_error']:.3g}" if uncertainty else "–",
        real_eyes=(
            f"{fixed(drawn['mean'], card.decimals)} {interval((drawn['low'], drawn['high']), card.decimals)}"
            if drawn
            else ""
        ),
        n_eyes=str(measured["n_cases"]),
        n_patients=str(measured["n_patients"]),
    )
