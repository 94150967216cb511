"""Strips of ranks and of comparisons, one a table row, made at build time; a column of strips is the whole drawing.

The cells beside a strip say in words and numbers what it draws, so that readers of a screen skip it. Shapes and not
colours carry the meaning. Only our own numbers enter the SVG; its colours are the stylesheet's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from markupsafe import Markup

STEP = 20
"""Width of one rank, and of one cell of the map."""
HEIGHT = 20
LARGEST_BLOB = 8.5
"""Radius of the circle of a rank that every draw gives."""
SMALLEST_BLOB = 1.0
MOST_LABELS = 25
"""More ranks than this are labelled at every fifth."""

Finding = Literal["better", "worse", "open", "bias", "itself", "untested"]


def draw_places(k: int) -> Markup:
    """The head of a column of strips: the numbers 1 to ``k`` over their places."""
    every = 1 if k <= MOST_LABELS else 5
    label = Markup('<text x="{}" y="14" text-anchor="middle">{}</text>')
    return _strip(k, [label.format(_x(n), n) for n in range(1, k + 1) if n == 1 or n % every == 0], "places")


def draw_ranks(k: int, own: int, shares: Mapping[int, float], interval: tuple[int, int] | None = None) -> Markup:
    """One entry: its rank as a tick, the ranks that the data leave open as a line, shares as circles by their area.

    Args:
        k: number of ranks.
        own: the rank on the board.
        shares: rank -> share of the draws, or of the metrics; shares of 0 may be left out.
        interval: first and last rank that the tests leave open.
    """
    middle = HEIGHT / 2
    marks: list[Markup] = []
    if interval is not None:
        bar = Markup('<line class="open-ranks" x1="{}" x2="{}" y1="{}" y2="{}"/>')
        marks.append(bar.format(_x(interval[0]) - STEP // 2 + 3, _x(interval[1]) + STEP // 2 - 3, middle, middle))
    circle = Markup('<circle class="{}" cx="{}" cy="{:g}" r="{:.2f}"/>')
    for rank, share in sorted(shares.items()):
        if share > 0:
            radius = max(LARGEST_BLOB * math.sqrt(share), SMALLEST_BLOB)
            marks.append(circle.format("blob own" if rank == own else "blob", _x(rank), middle, radius))
    tick = Markup('<path class="own-rank" d="M{} 0v3M{} {}v3"/>')
    marks.append(tick.format(_x(own), _x(own), HEIGHT - 3))
    return _strip(k, marks, "ranks")


def draw_findings(findings: Sequence[Finding]) -> Markup:
    """One row of the map: what the tests say of it against every row, in the board's order."""
    marks = [_SHAPES[found].format(_x(i + 1), HEIGHT // 2) for i, found in enumerate(findings) if found in _SHAPES]
    return _strip(len(findings), marks, "findings")


def draw_key(found: Finding) -> Markup:
    """One shape of the map for its key."""
    return _strip(1, [_SHAPES[found].format(_x(1), HEIGHT // 2)], "findings key-shape")


_SHAPES: dict[Finding, Markup] = {
    "better": Markup('<rect class="better" x="-7" y="-7" width="14" height="14" transform="translate({} {})"/>'),
    "worse": Markup('<rect class="worse" x="-6" y="-6" width="12" height="12" transform="translate({} {})"/>'),
    "open": Markup('<circle class="undecided" cx="{}" cy="{}" r="1.75"/>'),
    "bias": Markup('<path class="bias" d="M-5 5L5 -5M-5 -5L5 5" transform="translate({} {})"/>'),
    "itself": Markup('<path class="itself" d="M-5 0h10" transform="translate({} {})"/>'),
}


def _x(place: int) -> int:
    """Middle of the ``place``-th cell, from 1."""
    return STEP * (place - 1) + STEP // 2


def _strip(cells: int, marks: Sequence[Markup], kind: str) -> Markup:
    opening = Markup('<svg class="strip {}" width="{w}" height="{h}" viewBox="0 0 {w} {h}" aria-hidden="true">')
    return opening.format(kind, w=cells * STEP, h=HEIGHT) + Markup("").join(marks) + Markup("</svg>")
