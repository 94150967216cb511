"""Whether the lead is real, as the board says it."""

from __future__ import annotations

from collections.abc import Callable

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.lead import judge_lead

Boards = Callable[..., tuple[Board, ...]]
MakeResult = Callable[..., dict]


def test_nobody_leads_a_board_without_a_ranked_entry(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("constant", 1.0, kind="trivial"))
    assert judge_lead(board).verdict == "Nobody leads"


def test_intervals_that_are_apart_are_said_to_be_apart(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a", 100.0, spread=10.0), result("b", 150.0, spread=10.0))
    assert judge_lead(board).verdict == "The intervals of first and second are apart"


def test_a_lead_within_the_intervals_is_not_called_real(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a", 100.0, spread=30.0), result("b", 110.0, spread=30.0))
    lead = judge_lead(board)
    assert lead.verdict == "Not shown"
    assert lead.sentences == (
        "The leader's interval overlaps that of second place, b (110.0): their order may be chance.",
    )


def test_a_leader_behind_a_trivial_control_is_told_so_first(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(
        result("a", 100.0, spread=5.0), result("b", 200.0, spread=5.0), result("random", 90.0, kind="trivial")
    )
    lead = judge_lead(board)
    assert lead.verdict == "No better than a trivial control in FVD"
    assert lead.sentences[0] == "random (90.0), a trivial control, is at least as good."


def test_without_intervals_nothing_is_claimed(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a", 100.0), result("b", 200.0))
    assert judge_lead(board).verdict == "Nothing to compare with"


def test_entries_that_share_the_first_rank_both_lead(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a", 100.0, spread=1.0), result("b", 100.0, spread=1.0))
    lead = judge_lead(board)
    assert [row.entry.submission.method for row in lead.leaders] == ["a", "b"]
    assert lead.verdict == "Not shown"
