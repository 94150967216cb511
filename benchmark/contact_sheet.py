"""A dataset's cases as one picture: the photograph with its six scan lines, and the six B-scans they name.

`case_sheet` shows one case at the full size of its volume, `overview_sheet` several cases in rows. Called by
`bench data show`; reading is `benchmark.dataset`, the place of the lines is `benchmark.scan_place`.
"""

from __future__ import annotations

import math
from dataclasses import replace

from PIL import Image, ImageDraw, ImageFont

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.scan_place import Point, ScanPlace, line_ends, scan_place
from fundus2oct.metrics.scan_geometry import ANGLES_DEG, AXIAL_UM, DEPTH, LATERAL_UM, WIDTH, end_labels

BACKGROUND = "#12161b"
PANEL = "#1d232b"
TEXT = "#eef2f6"
FAINT = "#9fb0c0"
LINE_COLOURS = ("#ffffff", "#ffe14d", "#7ae582", "#4cc9f0", "#b79cff", "#ff8fc7")
"""One colour a scan line, light enough for the red of a fundus and the black of an OCT."""

EYE_NAMES = {"L": "left eye (OS)", "R": "right eye (OD)"}
MARGIN, GAP, TITLE = 28, 12, 92
LABEL = 30
SMOOTH = 3
"""Lines are drawn this many times larger and reduced, so that slanted ones are not jagged."""

CENTRE_GAP_UM = 260.0
"""Radius around the scan centre that the lines leave free: the fovea is what one wants to see."""

ROW = 216
"""Height of a row of the overview, pixels."""


def case_sheet(dataset: Dataset, case: Case) -> Image.Image:
    """One case: the photograph at the left, the six B-scans at their own size at the right."""
    panel = DEPTH + LABEL
    side = 2 * panel + GAP
    sheet = Image.new("RGB", (2 * MARGIN + side + 3 * (WIDTH + GAP), TITLE + side + LABEL + MARGIN), BACKGROUND)
    fundus = Image.fromarray(dataset.fundus(case))
    place = scan_place(case, width=fundus.width, height=fundus.height)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 20), case.case_id, fill=TEXT, font=_font(30))
    draw.text((MARGIN, 58), _caption(dataset, case), fill=FAINT, font=_font(18))
    sheet.paste(_photograph(fundus, place, side), (MARGIN, TITLE))
    for frame, bscan in enumerate(_bscans(dataset, case)):
        across, down = frame % 3, frame // 3
        corner = (MARGIN + side + GAP + across * (WIDTH + GAP), TITLE + down * (panel + GAP))
        sheet.paste(_bscan_panel(bscan, frame, case.eye), corner)
    notes = [*place.notes, "numbers stand at the last column of each B-scan; S N I T: superior nasal inferior temporal"]
    draw.text((MARGIN, TITLE + side + GAP), " · ".join(notes), fill=FAINT, font=_font(15))
    return sheet


def overview_sheet(dataset: Dataset, cases: tuple[Case, ...]) -> Image.Image:
    """Several cases, one a row: the photograph and the six B-scans at a smaller size."""
    width = round(ROW * WIDTH / DEPTH)
    across = 2 * MARGIN + ROW + len(ANGLES_DEG) * (width + 4)
    sheet = Image.new("RGB", (across, TITLE + len(cases) * (ROW + LABEL + GAP) + MARGIN), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 20), f"{dataset.name} {dataset.version}", fill=TEXT, font=_font(30))
    draw.text((MARGIN, 58), f"{dataset.title}: {len(cases)} of {len(dataset.cases)} cases", fill=FAINT, font=_font(18))
    for number, case in enumerate(cases):
        top = TITLE + number * (ROW + LABEL + GAP)
        sheet.paste(_overview_row(dataset, case, across - 2 * MARGIN, width), (MARGIN, top))
    return sheet


