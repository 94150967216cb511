"""The losses of a training as one picture: a panel for each stage, a line for each loss, drawn with Pillow.

Steps run to the right; the loss stands on a logarithmic scale where all of its values are positive. A thin line is
what was measured, a thick one its running mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from fundus2oct.baselines.training.loss_history import LossHistory

WIDTH, HEIGHT, MARGIN = 960, 300, 56
BACKGROUND, GRID, TEXT = "#ffffff", "#dfe4ea", "#22303c"
COLOURS = ("#0b6fa4", "#c2410c", "#3f7d20", "#7a3e9d", "#8a6d00", "#555555")
SMOOTHING = 25
"""The running mean is over this part of a curve's length: one in so many rows."""

NOT_LOSSES = ("stage", "step", "seconds", "lr")


def draw_losses(history: LossHistory) -> Image.Image:
    """The picture of a history; a panel says so where nothing was measured yet."""
    stages = list(dict.fromkeys(row["stage"] for row in history.rows)) or [""]
    picture = Image.new("RGB", (WIDTH, HEIGHT * len(stages)), BACKGROUND)
    for number, stage in enumerate(stages):
        rows = [row for row in history.rows if row["stage"] == stage]
        picture.paste(_panel(stage, rows), (0, number * HEIGHT))
    return picture


def _panel(stage: str, rows: Sequence[dict[str, Any]]) -> Image.Image:
    panel = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND)
    draw = ImageDraw.Draw(panel)
    font = ImageFont.load_default(13)
    names = [name for name in (rows[0] if rows else {}) if name not in NOT_LOSSES and "gradient" not in name]
    values = [float(row[name]) for row in rows for name in names]
    title = f"{stage}: {rows[-1]['step']} steps, {rows[-1]['seconds']:.0f} s" if rows else "no step yet"
    draw.text((MARGIN, 8), title, fill=TEXT, font=font)
    if not values:
        return panel
    scale = _Scale(min(values), max(values), rows[-1]["step"])
    _grid(draw, scale, font)
    for number, name in enumerate(names):
        colour = COLOURS[number % len(COLOURS)]
        points = [(scale.x(row["step"]), scale.y(float(row[name]))) for row in rows]
        draw.line(points, fill=_pale(colour), width=1)
        draw.line(_smoothed(points), fill=colour, width=3)
        draw.text((WIDTH - MARGIN - 200, 8 + 16 * number), f"{name} {rows[-1][name]:.4g}", fill=colour, font=font)
    return panel


class _Scale:
    """From steps and losses to pixels of a panel."""

    def __init__(self, low: float, high: float, steps: int) -> None:
        self.logarithmic = low > 0 and high > 0
        self.low, self.high = self._level(low), self._level(high)
        if self.high - self.low < 1e-6:
            self.low, self.high = self.low - 0.5, self.high + 0.5
        self._steps = max(1, steps)

    def _level(self, loss: float) -> float:
        return math.log10(loss) if self.logarithmic else loss

    def loss(self, part: float) -> float:
        """The loss at a part of the height, 0 at the bottom."""
        level = self.low + part * (self.high - self.low)
        return float(10**level) if self.logarithmic else level

    def x(self, step: int) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * step / self._steps

    def y(self, loss: float) -> float:
        part = (self._level(loss) - self.low) / (self.high - self.low)
        return HEIGHT - 28 - (HEIGHT - 68) * part


def _grid(draw: ImageDraw.ImageDraw, scale: _Scale, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> None:
    for quarter in range(5):
        loss = scale.loss(quarter / 4)
        y = scale.y(loss)
        draw.line([(MARGIN, y), (WIDTH - MARGIN, y)], fill=GRID)
        draw.text((MARGIN - 6, y), f"{loss:.3g}", fill=TEXT, font=font, anchor="rm")


def _smoothed(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The running mean of a line's heights."""
    reach = max(1, len(points) // SMOOTHING)
    smooth = []
    for place, (x, _) in enumerate(points):
        near = [y for _, y in points[max(0, place - reach) : place + reach + 1]]
        smooth.append((x, sum(near) / len(near)))
    return smooth


def _pale(colour: str) -> str:
    """A colour half-way to white."""
    parts = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{(part + 255 * 2) // 3:02x}" for part in parts)
