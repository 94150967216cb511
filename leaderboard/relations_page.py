"""The page that holds the ranking metric against others, entry by entry. Called by `leaderboard.pages`."""

from __future__ import annotations

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.relations_view import partners, view_relations
from fundus2oct.leaderboard.rendering import Files, Renderer


def relations_pages(renderer: Renderer, board: Board) -> Files:
    """The page of a board's relations; none where the board has no metric to hold against its ranking metric."""
    if not partners(board):
        return
    path = f"boards/{board.slug}/relations.html"
    yield path, renderer.page("relations.html", path=path, board=board, relations=view_relations(board))
