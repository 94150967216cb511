"""What becomes of an order under other metrics, other rules, and without one of its entries.

Ranks of records are made again and again with `leaderboard.ranking`; no metric is computed and no pair is tested here.
Called by `leaderboard.ranking_pages`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from fundus2oct.benchmark.ranking_file import AGGREGATES
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.rank_drawing import draw_places, draw_ranks
from fundus2oct.leaderboard.rank_words import SCORE_TITLES, listed, rank_range
from fundus2oct.leaderboard.ranking import Ranking, Row, badness, order
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.leaderboard.tiers import PairTests, order_tests, with_tiers
from fundus2oct.metrics import inference
from fundus2oct.metrics.metric_card import MetricCard

MOST_NAMED = 3
"""So many changes are told one by one; more are counted."""


@dataclass(frozen=True, kw_only=True)
class RankColumn:
    """One way to rank: a metric, or a rule over several.

    Attributes:
        title: heading of its column.
        metric: name of the metric; empty for a rule.
        ranking: what makes the order.
        is_boards: whether the board itself is ranked so.
    """

    title: str
    metric: str
    ranking: Ranking
    is_boards: bool


@dataclass(frozen=True, kw_only=True)
class RankLine:
    """One ranked entry under every way to rank; a dash where it has no number."""

    row: Row
    ranks: tuple[str, ...]
    span: str
    drawing: Markup


@dataclass(frozen=True, kw_only=True)
class WithoutOne:
    """What changes when one entry is left out."""

    row: Row
    order: str
    tiers: str
    mean_rank: str


@dataclass(frozen=True, kw_only=True)
class RobustnessView:
    """The two tables.

    Attributes:
        columns: the ways to rank.
        lines: the ranked entries under them.
        places: head of the drawing.
        rules_of: the metrics that the rules put together, in words.
        without: what each entry's absence changes.
        is_stable: whether no entry's absence turns two others in the board's own order.
        has_tiers: whether the board has tiers.
    """

    columns: tuple[RankColumn, ...]
    lines: tuple[RankLine, ...]
    places: Markup
    rules_of: str
    without: tuple[WithoutOne, ...]
    is_stable: bool
    has_tiers: bool


def view_robustness(board: Board) -> RobustnessView | None:
    """The view of a board; None for fewer than two ranked entries."""
    rows = board.ranked
    if len(rows) < 2:
        return None
    put_together = _put_together(board)
    columns = tuple(_columns(board, put_together))
    entries = [row.entry for row in rows]
    found = [_ranks(entries, column.ranking) for column in columns]
    without = _without_each(board, put_together)
    return RobustnessView(
        columns=columns,
        lines=tuple(_line(row, [ranks.get(id(row.entry)) for ranks in found], len(rows)) for row in rows),
        places=draw_places(len(rows)),
        rules_of=listed([card.abbreviation for card in put_together]) if len(put_together) > 1 else "",
        without=without,
        is_stable=not any(line.order for line in without),
        has_tiers=any(row.tier is not None for row in rows),
    )


def _put_together(board: Board) -> tuple[MetricCard, ...]:
    """The metrics whose ranks are put together: the rule's where it names several, else the headline ones."""
    if len(board.ranking.cards) > 1:
        return board.ranking.cards
    return tuple(card for card in board.cards if card.role == "headline")


def _columns(board: Board, put_together: tuple[MetricCard, ...]) -> Iterator[RankColumn]:
    """Every metric that may rank, then the rules that put ranks together."""
    own = board.ranking
    for card in (card for card in board.cards if card.role != "diagnostic"):
        ranking = Ranking((card,))
        yield RankColumn(title=card.abbreviation, metric=card.name, ranking=ranking, is_boards=ranking == own)
    if len(put_together) < 2:
        return
    for rule in AGGREGATES:
        ranking = Ranking(put_together, rule)
        yield RankColumn(title=SCORE_TITLES[rule], metric="", ranking=ranking, is_boards=ranking == own)


def _ranks(entries: Sequence[Entry], ranking: Ranking) -> dict[int, int]:
    """An entry's `id` -> its rank, for those that have one."""
    return {id(row.entry): row.rank for row in order(entries, ranking) if row.rank is not None}


def _line(row: Row, ranks: Sequence[int | None], k: int) -> RankLine:
    held = [rank for rank in ranks if rank is not None]
    shares = {rank: count / len(held) for rank, count in Counter(held).items()}
    return RankLine(
        row=row,
        ranks=tuple("–" if rank is None else str(rank) for rank in ranks),
        span=rank_range((min(held), max(held))) if held else "–",
        drawing=draw_ranks(k, row.rank or 1, shares),
    )


