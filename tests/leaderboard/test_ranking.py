"""Who is ranked, in which order, and who is only shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.ranking import Ranking, order
from fundus2oct.metrics.metric_card import MetricCard

Boards = Callable[..., tuple[Board, ...]]
MakeResult = Callable[..., dict]


def standing(board: Board) -> list[tuple[str, int | None]]:
    """Method and rank of every row, from the top."""
    return [(row.entry.submission.method, row.rank) for row in board.rows]


def test_lower_value_ranks_first_when_the_card_says_lower(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("b", 200.0), result("a", 300.0), result("c", 100.0))
    assert standing(board) == [("c", 1), ("b", 2), ("a", 3)]


def test_higher_value_ranks_first_when_the_card_says_higher(
    boards: Boards, result: MakeResult, cards: tuple[MetricCard, ...]
) -> None:
    (board,) = boards(result("low", 1.0, ssim=0.2), result("high", 1.0, ssim=0.4))
    rows = order([row.entry for row in board.rows], Ranking((cards[1],)))
    assert [row.entry.submission.method for row in rows] == ["high", "low"]


def test_values_that_print_alike_share_a_rank_and_the_next_is_left_out(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a", 100.04), result("b", 99.96), result("c", 100.1))
    assert standing(board) == [("a", 1), ("b", 1), ("c", 3)]


def test_controls_stand_in_order_without_a_rank(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(
        result("copy", 0.0, kind="oracle"),
        result("random", 110.0, kind="trivial"),
        result("blurred", 130.0, kind="degraded-truth"),
        result("ridge", 120.0, kind="baseline"),
        result("ours", 140.0),
    )
    assert standing(board) == [("copy", None), ("random", None), ("ridge", 1), ("blurred", None), ("ours", 2)]


def test_a_value_that_is_null_stands_last_with_its_reason(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a-null", None), result("worst", 9999.0), result("control", None, kind="trivial"))
    assert standing(board) == [("worst", 1), ("a-null", None), ("control", None)]
    assert board.rows[1].reasons == ("no FVD: the feature network was not installed",)


def test_a_reason_that_the_record_gives_as_well_is_told_once(boards: Boards, result: MakeResult) -> None:
    twice = "3 of 24 cases failed, more than 5 %"
    (board,) = boards(result("a", 1.0, failed=3, eligible=False, reasons=[twice]))
    assert board.rows[0].reasons == (twice,)


def test_more_than_five_percent_of_failed_cases_stand_below_every_number(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("failing", 1.0, failed=2), result("fine", 900.0, failed=1), result("null", None))
    assert standing(board) == [("fine", 1), ("failing", None), ("null", None)]
    assert board.rows[1].reasons == ("2 of 24 cases failed, more than 5 %",)


def test_a_control_that_fails_too_often_stands_last_too(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("constant", 1.0, kind="trivial", failed=9), result("ours", 900.0))
    assert standing(board) == [("ours", 1), ("constant", None)]


def test_an_entry_that_is_not_eligible_keeps_its_place_and_loses_its_rank(boards: Boards, result: MakeResult) -> None:
    refused = result("blind", 50.0, eligible=False, reasons=["ignores the photograph"])
    (board,) = boards(refused, result("seeing", 60.0, eligible=True))
    assert standing(board) == [("blind", None), ("seeing", 1)]
    assert board.rows[0].reasons == ("ignores the photograph",)


def test_an_entry_nobody_has_assessed_is_ranked_provisionally(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("open", 50.0), result("assessed", 60.0, eligible=True), result("t", 1.0, kind="trivial"))
    assert [(r.entry.submission.method, r.provisional) for r in board.rows] == [
        ("t", False),
        ("open", True),
        ("assessed", False),
    ]


def test_the_ranking_metric_is_read_from_the_card_and_not_by_its_name(
    boards: Boards, result: MakeResult, cards: tuple[MetricCard, ...]
) -> None:
    (board,) = boards(result("a", 100.0), result("b", 200.0))
    turned = dataclasses.replace(cards[0], direction="higher")
    rows = order([row.entry for row in board.rows], Ranking((turned,)))
    assert [row.entry.submission.method for row in rows] == ["b", "a"]
