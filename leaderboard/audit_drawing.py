"""Small multiples of an audit, made at build time: one panel for each metric and degradation.

All panels read alike whatever the metric's direction: up is worse than a copy of the truth, down is better, and the
height is the square root of the difference, so that mild doses are seen beside strong ones. Panels of one metric share
one scale. Only our own numbers enter the SVG; its colours are the stylesheet's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 120.0, 60.0
MARGIN = 7.0
"""Units of the drawing, which fills the width of its panel."""


@dataclass(frozen=True)
class Scale:
    """The vertical scale of one metric: differences from the truth copy, worse upwards.

    Attributes:
        low: the best difference to be shown, 0 or less.
        high: the worst, above ``low``.
    """

    low: float
    high: float

    def y(self, harm: float) -> float:
        """Height in the drawing, from its upper edge; values outside are put at the ends."""
        low, at, high = (signed_root(min(max(v, self.low), self.high)) for v in (self.low, harm, self.high))
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (at - low) / (high - low)


def make_scale(harms: Sequence[float]) -> Scale:
    """The scale that holds every difference of one metric, and no difference at all."""
    low, high = min([0.0, *harms]), max([0.0, *harms])
    return Scale(low, high if high > low else low + 1.0)


def signed_root(value: float) -> float:
    """Square root with the sign kept.

    >>> signed_root(-4.0), signed_root(9.0)
    (-2.0, 3.0)
    """
    return math.copysign(math.sqrt(abs(value)), value)


def draw_panel(
    harms: Sequence[float | None],
    scale: Scale,
    *,
    tolerance: float,
    reference: float | None,
    is_declared: bool,
    label: str,
) -> Markup:
    """One panel: the truth's line, what counts as no change, other real eyes, and the doses from mild to strong.

    Args:
        harms: difference at each dose, worse is positive; None leaves a gap.
        scale: of the metric.
        tolerance: half the height of the band around the truth's line.
        reference: difference of other real eyes; None draws none.
        is_declared: whether the card promised anything here: filled marks, else hollow ones.
        label: the panel in words, for readers of a screen.
    """
    points = [(_x(i + 1, len(harms)), scale.y(harm)) for i, harm in enumerate(harms) if harm is not None]
    marks = [_band(scale, tolerance), _level("truth-line", scale.y(0.0))]
    if reference is not None:
        marks.append(_level("reference", scale.y(reference)))
    path = " ".join(f"{_one(x)},{_one(y)}" for x, y in [(_x(0, len(harms)), scale.y(0.0)), *points])
    marks.append(Markup('<polyline class="course" points="{}"/>').format(path))
    kind = "dose declared" if is_declared else "dose"
    marks += [Markup('<circle class="{}" cx="{}" cy="{}" r="3"/>').format(kind, _one(x), _one(y)) for x, y in points]
    opening = Markup('<svg class="panel-drawing" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">')
    return opening.format(WIDTH, HEIGHT, label) + Markup("").join(marks) + Markup("</svg>")


def _band(scale: Scale, tolerance: float) -> Markup:
    top, bottom = scale.y(tolerance), scale.y(-tolerance)
    band = Markup('<rect class="tolerance" x="0" y="{}" width="{:g}" height="{}"/>')
    return band.format(_one(top), WIDTH, _one(max(bottom - top, 0.0)))


def _level(kind: str, y: float) -> Markup:
    return Markup('<line class="{0}" x1="0" x2="{1:g}" y1="{2}" y2="{2}"/>').format(kind, WIDTH, _one(y))


def _x(step: int, steps: int) -> float:
    """Place of the ``step``-th dose of ``steps``, evenly apart; step 0 is the truth."""
    return MARGIN + (WIDTH - 2 * MARGIN) * step / steps


def _one(number: float) -> str:
    return f"{number:.1f}"
