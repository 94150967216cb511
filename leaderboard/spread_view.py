"""How one entry's scores spread over single eyes, in words and as drawings, where the phase discloses them.

No eye is named: what a reader may want to know of one stands in the disclosed table. Called by the view of an entry.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.number_text import counted, fixed
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.leaderboard.spread_drawing import Spread, draw_spread
from fundus2oct.metrics.metric_card import MetricCard


@dataclass(frozen=True, kw_only=True)
class SpreadView:
    """One metric over the eyes.

    Attributes:
        card: its card.
        sentences: what the drawing shows, in words.
        drawing: None where all values are alike.
    """

    card: MetricCard
    sentences: tuple[str, ...]
    drawing: Spread | None


def view_spreads(entry: Entry, board: Board) -> tuple[SpreadView, ...]:
    """The spread of every case metric with a column on the board, and of the centre's thickness error."""
    table = entry.records[-1].cases
    if table is None:
        return ()
    views = []
    for card in board.linked_cards:
        drawn = sorted(value for case_id, value in table.of(card.name).items() if case_id not in table.failed)
        if drawn:
            n_failed = len(table.failed)
            views.append(_view(card, drawn, n_failed, len(table.case_ids) - n_failed - len(drawn)))
    return tuple(views)


def _view(card: MetricCard, values: Sequence[float], n_failed: int, n_unmeasured: int) -> SpreadView:
    told = [fixed(value, card.decimals) for value in (values[0], values[-1])]
    left_out = tuple(_left_out(n_failed, n_unmeasured))
    if values[0] == values[-1]:
        return SpreadView(
            card=card, sentences=(f"{_all(len(values))} {told[0]}{_unit(card)}.", *left_out), drawing=None
        )
    quartiles = statistics.quantiles(values, n=4, method="inclusive")
    low, median, high = (fixed(value, card.decimals) for value in quartiles)
    sentence = (
        f"Median {median}{_unit(card)}; half of the {counted(len(values), 'eye')} lie between {low} and {high}, "
        f"all between {told[0]} and {told[1]}. {card.direction.capitalize()} is better."
    )
    return SpreadView(card=card, sentences=(sentence, *left_out), drawing=draw_spread(values, quartiles))


def _all(n: int) -> str:
    return "The one eye scores" if n == 1 else f"All {counted(n, 'eye')} score"


def _unit(card: MetricCard) -> str:
    return f" {card.unit}" if card.unit else ""


def _left_out(n_failed: int, n_unmeasured: int) -> list[str]:
    sentences = []
    if n_failed:
        was = "is" if n_failed == 1 else "are"
        sentences.append(f"{counted(n_failed, 'failed eye')}, in the mean at a fixed price, {was} not drawn.")
    if n_unmeasured:
        sentences.append(f"The truth of {counted(n_unmeasured, 'eye')} could not be measured.")
    return sentences
