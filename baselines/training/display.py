"""What the person at the keyboard sees of a training: a bar with loss, rate and time left, or a line now and then."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fundus2oct.benchmark.progress import is_quiet, say

LINE_SECONDS = 10.0


@dataclass(frozen=True)
class Moment:
    """How far a stage is.

    Attributes:
        step: optimiser steps done.
        used: part of the stage's budget, 0..1.
        seconds: seconds of this stage, over all sittings.
        loss: the last loss that is known.
    """

    step: int
    used: float
    seconds: float
    loss: float


Show = Callable[[Moment], None]


@contextlib.contextmanager
def display(stage: str, *, hidden: bool = False) -> Iterator[Show]:
    """Show one stage; yields the function that is told how far it is."""
    if hidden or is_quiet():
        yield lambda moment: None
    elif sys.stderr.isatty():
        with _bar(stage) as show:
            yield show
    else:
        yield _lines(stage)


def in_words(moment: Moment, *, since: Moment) -> str:
    """Loss, rate and time left, from where this sitting began."""
    seconds = max(moment.seconds - since.seconds, 1e-9)
    part = moment.used - since.used
    left = f"{(1 - moment.used) * seconds / part:.0f} s left" if part > 0 else ""
    return f"step {moment.step}, loss {moment.loss:.4f}, {(moment.step - since.step) / seconds:.2f} steps/s, {left}"


def _lines(stage: str) -> Show:
    first: Moment | None = None
    last = time.monotonic()

    def show(moment: Moment) -> None:
        nonlocal first, last
        first = first or moment
        now = time.monotonic()
        if now - last >= LINE_SECONDS or moment.used >= 1:
            last = now
            say(f"{stage}: {moment.used:.0%}, {in_words(moment, since=first)}")

    return show


@contextlib.contextmanager
def _bar(stage: str) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn(stage), BarColumn(bar_width=None), TaskProgressColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(stage, total=1.0, words="")
        first: Moment | None = None

        def show(moment: Moment) -> None:
            nonlocal first
            first = first or moment
            shown.update(task, completed=moment.used, words=in_words(moment, since=first))

        yield show
