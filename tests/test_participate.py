"""The page `docs/participate.md` leads to a valid scored submission: followed literally, in less than ten minutes.

Metrics are those of the toy board, because the real networks are slow; everything else is as a reader would run it.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mean_features
import pytest
from followed_page import Ran, follow

from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.benchmark.timing_file import read_timing
from fundus2oct.metrics import catalogue

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parent.parent / "docs" / "participate.md").read_text("utf-8")
TEN_MINUTES = 600.0


@dataclass(frozen=True)
class Walk:
    """The page, followed: the folder it leaves, every command that ran, and how long all of it took."""

    folder: Path
    ran: tuple[Ran, ...]
    seconds: float

    def output(self, command: str) -> str:
        """What the last command of these words said."""
        return [ran.output for ran in self.ran if ran.command == command][-1]

    def records(self) -> dict[str, Path]:
        """``team/method`` -> public record."""
        paths = (self.folder / "results").rglob("????-????????.json")
        return {"/".join(path.relative_to(self.folder / "results").parts[:2]): path for path in paths}


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """The whole page, followed once, with an empty cache."""
    folder = tmp_path_factory.mktemp("participate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "CARDS", mean_features.CARDS)
        patch.setattr(catalogue, "RANKING_METRIC", mean_features.CARD.name)
        patch.setenv("BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.chdir(folder)
        started = time.monotonic()
        return Walk(folder, tuple(follow(PAGE, folder)), time.monotonic() - started)


def test_every_command_does_what_the_page_promises(walk: Walk) -> None:
    wrong = [ran for ran in walk.ran if ran.code != ran.promised_code()]
    assert not wrong, "\n".join(f"{ran.command} ended with {ran.code}:\n{ran.output}" for ran in wrong)
    assert len(walk.ran) >= 17


def test_what_the_page_shows_is_what_appears(walk: Walk) -> None:
    shown = [ran for ran in walk.ran if ran.shown]
    assert len(shown) == 2
    for ran in shown:
        assert ran.shows_what_it_said(), f"{ran.command} printed:\n{ran.output}"


def test_it_takes_less_than_ten_minutes(walk: Walk) -> None:
    assert walk.seconds < TEN_MINUTES


def test_it_ends_with_valid_scores_and_their_times_on_a_board(walk: Walk) -> None:
    records = walk.records()
    assert set(records) == {"my-team/my-method", "my-team/my-pictures", "oracle/real-vs-real"}
    record: dict[str, Any] = json.loads(records["my-team/my-method"].read_text())
    assert record["cases"] == {"expected": 2, "scored": 2, "failed": 0, "failures": {}}
    assert all(metric["value"] is not None for metric in record["metrics"].values())
    timing = read_timing(records["my-team/my-method"])
    assert timing is not None
    assert timing["cases"] == 2
    assert read_timing(records["my-team/my-pictures"]) is None
    page = (walk.folder / "site/index.html").read_text("utf-8")
    assert "my-method" in page


def test_the_rehearsal_says_what_the_page_explains(walk: Walk) -> None:
    told = walk.output("bench try my-method")
    explained = re.findall(r"^\| `([a-z ]+)` \| ", PAGE.partition("## 3.")[0].partition("## 2.")[2], flags=re.M)
    assert len(explained) == 7
    assert [name for name in explained if not re.search(rf"^{name} ", told, flags=re.M)] == []


def test_every_key_of_submission_toml_is_on_the_page() -> None:
    table = PAGE.partition("## What submission.toml may say")[2].partition("## ")[0]
    keys = set(re.findall(r"`\[?([a-z_]+)\]?`(?=[^|]*\|)", table))
    assert set(Submission.__dataclass_fields__) - {"kind"} <= keys
