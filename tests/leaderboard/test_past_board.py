"""The board as it stood: what came later is not there, what nobody can date neither, and the page says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from fundus2oct.benchmark import cli
from fundus2oct.benchmark.attestation_file import make_attestation, write_attestation
from fundus2oct.benchmark.entry_status import StatusChange, append_status
from fundus2oct.benchmark.filing_date import note_filing
from fundus2oct.benchmark.result_file import Result, publish_result
from fundus2oct.leaderboard.past_board import entries_as_of
from fundus2oct.leaderboard.results_tree import read_entries
from fundus2oct.metrics.errors import BenchError, ExitCode

MakeResult = Callable[..., Result]
MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)


@pytest.fixture
def tree(tmp_path: Path, result: MakeResult) -> Path:
    """`early` filed in March and again in April, `late` in May, `undated` who knows when."""
    root = tmp_path / "results"
    for day, record in (
        (MARCH, result("early", 300.0)),
        (APRIL, result("early", 100.0)),
        (MAY, result("late", 50.0)),
        (None, result("undated", 10.0)),
    ):
        path = publish_result(record, root)
        if day:
            note_filing(path, day)
    return root


def values(tree: Path, day: date) -> dict[str, float]:
    """Method -> ranking value, as of a day."""
    entries, _ = entries_as_of(read_entries(tree), day, where=tree)
    return {entry.submission.method: entry.measured("fvd")["value"] for entry in entries}


def test_a_board_holds_what_was_filed_by_the_end_of_the_day(tree: Path) -> None:
    assert values(tree, MARCH) == {"early": 300.0}
    assert values(tree, APRIL) == {"early": 100.0}
    assert values(tree, MAY) == {"early": 100.0, "late": 50.0}


def test_what_is_left_out_is_counted(tree: Path) -> None:
    _, past = entries_as_of(read_entries(tree), MARCH, where=tree)
    assert (past.later, past.undated) == (2, 1)


def test_later_attestations_and_decisions_are_not_known_yet(tree: Path) -> None:
    (record,) = tree.glob("team-a/early/results/*/*/0001-????????.json")
    when = datetime(2026, 4, 2, tzinfo=UTC)
    write_attestation(record, make_attestation("reproduced", record, who="A", outcome="reproduced", when=when))
    append_status(tree / "team-a/early", StatusChange(status="withdrawn", date=MAY, reason="a bug"))
    ((entry,), _) = entries_as_of(read_entries(tree), MARCH, where=tree)
    assert entry.badges == ("self-reported",)
    assert entry.ruled_out is None
    (entry, _), _ = entries_as_of(read_entries(tree), MAY, where=tree)
    assert entry.ruled_out is not None


def test_an_attestation_dates_a_record_that_has_no_day(tree: Path) -> None:
    (record,) = tree.glob("team-a/undated/results/*/*/0001-????????.json")
    when = datetime(2026, 3, 1, tzinfo=UTC)
    write_attestation(record, make_attestation("organiser-run", record, who="A", outcome="generated", when=when))
    assert values(tree, MARCH) == {"early": 300.0, "undated": 10.0}


def test_an_attestation_of_no_day_dates_nothing(tree: Path) -> None:
    (record,) = tree.glob("team-a/undated/results/*/*/0001-????????.json")
    path = write_attestation(record, make_attestation("reproduced", record, who="A", outcome="reproduced"))
    path.write_text(re.sub(r'"when": "[^"]*"', '"when": "9999-99-99T00:00:00Z"', path.read_text()))
    assert "undated" not in values(tree, MAY)


def test_a_day_before_every_record_is_refused_in_one_line(tree: Path) -> None:
    with pytest.raises(BenchError, match=r"E_RESULTS: no record had been filed by 2026-02-28"):
        entries_as_of(read_entries(tree), date(2026, 2, 28), where=tree)


def test_every_page_of_an_earlier_board_says_which_day_it_shows(tree: Path, tmp_path: Path) -> None:
    arguments: list[Any] = ["leaderboard", "build", str(tree), "--out", str(tmp_path / "site")]
    assert cli.run([*arguments, "--as-of", "2026-04-01"]) == ExitCode.OK
    for path in (tmp_path / "site").rglob("*.html"):
        words = " ".join(re.sub(r"<[^>]+>", " ", path.read_text("utf-8")).replace("\xa0", " ").split())
        assert "As it stood at the end of 2026-04-01 (UTC)" in words
        assert "1 later record and 1 record without a day are left out" in words
    assert cli.run([*arguments, "--as-of", "1.4.2026"]) == ExitCode.USAGE


def test_rows_show_the_day_they_were_filed(tree: Path, tmp_path: Path) -> None:
    assert cli.run(["leaderboard", "build", str(tree), "--out", str(tmp_path / "site")]) == ExitCode.OK
    text = (tmp_path / "site/index.html").read_text("utf-8")
    assert re.findall(r'<time datetime="([0-9-]+)">', text) == ["2026-05-01", "2026-04-01"]
    assert "no day noted" in text
