"""How an entry was made stands on its page: tracks, size, compute, seconds a volume; nothing about controls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.benchmark.timing_file import file_timing
from fundus2oct.leaderboard.board import make_boards
from fundus2oct.leaderboard.facts_view import view_facts
from fundus2oct.leaderboard.results_tree import read_entries
from fundus2oct.metrics import catalogue

MakeResult = Callable[..., dict[str, Any]]
TIMING = {
    "schema": "fundus2oct-timing",
    "schema_version": 1,
    "device": "cpu",
    "threads": 2,
    "cases": 24,
    "median_seconds": 1.2345,
    "slowest_seconds": 3.0,
}


def facts(tmp_path: Path, record: dict[str, Any], timing: dict[str, Any] | None = None) -> dict[str, str]:
    """What the page of the only entry says."""
    path = publish_result(record, tmp_path)
    if timing:
        file_timing(path, timing)
    (board,) = make_boards(read_entries(tmp_path), cards=catalogue.CARDS, ranking_metric="fvd")
    return dict(view_facts(board.rows[0]))


def test_every_fact_is_told_with_who_says_so(tmp_path: Path, result: MakeResult) -> None:
    record = result("a", 214.6, cards=tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr")))
    record["entry"] |= {"external_data": "OLIVES", "compute": "8 h on one GPU", "parameters": 12_000_000, "batch": True}
    assert facts(tmp_path, record, TIMING) == {
        "Tracks": "code, external data, batch",
        "Parameters": "12,000,000, as the team reports",
        "Trained on": "8 h on one GPU (as the team reports)",
        "Seconds a volume": "1.23 (median of 24\xa0cases), slowest 3; measured on cpu, 2\xa0threads",
    }


def test_pictures_are_a_track_and_what_is_not_known_is_not_told(tmp_path: Path, result: MakeResult) -> None:
    record = result("a", 214.6, cards=tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr")))
    record["run"]["generator"] = "images"
    assert facts(tmp_path, record) == {"Tracks": "images, no external data"}


def test_controls_compete_in_no_track(tmp_path: Path, result: MakeResult) -> None:
    cards = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    assert facts(tmp_path, result("a", 214.6, kind="trivial", cards=cards), TIMING) == {}
