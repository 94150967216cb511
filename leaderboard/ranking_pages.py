"""The page `ranking.html` of a board: how sure its order is, and what becomes of it under other rules.

Called by `leaderboard.pages`.
"""

from __future__ import annotations

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_view import protocol_texts
from fundus2oct.leaderboard.rank_words import ranking_names, rule_sentences, tier_sentences
from fundus2oct.leaderboard.ranking_view import view_ranking
from fundus2oct.leaderboard.rendering import Files, Renderer
from fundus2oct.leaderboard.robustness_view import view_robustness


def ranking_pages(renderer: Renderer, board: Board) -> Files:
    """One page for every board."""
    path = f"boards/{board.slug}/ranking.html"
    context = {
        "view": view_ranking(board),
        "robustness": view_robustness(board),
        "rule": rule_sentences(board.ranking),
        "ranking_names": ranking_names(board.ranking),
        "tiers": tier_sentences(board.rows),
        "policies": protocol_texts(board, "failure_policy"),
    }
    yield path, renderer.page("ranking.html", path=path, board=board, **context)
