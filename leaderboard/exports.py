"""The files that take a board elsewhere, each by its name: downloads of the site and formats of `bench export`.

Only the list is here; `board_data`, `board_table` and `bias_report` make the text. Called by `pages` and by
`export_command`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fundus2oct.leaderboard.bias_report import bias_report
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_data import board_json
from fundus2oct.leaderboard.board_table import board_bibtex, board_csv, board_latex
from fundus2oct.leaderboard.rendering import Files, Renderer


@dataclass(frozen=True)
class Export:
    """One format.

    Attributes:
        format: its name on the command line.
        file_name: its name beside the board's page.
        label: its name for readers.
        write: board and title of the site -> text.
    """

    format: str
    file_name: str
    label: str
    write: Callable[[Board, str], str]


EXPORTS = (
    Export("json", "data.json", "JSON", board_json),
    Export("csv", "board.csv", "CSV", lambda board, _: board_csv(board)),
    Export("latex", "board.tex", "LaTeX", lambda board, _: board_latex(board)),
    Export("bibtex", "board.bib", "BibTeX", board_bibtex),
    Export("bias-report", "report.md", "Report (Markdown)", bias_report),
)
"""In the order of the board's page."""


def download_files(renderer: Renderer, board: Board) -> Files:
    """The downloads of one board, beside its page."""
    for export in EXPORTS:
        yield f"boards/{board.slug}/{export.file_name}", export.write(board, renderer.site.title)
