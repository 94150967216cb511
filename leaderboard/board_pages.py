"""The pages of a board as a whole: its table, what it rests on, its audit; and the site's first page.

Called by `leaderboard.pages`.
"""

from __future__ import annotations

from fundus2oct.leaderboard.audit_page import view_audit
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_facts import (
    badges_text,
    disclosure_text,
    isolation_text,
    seeds_text,
    training_text,
    versions_text,
)
from fundus2oct.leaderboard.board_uncertainty import uncertainties
from fundus2oct.leaderboard.board_view import protocol_texts, view_board
from fundus2oct.leaderboard.exports import EXPORTS
from fundus2oct.leaderboard.lead import judge_lead
from fundus2oct.leaderboard.phase_tabs import phase_tabs
from fundus2oct.leaderboard.rank_words import rule_sentences
from fundus2oct.leaderboard.rendering import Files, Renderer


def front_pages(renderer: Renderer) -> Files:
    """`index.html`: the board itself where there is one, else the list of boards."""
    boards = renderer.site.boards
    if len(boards) == 1:
        yield "index.html", _board_page(renderer, boards[0], path="index.html")
        return
    lines = [(board, judge_lead(board)) for board in boards]
    yield "index.html", renderer.page("boards.html", path="index.html", board=None, lines=lines)


def board_pages(renderer: Renderer, board: Board) -> Files:
    """The board's own address, which stays when others are added to the site."""
    path = f"boards/{board.slug}/index.html"
    yield path, _board_page(renderer, board, path=path)


def _board_page(renderer: Renderer, board: Board, *, path: str) -> str:
    context = {"view": view_board(board), "tabs": phase_tabs(board, renderer.site.boards), "exports": EXPORTS}
    return renderer.page("board.html", path=path, board=board, **context)


def about_pages(renderer: Renderer, board: Board) -> Files:
    """What a board rests on: data, protocol, what its intervals cover."""
    path = f"boards/{board.slug}/about.html"
    context = {
        "policies": protocol_texts(board, "failure_policy"),
        "means": protocol_texts(board, "headline_mean"),
        "uncertainties": uncertainties(board),
        "rule": rule_sentences(board.ranking),
        "facts": {
            "disclosure": disclosure_text(board),
            "isolation": isolation_text(board),
            "badges": badges_text(board),
            "seeds": seeds_text(board),
            "versions": versions_text(board),
            "training": training_text(board),
        },
        "exports": EXPORTS,
    }
    yield path, renderer.page("about.html", path=path, board=board, **context)


def audit_pages(renderer: Renderer, board: Board) -> Files:
    """The audit of the metrics on the board's truth, where one was filed."""
    audit = renderer.site.audit_of(board)
    if audit is None:
        return
    path = f"boards/{board.slug}/audit.html"
    linked = {card.name for card in (*board.cards, *board.other_cards)}
    yield path, renderer.page("audit.html", path=path, board=board, view=view_audit(audit, board), linked=linked)
