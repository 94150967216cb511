"""`bench list`: the generators that can be called by name on this machine."""

from __future__ import annotations

import json

import click

from fundus2oct.benchmark.generator_reference import named_generators


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def list_generators(as_json: bool) -> None:
    """List the generators that installed distributions register.

    \b
    Example:
      bench list --json
    """
    found = named_generators()
    if as_json:
        rows = [{"name": g.name, "full_name": g.full_name, "version": g.version, "target": g.target} for g in found]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max((len(g.full_name) for g in found), default=0)
    for g in found:
        click.echo(f"{g.full_name:<{width}}  {g.version:<8}  {g.target}")
