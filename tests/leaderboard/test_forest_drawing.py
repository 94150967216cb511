"""The drawing around a middle: where marks lie, which axis is chosen, and that it stays well formed."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from fundus2oct.leaderboard.forest_drawing import Forest, Mark, Scale, draw_forest, linear_scale, ratio_scale


def draw(*marks: Mark, scale: Scale, band: tuple[float, float] | None = None) -> Forest:
    return draw_forest(marks, scale, caption="c", below="b", above="a", band=band)


@pytest.mark.parametrize("values", [[0.0], [-31.0, 12.0], [0.003], [1e15], [-1e-9, 0.0], [100.0]])
def test_a_linear_scale_holds_every_value_and_wastes_no_more_than_half(values: list[float]) -> None:
    scale = linear_scale(values)
    assert not any(scale.is_beyond(value) for value in values)
    assert max(map(abs, values)) in (0.0, pytest.approx(scale.reach, rel=0.51))


def test_the_middle_of_the_axis_is_zero_or_a_ratio_of_one() -> None:
    assert Scale(40.0, is_ratio=False).percent(0.0) == 50
    assert Scale(10.0, is_ratio=True).percent(1.0) == 50


def test_a_ratio_and_its_inverse_lie_equally_far_from_the_middle() -> None:
    scale = ratio_scale([0.25])
    assert scale.percent(0.5) - 50 == pytest.approx(50 - scale.percent(2.0))


def test_a_value_lies_right_of_the_middle_if_and_only_if_it_is_above_it() -> None:
    drawn = draw(*(Mark(label="x", told="", value=v) for v in (-3.0, 3.0)), scale=linear_scale([3.0]))
    below, above = (float(re.findall(r'cx="([0-9.]+)%"', row.drawing)[0]) for row in drawn.rows)
    assert below < 50 < above


@pytest.mark.parametrize(("value", "tip"), [(0.0, "M-8 0"), (1e-9, "M-8 0"), (1e9, "M8 0")])
def test_a_ratio_beyond_the_axis_is_an_arrow_that_points_outwards(value: float, tip: str) -> None:
    (row,) = draw(Mark(label="x", told="", value=value), scale=ratio_scale([value])).rows
    assert tip in row.drawing
    assert "circle" not in row.drawing


def test_the_bar_runs_from_low_to_high() -> None:
    mark = Mark(label="x", told="", value=0.0, low=-10.0, high=5.0)
    (row,) = draw(mark, scale=Scale(10.0, is_ratio=False)).rows
    assert 'x1="8.00%" x2="71.00%"' in row.drawing


def test_drawings_are_well_formed_and_hidden_from_readers_of_a_screen() -> None:
    mark = Mark(label="<b>", told="", value=0.5, low=0.4, high=300.0)
    drawn = draw(mark, scale=ratio_scale([0.5, 300.0]), band=(0.8, 1.25))
    for svg in (drawn.axis, *(row.drawing for row in drawn.rows)):
        root = ElementTree.fromstring(svg)
        assert (root.tag, root.get("aria-hidden")) == ("svg", "true")


def test_every_tick_lies_on_the_axis_and_is_labelled_once() -> None:
    for scale in (Scale(40.0, is_ratio=False), Scale(2.0, is_ratio=True), Scale(100.0, is_ratio=True)):
        labels = [label for _, label in scale.ticks()]
        assert not any(scale.is_beyond(value) for value, _ in scale.ticks())
        assert len(labels) == len(set(labels))
    assert [label for _, label in Scale(40.0, is_ratio=False).ticks()] == ["−40", "−20", "0", "+20", "+40"]
