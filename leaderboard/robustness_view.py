"""What becomes of an order under other metrics, other rules, and without one of its entries.

Ranks of records are made again and again with `leaderboard.ranking`; no metric is computed and no pair is tested here.
Called by `leaderboard.ranking_pages`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fundus2oct.benchmark.ranking_file import AGGREGATES
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.rank_drawing import draw_places, draw_ranks
from fundus2oct.leaderboard.rank_words import SCORE_TITLES, listed, rank_range
from fundus2oct.leaderboard.ranking import Ranking, Row, order
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.leaderboard.tiers import with_tiers
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
    without = tuple(_without(row, board, put_together) for row in rows)
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


def _without(row: Row, board: Board, put_together: tuple[MetricCard, ...]) -> WithoutOne:
    others = [other for other in board.ranked if other is not row]
    entries = [other.entry for other in others]
    mean = Ranking(put_together, "mean-rank")
    has_numbers = len(put_together) > 1
    return WithoutOne(
        row=row,
        order=_turned([other.entry for other in board.ranked], entries, board.ranking),
        tiers=_moved(others, board),
        mean_rank=_turned([other.entry for other in board.ranked], entries, mean) if has_numbers else "",
    )


def _turned(entries: Sequence[Entry], kept: Sequence[Entry], ranking: Ranking) -> str:
    """Pairs of kept entries whose order is another without the rest, in words; empty for none."""
    before, after = _ranks(entries, ranking), _ranks(kept, ranking)
    both = [entry for entry in kept if id(entry) in before and id(entry) in after]
    if [before[id(e)] for e in both] == [after[id(e)] for e in both]:
        return ""
    pairs = [
        f"{a.title} and {b.title}"
        for i, a in enumerate(both)
        for b in both[i + 1 :]
        if _sign(before[id(a)] - before[id(b)]) != _sign(after[id(a)] - after[id(b)])
    ]
    return _told(pairs, "pairs")


def _moved(others: Sequence[Row], board: Board) -> str:
    """Kept entries that are in another tier without the rest, counted from the top; empty for none."""
    if board.pairwise is None or all(row.tier is None for row in others):
        return ""
    rows = order([row.entry for row in others], board.ranking)
    found, _ = with_tiers(rows, board.pairwise, board.ranking)
    before = _from_one([row.tier for row in others])
    names = {id(row.entry): tier for row, tier in zip(others, before, strict=True)}
    moves = [
        f"{row.entry.title} from tier {names[id(row.entry)]} to {row.tier}"
        for row in found
        if row.tier is not None and row.tier != names[id(row.entry)]
    ]
    return _told(moves, "entries")


def _from_one(tiers: Sequence[int | None]) -> list[int | None]:
    """Tiers numbered anew where the one that was left out was alone in its own.

    >>> _from_one([2, 2, 4])
    [1, 1, 2]
    """
    numbers = {tier: i + 1 for i, tier in enumerate(sorted({tier for tier in tiers if tier is not None}))}
    return [None if tier is None else numbers[tier] for tier in tiers]


def _told(changes: Sequence[str], noun: str) -> str:
    if len(changes) > MOST_NAMED:
        return f"{len(changes)} {noun}, among them {changes[0]}"
    return "; ".join(changes)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