def _without_each(board: Board, put_together: tuple[MetricCard, ...]) -> tuple[WithoutOne, ...]:
    """What changes without each of the ranked entries in turn.

    In an order of metrics nothing of the order does: every row is placed by its own numbers alone.
    """
    rows, own = board.ranked, board.ranking
    by_mean = _turned_without_each(rows, Ranking(put_together, "mean-rank")) if len(put_together) > 1 else {}
    by_board = _turned_without_each(rows, own) if own.is_aggregate else {}
    tests = _tests(board)
    return tuple(
        WithoutOne(row=row, order=by_board.get(i, ""), tiers=_moved(i, board, tests), mean_rank=by_mean.get(i, ""))
        for i, row in enumerate(rows)
    )


def _turned_without_each(rows: Sequence[Row], ranking: Ranking) -> dict[int, str]:
    """Place of an entry -> the pairs whose order is another without it, in words; those that change nothing are absent.

    Leaving out one entry takes 1 from the rank of every worse one in a metric, and one half from that of its equals.
    """
    has_all = [all(row.entry.measured(card.name)["value"] is not None for card in ranking.cards) for row in rows]
    held = [i for i, held in enumerate(has_all) if held]
    values = np.array([[badness(rows[i].entry, card) for card in ranking.cards] for i in held])
    if not len(values):
        return {}
    is_worse = (values[:, None] > values[None, :]) + (values[:, None] == values[None, :]) / 2  # row than column
    ranks = is_worse.sum(axis=1) + 0.5
    middle = np.mean if ranking.rule == "mean-rank" else np.median
    before = _signs(middle(ranks, axis=1))
    found = {}
    for left in range(len(held)):
        changed = np.triu(_signs(middle(ranks - is_worse[:, left], axis=1)) != before)
        changed[left] = changed[:, left] = False
        pairs = np.argwhere(changed)
        if len(pairs):
            titles = [" and ".join(rows[held[i]].entry.title for i in pair) for pair in pairs[: MOST_NAMED + 1]]
            found[held[left]] = _told(titles, len(pairs), "pairs")
    return found


def _signs(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, K) which of two scores is smaller; scores that differ by rounding alone are equal."""
    differences = scores[:, None] - scores[None, :]
    return np.sign(np.where(np.abs(differences) < 1e-9, 0.0, differences))


def _tests(board: Board) -> PairTests | None:
    """The tests of all ranked rows; None where the board has no tiers."""
    if board.pairwise is None or all(row.tier is None for row in board.ranked):
        return None
    return order_tests(board.pairwise, board.ranking, [row.entry.submission.name for row in board.ranked])


def _moved(left: int, board: Board, tests: PairTests | None) -> str:
    """Kept entries that are in another tier without the one at ``left``, in words; empty for none."""
    rows = [row for i, row in enumerate(board.ranked) if i != left]
    if tests is None or board.pairwise is None or not rows:
        return ""
    if board.ranking.is_aggregate:
        kept = [row.entry for row in rows]
        found, _ = with_tiers(order(kept, board.ranking), board.pairwise, board.ranking)
        after = {id(row.entry): row.tier for row in found}
        new = [after[id(row.entry)] or 0 for row in rows]
    else:
        new = list(_cut_without(left, tests))
    old = _from_one([row.tier or 0 for row in rows])
    moves = [
        f"{row.entry.title} from tier {was} to {now}"
        for row, was, now in zip(rows, old, new, strict=True)
        if was != now
    ]
    return _told(moves, len(moves), "entries")


def _cut_without(left: int, tests: PairTests) -> tuple[int, ...]:
    keep = np.delete(np.arange(len(tests.better)), left)
    square = np.ix_(keep, keep)
    agrees = None if tests.agrees is None else tests.agrees[square]
    return inference.tiers(range(len(keep)), tests.better[square], agrees).tier


def _from_one(tiers: Sequence[int]) -> list[int]:
    """Tiers numbered anew where the one that was left out was alone in its own.

    >>> _from_one([2, 2, 4])
    [1, 1, 2]
    """
    numbers = {tier: i + 1 for i, tier in enumerate(sorted(set(tiers)))}
    return [numbers[tier] for tier in tiers]


def _told(changes: Sequence[str], n: int, noun: str) -> str:
    """Few changes one by one, many as their number and the first."""
    return f"{n} {noun}, among them {changes[0]}" if n > MOST_NAMED else "; ".join(changes)
