"""`bench export`: one board as a file for other programs or for a paper, without a site."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fundus2oct.metrics.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from fundus2oct.leaderboard.board import Board

FORMATS = ("json", "csv", "latex", "bibtex", "bias-report")


@click.command()
@click.argument("results_root", type=click.Path(path_type=Path))
@click.option("--format", "wanted", required=True, type=click.Choice(FORMATS), help="What to write.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write; without it the text goes to stdout.")
@click.option("--board", "slug", help="Which board, by its slug, where the results fall into several.")
@click.option("--title", help="Name of the site in citations; as in `bench leaderboard build`.")
def export(results_root: Path, wanted: str, out: Path | None, slug: str | None, title: str | None) -> None:
    """Write the board of RESULTS_ROOT as JSON, CSV, LaTeX, BibTeX or a report after the BIAS checklist.

    The bytes are those of the site's downloads. The CSV file is safe to open in a spreadsheet, the LaTeX table needs
    booktabs, and the report says what the organisers have to add by hand.

    \b
    Example:
      bench export demo/results --format csv --out board.csv
      bench export demo/results --format bias-report --out report.md
    """
    from fundus2oct.leaderboard.exports import EXPORTS
    from fundus2oct.leaderboard.site import DEFAULT_TITLE, read_boards
    from fundus2oct.metrics import catalogue
    from fundus2oct.metrics.durable_file import write_text

    boards = read_boards(results_root, cards=catalogue.CARDS, ranking_metric=catalogue.RANKING_METRIC)
    write = next(export.write for export in EXPORTS if export.format == wanted)
    text = write(_chosen(boards, slug), title or DEFAULT_TITLE)
    if out is None:
        click.echo(text, nl=False)
        return
    write_text(out, text)
    click.echo(out)


def _chosen(boards: Sequence[Board], slug: str | None) -> Board:
    """The board of that slug; without one, the only board there is."""
    slugs = [board.slug for board in boards]
    if slug is None and len(boards) == 1:
        return boards[0]
    if slug not in slugs:
        raise BenchError(
            "E_BOARD",
            "no such board" if slug else "the results fall into several boards",
            where="--board",
            expected=" or ".join(slugs),
            found=slug,
            fix="name one with --board",
            exit_code=ExitCode.USAGE,
        )
    return boards[slugs.index(slug)]
