"""A page of the documentation followed literally: its files are written, its commands run, in the page's order."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fundus2oct.benchmark import cli

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.S | re.M)
ERROR_LINE = re.compile(r"E_[A-Z]+: .* \| ")
FILE_NAME = re.compile(r"`([\w-]+/[\w.]+)`")
"""At the start of the paragraph before a block: the block is that file."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its language, its text, and the file that it is, if any."""

    language: str
    text: str
    file: str | None


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A command of the guide, what it ended with, and what the guide shows of its output."""

    command: str
    code: int
    output: str
    shown: tuple[str, ...]

    def shows_what_it_said(self) -> bool:
        """Whether the lines on the page are the output; ``...`` on the page stands for anything on a line."""
        pattern = re.escape("\n".join(self.shown)).replace(re.escape("..."), ".*")
        return re.fullmatch(pattern, self.output.strip()) is not None

    def promised_code(self) -> int:
        """0 where no error of ours is shown; else what the first or last line of the error says."""
        if not self.command.startswith("bench ") or not any(ERROR_LINE.match(line) for line in self.shown):
            return 0
        return 4 if self.shown[-1].startswith("E_FAILED") else 3


def blocks(page: str) -> list[Block]:
    """Every fenced block of a page, in order."""
    found = []
    for match in BLOCK.finditer(page):
        paragraph = page[: match.start()].rsplit("\n\n", 2)[-2].lstrip()
        name = FILE_NAME.match(paragraph)
        found.append(Block(language=match[1], text=match[2], file=name and name[1]))
    return found


def commands(block: Block) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each command of a block with the lines that are shown below it."""
    if block.language == "sh":
        yield from ((line, ()) for line in block.text.splitlines())
    elif block.language == "console":
        for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
            command, *shown = part.splitlines()
            yield command, tuple(shown)


def run(command: str, shown: tuple[str, ...]) -> Ran:
    """Run a command in the working directory: `bench` in this process, anything else in one of its own."""
    arguments = shlex.split(command)
    if arguments[0] == "bench":
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            code = cli.run(arguments[1:])
        return Ran(command=command, code=int(code), output=told.getvalue(), shown=shown)
    return run_program([sys.executable if word == "python" else word for word in arguments], command, shown)


def run_program(arguments: list[str], command: str, shown: tuple[str, ...] = ()) -> Ran:
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        arguments, env=offline, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return Ran(command=command, code=done.returncode, output=done.stdout, shown=shown)


def follow(page: str, folder: Path) -> Iterator[Ran]:
    """Do what a page says, block by block, in the working directory ``folder``."""
    for block in blocks(page):
        if block.file is not None:
            (folder / block.file).parent.mkdir(exist_ok=True)
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            yield run_program([sys.executable, "-c", block.text], block.text)
        else:
            yield from (run(command, shown) for command, shown in commands(block))
