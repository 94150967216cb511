"""The drawn interval: where marks lie, and what stands in the drawing."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.interval_drawing import TICK_GAP_PERCENT, Axis, draw_axis, draw_row, make_axis

Boards = Callable[..., tuple[Board, ...]]
MakeResult = Callable[..., dict]


@pytest.mark.parametrize("axis", [Axis(0, 2500, True), Axis(-3, 12, False), Axis(0.1, 0.45, False), Axis(5, 5, False)])
def test_ticks_are_round_inside_and_far_enough_apart(axis: Axis) -> None:
    places = [axis.percent(tick) for tick in axis.ticks()]
    assert places
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks())
    assert all(b - a >= TICK_GAP_PERCENT for a, b in itertools.pairwise(places))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.1, 67.3, (20.0, 40.0, 60.0)),
        (0.598, 0.733, (0.6, 0.65, 0.7)),
        (-3.0, 12.0, (0.0, 5.0, 10.0)),
        (5.0, 5.0, (5.0,)),
    ],
)
def test_ticks_of_a_linear_axis_are_multiples_of_one_round_step(
    low: float, high: float, ticks: tuple[float, ...]
) -> None:
    assert Axis(low, high, False).ticks() == pytest.approx(ticks)


def test_a_square_root_axis_puts_a_quarter_of_the_value_in_the_middle() -> None:
    assert Axis(0, 400, True).percent(100) == pytest.approx(50)


def test_an_interval_below_zero_is_drawn_to_the_end_of_the_axis(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a", 10.0, spread=20.0))
    axis = make_axis([board.rows[0].entry], board.ranking_card)
    assert axis == Axis(0.0, 30.0, True)
    drawing = str(draw_row(board.rows[0].entry, None, axis, board.ranking_card))
    assert 'x1="4.00%" x2="96.00%"' in drawing


def test_a_row_without_a_value_shows_the_reference_alone(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a", None), result("real-vs-real", 90.0, kind="oracle", spread=10.0))
    axis = make_axis([row.entry for row in board.rows], board.ranking_card)
    assert axis is not None
    drawing = str(draw_row(board.rows[-1].entry, board.reference, axis, board.ranking_card))
    assert re.findall(r'class="([a-z ]+)"', drawing) == ["drawing", "band", "reference"]


def test_draws_of_other_real_eyes_are_a_band_on_an_axis_that_holds_them(boards: Boards, result: MakeResult) -> None:
    real = result("real-vs-real", 90.0, kind="oracle", spread=10.0)
    drawn = {"draws": 50, "mean": 91.0, "standard_deviation": 6.0, "low": 80.0, "median": 91.0, "high": 400.0}
    real["metrics"]["fvd"]["reference"] = drawn | {"n_cases": 24, "relaxed": 0.0}
    (board,) = boards(result("a", 50.0), real)
    axis = make_axis([row.entry for row in board.rows], board.ranking_card)
    assert axis == Axis(0.0, 400.0, True)
    drawing = str(draw_row(board.rows[0].entry, board.reference, axis, board.ranking_card))
    assert re.findall(r'class="([a-z ]+)"', drawing) == ["drawing", "band", "dot"]
    assert f'x="{axis.percent(80.0):.2f}%" y="0" width="{axis.percent(400.0) - axis.percent(80.0):.2f}%"' in drawing


def test_drawings_are_well_formed(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a", 50.0, spread=5.0), result("real-vs-real", 90.0, kind="oracle", spread=10.0))
    axis = make_axis([row.entry for row in board.rows], board.ranking_card)
    assert axis is not None
    for drawing in (draw_axis(axis), draw_row(board.rows[0].entry, board.reference, axis, board.ranking_card)):
        assert ElementTree.fromstring(drawing).tag == "svg"


def test_a_board_without_a_value_has_no_axis(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a", None))
    assert make_axis([board.rows[0].entry], board.ranking_card) is None
