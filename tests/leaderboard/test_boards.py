"""What may stand on one board, and what is never pooled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from fundus2oct.leaderboard.board import Board
from fundus2oct.metrics.metric_card import MetricCard

Boards = Callable[..., tuple[Board, ...]]
MakeResult = Callable[..., dict]


@pytest.mark.parametrize(
    "difference",
    [{"truth": "other", "dataset_version": "2.0"}, {"split": "final"}, {"phase": "final"}],
    ids=["truth", "split", "phase"],
)
def test_a_different_truth_split_or_phase_is_another_board(
    boards: Boards, result: MakeResult, difference: dict[str, str]
) -> None:
    found = boards(result("a", 1.0), result("b", 2.0, **difference))
    assert [len(board.rows) for board in found] == [1, 1]


def test_a_different_metric_version_is_another_board(
    boards: Boards, result: MakeResult, cards: tuple[MetricCard, ...]
) -> None:
    newer = (dataclasses.replace(cards[0], version="fvd-v2"), *cards[1:])
    found = boards(result("a", 1.0), result("b", 2.0, cards=newer))
    assert [len(board.rows) for board in found] == [1, 1]
    assert len({board.slug for board in found}) == 2


def test_a_different_container_is_another_board(boards: Boards, result: MakeResult) -> None:
    jpeg = result("b", 2.0)
    jpeg["protocol"]["container"] = "jpeg"
    assert len(boards(result("a", 1.0), jpeg)) == 2


def test_only_the_latest_record_of_an_entry_counts(boards: Boards, result: MakeResult) -> None:
    boards(result("a", 500.0))
    (board,) = boards(result("a", 100.0))
    (row,) = board.rows
    assert row.entry.measured("fvd")["value"] == 100.0
    assert [record.name[:4] for record in row.entry.records] == ["0001", "0002"]


def test_the_reference_is_the_oracle_row_called_real_vs_real(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a", 1.0), result("real-vs-real", 90.0, kind="oracle", team="oracle"))
    assert board.reference is not None
    assert board.reference.submission.name == "oracle/real-vs-real"


def test_a_submission_cannot_call_itself_the_reference(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("real-vs-real", 90.0))
    assert board.reference is None


def test_columns_follow_the_order_of_the_cards(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a", 1.0))
    assert [card.name for card in board.cards] == ["fvd", "ssim", "psnr"]
