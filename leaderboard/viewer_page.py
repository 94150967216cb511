"""The viewer's page: truth beside two entries for one eye, made of the pictures that `bench pictures` left.

The page holds all that its script needs as attributes of its own controls, since a page opened from a file may ask for
nothing else. Without the script it shows the first eye, every entry beside the truth. Called by `leaderboard.pages`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_pictures import EYE_NAMES, BoardPictures, ShownVolume, picture_files
from fundus2oct.leaderboard.number_text import counted, fixed
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.leaderboard.rendering import Files, Renderer
from fundus2oct.leaderboard.safe_text import visible
from fundus2oct.metrics.scan_geometry import ANGLES_DEG, N_BSCANS, end_labels

END_NAMES = {"S": "superior", "I": "inferior", "N": "nasal", "T": "temporal"}
SCALE_BAR_UM = 1000.0
ORACLE_KINDS = ("oracle", "degraded-truth")
NOTHING = "-"
"""Where the script finds no number."""


@dataclass(frozen=True, kw_only=True)
class LineView:
    """One scan line in the photograph, in its pixels."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, kw_only=True)
class SourceView:
    """What one source, the truth or an entry, made of one eye; ``volume`` is None where it failed."""

    volume: ShownVolume | None
    central: str
    value: str


@dataclass(frozen=True, kw_only=True)
class EyeView:
    """One eye.

    Attributes:
        name: neutral, such as ``eye-03``.
        words: such as ``Eye 3, right eye``.
        side: L or R.
        photograph: path of the picture in the site.
        width, height: of the photograph.
        lines: the six scan lines.
        scale_bar: length of a millimetre in pixels of the photograph.
        notes: what was assumed, and the licences.
        truth: the real volume.
        entries: in the order of the page's rows.
    """

    name: str
    words: str
    side: str
    photograph: str
    width: int
    height: int
    lines: tuple[LineView, ...]
    scale_bar: float
    notes: str
    truth: SourceView
    entries: tuple[SourceView, ...]

    @property
    def line_numbers(self) -> str:
        """The lines as one attribute for the script."""
        return " ".join(f"{v:g}" for line in self.lines for v in (line.x1, line.y1, line.x2, line.y2))

    @property
    def centrals(self) -> str:
        """Central thickness of the truth and of each entry, for the script."""
        return " ".join(source.central or NOTHING for source in (self.truth, *self.entries))

    @property
    def values(self) -> str:
        """Values of each entry, for the script; the truth has none."""
        return " ".join(source.value or NOTHING for source in (self.truth, *self.entries))

    @property
    def missing(self) -> str:
        """Positions of the entries that failed in this eye, for the script; the truth has 0."""
        return " ".join(str(i) for i, source in enumerate(self.entries, start=1) if source.volume is None)


@dataclass(frozen=True, kw_only=True)
class ViewerView:
    """Everything that the viewer's template shows beside the board itself.

    Attributes:
        rows: the board's rows with pictures.
        licences: of each row's pictures.
        eyes: in order.
        folder: of the pictures, below the root of the site.
        ends: eye side -> what lies at both ends of each of the six lines, for the script.
        angles: of the six lines.
        metric: abbreviation of the value that is told of an eye, empty where none is.
        left, right: the rows that stand there at first.
        about: which eyes these are and how the pictures were reduced.
    """

    rows: tuple[Row, ...]
    licences: tuple[str, ...]
    eyes: tuple[EyeView, ...]
    folder: str
    ends: Mapping[str, str]
    angles: tuple[str, ...]
    metric: str
    left: int
    right: int
    about: tuple[str, ...]


def viewer_pages(renderer: Renderer, board: Board) -> Files:
    """The viewer of ``board`` and its pictures, where there are any."""
    pictures = renderer.site.pictures_of(board)
    if pictures is None:
        return
    path = f"boards/{board.slug}/viewer.html"
    yield path, renderer.page("viewer.html", path=path, board=board, view=view_pictures(pictures, board))
    yield from picture_files(pictures)


