"""Every file of the site by its path: the list of the kinds of pages, each a generator in a module of its own.

A kind of page of the whole site takes ``(renderer)``, one of a board ``(renderer, board)``; both yield paths and texts.
A new kind adds its function to one of the two tuples, and its link to `leaderboard.navigation`. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_pages import about_pages, audit_pages, board_pages, front_pages
from fundus2oct.leaderboard.compare_pages import compare_pages
from fundus2oct.leaderboard.entry_pages import entry_pages
from fundus2oct.leaderboard.exports import download_files
from fundus2oct.leaderboard.feed import feed_files
from fundus2oct.leaderboard.group_pages import group_pages
from fundus2oct.leaderboard.metric_pages import metric_pages
from fundus2oct.leaderboard.ranking_pages import ranking_pages
from fundus2oct.leaderboard.relations_page import relations_pages
from fundus2oct.leaderboard.rendering import CONTENT_SECURITY_POLICY, FOLDER, Files, Renderer, Site
from fundus2oct.leaderboard.sitemap import sitemap_files
from fundus2oct.leaderboard.viewer_page import viewer_pages

SITE_PAGES: tuple[Callable[[Renderer], Files], ...] = (front_pages, feed_files)
BOARD_PAGES: tuple[Callable[[Renderer, Board], Files], ...] = (
    board_pages,
    ranking_pages,
    about_pages,
    metric_pages,
    group_pages,
    audit_pages,
    entry_pages,
    viewer_pages,
    compare_pages,
    relations_pages,
    download_files,
)


def render_site(site: Site) -> dict[str, bytes]:
    """Every file of the site: path with forward slashes -> bytes. Equal input gives equal bytes."""
    renderer = Renderer(site)
    files = {path: _bytes(content) for kind in SITE_PAGES for path, content in kind(renderer)}
    for board in site.boards:
        files |= {path: _bytes(content) for kind in BOARD_PAGES for path, content in kind(renderer, board)}
    assets = {f"assets/{path.name}": path.read_bytes() for path in sorted((FOLDER / "assets").iterdir())}
    files |= dict(sitemap_files(site, sorted(files)))
    return files | assets | {"_headers": _headers_sample().encode("utf-8")}


def _bytes(content: str | bytes) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else content


def _headers_sample() -> str:
    """Headers for hosts that read a `_headers` file: what a meta element cannot say."""
    policy = f"{CONTENT_SECURITY_POLICY}; frame-ancestors 'none'"
    lines = [
        f"Content-Security-Policy: {policy}",
        "Referrer-Policy: no-referrer",
        "X-Content-Type-Options: nosniff",
    ]
    return "/*\n" + "".join(f"  {line}\n" for line in lines)
