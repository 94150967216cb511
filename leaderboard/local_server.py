"""A server of one site for a look on this machine: files only, 127.0.0.1 only. Called by `bench leaderboard serve`."""

from __future__ import annotations

import functools
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fundus2oct.leaderboard.site_folder import MARKER, is_site
from fundus2oct.metrics.errors import BenchError

HOST = "127.0.0.1"


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a line on stderr for each."""

    def log_message(self, format: str, *args: object) -> None:  # the base class names it so
        """Say nothing."""


class SiteServer(ThreadingHTTPServer):
    """A server that a browser may hang up on: it does whenever a picture is turned away before it has come."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a closed connection; anything else is told as the base class does."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def open_server(site: Path, port: int) -> ThreadingHTTPServer:
    """A server of the folder ``site``, listening but not yet serving.

    Raises:
        BenchError: E_SITE when ``site`` is not a site; E_PORT when the port is taken.
    """
    if not is_site(site):
        fix = f"run `bench leaderboard build RESULTS --out {site}` first"
        raise BenchError("E_SITE", "no site here", where=site, expected=f"a folder with {MARKER}", fix=fix)
    handler = functools.partial(QuietHandler, directory=str(site))
    try:
        return SiteServer((HOST, port), handler)
    except OSError as error:
        raise BenchError(
            "E_PORT", "cannot listen", where=f"{HOST}:{port}", found=error.strerror, fix="choose another --port"
        ) from None
