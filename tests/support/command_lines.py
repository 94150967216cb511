"""Parse a `bench` command line without running it: what pages, help texts and plans are checked with."""

from __future__ import annotations

import shlex

import click

from fundus2oct.benchmark.cli import bench


def parse(line: str) -> None:
    """Parse a command line down to the last command, without running it."""
    arguments = shlex.split(line, comments=True)[1:]
    context = bench.make_context("bench", arguments)
    command: click.Command = bench
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command, context = found, found.make_context(found.name, rest, parent=context)
