"""The list of pages that every page of a board links to, in the order of the bar at its top.

A new kind of page adds one line here; a page that only some boards have says so in its line. Called by
`leaderboard.rendering` for every page.
"""

from __future__ import annotations

from dataclasses import dataclass

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.groups_view import has_groups
from fundus2oct.leaderboard.relations_view import partners


@dataclass(frozen=True)
class PageLink:
    """One link of the bar.

    Attributes:
        here: what the template of that page sets as ``here``.
        text: the words of the link.
        path: the page, below the board's folder.
    """

    here: str
    text: str
    path: str


def board_links(board: Board, *, has_audit: bool, has_pictures: bool = False) -> tuple[PageLink, ...]:
    """The links of every page of ``board``."""
    return (
        PageLink("board", "Board", "index.html"),
        PageLink("ranking", "Ranking", "ranking.html"),
        *(PageLink(card.name, card.abbreviation, f"metrics/{card.name}.html") for card in board.linked_cards),
        PageLink("metrics", "All metrics", "metrics/index.html"),
        *((PageLink("groups", "Groups", "groups.html"),) if has_groups(board) else ()),
        *((PageLink("relations", "Relations", "relations.html"),) if partners(board) else ()),
        *((PageLink("compare", "Compare", "compare/index.html"),) if board.pairwise is not None else ()),
        *((PageLink("viewer", "Viewer", "viewer.html"),) if has_pictures else ()),
        *((PageLink("audit", "Audit", "audit.html"),) if has_audit else ()),
        PageLink("about", "About", "about.html"),
    )
