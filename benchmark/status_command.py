"""`bench status`: withdraw, disqualify or reinstate an entry, with a public reason; records stay."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast

import click

from fundus2oct.benchmark.entry_status import STATUSES, Status, StatusChange, append_status, read_status
from fundus2oct.benchmark.progress import say
from fundus2oct.benchmark.submission_file import SLUG
from fundus2oct.metrics.errors import BenchError


@click.command()
@click.argument("entry")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("submissions"),
    show_default=True,
    help="Root of the public records.",
)
@click.option(
    "--set", "status", type=click.Choice(STATUSES), help="The new standing; without it, the history is shown."
)
@click.option("--reason", default="", help="For the public, one line; needed with --set.")
@click.option("--phase", default="", help="Phase it is about. [default: all]")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The day it was decided. [default: today, UTC]")
def status(entry: str, results: Path, status: str | None, reason: str, phase: str, day: datetime | None) -> None:
    """Show or change the standing of ENTRY, team/method.

    A withdrawn or disqualified entry stays on the board with the date and the reason, and is never ranked. The file
    only grows: a change is undone by another one, reinstated.

    \b
    Example:
      bench status kyoto/flow --results submissions --set withdrawn --reason "trained on the test eyes by mistake"
    """
    team, _, method = entry.partition("/")
    if not (SLUG.fullmatch(team) and SLUG.fullmatch(method)):
        raise BenchError("E_NAME", "not an entry", expected="team/method", found=entry)
    folder = results / team / method
    if status is not None:
        if not reason:
            raise click.UsageError("--set needs --reason")
        decided: date = (day or datetime.now(UTC)).date()
        change = StatusChange(status=cast(Status, status), date=decided, reason=reason, phase=phase)
        say(f"written: {append_status(folder, change)}\nnext: bench leaderboard build {results} --out site")
    for change in read_status(folder):
        click.echo(change.told + (f" (phase {change.phase})" if change.phase else ""))
