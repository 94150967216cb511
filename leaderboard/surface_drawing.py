"""The two surfaces of one volume as a drawing to lie over its six B-scans: made of our own numbers alone.

It is a file of its own, not part of a page, so that it loads with the picture it belongs to. Its colours are fixed,
since what lies below is always a dark grey picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fundus2oct.benchmark.pictures_file import COLUMN_STEP
from fundus2oct.metrics.scan_geometry import DEPTH, N_BSCANS, WIDTH

COLOURS = {"ilm": "#56b4e9", "bm": "#e69f00"}
"""Told apart without red and green (Okabe and Ito); the ILM is the upper one, whatever its colour."""


def draw_surfaces(volume: Mapping[str, Any]) -> str:
    """SVG of the strip of six B-scans, 448 x 1920 units; surfaces as `pictures.json` has them, gaps where not seen."""
    paths = "".join(
        f'<path stroke="{colour}" d="{"".join(_path(text, frame) for frame, text in enumerate(volume[name]))}"/>'
        for name, colour in COLOURS.items()
    )
    size = f'viewBox="0 0 {WIDTH} {N_BSCANS * DEPTH}" width="{WIDTH}" height="{N_BSCANS * DEPTH}"'
    style = 'fill="none" stroke-width="1.5" stroke-linejoin="round"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{paths}</svg>\n'


def _path(text: str, frame: int) -> str:
    """One surface of one B-scan: absolute where it begins, then steps to the next column.

    >>> _path("10 11.5 - 12", 1)
    'M0.5 330.5l4 1.5M12.5 332.5'
    """
    parts, before = [], None
    for number, word in enumerate(text.split()):
        if word == "-":
            before = None
            continue
        y = float(word) + 0.5 + frame * DEPTH
        step = f"M{number * COLUMN_STEP + 0.5:g} {y:g}"
        parts.append(step if before is None else f"l{COLUMN_STEP} {y - before:g}")
        before = y
    return "".join(parts)
