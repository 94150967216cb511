"""Two numbers against each other as points with names: one metric against another, or two entries case by case.

Drawn at build time in a picture of fixed size that scales as a whole. Marks differ in shape, not in colour alone; a
name is put where it covers no mark and no other name, and left out where there is no such place: the table beside the
drawing has them all. Names are escaped, everything else is our own numbers.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fundus2oct.leaderboard.number_text import plain

WIDTH, HEIGHT = 680.0, 440.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 20.0, 16.0, 52.0
"""Room around the field, for ticks and the names of the axes."""

FONT = 13.0
LINE = 17.0
LONGEST_NAME = 26
MOST_NAMES = 60
"""More would leave no room for the marks."""
MARK = 5.0
"""Half the width of a mark."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One mark.

    Attributes:
        x, y: its values.
        name: what it is; empty for none.
        shape: ``dot`` (filled), ``ring`` (hollow), ``diamond``, or ``speck`` for one of very many.
    """

    x: float
    y: float
    name: str = ""
    shape: str = "dot"


@dataclass(frozen=True)
class Box:
    """A rectangle that something covers."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether the two share more than an edge."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A name in its place, with a thread to its mark where it stands apart from it."""

    text: str
    box: Box
    mark: tuple[float, float]
    has_thread: bool


@dataclass(frozen=True, kw_only=True)
class Range:
    """One axis: what it shows and from where to where.

    Attributes:
        title: what it shows, with its unit.
        low, high: its ends; equal ends are drawn as a middle.
        is_square_root: whether it is drawn so, which keeps small values apart.
    """

    title: str
    low: float
    high: float
    is_square_root: bool = False

    def share(self, value: float) -> float:
        """Place of ``value`` between the ends, 0 to 1."""
        low, at, high = (math.sqrt(v) if self.is_square_root else v for v in (self.low, value, self.high))
        return (at - low) / (high - low) if high > low else 0.5

    def ticks(self) -> tuple[float, ...]:
        """Round values between the ends, far enough apart to be read."""
        kept: list[float] = []
        for value in self._round_values():
            if not kept or self.share(value) - self.share(kept[-1]) >= 0.11:
                kept.append(value)
        return tuple(kept)

    def _round_values(self) -> Iterator[float]:
        if self.is_square_root:
            scale = 10.0 ** math.floor(math.log10(self.high))
            series = (float(f"{m * share * scale:.12g}") for share in (0.01, 0.1, 1.0) for m in (1, 2, 5))
            yield from (value for value in (0.0, *series) if value <= self.high)
            return
        step = _round_step((self.high - self.low) / 6)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        yield from (float(f"{i * step:.12g}") for i in range(first, last + 1))


def make_range(values: Sequence[float], title: str, *, is_square_root: bool = False) -> Range:
    """The axis that holds ``values`` with a little room at both ends."""
    low, high = min(values), max(values)
    if is_square_root:
        return Range(title=title, low=0.0, high=high * 1.05 or 1.0, is_square_root=True)
    room = (high - low) * 0.06 or abs(high) * 0.06 or 1.0
    return Range(title=title, low=low - room, high=high + room)


def draw_scatter(points: Sequence[Point], x: Range, y: Range, *, label: str, diagonal: bool = False) -> Markup:
    """The whole drawing.

    Args:
        points: the marks; a later one is drawn over an earlier one.
        x: the axis across.
        y: the axis upwards.
        label: what the drawing shows, for readers of a screen.
        diagonal: whether to draw the line on which both numbers are equal.
    """
    opening = Markup('<svg class="scatter" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
        plain(WIDTH), plain(HEIGHT), label
    )
    marks = [opening, *_draw_axes(x, y)]
    if diagonal:
        marks.append(_draw_diagonal(x, y))
    marks.extend(_draw_name(placed) for placed in place_names(points, x, y))
    marks.extend(_draw_marks(points, x, y))
    return Markup("").join([*marks, Markup("</svg>")])


def place_names(points: Sequence[Point], x: Range, y: Range) -> tuple[Placed, ...]:
    """Every name that finds a place: beside its mark, else further off on a thread; those of earlier points first."""
    centres = [_at(point, x, y) for point in points]
    taken = [Box(cx - MARK, cy - MARK, cx + MARK, cy + MARK) for cx, cy in centres]
    placed: list[Placed] = []
    for point, centre in list(zip(points, centres, strict=True))[:MOST_NAMES]:
        text = shortened(point.name)
        found = next((p for p in _places(text, centre) if text and _is_free(p.box, taken)), None)
        if found is not None:
            taken.append(found.box)
            placed.append(found)
    return tuple(placed)


def _places(text: str, mark: tuple[float, float]) -> Iterator[Placed]:
    """Candidate places, the best first: right, left, above, below; then the same further away."""
    width, (cx, cy) = text_width(text), mark
    for distance in (MARK + 4, 22.0, 40.0, 60.0, 84.0):
        offsets = (
            (distance, -LINE / 2),
            (-distance - width, -LINE / 2),
            (-width / 2, -distance - LINE + 4),
            (-width / 2, distance - 4),
            (distance * 0.7, -distance * 0.7 - LINE),
            (distance * 0.7, distance * 0.7),
            (-distance * 0.7 - width, -distance * 0.7 - LINE),
            (-distance * 0.7 - width, distance * 0.7),
        )
        for dx, dy in offsets:
            box = Box(cx + dx, cy + dy, cx + dx + width, cy + dy + LINE)
            yield Placed(text=text, box=box, mark=mark, has_thread=distance > MARK + 4)


def _is_free(box: Box, taken: Sequence[Box]) -> bool:
    inside = box.left >= LEFT and box.right <= WIDTH - 2 and box.top >= 0 and box.bottom <= HEIGHT - BOTTOM
    return inside and not any(box.meets(other) for other in taken)


def text_width(text: str) -> float:
    """A width that ``text`` does not pass in any common face: wide characters count as a whole em."""
    ems = sum(1.05 if unicodedata.east_asian_width(c) in "WF" else 0.9 if c in "MW@%mw" else 0.62 for c in text)
    return ems * FONT


def shortened(name: str) -> str:
    """A name that fits beside a mark or an axis."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"


