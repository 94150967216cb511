"""Best, middle and worst eye of one entry, with pictures: a part of the entry's page.

Only what `pictures.json` tells: eyes under neutral names, values that may be public. Called by
`leaderboard.entry_pages`.
"""

from __future__ import annotations

from dataclasses import dataclass

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_pictures import BoardPictures, ShownVolume
from fundus2oct.leaderboard.number_text import counted, fixed
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.leaderboard.viewer_page import eye_words

WHICH = {"best": "Best", "median": "Middle", "worst": "Worst"}


@dataclass(frozen=True, kw_only=True)
class ShownCase:
    """One eye of the section: what it stands for, its value, truth and entry, and its place in the viewer."""

    which: str
    words: str
    value: str
    truth: ShownVolume
    drawn: ShownVolume
    link: str


@dataclass(frozen=True, kw_only=True)
class CasesView:
    """The pictures of an entry's page.

    Attributes:
        metric: by which best and worst were found; empty where no value per case is told.
        direction: of the metric.
        n: cases that have a value, in words.
        cases: best, middle and worst; empty where no value per case is told.
        link: the viewer, opened at this entry.
        licences: under which its pictures stand.
    """

    metric: str
    metric_page: str
    n: str
    cases: tuple[ShownCase, ...]
    link: str
    licences: str


def view_cases(row: Row, board: Board, pictures: BoardPictures | None) -> CasesView | None:
    """The section of one entry; None where the board has no pictures of it."""
    if pictures is None or not pictures.has(row):
        return None
    told = pictures.entry(row)["cases"]
    card = next((card for card in board.cards if told and card.name == told["metric"]), None)
    return CasesView(
        metric=card.abbreviation if card else "",
        metric_page=f"metrics/{card.name}.html" if card else "",
        n=counted(told["n"], "eye") if told else "",
        cases=tuple(_cases(row, pictures, card.decimals)) if card else (),
        link=pictures.link(row, eye=pictures.eyes[0]["id"]),
        licences=", ".join(pictures.entry(row)["licences"]),
    )


def _cases(row: Row, pictures: BoardPictures, decimals: int) -> list[ShownCase]:
    told = pictures.entry(row)["cases"]
    numbered = {eye["id"]: (number, eye) for number, eye in enumerate(pictures.eyes, start=1)}
    cases = []
    for which, title in WHICH.items():
        number, eye = numbered[told[which]["eye"]]
        drawn = pictures.volume(eye, row)
        if drawn is not None:
            case = ShownCase(
                which=title,
                words=eye_words(eye, number),
                value=fixed(told[which]["value"], decimals),
                truth=pictures.truth(eye),
                drawn=drawn,
                link=pictures.link(row, eye=eye["id"]),
            )
            cases.append(case)
    return cases
