"""`bench merge`: put together what several workers generated with `--shard`."""

from __future__ import annotations

from pathlib import Path

import click

from fundus2oct.benchmark.generate_command import report_failures
from fundus2oct.benchmark.progress import say
from fundus2oct.metrics.errors import ExitCode


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
def merge(runs: tuple[Path, ...]) -> ExitCode:
    """Put the shards of each run together.

    RUNS are folders into which `bench generate --shard 1/N` to N/N wrote. The shards must have been planned alike and
    be complete; they are checked, copied and left as they are. What comes out is byte for byte what one worker would
    have made. Running the command again goes on where it stopped.

    \b
    Example:
      bench merge runs/ridge
    """
    from fundus2oct.benchmark.shard_merge import merge_run

    codes = []
    for run in runs:
        summary = merge_run(run)
        click.echo(run)
        codes.append(report_failures(summary))
        say(f"next: bench score {run} --data DIR")
    return max(codes)
