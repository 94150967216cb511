"""Every page of the site as text, by its path: templates filled with views. Writes nothing.

Jinja2 escapes everything (`autoescape=True`, never by file name) and refuses a name that a view does not set. Two
things are not escaped: the SVG of `interval_drawing` and `forest_drawing`, made of our own numbers, and the policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from fundus2oct.leaderboard.audit_page import Audit, audit_of, view_audit
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_view import (
    interval_levels,
    make_cell,
    protocol_texts,
    real_eyes_text,
    view_board,
)
from fundus2oct.leaderboard.entry_view import view_entry
from fundus2oct.leaderboard.lead import judge_lead
from fundus2oct.leaderboard.metric_groups import ROLES, family_of, group_cards
from fundus2oct.leaderboard.number_text import counted, plain
from fundus2oct.leaderboard.safe_text import with_code
from fundus2oct.leaderboard.values_view import nameless

FOLDER = Path(__file__).parent
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, kw_only=True)
class Site:
    """What every page knows: the site's title, its boards, and the audits that were filed for them."""

    title: str
    boards: tuple[Board, ...]
    audits: tuple[Audit, ...] = ()

    def audit_of(self, board: Board) -> Audit | None:
        """The audit made on the truth of ``board``, if there is one."""
        return audit_of(board, self.audits)


def render_site(site: Site) -> dict[str, bytes]:
    """Every file of the site: path with forward slashes -> bytes. Equal input gives equal bytes."""
    templates = _templates()
    pages = dict(_front_pages(site, templates))
    for board in site.boards:
        pages |= _board_pages(site, board, templates)
    files = {path: text.encode("utf-8") for path, text in pages.items()}
    assets = {f"assets/{path.name}": path.read_bytes() for path in sorted((FOLDER / "assets").iterdir())}
    return files | assets | {"_headers": _headers_sample().encode("utf-8")}


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"plain": plain, "counted": counted, "with_code": with_code}
    environment.globals["content_security_policy"] = Markup(CONTENT_SECURITY_POLICY)  # ours, and without a double quote
    return environment


def _front_pages(site: Site, templates: jinja2.Environment) -> Iterator[tuple[str, str]]:
    """`index.html`: the board itself where there is one, else the list of boards."""
    if len(site.boards) == 1:
        board = site.boards[0]
        yield "index.html", _board_page(site, board, templates, path="index.html")
        return
    lines = [(board, judge_lead(board)) for board in site.boards]
    yield "index.html", _render(templates, "boards.html", site, path="index.html", board=None, lines=lines)


def _board_pages(site: Site, board: Board, templates: jinja2.Environment) -> dict[str, str]:
    base = f"boards/{board.slug}"
    pages = {
        f"{base}/index.html": _board_page(site, board, templates, path=f"{base}/index.html"),
        f"{base}/about.html": _about_page(site, board, templates, path=f"{base}/about.html"),
    }
    pages |= _metric_pages(site, board, templates)
    if audit := site.audit_of(board):
        pages[f"{base}/audit.html"] = _audit_page(site, board, audit, templates, path=f"{base}/audit.html")
    for row in board.rows:
        path = f"{base}/entries/{row.entry.submission.name}.html"
        view = view_entry(row, board, site.title)
        pages[path] = _render(templates, "entry.html", site, path=path, board=board, view=view)
    return pages


def _metric_pages(site: Site, board: Board, templates: jinja2.Environment) -> dict[str, str]:
    """The index of metrics, and a page for every card of the catalogue, whether or not an entry holds it."""
    folder = f"boards/{board.slug}/metrics"
    cards = (*board.cards, *board.other_cards)
    held = {card.name for card in board.cards}
    index = f"{folder}/index.html"
    context: dict[str, Any] = {"groups": group_cards(cards), "held": held, "n_metrics": len(cards)}
    pages = {index: _render(templates, "metrics.html", site, path=index, board=board, **context)}
    for card in cards:
        path = f"{folder}/{card.name}.html"
        lines = [(row, make_cell(row.entry, card)) for row in board.rows] if card.name in held else []
        reasons = {cell.reason for _, cell in lines}
        context = {
            "card": card,
            "role_title": ROLES[card.role][0],
            "role_meaning": ROLES[card.role][1],
            "family": family_of(card).title,
            "lines": lines,
            "only_reason": reasons.pop() if len(reasons) == 1 else "",
            "levels": interval_levels([row.entry for row in board.rows], [card]),
            "real_eyes": real_eyes_text(board, card),
        }
        pages[path] = _render(templates, "metric.html", site, path=path, board=board, **context)
    return pages


def _board_page(site: Site, board: Board, templates: jinja2.Environment, *, path: str) -> str:
    return _render(templates, "board.html", site, path=path, board=board, view=view_board(board))


def _about_page(site: Site, board: Board, templates: jinja2.Environment, *, path: str) -> str:
    context = {
        "policies": protocol_texts(board, "failure_policy"),
        "means": protocol_texts(board, "headline_mean"),
        "uncertainties": _uncertainties(board),
    }
    return _render(templates, "about.html", site, path=path, board=board, **context)


def _audit_page(site: Site, board: Board, audit: Audit, templates: jinja2.Environment, *, path: str) -> str:
    context = {"view": view_audit(audit, board), "linked": {card.name for card in (*board.cards, *board.other_cards)}}
    return _render(templates, "audit.html", site, path=path, board=board, **context)


def _uncertainties(board: Board) -> list[tuple[str, str, str]]:
    """Abbreviations, method and estimand of every kind of interval on the board."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for card in board.cards:
        measured = [row.entry.measured(card.name)["uncertainty"] for row in board.rows]
        for method, estimand in sorted({(u["method"], nameless(u["estimand"], card)) for u in measured if u}):
            found.setdefault((method, estimand), {})[card.abbreviation] = None
    return [(", ".join(names), method, estimand) for (method, estimand), names in found.items()]


def _render(
    templates: jinja2.Environment, name: str, site: Site, *, path: str, board: Board | None, **context: Any
) -> str:
    root = "../" * path.count("/")
    base = f"{root}boards/{board.slug}/" if board else ""
    text = templates.get_template(name).render(site=site, board=board, root=root, base=base, path=path, **context)
    return text.rstrip("\n") + "\n"


def _headers_sample() -> str:
    """Headers for hosts that read a `_headers` file: what a meta element cannot say."""
    policy = f"{CONTENT_SECURITY_POLICY}; frame-ancestors 'none'"
    lines = [
        f"Content-Security-Policy: {policy}",
        "Referrer-Policy: no-referrer",
        "X-Content-Type-Options: nosniff",
    ]
    return "/*\n" + "".join(f"  {line}\n" for line in lines)
