"""`bench leaderboard`: build the static board from result files, and look at it.

No work happens here: `build` hands over to `leaderboard.site`, `serve` to `leaderboard.local_server`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from fundus2oct.leaderboard.number_text import counted
from fundus2oct.leaderboard.site import DEFAULT_TITLE, build_site


@click.group()
def leaderboard() -> None:
    """Build and serve the static board.

    \b
    Example:
      bench leaderboard build demo/results --out demo/site
    """


@leaderboard.command()
@click.argument("results_root", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The site's folder; replaced as a whole.")
@click.option("--title", default=DEFAULT_TITLE, show_default=True, help="Name of the site.")
@click.option("--address", help="Where the site will stand, https://...: for its sitemap and the links of its feed.")
@click.option(
    "--as-of",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Show the boards as they stood at the end of this day, UTC.",
)
def build(results_root: Path, out: Path, title: str, address: str | None, as_of: datetime | None) -> None:
    """Build the board of RESULTS_ROOT as plain files.

    RESULTS_ROOT holds <team>/<method>/results/<dataset>-<version>/<phase>/. The latest record of each entry counts.
    One bad file ends the build, and the site that was there stays. The path of the site's first page goes to stdout.

    \b
    Example:
      bench leaderboard build demo/results --out demo/site
      bench leaderboard build submissions --out site --address https://eyes.example/board
      bench leaderboard build demo/results --out demo/site-then --as-of 2099-12-31
    """
    from fundus2oct.benchmark.pictures_file import FOLDER as PICTURES_FOLDER
    from fundus2oct.leaderboard.site_folder import folder_bytes
    from fundus2oct.metrics import catalogue

    boards = build_site(
        results_root,
        out,
        cards=catalogue.CARDS,
        ranking_metric=catalogue.RANKING_METRIC,
        title=title,
        address=address,
        as_of=as_of.date() if as_of else None,
    )
    if not click.get_current_context().find_root().params.get("quiet", False):
        entries = sum(len(board.rows) for board in boards)
        told = f"{counted(len(boards), 'board')}, {entries} {'entry' if entries == 1 else 'entries'}"
        if size := folder_bytes(out / PICTURES_FOLDER):
            told += f", {size / 1e6:.1f} MB of pictures"
        click.echo(f"{told}; next: bench leaderboard serve {out}", err=True)
    click.echo(out / "index.html")


@leaderboard.command()
@click.argument("site", type=click.Path(path_type=Path))
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
def serve(site: Path, port: int) -> None:
    """Show SITE to this machine alone, until Ctrl-C.

    The site needs no server: its index.html opens in a browser as it lies. Only 127.0.0.1 is listened to.

    \b
    Example:
      bench leaderboard serve demo/site --port 8000
    """
    from fundus2oct.leaderboard.local_server import open_server

    with open_server(site, port) as server:
        click.echo(f"http://127.0.0.1:{server.server_port}/")
        click.echo("Ctrl-C ends it", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("ended", err=True)
