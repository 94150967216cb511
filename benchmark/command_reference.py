"""The page docs/commands.md, written from the commands themselves by `make docs`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from fundus2oct.benchmark.cli import COMMANDS, bench

HEADING = """# Commands

Written from the commands' own help by `make docs`; a test keeps it true. Data goes to stdout, progress and messages to
stderr. Every option is also an environment variable: `BENCH_SCORE_SPLIT` for `bench score --split`. Exit codes and
error codes: [errors.md](errors.md).
"""


def leaf_commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its name behind `bench`, in the order of the help."""
    context = click.Context(bench, info_name="bench")
    for name in COMMANDS:
        command = bench.get_command(context, name)
        if command is not None:
            yield from _leaves(name, command)


def _leaves(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command, info_name=name)
    for child_name in command.commands or command.list_commands(context):  # the first are in the order of the code
        child = command.get_command(context, child_name)
        if child is not None:
            yield from _leaves(f"{name} {child_name}", child)


def reference_text() -> str:
    """The whole page as Markdown."""
    return HEADING + "".join(_section(name, command) for name, command in leaf_commands())


def _section(name: str, command: click.Command) -> str:
    parameters = [p for p in command.params if isinstance(p, click.Option)]
    usage = " ".join([f"bench {name}", *(_argument(p) for p in command.params if isinstance(p, click.Argument))])
    text = inspect.cleandoc(command.help or "")
    body, _, example = text.partition("\b\n")
    lines = [f"\n## bench {name}\n", f"`{usage}{' [OPTIONS]' if parameters else ''}`\n", body.strip() + "\n"]
    if parameters:
        lines += ["| option | meaning | default |", "|---|---|---|", *map(_row, parameters), ""]
    commands = [line.strip() for line in example.splitlines() if line.strip().startswith("bench ")]
    return "\n".join([*lines, "```sh", *commands, "```", ""])


def _argument(parameter: click.Parameter) -> str:
    name = (parameter.name or "").upper()
    return name if parameter.required else f"[{name}]"


def _row(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    if option.required:
        default = "required"
    elif isinstance(option.default, str | int | float | Path) and not option.is_flag:
        default = f"`{option.default}`"
    else:
        default = ""
    return f"| {names} | {option.help} | {default} |"


if __name__ == "__main__":
    click.echo(reference_text(), nl=False)
