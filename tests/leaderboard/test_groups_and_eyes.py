"""By group and eye by eye: what the entry's page tells of parts of a cohort, and what it keeps quiet about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from groups_of_records import group, stratum

from fundus2oct.benchmark.result_file import check_result, publish_result
from fundus2oct.leaderboard.bias_report import bias_report
from fundus2oct.leaderboard.board import Board, make_boards
from fundus2oct.leaderboard.board_facts import disclosure_text
from fundus2oct.leaderboard.groups_view import groups_text, has_groups, view_groups
from fundus2oct.leaderboard.results_tree import read_entries
from fundus2oct.leaderboard.site import build_site
from fundus2oct.leaderboard.spread_drawing import counts_of, draw_spread
from fundus2oct.leaderboard.spread_view import view_spreads
from fundus2oct.leaderboard.strata_view import StrataView, view_strata
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.metric_card import MetricCard

MakeResult = Callable[..., dict[str, Any]]
Cards = tuple[MetricCard, ...]
EYE = [group("L", ssim=(0.30, 0.27, 0.33)), group("R", ssim=(0.33, None, None))]


def view_of(result: dict[str, Any], strata: list[dict[str, Any]], cards: Cards) -> StrataView:
    found = view_strata(check_result(result | {"strata": strata}, where="here"), cards)
    assert found is not None
    return found


def test_a_record_from_before_groups_has_no_section(result: MakeResult, cards: Cards) -> None:
    assert view_strata(result("a", 1.0), cards) is None
    assert view_strata(result("a", 1.0) | {"strata": []}, cards) is None


def test_every_group_stands_as_far_from_the_middle_as_from_all_eyes(result: MakeResult, cards: Cards) -> None:
    view = view_of(result("a", 1.0, ssim=0.31), [stratum("eye", EYE)], cards)
    (drawn,) = view.drawings
    assert "group minus all 24\xa0eyes (0.3100)" in drawn.caption
    assert (drawn.below, drawn.above) == ("worse", "better")
    left, right = drawn.rows
    assert left.label == "Eye side, left: 15\xa0eyes of 12\xa0patients"
    assert (left.told, right.told) == ("0.3000 [0.2700, 0.3300]", "0.3300")
    # the scale ends at 0.04: -0.01 is a quarter of 42 % left of the middle, 0.02 half of it at the right
    assert 'class="dot" cx="39.50%"' in left.drawing
    assert 'class="dot" cx="71.00%"' in right.drawing


def test_what_is_left_out_is_counted_with_its_reason(result: MakeResult, cards: Cards) -> None:
    disease = stratum("disease", [], source="sidecar", left_out=5, reason="fewer than 10 patients")
    view = view_of(result("a", 1.0), [stratum("eye", EYE), disease], cards)
    assert view.left_out == ("Disease: 5\xa0groups not shown, fewer than 10 patients.",)
    assert view.hidden == ""
    told = stratum("scan_device", [group("", ssim=(0.3, 0.2, 0.4))], source="sidecar")
    view = view_of(result("a", 1.0), [told], cards)
    assert view.hidden == "Scan device"
    assert view.drawings[0].rows[0].label.startswith("Scan device, not stated: ")


def test_a_metric_that_the_record_holds_only_in_groups_is_not_drawn(result: MakeResult, cards: Cards) -> None:
    record = result("a", 1.0, ssim=None)
    assert view_strata(record | {"strata": [stratum("eye", EYE)]}, cards) is None


def test_an_impossible_number_of_a_group_ends_the_build(tmp_path: Path, result: MakeResult) -> None:
    upside_down = [stratum("eye", [group("L", ssim=(0.3, 0.4, 0.2))])]
    publish_result(result("a", 1.0) | {"strata": upside_down}, tmp_path)
    with pytest.raises(BenchError, match=r"E_SCHEMA: impossible number.*ssim by eye"):
        read_entries(tmp_path)


def board_with(tmp_path: Path, result: dict[str, Any], rows: list[str], cards: Cards) -> Board:
    result["protocol"]["disclosure"] = {"per_case": True, "pictures": False, "digits": None}
    record = publish_result(result, tmp_path)
    table = record.with_name(f"{record.stem}.per_case.csv")
    table.write_text("\n".join(["case_id,code,ssim", *rows, ""]), "utf-8")
    (board,) = make_boards(read_entries(tmp_path), cards=cards, ranking_metric="fvd")
    return board


def test_the_spread_is_told_by_median_and_quartiles(tmp_path: Path, result: MakeResult, cards: Cards) -> None:
    rows = [f"eye-{i},,{0.1 + 0.02 * i:.2f}" for i in range(21)]  # 0.10 to 0.50: quartiles 0.20, 0.30, 0.40
    rows += ["gone,E_MISSING,-1.0", "dim-a,,nan", "dim-b,,nan"]
    board = board_with(tmp_path, result("a", 1.0, failed=1), rows, cards)
    (spread,) = view_spreads(board.rows[0].entry, board)
    assert spread.card.name == "ssim"
    assert spread.sentences == (
        "Median 0.3000; half of the 21\xa0eyes lie between 0.2000 and 0.4000, all between 0.1000 and 0.5000. "
        "Higher is better.",
        "1\xa0failed eye, in the mean at a fixed price, is not drawn.",
        "The truth of 2\xa0eyes could not be measured.",
    )
    assert spread.drawing is not None
    assert 'class="dot" cx="50.00%"' in spread.drawing.quartiles
    assert 'x1="27.00%" x2="73.00%"' in spread.drawing.quartiles  # 4 % of margin, and a quarter of 92 %


def test_equal_values_are_told_and_not_drawn(tmp_path: Path, result: MakeResult, cards: Cards) -> None:
    board = board_with(tmp_path, result("a", 1.0, ssim=1.0), [f"eye-{i},,1.0" for i in range(24)], cards)
    (spread,) = view_spreads(board.rows[0].entry, board)
    assert (spread.sentences, spread.drawing) == (("All 24\xa0eyes score 1.0000.",), None)


def test_without_a_disclosed_table_nothing_is_told_of_single_eyes(
    tmp_path: Path, result: MakeResult, cards: Cards
) -> None:
    publish_result(result("a", 1.0), tmp_path)
    (board,) = make_boards(read_entries(tmp_path), cards=cards, ranking_metric="fvd")
    assert view_spreads(board.rows[0].entry, board) == ()


def test_bars_hold_every_eye_and_more_eyes_make_more_bars() -> None:
    values = [(i * 37 % 101) / 7 for i in range(400)]
    counts = counts_of(values)
    assert (sum(counts), len(counts)) == (400, 40)
    assert (sum(counts_of([1.0, 2.0])), len(counts_of([1.0, 2.0]))) == (2, 8)
    drawn = draw_spread(values, (1.0, 2.0, 3.0)).counts
    assert drawn.count("<rect") == sum(count > 0 for count in counts)


def test_the_page_of_an_entry_tells_groups_and_names_no_eye(tmp_path: Path, result: MakeResult, cards: Cards) -> None:
    rows = [f"eye-{i},,{0.1 + 0.02 * i:.2f}" for i in range(24)]
    strata = [stratum("eye", EYE), stratum("disease", [], left_out=2, reason="fewer than 10 patients")]
    board_with(tmp_path / "results", result("a", 1.0) | {"strata": strata}, rows, cards)
    build_site(tmp_path / "results", tmp_path / "site", cards=cards, ranking_metric="fvd")
    pages = {path: path.read_text("utf-8") for path in (tmp_path / "site").rglob("*.html")}
    (entry,) = (text for path, text in pages.items() if path.match("entries/team-a/a.html"))
    assert '<h2 id="groups">By group</h2>' in entry
    assert '<h2 id="eyes">Eye by eye</h2>' in entry
    assert "Disease: 2\xa0groups not shown" in entry
    assert not [path for path, text in pages.items() if "eye-1" in text]


def board_of(tmp_path: Path, cards: Cards, *results: dict[str, Any]) -> Board:
    for record in results:
        publish_result(record, tmp_path / "results")
    (board,) = make_boards(read_entries(tmp_path / "results"), cards=cards, ranking_metric="fvd")
    return board


def test_entries_are_compared_group_by_group_in_the_order_of_the_board(
    tmp_path: Path, result: MakeResult, cards: Cards
) -> None:
    other = [group("L", ssim=(0.35, 0.3, 0.4)), group("R", ssim=(0.33, 0.3, 0.36))]
    board = board_of(
        tmp_path,
        cards,
        result("second", 20.0, ssim=0.34) | {"strata": [stratum("eye", other)]},
        result("first", 10.0, ssim=0.31) | {"strata": [stratum("eye", EYE)]},
        result("copy", 0.0, ssim=1.0, kind="oracle")
        | {"strata": [stratum("eye", [group("L", ssim=(1.0, None, None))])]},
        result("old", 30.0, ssim=0.2),
    )
    (table,) = view_groups(board).tables
    assert groups_text(board).startswith("Eye side, left: 15\xa0eyes of 12\xa0patients; Eye side, right: ")
    assert "**Results by group.** told on the board and in its JSON file for Eye side, left" in bias_report(board, "S")
    assert [(head.column, head.group) for head in table.heads] == [("Eye side", "left"), ("Eye side", "right")]
    shown = {row.entry.submission.method: [found.cell.value for found in cells] for row, cells in table.lines}
    assert list(shown) == ["copy", "first", "second", "old"]
    assert shown["copy"] == ["1.0000", "1.0000", "–"]
    assert shown["old"] == ["0.2000", "–", "–"]
    best = {row.entry.submission.method: [found.is_best for found in cells] for row, cells in table.lines}
    # 0.33 is the right eyes' best in both entries; the oracle's 1.0 is nobody's
    assert best == {"copy": [False] * 3, "first": [False, False, True], "second": [True] * 3, "old": [False] * 3}


def test_a_board_without_groups_has_no_page_of_groups(tmp_path: Path, result: MakeResult, cards: Cards) -> None:
    untold = [stratum("disease", [], left_out=3, reason="fewer than 10 patients")]
    board = board_of(tmp_path, cards, result("a", 1.0) | {"strata": untold}, result("b", 2.0))
    assert not has_groups(board)
    assert "Results by group" not in bias_report(board, "S")
    build_site(tmp_path / "results", tmp_path / "site", cards=cards, ranking_metric="fvd")
    assert not list((tmp_path / "site").rglob("groups.html"))
    assert "groups.html" not in (tmp_path / "site/index.html").read_text("utf-8")


def test_the_page_of_groups_escapes_their_names(tmp_path: Path, result: MakeResult, cards: Cards) -> None:
    hostile = [group("<img src=x>\u202e", ssim=(0.3, 0.2, 0.4)), group("b", ssim=(0.3, 0.2, 0.4))]
    board_of(tmp_path, cards, result("a", 1.0) | {"strata": [stratum("<script>", hostile)]})
    build_site(tmp_path / "results", tmp_path / "site", cards=cards, ranking_metric="fvd")
    (page,) = (path.read_text("utf-8") for path in (tmp_path / "site").rglob("groups.html"))
    assert "&lt;script&gt;: <b>&lt;img src=x&gt;\ufffd</b>" in page
    assert "<script>:" not in page
    assert 'groups.html" aria-current="page">Groups</a>' in page


@pytest.mark.parametrize(("rule", "is_told"), [({}, False), ({"labels": False}, False), ({"labels": True}, True)])
def test_a_reader_is_told_whether_scores_by_hidden_labels_are_public(
    tmp_path: Path, result: MakeResult, cards: Cards, rule: dict[str, bool], is_told: bool
) -> None:
    record = result("a", 1.0)
    record["protocol"]["disclosure"] = {"per_case": False, "pictures": False, "digits": 3} | rule
    text = disclosure_text(board_of(tmp_path, cards, record))
    assert ("labels that participants lack" in text) is is_told