def view_pictures(pictures: BoardPictures, board: Board) -> ViewerView:
    """Turn the pictures of a board into the text of its viewer."""
    left, right = _first_pair(pictures.rows)
    metric = _metric(pictures)
    cards = {card.name: card for card in (*board.cards, *board.other_cards)}
    card = cards.get(metric)
    decimals = card.decimals if card else 4
    return ViewerView(
        rows=pictures.rows,
        licences=tuple(visible(", ".join(pictures.entry(row)["licences"])) for row in pictures.rows),
        eyes=tuple(_eye(pictures, eye, number, decimals) for number, eye in enumerate(pictures.eyes, start=1)),
        folder=pictures.site_folder,
        ends={side: " ".join("/".join(end_labels(frame, side)) for frame in range(N_BSCANS)) for side in EYE_NAMES},
        angles=tuple(f"{angle:g}°".replace("-", "−") for angle in ANGLES_DEG),
        metric=card.abbreviation if card else "",
        left=left,
        right=right,
        about=_about(pictures, card.abbreviation if card else ""),
    )


def _metric(pictures: BoardPictures) -> str:
    told = [pictures.entry(row)["cases"] for row in pictures.rows]
    return next((cases["metric"] for cases in told if cases), "")


def _eye(pictures: BoardPictures, eye: dict[str, Any], number: int, decimals: int) -> EyeView:
    photograph, scan = eye["photograph"], eye["scan"]
    return EyeView(
        name=eye["id"],
        words=eye_words(eye, number),
        side=eye["side"],
        photograph=pictures.photograph(eye),
        width=photograph["width"],
        height=photograph["height"],
        lines=tuple(LineView(x1=x1, y1=y1, x2=x2, y2=y2) for x1, y1, x2, y2 in scan["lines"]),
        scale_bar=round(SCALE_BAR_UM / scan["um_per_px"], 1),
        notes=visible(_notes(eye)),
        truth=_source(pictures.truth(eye), decimals),
        entries=tuple(_source(pictures.volume(eye, row), decimals) for row in pictures.rows),
    )


def eye_words(eye: Mapping[str, Any], number: int) -> str:
    """An eye for readers: its number among those shown, and its side."""
    return f"Eye {number}, {EYE_NAMES[eye['side']]}"


def _source(volume: ShownVolume | None, decimals: int) -> SourceView:
    if volume is None:
        return SourceView(volume=None, central="", value="")
    central, value = volume.told["central_um"], volume.told["value"]
    return SourceView(
        volume=volume,
        central="" if central is None else fixed(central, 0),
        value="" if value is None else fixed(value, decimals),
    )


def _notes(eye: Mapping[str, Any]) -> str:
    """Sentences without the last full stop: what was assumed about the lines, and the licences."""
    licence = eye["licence"]
    same = licence["fundus"] == licence["oct"]
    told = licence["oct"] if same else f"photograph {licence['fundus']}, OCT {licence['oct']}"
    return ". ".join(text[0].upper() + text[1:] for text in (*eye["scan"]["notes"], f"licence: {told}"))


def _first_pair(rows: Sequence[Row]) -> tuple[int, int]:
    """Which two rows are shown at first: ranked ones, then what else a generator drew, then oracles."""
    order = sorted(range(len(rows)), key=lambda i: (rows[i].rank is None, rows[i].entry.kind in ORACLE_KINDS, i))
    return order[0], order[min(1, len(order) - 1)]


def _about(pictures: BoardPictures, metric: str) -> tuple[str, ...]:
    dataset, made = pictures.document["dataset"], pictures.document["made"]
    picked = f", and of each entry the best, the middle and the worst by {metric}" if metric else ""
    return (
        f"Shown are {counted(len(pictures.eyes), 'eye')} of {dataset['eyes_in_split']}: the first of the split’s "
        f"table{picked}. None was chosen by hand.",
        f"The pictures are reduced and lossy: WebP, quality {made['quality']} for B-scans and "
        f"{made['photograph_quality']} for photographs, {made['bytes'] / 1e6:.1f} MB in all. No number of this site "
        "was measured on them.",
    )
