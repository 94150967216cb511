"""Standing of entries and names of teams: strict files, an append-only history, the command `bench status`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from fundus2oct.benchmark import cli
from fundus2oct.benchmark.entry_status import FILE_NAME, read_status, ruled_out
from fundus2oct.benchmark.team_file import read_teams, slugs_of
from fundus2oct.metrics.errors import BenchError

BLOCK = '[[change]]\nstatus = "withdrawn"\ndate = 2026-03-01\nreason = "a bug"\n'

BAD_STATUS = {
    "not TOML": ("[[change", "not valid TOML"),
    "no block": ("", "E_EMPTY"),
    "another key": (BLOCK + "x = 1\n", "unknown key 'x'"),
    "another standing": (BLOCK.replace("withdrawn", "gone"), "key 'status'"),
    "a moment for a day": (BLOCK.replace("2026-03-01", "2026-03-01T00:00:00Z"), "key 'date'"),
    "a day as text": (BLOCK.replace("2026-03-01", '"2026-03-01"'), "key 'date'"),
    "no reason": (BLOCK.replace('"a bug"', '""'), "key 'reason'"),
    "two lines": (BLOCK.replace("a bug", "a\\nb"), "key 'reason'"),
    "text that runs backwards": (BLOCK.replace("a bug", "a\\u202eb"), "key 'reason'"),
    "a bad phase": (BLOCK + 'phase = "../x"\n', "key 'phase'"),
    "a table for a list": ('[change]\nstatus = "withdrawn"\n', "key 'change'"),
}

BAD_TEAMS = {
    "a slug in two teams": ('[a]\nname = "A"\nslugs = ["x"]\n[b]\nname = "B"\nslugs = ["x"]\n', "two teams"),
    "a bad slug": ('[a]\nname = "A"\nslugs = ["../x"]\n', "key 'slugs'"),
    "no name": ('[a]\nslugs = ["x"]\n', "key 'name' is missing"),
    "no table": ("a = 1\n", "not a table"),
}


@pytest.mark.parametrize(("text", "told"), BAD_STATUS.values(), ids=BAD_STATUS.keys())
def test_a_broken_status_file_says_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / FILE_NAME).write_text(text, "utf-8")
    with pytest.raises(BenchError, match=told):
        read_status(tmp_path)


@pytest.mark.parametrize(("text", "told"), BAD_TEAMS.values(), ids=BAD_TEAMS.keys())
def test_a_broken_team_file_says_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "teams.toml").write_text(text, "utf-8")
    with pytest.raises(BenchError, match=told):
        read_teams(tmp_path)


def test_a_slug_without_a_team_stands_for_itself(tmp_path: Path) -> None:
    assert slugs_of("kyoto", read_teams(tmp_path)) == ("kyoto",)


Status = Callable[..., int]


@pytest.fixture
def status(tmp_path: Path) -> Status:
    """Runs `bench status` on an entry that has records."""
    (tmp_path / "kyoto/flow/results").mkdir(parents=True)

    def run(*arguments: str, entry: str = "kyoto/flow") -> int:
        return cli.run(["--quiet", "status", entry, "--results", str(tmp_path), *arguments])

    return run


def test_the_command_appends_and_shows(status: Status, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("--set", "withdrawn", "--reason", 'a "bug"', "--date", "2026-03-01") == 0
    first = (tmp_path / "kyoto/flow/status.toml").read_bytes()
    assert status("--set", "reinstated", "--reason", "none after all", "--date", "2026-03-02", "--phase", "final") == 0
    assert (tmp_path / "kyoto/flow/status.toml").read_bytes().startswith(first)
    capsys.readouterr()
    assert status() == 0
    assert capsys.readouterr().out.splitlines() == [
        'withdrawn on 2026-03-01: a "bug"',
        "reinstated on 2026-03-02: none after all (phase final)",
    ]
    changes = read_status(tmp_path / "kyoto/flow")
    assert changes[0].date == date(2026, 3, 1)
    assert (ruled_out(changes, "final"), ruled_out(changes, "test")) == (None, changes[0])


def test_a_reason_is_asked_for_and_an_entry_must_exist(status: Status, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("--set", "withdrawn") == 2
    assert status("--set", "withdrawn", "--reason", "x", entry="kyoto/nothing") == 3
    assert "E_RESULTS: no such entry" in capsys.readouterr().err
    assert status(entry="../etc") == 3