def spread_cases(dataset: Dataset, count: int) -> tuple[Case, ...]:
    """At most ``count`` cases taken evenly from all, sorted by split and case id."""
    cases = sorted(dataset.cases, key=lambda case: (dataset.splits.index(case.split), case.case_id))
    steps = min(count, len(cases))
    return tuple(cases[i * len(cases) // steps] for i in range(steps))


def _overview_row(dataset: Dataset, case: Case, across: int, width: int) -> Image.Image:
    row = Image.new("RGB", (across, ROW + LABEL), BACKGROUND)
    fundus = Image.fromarray(dataset.fundus(case))
    place = scan_place(case, width=fundus.width, height=fundus.height)
    draw = ImageDraw.Draw(row)
    draw.text((0, 4), f"{case.case_id}   {EYE_NAMES[case.eye]} · {case.split}", fill=TEXT, font=_font(16))
    row.paste(_photograph(fundus, place, ROW), (0, LABEL))
    for frame, bscan in enumerate(_bscans(dataset, case)):
        left = ROW + 4 + frame * (width + 4)
        if bscan is not None:
            row.paste(bscan.resize((width, ROW), Image.Resampling.LANCZOS), (left, LABEL))
        _frame_label(draw, (left + 6, LABEL + 4), frame, size=14)
    if not case.has_truth:
        draw.text((ROW + 24, LABEL + ROW // 2), "no truth in this copy", fill=FAINT, font=_font(16))
    return row


def _caption(dataset: Dataset, case: Case) -> str:
    return f"{EYE_NAMES[case.eye]} · split {case.split} · {dataset.name} {dataset.version}"


def _bscans(dataset: Dataset, case: Case) -> list[Image.Image | None]:
    if not case.has_truth:
        return [None] * len(ANGLES_DEG)
    return [Image.fromarray(bscan) for bscan in dataset.volume(case)]


def _photograph(fundus: Image.Image, place: ScanPlace, side: int) -> Image.Image:
    """The photograph fitted into a square, with the six lines, their numbers and a scale bar."""
    scale = side / max(fundus.size)
    small = fundus.resize(
        (max(1, round(fundus.width * scale)), max(1, round(fundus.height * scale))), Image.Resampling.LANCZOS
    )
    left, top = (side - small.width) // 2, (side - small.height) // 2
    square = Image.new("RGB", (side, side), PANEL)
    square.paste(small, (left, top))
    x, y = ((place.x + 0.5) * scale + left, (place.y + 0.5) * scale + top)
    drawn = replace(place, x=x, y=y, um_per_px=place.um_per_px / scale)
    square.paste(lines := _lines(drawn, side), mask=lines)
    draw = ImageDraw.Draw(square)
    for frame, (_, end) in enumerate(line_ends(drawn)):
        _frame_label(draw, _beyond((x, y), end, side), frame, size=max(13, side // 32), anchor="mm")
    _scale_bar(draw, side, 1000 / drawn.um_per_px)
    return square


def _lines(place: ScanPlace, side: int) -> Image.Image:
    """The six lines on a transparent square, each with a dark rim; a dot marks the last column."""
    layer = Image.new("RGBA", (side * SMOOTH, side * SMOOTH))
    draw = ImageDraw.Draw(layer)
    thin = max(1.0, side / 400) * SMOOTH
    for rim, extra in ((True, 1.6 * thin), (False, 0.0)):
        for colour, ends in zip(LINE_COLOURS, line_ends(place), strict=True):
            ink = (0, 0, 0, 110) if rim else colour
            for end in ends:
                start = _towards((place.x, place.y), end, CENTRE_GAP_UM / place.um_per_px)
                draw.line([_larger(start), _larger(end)], fill=ink, width=round(thin + extra))
            x, y = _larger(ends[1])
            radius = 2.2 * thin + extra / 2
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
    return layer.resize((side, side), Image.Resampling.LANCZOS)


def _larger(point: Point) -> Point:
    return point[0] * SMOOTH, point[1] * SMOOTH


def _towards(start: Point, end: Point, distance: float) -> Point:
    """The point at a distance from ``start`` on the way to ``end``."""
    share = distance / max(math.dist(start, end), 1e-9)
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _beyond(centre: Point, end: Point, side: int) -> Point:
    """A little further out than the end of a line, but inside the picture."""
    x, y = _towards(centre, end, math.dist(centre, end) + side / 28)
    return min(max(x, side / 40), side * 39 / 40), min(max(y, side / 40), side * 39 / 40)


def _bscan_panel(bscan: Image.Image | None, frame: int, eye: str) -> Image.Image:
    """One B-scan under its number and angle, the ends named, with scale bars along and across."""
    panel = Image.new("RGB", (WIDTH, DEPTH + LABEL), PANEL)
    draw = ImageDraw.Draw(panel)
    _frame_label(draw, (10, 4), frame, size=18)
    draw.text((WIDTH - 10, 6), f"{ANGLES_DEG[frame]:.0f}°", fill=TEXT, font=_font(17), anchor="ra")
    if bscan is None:
        place = (WIDTH // 2, LABEL + DEPTH // 2)
        draw.text(place, "no truth in this copy", fill=FAINT, font=_font(18), anchor="mm")
        return panel
    panel.paste(bscan, (0, LABEL))
    for text, x, anchor in zip(end_labels(frame, eye), (8, WIDTH - 8), ("la", "ra"), strict=True):
        draw.text((x, LABEL + 6), text, fill=TEXT, font=_font(16), anchor=anchor, stroke_width=2, stroke_fill="black")
    _bscan_scale(draw)
    return panel


def _bscan_scale(draw: ImageDraw.ImageDraw) -> None:
    """Bars of 1 mm along the line and 0.3 mm in depth, at the lower right: the two scales differ."""
    x, y = WIDTH - 14, LABEL + DEPTH - 12
    along, deep = round(1000 / LATERAL_UM), round(300 / AXIAL_UM)
    draw.line([(x - along, y), (x, y), (x, y - deep)], fill=TEXT, width=2)
    draw.text((x - along / 2, y - 4), "1 mm", fill=TEXT, font=_font(13), anchor="ms")
    draw.text((x - 6, y - deep), "0.3 mm", fill=TEXT, font=_font(13), anchor="ra")


def _scale_bar(draw: ImageDraw.ImageDraw, side: int, length: float) -> None:
    left, down = side * 0.03, side * 0.965
    draw.line([(left, down), (left + length, down)], fill="black", width=max(4, side // 120))
    draw.line([(left + 1, down), (left + length - 1, down)], fill=TEXT, width=max(2, side // 240))
    font = _font(max(11, side // 45))
    above = (left + length / 2, down - side / 100)
    draw.text(above, "1 mm", fill=TEXT, font=font, anchor="ms", stroke_width=1, stroke_fill="black")


def _frame_label(draw: ImageDraw.ImageDraw, at: Point, frame: int, *, size: int, anchor: str = "la") -> None:
    colour, font = LINE_COLOURS[frame], _font(size)
    draw.text(at, str(frame), fill=colour, font=font, anchor=anchor, stroke_width=2, stroke_fill="#101010")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
