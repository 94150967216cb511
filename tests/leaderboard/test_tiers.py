"""Tiers and rank intervals on a board: what the comparisons say, and no word of theirs when they no longer fit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_comparisons import compared, file_comparisons, with_matched

from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.leaderboard.board import Board, make_boards
from fundus2oct.leaderboard.board_pairs import NONE_FILED, read_all_pairwise
from fundus2oct.leaderboard.results_tree import read_entries
from fundus2oct.leaderboard.site import build_site
from fundus2oct.metrics import catalogue
from fundus2oct.metrics.errors import BenchError

MakeResult = Callable[..., dict[str, Any]]
Build = Callable[..., Board]

FVD = {"near": 200.0, "close": 203.0, "third": 206.0, "far": 300.0, "farther": 400.0}


@pytest.fixture
def records(result: MakeResult) -> list[dict[str, Any]]:
    """Three entries that the data cannot tell apart, two far behind, and a control between them."""
    cards = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    made = [result(method, value, cards=cards) for method, value in FVD.items()]
    return with_matched([*made, result("control", 250.0, kind="trivial", cards=cards)])


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """File records, and comparisons if any, and read them back as one board."""

    def make(records: list[dict[str, Any]], document: dict[str, Any] | None) -> Board:
        root = tmp_path / "results"
        for record in records:
            publish_result(record, root)
        if document is not None:
            file_comparisons(root, document)
        found = make_boards(
            read_entries(root), cards=catalogue.CARDS, ranking_metric="fvd", pairwise=read_all_pairwise(root)
        )
        (board,) = found
        return board

    return make


def told(board: Board) -> list[tuple[str, int | None, tuple[int, int] | None]]:
    """Method, tier and rank interval of every row, from the top."""
    return [(row.entry.submission.method, row.tier, row.rank_interval) for row in board.rows]


def test_rows_that_cannot_be_told_from_the_leader_share_its_tier(records: list[dict], build: Build) -> None:
    board = build(records, compared(records))
    assert told(board) == [
        ("near", 1, (1, 3)),
        ("close", 1, (1, 3)),
        ("third", 1, (1, 3)),
        ("control", None, None),
        ("far", 2, (4, 4)),
        ("farther", 3, (5, 5)),
    ]
    assert board.pairwise_note == ""
    assert not any(row.tier_note for row in board.rows)


def test_the_board_counts_as_the_file_does(records: list[dict], build: Build) -> None:
    document = compared(records)
    board, fvd = build(records, document), document["metrics"]["fvd"]
    places = {entry["method"]: i for i, entry in enumerate(document["entries"])}
    for row in board.ranked:
        place = places[row.entry.submission.method]
        assert (row.tier, list(row.rank_interval or ())) == (fvd["tiers"][place], fvd["rank_intervals"][place])


def test_a_row_whose_bias_matched_distance_disagrees_opens_no_tier_and_says_so(
    records: list[dict], build: Build
) -> None:
    disagreeing = with_matched(records, {"far": 199.0})
    board = build(disagreeing, compared(disagreeing))
    notes = {row.entry.submission.method: (row.tier, row.tier_note) for row in board.ranked}
    assert notes["far"] == (1, "order depends on finite-sample bias")
    assert notes["farther"] == (2, "")


def test_a_board_without_comparisons_says_so(records: list[dict], build: Build) -> None:
    board = build(records, None)
    assert all(row.tier is None and row.rank_interval is None for row in board.rows)
    assert (board.pairwise, board.pairwise_note) == (None, NONE_FILED)


def test_an_entry_filed_after_the_comparisons_makes_them_stale(records: list[dict], build: Build) -> None:
    board = build(records, compared(records[1:]))
    assert board.pairwise is None
    assert "team-a/near was filed after they were made" in board.pairwise_note
    assert all(row.tier is None for row in board.rows)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"run": {"volumes_hash": "f" * 64}}, "other volumes of team-a/near"),
        ({"metrics": {"fvd": {"value": 100.0}}}, "in fvd are others now"),
    ],
)
def test_a_record_that_changed_since_makes_them_stale(
    records: list[dict], build: Build, change: dict[str, Any], expected: str
) -> None:
    document = compared(copy.deepcopy(records))
    for part, values in change.items():
        for key, value in values.items():
            place = records[0][part]
            place[key] = {**place[key], **value} if isinstance(value, dict) else value
    board = build(records, document)
    assert expected in board.pairwise_note
    assert all(row.tier is None for row in board.rows)


def test_a_withdrawn_entry_leaves_the_others_their_tiers(records: list[dict], build: Build) -> None:
    document = compared(records)
    records[0]["eligible"] = {"value": False, "reasons": ["ignores the photograph"]}
    board = build(records, document)
    assert told(board)[:3] == [("near", None, None), ("close", 1, (1, 2)), ("third", 1, (1, 2))]


def test_an_entry_that_cannot_be_compared_leaves_ranks_without_tiers(records: list[dict], build: Build) -> None:
    document = compared(records)
    fvd = document["metrics"]["fvd"]
    near = next(i for i, entry in enumerate(document["entries"]) if entry["method"] == "near")
    fvd["left_out"] = [{"entry": near, "reason": "a copy of the truth"}]
    fvd["pairs"] = [pair for pair in fvd["pairs"] if near not in (pair["a"], pair["b"])]
    board = build(records, document)
    assert board.pairwise_note == "team-a/near cannot be compared: a copy of the truth"
    assert all(row.rank_interval is None for row in board.rows)


def test_a_file_that_lies_elsewhere_ends_the_build(records: list[dict], tmp_path: Path) -> None:
    path = file_comparisons(tmp_path, compared(records))
    path.rename(path.with_name("test-00000000.json"))
    with pytest.raises(BenchError, match=r"E_PAIRWISE.*belong elsewhere"):
        read_all_pairwise(tmp_path)


def test_a_place_that_no_entry_has_ends_the_build(records: list[dict], tmp_path: Path) -> None:
    document = compared(records)
    document["metrics"]["fvd"]["pairs"][0]["b"] = 99
    file_comparisons(tmp_path, document)
    with pytest.raises(BenchError, match=r"E_PAIRWISE.*places that do not fit"):
        read_all_pairwise(tmp_path)


def test_hidden_files_are_passed_over(records: list[dict], tmp_path: Path) -> None:
    path = file_comparisons(tmp_path, compared(records))
    path.with_name("._x.json").write_text("not JSON")
    assert len(read_all_pairwise(tmp_path)) == 1


def test_the_board_shows_intervals_and_says_tiers_in_words(records: list[dict], build: Build, tmp_path: Path) -> None:
    build(records, compared(records))
    build_site(tmp_path / "results", tmp_path / "site", cards=catalogue.CARDS, ranking_metric="fvd")
    page = (tmp_path / "site/index.html").read_text("utf-8")
    assert "Tier 1: ranks 1 to 3, led by near; these eyes cannot tell the others from it." in page
    assert "Tier 2: rank 4, far." in page
    assert page.count("opens-tier") == 2
    assert "rank interval </span>1–3</span>" in page


def test_values_of_a_phase_may_differ_by_their_rounding_and_by_no_more(records: list[dict], build: Build) -> None:
    for record in records:
        record["protocol"]["disclosure"] = {"per_case": False, "pictures": False, "labels": False, "digits": 3}
    document = compared(copy.deepcopy(records))
    first = records[0]["metrics"]["fvd"]
    first["value"] *= 1.01
    assert build(records, document).pairwise is not None
    first["value"] *= 1.02
    assert "in fvd are others now" in build(records, document).pairwise_note
