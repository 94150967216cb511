"""The organiser's rule on a board: the order it makes, what it says of itself, and the columns it chooses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.lead import judge_lead
from fundus2oct.leaderboard.site import build_site
from fundus2oct.metrics.metric_card import MetricCard

MakeResult = Callable[..., dict[str, Any]]
Build = Callable[..., Board]

MEAN = 'rule = "mean-rank"\nmetrics = ["fvd", "ssim", "psnr"]'


@pytest.fixture
def build(tmp_path: Path, cards: tuple[MetricCard, ...]) -> Build:
    """A site's one board under a rule."""

    def make(rule: str, *results: dict[str, Any]) -> Board:
        root = tmp_path / "results"
        for record in results:
            publish_result(record, root)
        (root / "ranking.toml").write_text(rule, "utf-8")
        (board,) = build_site(root, tmp_path / "site", cards=cards, ranking_metric="fvd")
        return board

    return make


def told(board: Board) -> list[tuple[str, int | None, float | None]]:
    return [(row.entry.submission.method, row.rank, row.score) for row in board.rows]


def test_the_mean_of_ranks_orders_and_equal_means_share_a_rank(build: Build, result: MakeResult) -> None:
    board = build(
        MEAN,
        result("a", 100.0, ssim=0.1, psnr=10.0),
        result("b", 200.0, ssim=0.3, psnr=30.0),
        result("c", 300.0, ssim=0.2, psnr=20.0),
    )
    assert told(board) == [("b", 1, 4 / 3), ("a", 2, 7 / 3), ("c", 2, 7 / 3)]


def test_the_mean_of_ranks_is_the_borda_count(build: Build, result: MakeResult) -> None:
    numbers = {"a": (1.0, 0.3, 9.0), "b": (2.0, 0.4, 8.0), "c": (3.0, 0.4, 9.0), "d": (4.0, 0.1, 9.5)}
    board = build(MEAN, *(result(name, f, ssim=s, psnr=p) for name, (f, s, p) in numbers.items()))
    turned = {name: (-f, s, p) for name, (f, s, p) in numbers.items()}
    points = {
        name: sum(
            (x > y) + (x == y) / 2 for o, other in turned.items() if o != name for x, y in zip(own, other, strict=True)
        )
        for name, own in turned.items()
    }
    for name, _, score in told(board):
        assert score is not None
        assert points[name] == pytest.approx(3 * (len(numbers) - score))


def test_the_median_of_ranks_forgives_one_bad_metric(build: Build, result: MakeResult) -> None:
    board = build(
        MEAN.replace("mean", "median"),
        result("a", 900.0, ssim=0.4, psnr=40.0),
        result("b", 100.0, ssim=0.3, psnr=30.0),
        result("c", 200.0, ssim=0.2, psnr=20.0),
    )
    assert told(board) == [("a", 1, 1.0), ("b", 2, 2.0), ("c", 3, 3.0)]


def test_a_control_stands_in_the_gap_that_it_falls_in_and_moves_nobody(build: Build, result: MakeResult) -> None:
    board = build(
        MEAN,
        result("copy", 0.0, kind="oracle", ssim=1.0, psnr=60.0),
        result("a", 100.0, ssim=0.3, psnr=30.0),
        result("blurred", 150.0, kind="degraded-truth", ssim=0.25, psnr=25.0),
        result("b", 200.0, ssim=0.2, psnr=20.0),
    )
    assert told(board) == [("copy", None, None), ("a", 1, 1.0), ("blurred", None, None), ("b", 2, 2.0)]


def test_the_next_metric_decides_what_prints_alike_in_the_first(build: Build, result: MakeResult) -> None:
    board = build('metrics = ["fvd", "ssim"]', result("a", 100.04, ssim=0.2), result("b", 99.96, ssim=0.3))
    assert told(board) == [("b", 1, None), ("a", 2, None)]


def test_with_ranks_put_together_a_third_entry_can_turn_two_others(build: Build, result: MakeResult) -> None:
    two = 'rule = "mean-rank"\nmetrics = ["fvd", "ssim"]'
    a, b = result("a", 100.0, ssim=0.20), result("b", 110.0, ssim=0.40)
    assert [(name, rank) for name, rank, _ in told(build(two, a, b))] == [("a", 1), ("b", 1)]
    between = result("c", 105.0, ssim=0.10)
    assert [(name, rank) for name, rank, _ in told(build(two, between))][:2] == [("a", 1), ("b", 2)]


def test_the_board_prints_its_rule(build: Build, result: MakeResult, tmp_path: Path) -> None:
    build(MEAN, result("a", 100.0), result("b", 200.0, ssim=0.4))
    page = (tmp_path / "site/index.html").read_text("utf-8")
    assert "Entries in order of mean rank in FVD, SSIM and PSNR" in page
    assert "that is the Borda count, orders the rows." in page
    assert "may change places because a third one enters or leaves" in page
    assert (
        '<th scope="col" role="columnheader" class="number" data-sort="score" data-first="ascending">Mean rank</th>'
        in page
    )


def test_the_organiser_chooses_the_columns(build: Build, result: MakeResult) -> None:
    board = build('metrics = ["ssim"]\ncolumns = ["psnr", "ssim"]', result("a", 100.0))
    assert [card.name for card in board.columns] == ["ssim", "psnr"]


def test_a_lead_by_ranks_put_together_is_not_judged_by_one_metrics_intervals(build: Build, result: MakeResult) -> None:
    board = build(MEAN, result("a", 100.0, spread=1.0, ssim=0.9), result("b", 900.0, spread=1.0, ssim=0.1))
    lead = judge_lead(board)
    assert lead.verdict == "Nothing to compare with"
    assert lead.sentences == (
        "Ranks put together have no interval: without comparisons nothing can be said against second place, b.",
    )
