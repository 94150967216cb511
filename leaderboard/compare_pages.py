"""The pages of comparisons: who against whom, each entry against the others, and two entries in every metric.

All pairs of K entries are K (K - 1) / 2 pages, 19,900 for 200 entries. So the first entries of a board, the ranked ones
before the others, have a page for each pair; every entry has one page against its neighbours on the board; what is
left out is said on the pages. Only where `bench compare --all` has filed comparisons. Called by `leaderboard.pages`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.compare_view import CompareLine, compare_line, view_pair
from fundus2oct.leaderboard.pair_table import PairTable
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.leaderboard.rendering import Files, Renderer

FACE_TO_FACE = 12
"""Entries whose pairs have a page of their own: 66 pages at most."""

NEIGHBOURS = 40
"""Rows of the page of one entry against others: half of them above it on the board, half below."""


@dataclass(frozen=True, kw_only=True)
class Rival:
    """One row of the page of one entry against others.

    Attributes:
        row: the other entry.
        lines: the metrics that have a column, the ranking metric first.
        path: of the page of the pair, below the board's folder; empty where it has none.
    """

    row: Row
    lines: tuple[CompareLine, ...]
    path: str


@dataclass(frozen=True, kw_only=True)
class Tally:
    """One line of the list of comparisons: an entry, and how it fares in the ranking metric.

    Attributes:
        row: the entry.
        better, worse, open: other entries that it is significantly better than, worse than, and not told apart from.
        not_compared: entries without a test against it.
    """

    row: Row
    better: int
    worse: int
    open: int
    not_compared: int


def compare_pages(renderer: Renderer, board: Board) -> Files:
    """Every page of comparisons of one board; none without comparisons."""
    table = PairTable.of(board)
    if table is None:
        return
    rows = compared_rows(board)
    faced = _first(rows)
    context = {"n_faced": len(faced), "n_rows": len(rows)}
    path = f"boards/{board.slug}/compare/index.html"
    tallies = [_tally(row, rows, board, table) for row in rows]
    yield path, renderer.page("compare_index.html", path=path, board=board, tallies=tallies, **context)
    for row in rows:
        path = f"boards/{board.slug}/{rivals_path(row)}"
        rivals = [_rival(row, other, faced, board, table) for other in _neighbours(row, rows)]
        yield path, renderer.page("rivals.html", path=path, board=board, row=row, rivals=rivals, **context)
    for i, first in enumerate(faced):
        for second in faced[i + 1 :]:
            path = f"boards/{board.slug}/{pair_path(first, second)}"
            view = view_pair(first, second, board, table)
            yield path, renderer.page("compare.html", path=path, board=board, view=view)


def compared_rows(board: Board) -> tuple[Row, ...]:
    """The rows of a board that comparisons know, in its order; none without comparisons."""
    table = PairTable.of(board)
    return () if table is None else tuple(row for row in board.rows if table.holds(row))


def rivals_path(row: Row) -> str:
    """Page of one entry against others, below the board's folder."""
    return f"compare/{row.entry.submission.name}.html"


def pair_path(first: Row, second: Row) -> str:
    """Page of two entries, below the board's folder; the one that `_first` lists first is named first."""
    return f"compare/{first.entry.submission.name}/{second.entry.submission.name}.html"


def _first(rows: Sequence[Row]) -> list[Row]:
    """The rows whose pairs have a page: the ranked ones, then the others, each in the board's order."""
    return sorted(rows, key=lambda row: row.rank is None)[:FACE_TO_FACE]


def _neighbours(row: Row, rows: Sequence[Row]) -> list[Row]:
    """The other rows nearest to ``row`` on the board, in its order."""
    at = rows.index(row)
    first = max(min(at - NEIGHBOURS // 2, len(rows) - 1 - NEIGHBOURS), 0)
    return [other for other in rows[first : first + NEIGHBOURS + 1] if other is not row]


def _path(row: Row, other: Row, faced: Sequence[Row]) -> str:
    if row not in faced or other not in faced:
        return ""
    return pair_path(*sorted((row, other), key=faced.index))


def _rival(row: Row, other: Row, faced: Sequence[Row], board: Board, table: PairTable) -> Rival:
    lines = tuple(compare_line(card, row, other, table) for card in board.linked_cards)
    return Rival(row=other, lines=lines, path=_path(row, other, faced))


def _tally(row: Row, rows: Sequence[Row], board: Board, table: PairTable) -> Tally:
    pairs = [table.pair(board.ranking_card.name, row, other) for other in rows if other is not row]
    sides = [pair.better for pair in pairs if pair is not None]
    return Tally(
        row=row,
        better=sides.count("first"),
        worse=sides.count("second"),
        open=sides.count(None),
        not_compared=pairs.count(None),
    )