def _round_step(least: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is not below ``least``."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next(m * power for m in (1, 2, 5, 10) if m * power >= least * (1 - 1e-9))


def _at(point: Point, x: Range, y: Range) -> tuple[float, float]:
    across = LEFT + x.share(point.x) * (WIDTH - LEFT - RIGHT)
    return round(across, 2), round(_height(y, point.y), 2)


def _height(y: Range, value: float) -> float:
    return HEIGHT - BOTTOM - y.share(value) * (HEIGHT - TOP - BOTTOM)


def _draw_axes(x: Range, y: Range) -> Iterator[Markup]:
    """Two rules, ticks with their values, and what each axis shows."""
    foot, end = HEIGHT - BOTTOM, WIDTH - RIGHT
    yield Markup('<path class="rule" d="M{0} {1}V{2}H{3}"/>').format(LEFT, TOP, foot, end)
    for value in x.ticks():
        at = f"{LEFT + x.share(value) * (end - LEFT):.1f}"
        yield Markup('<path class="rule" d="M{} {}v5"/>').format(at, foot)
        yield Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(at, foot + 19, plain(value))
    for value in y.ticks():
        at = f"{_height(y, value):.1f}"
        yield Markup('<path class="rule" d="M{} {}h-5"/>').format(LEFT, at)
        yield Markup('<text x="{}" y="{}" dy="0.35em" text-anchor="end">{}</text>').format(LEFT - 9, at, plain(value))
    title = Markup('<text class="axis-title" x="{}" y="{}" text-anchor="middle">{}</text>')
    yield title.format((LEFT + end) / 2, HEIGHT - 10, x.title)
    turned = Markup('<text class="axis-title" transform="translate(14 {}) rotate(-90)" text-anchor="middle">{}</text>')
    yield turned.format((TOP + foot) / 2, y.title)


def _draw_diagonal(x: Range, y: Range) -> Markup:
    """Where both axes are the same: the line of equal numbers."""
    low, high = (_at(Point(x=end, y=end), x, y) for end in (max(x.low, y.low), min(x.high, y.high)))
    return Markup('<path class="diagonal" d="M{} {}L{} {}"/>').format(*low, *high)


def _draw_name(placed: Placed) -> Markup:
    box, (cx, cy) = placed.box, placed.mark
    thread = Markup("")
    if placed.has_thread:
        near = min(max(cx, box.left), box.right), min(max(cy, box.top), box.bottom)
        thread = Markup('<path class="thread" d="M{} {}L{:.1f} {:.1f}"/>').format(cx, cy, *near)
    name = Markup('<text class="point" x="{:.1f}" y="{:.1f}">{}</text>')
    return thread + name.format(box.left, box.bottom - 4.5, placed.text)


def _draw_marks(points: Sequence[Point], x: Range, y: Range) -> Iterator[Markup]:
    """All marks of one shape in one path, so that a thousand cases stay small."""
    shapes = {
        "dot": "M{} {}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0",
        "ring": "M{} {}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0",
        "diamond": "M{} {}m-5 0l5-5l5 5l-5 5z",
        "speck": "M{} {}m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
    }
    for shape, path in shapes.items():
        drawn = "".join(path.format(*_at(point, x, y)) for point in points if point.shape == shape)
        if drawn:
            yield Markup('<path class="{}" d="{}"/>').format(shape, drawn)
