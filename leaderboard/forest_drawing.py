"""Small drawings of values around a middle that means something: 0 micrometres of bias, a ratio of 1, no gap.

One line a value, all on one axis that is the same on both sides of the middle. The numbers stand in words beside each
line, so that the drawing adds nothing a reader of a screen would miss. Only our own numbers enter the SVG.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fundus2oct.leaderboard.number_text import plain

HALF_WIDTH_PERCENT = 42.0
"""From the middle to either end of the axis, as a share of the drawing; the rest is room for marks and labels."""

LARGEST_RATIO = 100.0
"""A ratio beyond this, or below its inverse, is drawn as an arrow at the end of the axis."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One value to draw.

    Attributes:
        label: what it is of.
        told: the value in words and numbers.
        value: the dot.
        low, high: ends of the bar; None for a dot alone.
    """

    label: str
    told: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class ForestRow:
    """One line of a drawing: two texts and the marks between them."""

    label: str
    told: str
    drawing: Markup


@dataclass(frozen=True, kw_only=True)
class Forest:
    """A drawing with its words.

    Attributes:
        caption: what is drawn, with the unit.
        below, above: what lies on either side of the middle.
        rows: the lines.
        axis: labels of the axis.
    """

    caption: str
    below: str
    above: str
    rows: tuple[ForestRow, ...]
    axis: Markup


@dataclass(frozen=True)
class Scale:
    """An axis that reaches equally far on both sides of its middle.

    Attributes:
        reach: the value at the right end; at the left end stands ``-reach``, or ``1 / reach`` on a scale of ratios.
        is_ratio: logarithmic around 1 instead of linear around 0.
    """

    reach: float
    is_ratio: bool

    def percent(self, value: float) -> float:
        """Place of ``value`` as a percentage of the width; values beyond the ends are put there."""
        share = self._share(value)
        return 50 + HALF_WIDTH_PERCENT * min(max(share, -1.0), 1.0)

    def is_beyond(self, value: float) -> bool:
        """Whether ``value`` lies outside the axis."""
        return abs(self._share(value)) > 1

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Labelled values, from the left."""
        if self.is_ratio:
            inner = (1 / math.sqrt(self.reach), math.sqrt(self.reach)) if self.reach == LARGEST_RATIO else ()
            return tuple((v, plain(v)) for v in sorted((1 / self.reach, *inner, 1.0, self.reach)))
        values = (-self.reach, -self.reach / 2, 0.0, self.reach / 2, self.reach)
        return tuple((value, ("+" if value > 0 else "") + plain(value)) for value in values)

    def _share(self, value: float) -> float:
        if not self.is_ratio:
            return value / self.reach
        return math.log(value) / math.log(self.reach) if value > 0 else -math.inf


def linear_scale(values: Sequence[float]) -> Scale:
    """The linear scale with a round end (1, 2, 3, 4 or 6 times a power of ten) that holds every value.

    >>> linear_scale([-31.0, 12.0]).reach, linear_scale([0.0]).reach, linear_scale([0.013]).reach
    (40.0, 1.0, 0.02)
    """
    largest = max(abs(value) for value in values)
    if largest == 0:
        return Scale(1.0, is_ratio=False)
    power = math.floor(math.log10(largest))
    ends = (float(f"{m}e{power}") for m in (1, 2, 3, 4, 6, 10))
    return Scale(next(end for end in ends if end >= largest * (1 - 1e-12)), is_ratio=False)


def ratio_scale(values: Sequence[float]) -> Scale:
    """The scale of ratios that holds every value between 1/100 and 100.

    >>> ratio_scale([0.8, 1.1]).reach, ratio_scale([0.2]).reach, ratio_scale([0.001]).reach
    (2.0, 10.0, 100.0)
    """
    largest = max(max(value, 1 / value) if value > 0 else math.inf for value in values)
    return Scale(next((end for end in (2.0, 4.0, 10.0) if end >= largest), LARGEST_RATIO), is_ratio=True)


def draw_forest(
    marks: Sequence[Mark],
    scale: Scale,
    *,
    caption: str,
    below: str,
    above: str,
    band: tuple[float, float] | None = None,
) -> Forest:
    """Draw ``marks`` on ``scale``; ``band`` is shaded behind them."""
    rows = tuple(ForestRow(label=mark.label, told=mark.told, drawing=_draw_row(mark, scale, band)) for mark in marks)
    return Forest(caption=caption, below=below, above=above, rows=rows, axis=_draw_axis(scale))


def _draw_row(mark: Mark, scale: Scale, band: tuple[float, float] | None) -> Markup:
    marks = [_band(band, scale)] if band else []
    middle = Markup('<line class="{}" x1="50%" x2="50%" y1="0" y2="100%"/>')
    marks.append(middle.format("reference" if scale.is_ratio else "middle"))
    marks.append(Markup('<svg y="50%">'))
    if mark.low is not None and mark.high is not None:
        marks.append(_bar(scale, mark.low, mark.high))
    return _svg([*marks, _dot(scale, mark.value), Markup("</svg>")])


def _band(band: tuple[float, float], scale: Scale) -> Markup:
    low, high = (scale.percent(value) for value in band)
    return Markup('<rect class="band" x="{:.2f}%" y="0" width="{:.2f}%" height="100%"/>').format(low, high - low)


def _bar(scale: Scale, low: float, high: float) -> Markup:
    bar = Markup('<line class="bar" x1="{:.2f}%" x2="{:.2f}%" y1="0" y2="0"/>')
    end = Markup('<line class="bar" x1="{0:.2f}%" x2="{0:.2f}%" y1="-5" y2="5"/>')
    ends = [end.format(scale.percent(value)) for value in (low, high) if not scale.is_beyond(value)]
    return bar.format(scale.percent(low), scale.percent(high)) + Markup("").join(ends)


def _dot(scale: Scale, value: float) -> Markup:
    """The value, or an arrow head where it lies beyond the end of the axis."""
    at = scale.percent(value)
    if not scale.is_beyond(value):
        return Markup('<circle class="dot" cx="{:.2f}%" cy="0" r="3.5"/>').format(at)
    tip = 8 if at > 50 else -8
    return Markup('<svg x="{:.2f}%"><path class="dot" d="M{} 0L0 5L0 -5Z"/></svg>').format(at, tip)


def _draw_axis(scale: Scale) -> Markup:
    label = Markup('<text x="{:.2f}%" y="50%" dy="0.35em" text-anchor="middle">{}</text>')
    return _svg([label.format(scale.percent(value), text) for value, text in scale.ticks()])


def _svg(marks: Sequence[Markup]) -> Markup:
    opening = Markup('<svg class="drawing" width="100%" height="100%" aria-hidden="true" focusable="false">')
    return opening + Markup("").join(marks) + Markup("</svg>")
