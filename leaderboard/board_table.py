"""A board as a table for other programs: `board.csv` for a spreadsheet, `board.tex` for a paper, `board.bib` to cite.

Strangers' words pass through `export_text` and `safe_text`; numbers are written in full in the CSV file and as printed
on the board in the LaTeX table. Called by `exports`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_data import standing
from fundus2oct.leaderboard.board_view import interval_levels, make_cell
from fundus2oct.leaderboard.citation import bibtex_citation
from fundus2oct.leaderboard.export_text import latex_text, spreadsheet_text
from fundus2oct.leaderboard.rank_words import rule_sentences
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.metrics.metric_card import MetricCard

ENTRY_COLUMNS = (
    *("rank", "rank_low", "rank_high", "tier", "standing", "provisional"),
    *("team", "method", "title", "kind", "badges", "isolation", "why_not_ranked", "record", "eyes", "failed"),
)
METRIC_COLUMNS = ("", "_low", "_high", "_standard_error", "_patients", "_why_missing")
"""What follows the name of each metric: its value first."""

Field = str | int | float | None


def board_csv(board: Board) -> str:
    """One line an entry, in the order of the board; every metric with its interval; an empty field is no number."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*ENTRY_COLUMNS, *(f"{card.name}{end}" for card in board.cards for end in METRIC_COLUMNS)])
    for row in board.rows:
        fields = [*_entry_fields(row), *(field for card in board.cards for field in _metric_fields(row, card))]
        writer.writerow([spreadsheet_text(field) if isinstance(field, str) else _number(field) for field in fields])
    return buffer.getvalue()


def _number(field: int | float | None) -> str:
    """A number in full, so that reading it gives it back; its sign is never taken for a formula's."""
    return "" if field is None else repr(field)


def _entry_fields(row: Row) -> list[Field]:
    entry, cases = row.entry, row.entry.result["cases"]
    low, high = row.rank_interval or (None, None)
    return [
        *(row.rank, low, high, row.tier, standing(row), "yes" if row.provisional else "no"),
        *(entry.submission.team, entry.submission.method, entry.title, entry.kind, " ".join(entry.badges)),
        *(entry.result["run"]["isolation"], "; ".join(row.reasons), entry.records[-1].name),
        *(cases["expected"], cases["failed"]),
    ]


def _metric_fields(row: Row, card: MetricCard) -> list[Field]:
    measured = row.entry.measured(card.name)
    uncertainty = measured["uncertainty"] or {"interval": (None, None), "standard_error": None}
    low, high = uncertainty["interval"]
    spread = uncertainty["standard_error"]
    return [measured["value"], low, high, spread, measured["n_patients"], measured["reason"] or ""]


def board_latex(board: Board) -> str:
    r"""A table for ``\input``: the columns of the board, intervals in brackets; needs booktabs and textcomp."""
    cards = board.columns
    lines = [
        "% Needs \\usepackage{booktabs} and \\usepackage{textcomp}; \\input this file.",
        "\\begin{table}",
        f"\\caption{{{_caption(board)}}}",
        "\\centering",
        f"\\begin{{tabular}}{{rl{'r' * len(cards)}}}",
        "\\toprule",
        _latex_row(["Rank", "Method", *(_heading(card) for card in cards)]),
        "\\midrule",
        *(_latex_row(_latex_cells(row, cards)) for row in board.rows),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _caption(board: Board) -> str:
    dataset, levels = board.dataset, interval_levels([row.entry for row in board.rows], board.columns)
    brackets = f" In brackets: {levels} intervals by patient." if levels else ""
    text = (
        f"{board.title}: {dataset['name']} {dataset['version']}, split {dataset['split']}, phase "
        f"{board.any_result['phase']}; {dataset['n_cases']} eyes of {dataset['n_patients']} patients. "
        f"{rule_sentences(board.ranking)[0]} Rows without a rank are controls or not eligible.{brackets}"
    )
    return latex_text(text)


def _heading(card: MetricCard) -> str:
    arrow = "$\\downarrow$" if card.direction == "lower" else "$\\uparrow$"
    return latex_text(card.abbreviation + (f" ({card.unit})" if card.unit else "")) + " " + arrow


def _latex_cells(row: Row, cards: Sequence[MetricCard]) -> list[str]:
    marked = "\\textit{%s}" if row.rank is None else "%s"
    cells = [make_cell(row.entry, card) for card in cards]
    values = [latex_text(f"{cell.value} {cell.interval}") for cell in cells]
    return ["--" if row.rank is None else str(row.rank), marked % latex_text(row.entry.title), *values]


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + " \\\\"


def board_bibtex(board: Board, site_title: str) -> str:
    """Every entry of the board that a team or the benchmark made, to cite; no key appears twice."""
    return "\n\n".join(bibtex_citation(row.entry, board, site_title) for row in board.rows) + "\n"
