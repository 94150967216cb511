"""The repository's own records make a site, as the workflow for GitHub Pages builds it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from fundus2oct.benchmark import cli
from fundus2oct.benchmark.filing_date import read_filing
from fundus2oct.metrics.errors import ExitCode

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/board.yml"
RECORDS = sorted((ROOT / "submissions").rglob("results/*/*/????-????????.json"))


def workflow_command() -> list[str]:
    """The one command of the workflow that builds, as words."""
    (line,) = re.findall(r"run: bench (leaderboard build .*)$", WORKFLOW.read_text("utf-8"), re.M)
    return shlex.split(line)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the repository's records, by the workflow's own command in another place."""
    place = tmp_path_factory.mktemp("own")
    there = {
        "submissions": str(ROOT / "submissions"),
        "site": str(place / "site"),
        "$ADDRESS": "https://eyes.example/b",
    }
    assert cli.run([there.get(word, word) for word in workflow_command()]) == ExitCode.OK
    return place / "site"


def test_every_record_of_the_repository_has_a_page(built: Path) -> None:
    names = {f"{record.parts[-6]}/{record.parts[-5]}.html" for record in RECORDS}
    (entries,) = built.glob("boards/*/entries")
    assert {path.relative_to(entries).as_posix() for path in entries.rglob("*.html")} == names
    assert len(names) >= 15


def test_a_site_with_an_address_has_a_sitemap(built: Path) -> None:
    assert "https://eyes.example/b/index.html" in (built / "sitemap.xml").read_text("utf-8")


def test_every_record_of_the_repository_has_its_day() -> None:
    assert RECORDS
    assert not [record for record in RECORDS if read_filing(record) is None]


def test_the_workflow_may_write_pages_and_nothing_else() -> None:
    text = WORKFLOW.read_text("utf-8")
    assert sorted(set(re.findall(r"^\s+([a-z-]+): write$", text, re.M))) == ["id-token", "pages"]
    assert "pull_request" not in text  # a stranger's change must not publish
