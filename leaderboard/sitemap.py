"""`sitemap.xml`: every page of the site, for search engines. Only where the site's address is known.

It holds no dates, since records hold none. Called by `leaderboard.pages` with the paths of all files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from fundus2oct.leaderboard.rendering import Site

MOST_PAGES = 50_000
"""What the sitemap protocol allows in one file; further pages are found by their links."""


def sitemap_files(site: Site, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """The sitemap and the `robots.txt` that names it; nothing where the site has no address."""
    if site.address is None:
        return
    pages = [path for path in paths if path.endswith(".html")][:MOST_PAGES]
    lines = [f"<url><loc>{escape(f'{site.address}/{path}')}</loc></url>" for path in pages]
    head = '<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    yield "sitemap.xml", "\n".join([head, *lines, "</urlset>", ""]).encode("utf-8")
    yield "robots.txt", f"User-agent: *\nAllow: /\nSitemap: {site.address}/sitemap.xml\n".encode()
