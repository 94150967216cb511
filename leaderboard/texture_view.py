"""Texture and coherence of one entry: is it as grainy, as fine, and as much of one piece as a real scan?

Ratios of generated to real, from the record's `texture` table; nothing is measured here. Called by the view of an
entry. A blurred volume wins pixel metrics, so that this section is where its price is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fundus2oct.leaderboard.forest_drawing import Forest, Mark, draw_forest, ratio_scale

AS_REAL = (0.8, 1.25)
"""A ratio between these is called as real; one bound is the inverse of the other."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One ratio of a record: its name, and what it means to lie below or above the real one."""

    label: str
    below: str
    above: str


RATIOS = {
    "speckle_contrast_ratio": Ratio(label="Strength of the speckle", below="blurred", above="too grainy"),
    "fine_power_ratio": Ratio(label="Power of fine detail", below="blurred", above="too grainy"),
    "radial_disagreement_ratio": Ratio(
        label="Disagreement of the six lines", below="smoother than real", above="lines disagree"
    ),
}
"""Key of a record -> how it is read, in the order of the page."""


@dataclass(frozen=True, kw_only=True)
class TextureView:
    """The section "Texture and coherence" of an entry.

    Attributes:
        drawing: the ratios that have a value; None when none has.
        unknown: names of the ratios without a value.
    """

    drawing: Forest | None
    unknown: tuple[str, ...]


def view_texture(result: Mapping[str, Any]) -> TextureView | None:
    """The section of a record; None for a record from before texture was measured."""
    told = result.get("texture")
    if told is None:
        return None
    known = {name: told[name] for name in RATIOS if told.get(name) is not None}
    return TextureView(
        drawing=_draw(known) if known else None,
        unknown=tuple(ratio.label for name, ratio in RATIOS.items() if name not in known),
    )


def verdict(value: float, ratio: Ratio) -> str:
    """A ratio in words.

    >>> verdict(0.4, RATIOS["fine_power_ratio"]), verdict(1.1, RATIOS["fine_power_ratio"])
    ('blurred', 'as real')
    """
    low, high = AS_REAL
    if low <= value <= high:
        return "as real"
    return ratio.below if value < low else ratio.above


def _draw(known: Mapping[str, float]) -> Forest:
    marks = [
        Mark(
            label=RATIOS[name].label,
            told=f"{_ratio_text(value)}, {verdict(value, RATIOS[name])}",
            value=value,
        )
        for name, value in known.items()
    ]
    return draw_forest(
        marks,
        ratio_scale(list(known.values())),
        caption="Ratio of generated to real on a logarithmic axis; the line at 1 is real, the band is called as real",
        below="less than real",
        above="more than real",
        band=AS_REAL,
    )


def _ratio_text(value: float) -> str:
    """Three digits, and never an exponent for what lies within a factor of a thousand.

    >>> _ratio_text(0.96), _ratio_text(28.04), _ratio_text(0.0123)
    ('0.96', '28', '0.012')
    """
    return f"{value:.2f}" if 0.1 <= value < 10 else f"{value:.2g}"
