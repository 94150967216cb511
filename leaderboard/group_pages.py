"""The page that compares entries by group. Called by `leaderboard.pages`."""

from __future__ import annotations

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.groups_view import has_groups, view_groups
from fundus2oct.leaderboard.rendering import Files, Renderer


def group_pages(renderer: Renderer, board: Board) -> Files:
    """`groups.html`; none where no record tells a group."""
    if has_groups(board):
        path = f"boards/{board.slug}/groups.html"
        yield path, renderer.page("groups.html", path=path, board=board, view=view_groups(board))
