"""Small drawings of how the values of single eyes spread: counts as bars, median and quartiles below, one axis.

The numbers stand in words beside each drawing. Only our own numbers enter the SVG; its colours are the stylesheet's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fundus2oct.leaderboard.interval_drawing import Axis, draw_axis

FEWEST_BARS, MOST_BARS = 8, 40


@dataclass(frozen=True)
class Spread:
    """A drawing in three layers on one axis.

    Attributes:
        counts: how many eyes lie where.
        quartiles: the middle half as a bar, the median as a dot.
        axis: labels of the axis.
    """

    counts: Markup
    quartiles: Markup
    axis: Markup


def draw_spread(values: Sequence[float], quartiles: Sequence[float]) -> Spread:
    """Draw ``values``, of which at least two differ, with their three quartiles."""
    axis = Axis(min(values), max(values), is_square_root=False)
    return Spread(_svg(_bars(values, axis)), _svg(_middle(quartiles, axis)), draw_axis(axis))


def counts_of(values: Sequence[float]) -> list[int]:
    """How many values lie in each of some equally wide parts of their range; more values, more parts.

    >>> counts_of([0.0, 0.1, 7.9, 8.0])
    [2, 0, 0, 0, 0, 0, 0, 2]
    """
    low, high = min(values), max(values)
    n_bars = min(max(round(2 * math.sqrt(len(values))), FEWEST_BARS), MOST_BARS)
    counts = [0] * n_bars
    for value in values:
        counts[min(int((value - low) / (high - low) * n_bars), n_bars - 1)] += 1
    return counts


def _bars(values: Sequence[float], axis: Axis) -> list[Markup]:
    counts = counts_of(values)
    first, last = axis.percent(axis.low), axis.percent(axis.high)
    width, tallest = (last - first) / len(counts), max(counts)
    bar = Markup('<rect class="count" x="{:.2f}%" y="{:.2f}%" width="{:.2f}%" height="{:.2f}%"/>')
    shares = [100 * count / tallest for count in counts]
    return [bar.format(first + i * width, 100 - s, width, s) for i, s in enumerate(shares) if s]


def _middle(quartiles: Sequence[float], axis: Axis) -> list[Markup]:
    low, median, high = (axis.percent(value) for value in quartiles)
    bar = Markup('<line class="bar half" x1="{:.2f}%" x2="{:.2f}%" y1="50%" y2="50%"/>').format(low, high)
    return [bar, Markup('<circle class="dot" cx="{:.2f}%" cy="50%" r="3.5"/>').format(median)]


def _svg(marks: Sequence[Markup]) -> Markup:
    opening = Markup('<svg class="drawing" width="100%" height="100%" aria-hidden="true" focusable="false">')
    return opening + Markup("").join(marks) + Markup("</svg>")
