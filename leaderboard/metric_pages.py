"""The index of metrics, and a page for every card of the catalogue, whether or not an entry holds it.

Called by `leaderboard.pages`.
"""

from __future__ import annotations

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_uncertainty import metric_uncertainties
from fundus2oct.leaderboard.board_view import interval_levels, make_cell, real_eyes_text
from fundus2oct.leaderboard.metric_groups import ROLES, family_of, group_cards
from fundus2oct.leaderboard.relations_view import partners
from fundus2oct.leaderboard.rendering import Files, Renderer
from fundus2oct.metrics.metric_card import MetricCard


def metric_pages(renderer: Renderer, board: Board) -> Files:
    """All pages about metrics, the index first."""
    cards, held = (*board.cards, *board.other_cards), {card.name for card in board.cards}
    path = f"boards/{board.slug}/metrics/index.html"
    yield (
        path,
        renderer.page(
            "metrics.html", path=path, board=board, groups=group_cards(cards), held=held, n_metrics=len(cards)
        ),
    )
    for card in cards:
        path = f"boards/{board.slug}/metrics/{card.name}.html"
        yield path, _metric_page(renderer, board, card, path=path, is_held=card.name in held)


def _metric_page(renderer: Renderer, board: Board, card: MetricCard, *, path: str, is_held: bool) -> str:
    lines = [(row, make_cell(row.entry, card)) for row in board.rows] if is_held else []
    reasons = {cell.reason for _, cell in lines}
    return renderer.page(
        "metric.html",
        path=path,
        board=board,
        card=card,
        role_title=ROLES[card.role][0],
        role_meaning=ROLES[card.role][1],
        family=family_of(card).title,
        lines=lines,
        only_reason=reasons.pop() if len(reasons) == 1 else "",
        levels=interval_levels([row.entry for row in board.rows], [card]),
        real_eyes=real_eyes_text(board, card),
        uncertainties=metric_uncertainties(board, card),
        related=bool(partners(board)) and card in (board.ranking_card, *partners(board)),
    )
