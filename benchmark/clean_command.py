"""`bench clean`: give disk space back, never a result."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import click

from fundus2oct.benchmark.generate_command import require_number
from fundus2oct.metrics.errors import ExitCode

GB = 10**9
MB = 10**6


@click.command()
@click.option(
    "--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where runs lie."
)
@click.option(
    "--private",
    type=click.Path(path_type=Path),
    default=Path("private"),
    show_default=True,
    help="The organiser's folder with the cache.",
)
@click.option(
    "--cache-limit",
    type=click.FloatRange(min=0, max=1e9),
    callback=lambda context, option, value: None if value is None else require_number(value),
    help="GB that cached features may take; the oldest go. [default: no limit]",
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
def clean(runs: Path, private: Path, cache_limit: float | None, dry_run: bool) -> ExitCode:
    """Remove what is not needed any more, and say how much it took.

    That is: damaged files that were set aside, what killed writers left an hour ago or more, shards of runs that are
    merged, and cached features beyond a limit, which scoring computes anew. Results, volumes and values per case
    stay.

    \b
    Example:
      bench clean --runs runs --private private --cache-limit 20 --dry-run
    """
    from fundus2oct.benchmark.clean import find_leftovers

    sizes: dict[str, list[int]] = defaultdict(list)
    for leftover in find_leftovers(runs, private, None if cache_limit is None else int(cache_limit * GB)):
        if dry_run or leftover.remove():
            sizes[leftover.reason].append(leftover.size)
            if leftover.reason != "cache beyond its limit":
                click.echo(f"{leftover.path}: {leftover.reason}, {leftover.size / MB:.1f} MB")
    done = "would go" if dry_run else "removed"
    for reason, found in sorted(sizes.items()):
        click.echo(f"{reason}: {len(found)} {done}, {sum(found) / MB:.1f} MB")
    total = sum(map(sum, sizes.values()))
    click.echo(f"{total / MB:.1f} MB {done}")
    return ExitCode.OK
