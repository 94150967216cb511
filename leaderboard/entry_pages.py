"""A page for every entry of a board. Called by `leaderboard.pages`."""

from __future__ import annotations

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.cases_view import view_cases
from fundus2oct.leaderboard.compare_pages import compared_rows
from fundus2oct.leaderboard.entry_view import view_entry
from fundus2oct.leaderboard.rendering import Files, Renderer


def entry_pages(renderer: Renderer, board: Board) -> Files:
    """The pages of all entries, in the board's order."""
    pictures, compared = renderer.site.pictures_of(board), compared_rows(board)
    for row in board.rows:
        path = f"boards/{board.slug}/entries/{row.entry.submission.name}.html"
        view = view_entry(row, board, renderer.site.title)
        yield (
            path,
            renderer.page(
                "entry.html",
                path=path,
                board=board,
                view=view,
                shown_cases=view_cases(row, board, pictures),
                compared=row in compared,
            ),
        )
