"""The page on the ranking: what it draws stands beside it in words, and it says less where less is known."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from made_comparisons import compared, file_comparisons, with_matched

from fundus2oct.benchmark.ranking_file import RankingRule
from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.rank_drawing import STEP, draw_findings, draw_ranks
from fundus2oct.leaderboard.ranking import order
from fundus2oct.leaderboard.ranking_view import OTHER_DRAWS, view_ranking
from fundus2oct.leaderboard.robustness_view import view_robustness
from fundus2oct.leaderboard.site import build_site, read_boards
from fundus2oct.metrics import catalogue

MakeResult = Callable[..., dict[str, Any]]
Build = Callable[..., Board]

NUMBERS = {"near": (200.0, 0.20, 30.0), "close": (203.0, 0.40, 20.0), "far": (300.0, 0.30, 10.0)}


@pytest.fixture
def records(result: MakeResult) -> list[dict[str, Any]]:
    cards = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    made = [result(name, f, ssim=s, psnr=p, cards=cards) for name, (f, s, p) in NUMBERS.items()]
    return with_matched([*made, result("control", 250.0, kind="trivial", cards=cards)])


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """The one board of records, with comparisons and a rule where they are given."""

    def make(records: list[dict[str, Any]], document: dict[str, Any] | None = None, rule: str = "") -> Board:
        root = tmp_path / "results"
        for record in records:
            publish_result(record, root)
        if document is not None:
            file_comparisons(root, document)
        if rule:
            (root / "ranking.toml").write_text(rule, "utf-8")
        (board,) = read_boards(root, cards=catalogue.CARDS, ranking_metric="fvd")
        return board

    return make


def page(tmp_path: Path) -> str:
    """The text of the page as readers see it: no tags, white space drawn together."""
    build_site(tmp_path / "results", tmp_path / "site", cards=catalogue.CARDS, ranking_metric="fvd")
    (path,) = (tmp_path / "site").glob("boards/*/ranking.html")
    text = re.sub(r"<[^>]+>", " ", path.read_text("utf-8").replace("\N{NO-BREAK SPACE}", " "))
    return re.sub(r"\s+([,.])", r"\1", " ".join(text.split()))


def test_open_ranks_and_draws_are_told_in_words(records: list[dict], build: Build, tmp_path: Path) -> None:
    board = build(records, compared(records))
    near, _, far = view_ranking(board).ranks
    assert (near.interval, far.interval, far.opens_tier) == ("1–2", "3", True)
    assert re.fullmatch(r"1 in \d+\s%, 2 in \d+\s%", near.drawn)
    assert far.drawn == "3 in 100\N{NO-BREAK SPACE}%"
    told = page(tmp_path)
    assert near.drawn.replace("\N{NO-BREAK SPACE}", " ") in told
    assert "Tier 1: ranks 1 to 2, led by near; these eyes cannot tell the other from it." in told


def test_the_map_tells_every_pair_and_its_words_agree_with_its_shapes(records: list[dict], build: Build) -> None:
    found = view_ranking(build(records, compared(records))).map
    assert found is not None
    assert [row.row.entry.submission.method for row in found.rows] == ["near", "close", "control", "far"]
    assert [(row.better_than, row.open, row.worse_than) for row in found.rows] == [
        ("3, 4", "2", "–"),
        ("3, 4", "1", "–"),
        ("4", "–", "1, 2"),
        ("–", "–", "1–3"),
    ]
    assert (found.n_told_apart, found.n_biased) == (5, 0)
    assert [str(row.drawing).count('class="better"') for row in found.rows] == [2, 2, 1, 0]
    assert [str(row.drawing).count('class="worse"') for row in found.rows] == [0, 0, 2, 3]


def test_a_pair_that_depends_on_bias_is_neither_better_nor_worse(records: list[dict], build: Build) -> None:
    turned = with_matched(records, {"far": 1.0})
    found = view_ranking(build(turned, compared(turned))).map
    assert found is not None
    assert (found.n_told_apart, found.n_biased) == (2, 3)
    assert found.rows[3].open == "1–3"


def test_ranks_under_other_metrics_and_rules(records: list[dict], build: Build) -> None:
    found = view_robustness(build(records, compared(records)))
    assert found is not None
    assert [column.title for column in found.columns] == [
        "FVD",
        "SSIM",
        "PSNR",
        "matched FD",
        "Mean rank",
        "Median rank",
    ]
    assert [column.is_boards for column in found.columns] == [True, *[False] * 5]
    lines = {line.row.entry.submission.method: (line.ranks, line.span) for line in found.lines}
    assert lines == {
        "near": (("1", "3", "1", "1", "1", "1"), "1–3"),
        "close": (("2", "1", "2", "2", "1", "2"), "1–2"),
        "far": (("3", "2", "3", "3", "3", "3"), "2–3"),
    }


def test_leaving_one_out_never_turns_two_in_an_order_of_metrics(records: list[dict], build: Build) -> None:
    found = view_robustness(build(records, compared(records)))
    assert found is not None
    assert found.is_stable
    assert {line.row.entry.submission.method: line.mean_rank for line in found.without} == {
        "near": "",
        "close": "",
        "far": "near and close",
    }


def test_leaving_a_leader_out_may_move_tiers(result: MakeResult, build: Build) -> None:
    cards = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    rows = with_matched(
        [result(name, value, cards=cards) for name, value in (("a", 200.0), ("b", 208.0), ("c", 216.0))]
    )
    board = build(rows, compared(rows))
    assert [row.tier for row in board.rows] == [1, 1, 2]
    found = view_robustness(board)
    assert found is not None
    assert [line.tiers for line in found.without] == ["c from tier 2 to 1", "", ""]
    assert found.is_stable


def test_a_rule_that_turns_two_says_so(records: list[dict], build: Build, tmp_path: Path) -> None:
    board = build(records, rule='rule = "mean-rank"\nmetrics = ["fvd", "ssim", "psnr"]')
    found = view_robustness(board)
    assert found is not None
    assert not found.is_stable
    assert "two entries may change places because a third one enters or leaves" in page(tmp_path)


def test_draws_are_shown_for_the_rule_that_they_were_made_for(records: list[dict], build: Build) -> None:
    document = compared(records, RankingRule(metrics=("fvd", "psnr"), rule="mean-rank"))
    told = view_ranking(build(records, document, 'rule = "mean-rank"\nmetrics = ["fvd", "psnr"]'))
    assert told.draws is not None
    assert told.ranks[-1].drawn == "3 in 100\N{NO-BREAK SPACE}%"
    assert told.ranks[-1].interval == "3"


def test_draws_of_another_rule_or_of_other_entries_are_not_shown(records: list[dict], build: Build) -> None:
    view = view_ranking(build(records, compared(records), 'rule = "mean-rank"\nmetrics = ["fvd", "psnr"]'))
    assert view.draws is None
    assert view.draws_note == OTHER_DRAWS


def test_draws_made_before_a_withdrawal_are_not_shown(records: list[dict], build: Build) -> None:
    document = compared(records)
    records[0]["eligible"] = {"value": False, "reasons": ["ignores the photograph"]}
    view = view_ranking(build(records, document))
    assert (view.draws, view.draws_note) == (None, OTHER_DRAWS)


def test_without_comparisons_the_page_tells_ranks_alone(records: list[dict], build: Build, tmp_path: Path) -> None:
    view = view_ranking(build(records))
    assert (view.draws, view.map) == (None, None)
    told = page(tmp_path)
    assert "No comparisons of its entries are filed" in told
    assert "Which ranks are open?" not in told
    assert "Another metric, another rule" in told


def test_a_board_of_one_ranked_entry_has_no_order_to_doubt(result: MakeResult, build: Build, tmp_path: Path) -> None:
    assert view_robustness(build([result("alone", 1.0)])) is None
    assert "Fewer than two entries are ranked" in page(tmp_path)


def test_kendalls_tau_stands_beside_its_drawing(records: list[dict], build: Build, tmp_path: Path) -> None:
    document = compared(records)
    view = view_ranking(build(records, document))
    assert view.draws is not None
    assert view.draws.taus is not None
    tau = document["resamples"]["metrics"]["fvd"]["tau"]
    fvd = next(row for row in view.draws.taus.rows if row.label == "FVD")
    assert fvd.told == f"{tau['mean']:.2f} [{tau['low']:.2f}, {tau['high']:.2f}]"
    assert fvd.told in page(tmp_path)


def test_circles_grow_with_the_share_by_their_area() -> None:
    drawing = str(draw_ranks(4, 2, {1: 0.25, 2: 0.75, 3: 0.0}, (1, 3)))
    radii = [float(r) for r in re.findall(r' r="([0-9.]+)"', drawing)]
    assert len(radii) == 2
    assert (radii[1] / radii[0]) ** 2 == pytest.approx(3.0, rel=1e-2)
    assert f'width="{4 * STEP}"' in drawing


def test_shapes_stand_in_the_cells_of_their_columns() -> None:
    drawing = str(draw_findings(["itself", "better", "open", "worse"]))
    assert re.findall(r"translate\((\d+) 10\)", drawing) == ["10", "30", "70"]
    assert 'cx="50"' in drawing


def test_what_leaving_one_out_turns_is_what_ranking_anew_turns(result: MakeResult, build: Build) -> None:
    rng = random.Random(4)
    rows = [result(f"m{i}", rng.randint(1, 9) * 10.0, ssim=rng.randint(1, 9) / 10, psnr=rng.random()) for i in range(7)]
    board = build(rows, rule='rule = "median-rank"\nmetrics = ["fvd", "ssim"]')
    found = view_robustness(board)
    assert found is not None
    turned = 0
    for line in found.without:
        kept = [row.entry for row in board.ranked if row is not line.row]
        anew = {row.entry.title: row.rank for row in order(kept, board.ranking)}
        old = {row.entry.title: row.rank for row in board.ranked}
        pairs = [
            f"{a} and {b}" for a, b in combinations([e.title for e in kept], 2) if sign(old, a, b) != sign(anew, a, b)
        ]
        assert line.order == ("; ".join(pairs) if len(pairs) < 4 else f"{len(pairs)} pairs, among them {pairs[0]}")
        turned += len(pairs)
    assert turned > 0


def sign(ranks: dict[str, int | None], a: str, b: str) -> int:
    """Which of two stands above the other."""
    difference = (ranks[a] or 0) - (ranks[b] or 0)
    return (difference > 0) - (difference < 0)
