"""Entries compared group by group: a table a metric, one column for each group that any record of the board tells.

From the records' `strata` alone. Called by `leaderboard.group_pages`, and by the list of a board's pages, which names
the page only where there is something to compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_view import Cell, interval_levels
from fundus2oct.leaderboard.number_text import fixed, interval, shown_value
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.leaderboard.strata_view import column_name, group_name, left_out_text, rests_on
from fundus2oct.metrics.metric_card import MetricCard

Key = tuple[str, str]
"""Column and group, as the record names them."""

NOT_TOLD: Mapping[str, Any] = {"value": None, "uncertainty": None}
"""A group that one record of a board does not tell, though another does."""


@dataclass(frozen=True, kw_only=True)
class GroupHead:
    """The head of one column.

    Attributes:
        column, group: names for readers.
        rests_on: eyes and patients behind it.
    """

    column: str
    group: str
    rests_on: str


@dataclass(frozen=True, kw_only=True)
class GroupCell:
    """One entry in one group; ``is_best`` among the ranked entries."""

    cell: Cell
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class GroupTable:
    """One metric: all eyes first, then group by group.

    Attributes:
        card: its card.
        levels: of the intervals, such as "95 %"; empty when there is none.
        heads: of the groups.
        lines: each row of the board with its cells, all eyes first.
    """

    card: MetricCard
    levels: str
    heads: tuple[GroupHead, ...]
    lines: tuple[tuple[Row, tuple[GroupCell, ...]], ...]

    @property
    def has_best(self) -> bool:
        """Whether any value is marked: one ranked entry alone is no best."""
        return any(found.is_best for _, cells in self.lines for found in cells)


@dataclass(frozen=True, kw_only=True)
class GroupsView:
    """The page of groups.

    Attributes:
        tables: one a metric, in the board's order.
        left_out: a sentence for each column of which groups are not told.
    """

    tables: tuple[GroupTable, ...]
    left_out: tuple[str, ...]


def has_groups(board: Board) -> bool:
    """Whether any record of ``board`` tells a group."""
    return any(stratum["groups"] for row in board.rows for stratum in row.entry.result.get("strata") or ())


def view_groups(board: Board) -> GroupsView:
    """Every metric that is told by group, and what is not told."""
    strata = [stratum for row in board.rows for stratum in row.entry.result.get("strata") or ()]
    sentences = dict.fromkeys(left_out_text(stratum) for stratum in strata)
    tables = (_table(board, card) for card in board.cards)
    return GroupsView(
        tables=tuple(table for table in tables if table.heads), left_out=tuple(text for text in sentences if text)
    )


def groups_text(board: Board) -> str:
    """The told groups of the first metric, such as "Eye side, left: 17 eyes of 17 patients"; empty where none is."""
    heads = [head for table in view_groups(board).tables[:1] for head in table.heads]
    return "; ".join(f"{head.column}, {head.group}: {head.rests_on}" for head in heads)


def _table(board: Board, card: MetricCard) -> GroupTable:
    told = [_of_record(row.entry.result, card.name) for row in board.rows]
    heads = {key: head for found in reversed(told) for key, (head, _) in found.items()}
    keys = list(dict.fromkeys(key for found in told for key in found))
    columns: list[list[Mapping[str, Any]]] = [[row.entry.measured(card.name) for row in board.rows]]
    columns += [[found[key][1] if key in found else NOT_TOLD for found in told] for key in keys]
    cells = [_column(column, board.rows, card) for column in columns]
    return GroupTable(
        card=card,
        levels=interval_levels([row.entry for row in board.rows], [card]),
        heads=tuple(heads[key] for key in keys),
        lines=tuple(zip(board.rows, zip(*cells, strict=True), strict=True)),
    )


def _of_record(result: Mapping[str, Any], metric: str) -> dict[Key, tuple[GroupHead, Mapping[str, Any]]]:
    """Every group of a record that tells ``metric``, with its head."""
    found = {}
    for stratum in result.get("strata") or ():
        for group in stratum["groups"]:
            if metric in group["metrics"]:
                measured = group["metrics"][metric]
                head = GroupHead(
                    column=column_name(stratum), group=group_name(stratum, group), rests_on=rests_on(measured)
                )
                found[stratum["column"], group["group"]] = (head, measured)
    return found


def _column(column: Sequence[Mapping[str, Any]], rows: Sequence[Row], card: MetricCard) -> list[GroupCell]:
    """One column, the best value among ranked rows marked; values that print alike share the mark."""
    shown = [None if m["value"] is None else shown_value(m["value"], card.decimals) for m in column]
    ranked = [value for value, row in zip(shown, rows, strict=True) if row.rank is not None and value is not None]
    best = (min if card.direction == "lower" else max)(ranked) if len(ranked) > 1 else None
    return [
        GroupCell(cell=_cell(measured, card), is_best=row.rank is not None and best is not None and value == best)
        for measured, value, row in zip(column, shown, rows, strict=True)
    ]


def _cell(measured: Mapping[str, Any], card: MetricCard) -> Cell:
    value, told = measured["value"], measured["uncertainty"]
    bounds = interval(told["interval"], card.decimals) if told and value is not None else ""
    return Cell(label="", value="–" if value is None else fixed(value, card.decimals), interval=bounds, reason="")
