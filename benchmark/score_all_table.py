"""What `bench score --all` shows: a live table on a terminal, a line a submission elsewhere, a summary at the end."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from fundus2oct.benchmark.progress import is_quiet, say
from fundus2oct.benchmark.score_all_task import Outcome, Task
from fundus2oct.metrics.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from rich.table import Table

Tell = Callable[[Outcome], None]
WORDS = {"scored": "scored", "before": "scored before", "failed": "failed"}
ROWS = 30
"""Most rows of the live table: what is under way first, then what failed, then what is done."""


@contextlib.contextmanager
def shown(tasks: Sequence[Task]) -> Iterator[Tell]:
    """Show how far the tasks are; yields the function that is told of each outcome."""
    if is_quiet() or not sys.stderr.isatty():
        yield _lines(len(tasks))
        return
    from rich.console import Console
    from rich.live import Live

    outcomes: dict[str, Outcome] = {}
    console = Console(stderr=True)
    with Live(console=console, refresh_per_second=2, get_renderable=lambda: table(tasks, outcomes)):
        yield lambda outcome: outcomes.update({outcome.name: outcome})


def _lines(total: int) -> Tell:
    count = 0

    def tell(outcome: Outcome) -> None:
        nonlocal count
        count += 1
        say(f"{count}/{total} {outcome.name}: {_words(outcome)}")

    return tell


def _words(outcome: Outcome) -> str:
    code = f", {outcome.code}" if outcome.code else ""
    return f"{WORDS[outcome.state]}{code} ({outcome.seconds:.0f} s)"


def table(tasks: Sequence[Task], outcomes: dict[str, Outcome]) -> Table:
    """The live table: one row a submission, its state, and cases generated where it is under way."""
    from rich.table import Table

    drawn = Table("submission", "state", title=f"{len(outcomes)} of {len(tasks)} submissions")
    rows = sorted((_row(task, outcomes.get(task.name)) for task in tasks), key=lambda row: row[0])
    for _, name, state in rows[:ROWS]:
        drawn.add_row(name, state)
    if len(rows) > ROWS:
        drawn.add_row("...", f"{len(rows) - ROWS} more")
    return drawn


def _row(task: Task, outcome: Outcome | None) -> tuple[int, str, str]:
    """Place in the table, name and state."""
    if outcome is not None:
        return (2 if outcome.state == "failed" else 4), task.name, _words(outcome)
    if made := task.cases_done():
        return 1, task.name, f"{made} cases"
    return 3, task.name, "waiting"


def report(outcomes: Sequence[Outcome]) -> ExitCode:
    """The summary: records on stdout; failures with what to do, and counts on stderr.

    Returns:
        OK, or INVALID when a submission has no record.
    """
    for outcome in outcomes:
        if outcome.state == "failed":
            error = BenchError(outcome.code, "submission was not scored", where=outcome.name, fix=outcome.fix)
            click.echo(error.line(), err=True)
        else:
            click.echo(outcome.record)
    counts = Counter(WORDS[outcome.state] for outcome in outcomes)
    say(f"{len(outcomes)} submissions: " + ", ".join(f"{n} {word}" for word, n in sorted(counts.items())))
    return ExitCode.INVALID if counts["failed"] else ExitCode.OK
