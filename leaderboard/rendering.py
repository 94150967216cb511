"""What every page is made with: the site that it belongs to, and the templates, filled. Writes nothing.

Jinja2 escapes everything (`autoescape=True`, never by file name) and refuses a name that a view does not set. Two
things are not escaped: the SVG of our own drawings, made of our own numbers, and the policy. Called by the module of
each kind of page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from fundus2oct.benchmark.pictures_file import Pictures
from fundus2oct.leaderboard.audit_page import Audit, audit_of
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_pictures import BoardPictures, pictures_of
from fundus2oct.leaderboard.navigation import PageLink, board_links
from fundus2oct.leaderboard.number_text import counted, plain, sentence
from fundus2oct.leaderboard.past_board import Past
from fundus2oct.leaderboard.safe_text import with_code

FOLDER = Path(__file__).parent
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
)

Files = Iterator[tuple[str, str | bytes]]
"""Files of the site: path with forward slashes, then text or bytes."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """What every page knows: the site's title and address, its boards, and what was filed for them beside results."""

    title: str
    boards: tuple[Board, ...]
    audits: tuple[Audit, ...] = ()
    pictures: tuple[Pictures, ...] = ()
    address: str | None = None
    past: Past | None = None

    def audit_of(self, board: Board) -> Audit | None:
        """The audit made on the truth of ``board``, if there is one."""
        return audit_of(board, self.audits)

    def pictures_of(self, board: Board) -> BoardPictures | None:
        """The pictures of the entries of ``board``, if there are any."""
        return pictures_of(board, self.pictures)


class Renderer:
    """Fills the templates of one site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._templates = _templates()

    def page(self, template: str, *, path: str, board: Board | None, **context: Any) -> str:
        """The text of the page at ``path``; every address in it is relative to that place.

        Args:
            template: file name below ``templates/``.
            path: path of the page in the site, with forward slashes.
            board: the board that it belongs to; None for a page of the whole site.
            context: what the template shows beside these.
        """
        root = "../" * path.count("/")
        base = f"{root}boards/{board.slug}/" if board else ""
        links = self._links(board) if board else ()
        text = self._templates.get_template(template).render(
            site=self.site, board=board, root=root, base=base, path=path, board_links=links, **context
        )
        return text.rstrip("\n") + "\n"

    def _links(self, board: Board) -> tuple[PageLink, ...]:
        has_audit, has_pictures = (
            found is not None for found in (self.site.audit_of(board), self.site.pictures_of(board))
        )
        return board_links(board, has_audit=has_audit, has_pictures=has_pictures)


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"plain": plain, "counted": counted, "with_code": with_code, "sentence": sentence}
    environment.globals["content_security_policy"] = Markup(CONTENT_SECURITY_POLICY)  # ours, and without a double quote
    return environment
