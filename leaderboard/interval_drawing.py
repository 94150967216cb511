"""Small drawings of a value and its interval against the real-against-real reference, made at build time.

Every drawing of a board has the same axis. Positions are percentages of the cell, so that the reference lines of
neighbouring rows join into one. Only our own numbers enter the SVG; its colours are the stylesheet's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fundus2oct.leaderboard.number_text import plain
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.metrics.metric_card import MetricCard

MARGIN_PERCENT = 4.0
"""Room at both ends of the axis, so that no mark is cut."""

MARK_HEIGHT_EM = 1.23
"""Height of the marks below the cell's upper edge: the middle of the value's own line, however tall the row."""

TICK_GAP_PERCENT = 19.0
"""Least distance between two labelled ticks."""


@dataclass(frozen=True)
class Axis:
    """A horizontal axis from ``low`` to ``high``.

    A square-root axis suits a squared distance, whose values span orders of magnitude and reach zero.
    """

    low: float
    high: float
    is_square_root: bool

    def percent(self, value: float) -> float:
        """Place of ``value`` as a percentage of the width; values outside are put at the ends."""
        low, at, high = (self._scaled(min(max(v, self.low), self.high)) for v in (self.low, value, self.high))
        share = (at - low) / (high - low) if high > low else 0.5
        return MARGIN_PERCENT + (100 - 2 * MARGIN_PERCENT) * share

    def ticks(self) -> tuple[float, ...]:
        """Round values (1, 2 or 5 times a power of ten) far enough apart to be labelled."""
        if not self.is_square_root:
            return self._even_ticks()
        step = 10.0 ** math.floor(math.log10(max(self.high - self.low, 1e-12)))
        series = [0.0, *(m * step * scale for scale in (0.01, 0.1, 1.0) for m in (1, 2, 5))]
        kept: list[float] = []
        for value in (value for value in series if self.low <= value <= self.high):
            if not kept or self.percent(value) - self.percent(kept[-1]) >= TICK_GAP_PERCENT:
                kept.append(value)
        return tuple(kept)

    def _even_ticks(self) -> tuple[float, ...]:
        """Multiples of the smallest round step whose labels do not touch; the one value of an axis without a length."""
        if self.high <= self.low:
            return (self.low,)
        least = (self.high - self.low) * TICK_GAP_PERCENT / (100 - 2 * MARGIN_PERCENT)
        power = math.floor(math.log10(least))
        step = next(end for m in (1, 2, 5, 10, 20) if (end := float(f"{m}e{power}")) >= least * (1 + 1e-9))
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        ticks = (i * step for i in range(first, last + 1))
        return tuple(tick for tick in ticks if self.low <= tick <= self.high) or (self.low,)

    def _scaled(self, value: float) -> float:
        return math.sqrt(value) if self.is_square_root else value


def make_axis(entries: Iterable[Entry], card: MetricCard) -> Axis | None:
    """The axis that holds every value, interval and draw of a board; None when there is no value at all.

    A metric that is 0 at best and lower is better gets a square-root axis from 0.
    """
    numbers = [number for entry in entries for number in _numbers(entry, card)]
    if not numbers:
        return None
    if card.direction == "lower" and card.best == 0 and min(numbers) >= 0:
        return Axis(0.0, max(numbers) or 1.0, is_square_root=True)
    return Axis(min(numbers), max(numbers), is_square_root=False)


def draw_row(entry: Entry, reference: Entry | None, axis: Axis, card: MetricCard) -> Markup:
    """One row: the reference as band, or as line and interval; the entry's interval as bar, its value as dot."""
    marks: list[Markup] = []
    if reference is not None:
        marks.extend(_reference_marks(reference, axis, card))
    measured = entry.measured(card.name)
    if measured["value"] is not None:
        marks.extend(_entry_marks(measured, axis))
    return _svg("drawing", marks)


