"""Progress on stderr: a bar with rate and time left on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import click

Advance = Callable[[int], None]
"""Called with the number of steps done since the last call."""


def is_quiet() -> bool:
    """Whether the user asked for no progress (`bench --quiet` or BENCH_QUIET)."""
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().params.get("quiet"))


def say(message: str) -> None:
    """One line for the person at the keyboard, on stderr, unless quiet."""
    if not is_quiet():
        click.echo(message, err=True)


_muted: ContextVar[bool] = ContextVar("muted", default=False)


@contextlib.contextmanager
def muted() -> Iterator[None]:
    """No progress from the work inside: whoever calls it shows progress over the whole."""
    before = _muted.set(True)
    try:
        yield
    finally:
        _muted.reset(before)


@contextlib.contextmanager
def progress(description: str, total: int, *, unit: str = "case", done: int = 0) -> Iterator[Advance]:
    """Show progress over ``total`` steps, of which ``done`` need no time; yields the function that advances it."""
    if is_quiet() or _muted.get():
        yield lambda steps: None
    elif sys.stderr.isatty():
        with _bar(description, total, unit, done) as advance:
            yield advance
    else:
        yield _occasional_lines(description, total, unit, done)


@contextlib.contextmanager
def progress_of(description: str, *, unit: str = "case") -> Iterator[Callable[[int, int], None]]:
    """Show progress of work that itself tells (steps done, steps in all); yields the function it tells them to."""
    with contextlib.ExitStack() as shown:
        advance: Advance | None = None
        before = 0

        def tell(done: int, total: int) -> None:
            nonlocal advance, before
            advance = advance or shown.enter_context(progress(description, total, unit=unit))
            advance(done - before)
            before = done

        yield tell


@contextlib.contextmanager
def _bar(description: str, total: int, unit: str, done: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(description, total=total, completed=done, rate="")

        def advance(steps: int) -> None:
            shown.advance(task, steps)
            speed = shown.tasks[0].speed
            shown.update(task, rate=f"{speed:.2f} {unit}/s" if speed else "")

        yield advance


def _occasional_lines(
    description: str, total: int, unit: str, done_before: int = 0, every_seconds: float = 10.0
) -> Advance:
    started = last = time.monotonic()
    done = done_before

    def advance(steps: int) -> None:
        nonlocal done, last
        done += steps
        now = time.monotonic()
        if now - last < every_seconds and done < total:
            return
        last = now
        rate = (done - done_before) / max(now - started, 1e-9)
        left = (total - done) / rate if rate else 0.0
        click.echo(f"{description}: {done}/{total}, {rate:.2f} {unit}/s, {left:.0f} s left", err=True)

    return advance
