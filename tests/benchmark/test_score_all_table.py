"""The live table and the lines of `bench score --all`."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fundus2oct.benchmark import score_all_table
from fundus2oct.benchmark.score_all_table import report, shown, table
from fundus2oct.benchmark.score_all_task import Outcome, Task


@dataclass(frozen=True)
class Fake(Task):
    """A task that has generated some cases."""

    cases: int = 0

    def cases_done(self) -> int:
        """How many."""
        return self.cases


def tasks(*cases: int) -> list[Any]:
    return [Fake(f"toy/{i}", Path(), None, cases=n) for i, n in enumerate(cases)]  # type: ignore[arg-type]  # no board


def drawn(found: list[Any], outcomes: dict[str, Outcome]) -> list[str]:
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(table(found, outcomes))
    return console.export_text().splitlines()


FAILED = Outcome(name="toy/3", state="failed", code="E_PLUGIN", fix="see log", seconds=3)
SCORED = Outcome(name="toy/0", state="scored", record="/r.json", sha256="0" * 64, seconds=61.2)


def test_what_is_under_way_stands_first_then_failures_then_what_waits_then_what_is_done() -> None:
    lines = drawn(tasks(9, 0, 4, 0), {"toy/0": SCORED, "toy/3": FAILED})
    rows = [[cell.strip() for cell in line.split("│")[1:3]] for line in lines if "toy/" in line]
    assert rows == [
        ["toy/2", "4 cases"],
        ["toy/3", "failed, E_PLUGIN (3 s)"],
        ["toy/1", "waiting"],
        ["toy/0", "scored (61 s)"],
    ]
    assert "2 of 4 submissions" in lines[0]


def test_a_long_table_says_how_many_rows_are_left_out() -> None:
    lines = drawn(tasks(*[0] * (score_all_table.ROWS + 12)), {})
    assert len([line for line in lines if "waiting" in line]) == score_all_table.ROWS
    assert any("12 more" in line for line in lines)


def test_without_a_terminal_each_outcome_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(tasks(0, 0)) as tell:
        tell(SCORED)
        tell(FAILED)
    assert capsys.readouterr().err.splitlines() == [
        "1/2 toy/0: scored (61 s)",
        "2/2 toy/3: failed, E_PLUGIN (3 s)",
    ]


def test_on_a_terminal_there_is_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with shown(tasks(0)) as tell:
        tell(SCORED)
    assert "1 of 1 submissions" in capsys.readouterr().err


def test_the_summary_gives_records_on_stdout_and_the_rest_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert (report([SCORED]), report([SCORED, FAILED])) == (0, 3)
    out, err = capsys.readouterr()
    assert out == "/r.json\n/r.json\n"
    assert "E_PLUGIN: submission was not scored | where: toy/3 | fix: see log" in err
    assert "2 submissions: 1 failed, 1 scored" in err
