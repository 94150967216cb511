"""The commands `bench weights list|install|path`. What they do is in `weight_registry` and `weight_install`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from fundus2oct.metrics.weight_registry import (
    REGISTRY,
    Weights,
    installed_path,
    is_installed,
    recorded_facts,
    weights_named,
)


@click.group()
def weights() -> None:
    """List and install the weights of feature networks.

    They lie in $BENCH_CACHE, or in the user's cache folder, and are recognised by their sha256.

    \b
    Example:
      bench weights list
    """


@weights.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per network.")
def list_weights(as_json: bool) -> None:
    """Every network: what it is for, licence, size, source, and whether it is installed.

    \b
    Example:
      bench weights list --json
    """
    if as_json:
        click.echo(json.dumps([_facts(entry) for entry in REGISTRY], indent=2, ensure_ascii=False))
        return
    for entry in REGISTRY:
        state = "installed" if is_installed(entry) else "not installed"
        click.echo(f"{entry.name}  {entry.title}  {_size(entry)}  {state}")
        click.echo(f"    for      {entry.purpose}")
        click.echo(f"    licence  {entry.licence}")
        click.echo(f"    source   {entry.source}")
        click.echo(f"    sha256   {_hash_text(entry)}")


@weights.command()
@click.argument("name")
@click.option(
    "--from",
    "source_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The source archive, or the file in it, already downloaded: for machines without a network.",
)
def install(name: str, source_file: Path | None) -> None:
    """Fetch the weights NAME, check their hashes and put them into the cache; prints the installed path.

    \b
    Example:
      bench weights install i3d
    """
    from fundus2oct.metrics import weight_install

    click.echo(weight_install.install(weights_named(name), source_file=source_file, say=_say))


@weights.command()
@click.argument("name")
def path(name: str) -> None:
    """Print where the weights NAME lie, or will lie once installed.

    \b
    Example:
      bench weights path i3d
    """
    click.echo(installed_path(weights_named(name)))


def _say(line: str) -> None:
    """Progress goes to stderr, and nowhere after `bench --quiet`."""
    if not click.get_current_context().find_root().params.get("quiet"):
        click.echo(line, err=True)


def _size(entry: Weights) -> str:
    """Of the installed file where it is known, else of what is fetched."""
    size = entry.size or entry.archive_size
    return f"{size / 1e6:.0f} MB" if size else "size not known"


def _hash_text(entry: Weights) -> str:
    """The hash by which the installed file is recognised, and where it comes from."""
    if entry.sha256:
        return entry.sha256
    recorded = recorded_facts(entry).get("sha256")
    if recorded:
        return f"{recorded} (recorded when it was installed{'' if entry.pinned else '; unpinned source'})"
    return f"of the source: {entry.archive_sha256}" if entry.pinned else "unpinned: recorded when it is installed"


def _facts(entry: Weights) -> dict[str, Any]:
    recorded = recorded_facts(entry)
    return {
        "name": entry.name,
        "title": entry.title,
        "purpose": entry.purpose,
        "licence": entry.licence,
        "size_bytes": entry.size or recorded.get("size"),
        "sha256": entry.sha256 or recorded.get("sha256"),
        "source": entry.source,
        "source_sha256": entry.archive_sha256 or recorded.get("source_sha256"),
        "source_pinned": entry.pinned,
        "companion": entry.companion,
        "path": str(installed_path(entry)),
        "installed": is_installed(entry),
    }
