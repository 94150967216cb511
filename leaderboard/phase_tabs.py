"""The boards that a reader may want beside this one: other phases of the same dataset. Called by `board_pages`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fundus2oct.leaderboard.board import Board


@dataclass(frozen=True)
class PhaseTab:
    """One board of a dataset.

    Attributes:
        slug: name of its folder.
        text: its phase, with the split and the container where the phase alone would not tell two boards apart.
        is_here: whether it is the board of this page.
    """

    slug: str
    text: str
    is_here: bool


def phase_tabs(board: Board, boards: Sequence[Board]) -> tuple[PhaseTab, ...]:
    """The boards of the dataset of ``board``, itself among them; none where it is the only one."""
    siblings = [other for other in boards if _dataset(other) == _dataset(board)]
    if len(siblings) < 2:
        return ()
    named = {other.slug: _name(other, siblings) for other in siblings}
    return tuple(PhaseTab(other.slug, named[other.slug], is_here=other.slug == board.slug) for other in siblings)


def _dataset(board: Board) -> tuple[str, str]:
    return str(board.dataset["name"]), str(board.dataset["version"])


def _name(board: Board, siblings: Sequence[Board]) -> str:
    """As few words as tell ``board`` from every other: phase, then split, container, and the last resort, its hash."""
    known = 1
    while known < 4 and sum(_words(other)[:known] == _words(board)[:known] for other in siblings) > 1:
        known += 1
    phase, *more = _words(board)[:known]
    return f"{phase} ({', '.join(more)})" if more else phase


def _words(board: Board) -> tuple[str, ...]:
    result = board.any_result
    versions = f"version {board.slug.rsplit('-', 1)[1]}"
    return str(result["phase"]), f"split {board.dataset['split']}", str(result["protocol"]["container"]), versions
