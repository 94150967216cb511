"""Metric against metric: the drawing, its names, its words."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fundus2oct.leaderboard.relations_view import kendall_tau
from fundus2oct.leaderboard.scatter_drawing import (
    BOTTOM,
    HEIGHT,
    LEFT,
    MARK,
    WIDTH,
    Box,
    Point,
    Range,
    draw_scatter,
    make_range,
    place_names,
)

COORDINATE = st.floats(0, 1000, allow_nan=False)
POINTS = st.lists(
    st.builds(lambda x, y, n: Point(x=x, y=y, name="W" * n or "x"), COORDINATE, COORDINATE, st.integers(1, 40)),
    min_size=2,
    max_size=40,
)


def axes(points: list[Point]) -> tuple[Range, Range]:
    return make_range([p.x for p in points], "x"), make_range([p.y for p in points], "y")


@given(POINTS)
def test_no_name_covers_another_or_a_mark(points: list[Point]) -> None:
    x, y = axes(points)
    placed = place_names(points, x, y)
    boxes = [name.box for name in placed]
    assert not any(a.meets(b) for a, b in itertools.combinations(boxes, 2))
    assert all(box.left >= LEFT and box.right <= WIDTH and box.bottom <= HEIGHT - BOTTOM for box in boxes)
    marks = [Box(cx - MARK, cy - MARK, cx + MARK, cy + MARK) for cx, cy in (name.mark for name in placed)]
    assert not any(box.meets(mark) for box in boxes for mark in marks)


def test_a_few_entries_all_get_their_names() -> None:
    points = [Point(x=100.0 + i, y=0.5 + i / 1000, name=f"Method number {i}") for i in range(9)]
    x, y = axes(points)
    assert len(place_names(points, x, y)) == 9


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=12))
def test_kendalls_tau_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    a, b = [float(x) for x, _ in pairs], [float(y) for _, y in pairs]
    found = kendall_tau(a, b)
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.kendalltau(a, b).statistic)


def test_a_name_is_escaped_and_no_number_is_missing() -> None:
    points = [Point(x=0.0, y=1.0, name="</svg><script>"), Point(x=1736.2, y=0.5, name="b", shape="ring")]
    x = make_range([0.0, 1736.2], "FVD", is_square_root=True)
    drawn = str(draw_scatter(points, x, make_range([0.5, 1.0], "SSIM"), label='"'))
    assert "<script" not in drawn
    assert drawn.count("<svg") == drawn.count("</svg>") == 1
    assert 'class="dot"' in drawn
    assert 'class="ring"' in drawn
    assert "nan" not in drawn.lower()


@pytest.mark.parametrize(
    ("values", "is_square_root"),
    [
        *(([low, high], False) for low, high in ((0.0, 0.0), (5.0, 5.0), (-1.0, -1.0), (1e-9, 2e-9), (-5.0, 1e9))),
        *(([low, high], True) for low, high in ((0.0, 0.0), (5.0, 5.0), (1e-9, 2e-9), (0.0, 1e9))),
    ],
)
def test_an_axis_of_any_values_has_ends_and_ticks_between(values: list[float], is_square_root: bool) -> None:
    axis = make_range(values, "x", is_square_root=is_square_root)
    assert axis.ticks()
    assert axis.low < axis.high
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks())
    assert all(0 <= axis.share(value) <= 1 for value in values)


def words(site: Path) -> str:
    (path,) = site.glob("boards/*/relations.html")
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", path.read_text("utf-8").split("<main", 1)[1])).split())


def test_the_page_tells_the_agreement_and_every_number_it_draws(full_site: Path) -> None:
    text = words(full_site)
    assert re.search(r"Kendall’s tau between the two orders, best first, is −?[01]\.\d\d \(n = 5 generators", text)
    assert "FVD against SSIM" in text
    assert "FVD against CST error" in text
    assert re.search(r"diffusion submission 214\.6 \[196\.6, 232\.6\] 0\.3100", text)


def test_a_reversed_order_is_minus_one(site: Callable[..., Path], result: Callable[..., dict[str, Any]]) -> None:
    folder = site(*(result(name, 100.0 * (i + 1), ssim=0.1 * (i + 1)) for i, name in enumerate("abcd")))
    assert "is −1.00 (n = 4 generators" in words(folder)


def test_one_entry_makes_no_relation(site: Callable[..., Path], result: Callable[..., dict[str, Any]]) -> None:
    assert "Fewer than two entries" in words(site(result("a", 1.0)))
