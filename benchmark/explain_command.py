"""`bench explain`: what an error code means and what to do, from the table that docs/errors.md is written from."""

from __future__ import annotations

import difflib

import click

from fundus2oct.benchmark.error_codes import PAGE, error_codes
from fundus2oct.metrics.errors import BenchError, ExitCode


@click.command()
@click.argument("code")
def explain(code: str) -> None:
    """Say what an error code means, whose it is to mend, and what to do.

    \b
    Example:
      bench explain E_SHAPE
    """
    table = error_codes()
    row = table.get(code.upper())
    if row is None:
        near = difflib.get_close_matches(code.upper(), table, n=3)
        fix = f"did you mean {' or '.join(near)}?" if near else f"{PAGE} lists all of them"
        raise BenchError("E_NAME", "no such error code", where=code, fix=fix, exit_code=ExitCode.USAGE)
    click.echo(f"{row.code}: {row.meaning}")
    click.echo(f"what to do: {row.action}")
    click.echo(f"whose: {row.whose}")
    click.echo(f"{PAGE}#{row.anchor}")