def draw_small(measured: dict[str, Any], axis: Axis, drawn: Mapping[str, float] | None) -> Markup:
    """A line as wide as its column, under a number: the interval as bar, the value as tick, other real eyes as band.

    Args:
        measured: one metric of one entry.
        axis: of the whole column.
        drawn: what other real eyes score in the metric, where somebody drew them.
    """
    if measured["value"] is None:
        return Markup("")
    marks = [_band((drawn["low"], drawn["high"]), axis)] if drawn else []
    if measured["uncertainty"]:
        low, high = (_at(axis, bound) for bound in measured["uncertainty"]["interval"])
        marks.append(Markup('<line x1="{}%" x2="{}%" y1="50%" y2="50%"/>').format(low, high))
    marks.append(
        Markup('<line class="tick" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>').format(_at(axis, measured["value"]))
    )
    return _svg("small", marks)


def draw_axis(axis: Axis) -> Markup:
    """The head of the column: tick labels at their places."""
    labels = [
        Markup('<text x="{}%" y="50%" dy="0.35em" text-anchor="middle">{}</text>').format(_at(axis, tick), plain(tick))
        for tick in axis.ticks()
    ]
    return _svg("drawing axis", labels)


def _numbers(entry: Entry, card: MetricCard) -> list[float]:
    measured = entry.measured(card.name)
    if measured["value"] is None:
        return []
    bounds = [*(measured["uncertainty"]["interval"] if measured["uncertainty"] else []), *_drawn_band(measured)]
    # An interval may reach below the least possible value; the axis does not.
    floor = [max(bound, 0.0) for bound in bounds] if card.best == 0 and card.direction == "lower" else bounds
    return [measured["value"], *floor]


def _drawn_band(measured: dict[str, Any]) -> list[float]:
    """Where 95 % of the draws of other real eyes lie; empty where nobody drew."""
    drawn = measured.get("reference")
    return [drawn["low"], drawn["high"]] if drawn else []


def _reference_marks(reference: Entry, axis: Axis, card: MetricCard) -> list[Markup]:
    """The draws of other real eyes as a band, or, where nobody drew, one value as a line with its interval."""
    measured = reference.measured(card.name)
    if drawn := _drawn_band(measured):
        return [_band(drawn, axis)]
    marks: list[Markup] = []
    if measured["uncertainty"]:
        marks.append(_band(measured["uncertainty"]["interval"], axis))
    line = Markup('<line class="reference" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>')
    marks.append(line.format(_at(axis, measured["value"])))
    return marks


def _band(bounds: Sequence[float], axis: Axis) -> Markup:
    low, high = (axis.percent(bound) for bound in bounds)
    return Markup('<rect class="band" x="{}%" y="0" width="{}%" height="100%"/>').format(_two(low), _two(high - low))


def _entry_marks(measured: dict[str, Any], axis: Axis) -> list[Markup]:
    """Marks in an inner drawing whose y = 0 lies at the height of the value's text."""
    marks = [Markup('<svg y="{}em">').format(MARK_HEIGHT_EM)]
    if measured["uncertainty"]:
        low, high = (_at(axis, bound) for bound in measured["uncertainty"]["interval"])
        marks.append(Markup('<line class="bar" x1="{}%" x2="{}%" y1="0" y2="0"/>').format(low, high))
        end = Markup('<line class="bar" x1="{0}%" x2="{0}%" y1="-5" y2="5"/>')
        marks.extend(end.format(place) for place in (low, high))
    marks.append(Markup('<circle class="dot" cx="{}%" cy="0" r="3"/>').format(_at(axis, measured["value"])))
    return [*marks, Markup("</svg>")]


def _svg(classes: str, marks: Sequence[Markup]) -> Markup:
    """The text of the neighbouring cell says the same, so that readers of a screen skip the drawing."""
    opening = Markup('<svg class="{}" aria-hidden="true" focusable="false">').format(classes)
    return opening + Markup("").join(marks) + Markup("</svg>")


def _at(axis: Axis, value: float) -> str:
    return _two(axis.percent(value))


def _two(percent: float) -> str:
    return f"{percent:.2f}"
