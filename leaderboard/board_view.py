"""What the template of a board shows, as plain text cells: no decision is left to the template.

Called by `leaderboard.pages`. The order comes from `leaderboard.ranking`, the judgement from `leaderboard.lead`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fundus2oct.benchmark.submission_file import KINDS
from fundus2oct.leaderboard import interval_drawing
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.interval_drawing import Axis
from fundus2oct.leaderboard.lead import Lead, judge_lead
from fundus2oct.leaderboard.number_text import counted, fixed, interval, percent, plain, shown_value, signed
from fundus2oct.leaderboard.published import Published, PublishedRow, read_published
from fundus2oct.leaderboard.rank_words import (
    SCORE_TITLES,
    opens_tier,
    rank_range,
    ranking_names,
    rule_sentences,
    tier_sentences,
)
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.metrics.metric_card import MetricCard

REDUCED_ISOLATION = ("none", "reduced")
WALLS = {"bubblewrap": "behind walls", "reduced": "reduced walls", "none": "no walls"}
"""Isolation of a run -> its badge; a row that runs nobody's code has none."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One measured value as text.

    Attributes:
        label: heading of its column, repeated where the table is stacked.
        value: the number with the card's decimals, or a dash.
        interval: the interval in brackets; empty when there is none.
        reason: why there is no value; empty when there is one.
        number: the number as printed, for sorting; empty when there is none.
    """

    label: str
    value: str
    interval: str
    reason: str
    number: str = ""


@dataclass(frozen=True, kw_only=True)
class RowView:
    """One row of a board as text."""

    rank: str
    rank_interval: str
    tier: str
    opens_tier: bool
    score: str
    standing: str
    title: str
    team: str
    method: str
    kind: str
    who: str
    marks: str
    notes: tuple[str, ...]
    is_reference: bool
    ranking: Cell
    drawing: Markup
    beyond_reference: str
    others: tuple[tuple[Cell, Markup], ...]
    n_failed: str
    n_expected: str
    day: str
    walls: str


@dataclass(frozen=True, kw_only=True)
class PublishedView:
    """The table of published numbers with one text per metric of the board."""

    told: Published
    rows: tuple[tuple[PublishedRow, tuple[str, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class AnatomyLeader:
    """The ranked row whose centres are nearest to the true thickness, and its error."""

    row: Row
    card: MetricCard
    cell: Cell


@dataclass(frozen=True, kw_only=True)
class BoardView:
    """Everything the template of a board shows beside the board itself."""

    board: Board
    lead: Lead
    leader_cell: Cell | None
    axis: Markup
    axis_is_square_root: bool
    reference: Cell | None
    real_eyes: str
    anatomy_leader: AnatomyLeader | None
    levels: str
    kinds: tuple[str, ...]
    rows: tuple[RowView, ...]
    footnotes: tuple[tuple[str, str], ...]
    policies: tuple[str, ...]
    rule: tuple[str, ...]
    ranking_names: str
    score_title: str
    tiers: tuple[str, ...]
    published: PublishedView


def view_board(board: Board) -> BoardView:
    """Turn ``board`` into text and drawings."""
    card, lead = board.ranking_card, judge_lead(board)
    axes = {
        column.name: interval_drawing.make_axis((row.entry for row in board.rows), column) for column in board.columns
    }
    axis = axes[card.name]
    return BoardView(
        board=board,
        lead=lead,
        leader_cell=make_cell(lead.leaders[0].entry, card) if lead.leaders else None,
        axis=interval_drawing.draw_axis(axis) if axis else Markup(""),
        axis_is_square_root=axis is not None and axis.is_square_root,
        reference=make_cell(board.reference, card) if board.reference else None,
        real_eyes=real_eyes_text(board, card),
        anatomy_leader=_anatomy_leader(board),
        levels=interval_levels([row.entry for row in board.rows], board.columns),
        kinds=KINDS,
        rows=tuple(_view_row(row, board, axes) for row in board.rows),
        footnotes=tuple(_footnotes(board)),
        policies=protocol_texts(board, "failure_policy"),
        rule=rule_sentences(board.ranking),
        ranking_names=ranking_names(board.ranking),
        score_title=SCORE_TITLES.get(board.ranking.rule, ""),
        tiers=tier_sentences(board.rows),
        published=_view_published(board.columns),
    )


def make_cell(entry: Entry, card: MetricCard) -> Cell:
    """One metric of one entry as text."""
    measured = entry.measured(card.name)
    value, uncertainty = measured["value"], measured["uncertainty"]
    has_interval = value is not None and uncertainty is not None
    return Cell(
        label=card.abbreviation,
        value="–" if value is None else fixed(value, card.decimals),
        interval=interval(uncertainty["interval"], card.decimals) if has_interval else "",
        reason=measured["reason"] or "",
        number="" if value is None else repr(shown_value(value, card.decimals)),
    )


def real_eyes_text(board: Board, card: MetricCard) -> str:
    """What other real eyes score, such as "203.1 [185.0, 224.2], 50 draws"; empty where nobody drew them."""
    drawn = board.real_eyes(card)
    if drawn is None:
        return ""
    bounds = interval((drawn["low"], drawn["high"]), card.decimals)
    return f"{fixed(drawn['mean'], card.decimals)} {bounds}, {counted(drawn['draws'], 'draw')}"


def interval_levels(entries: Sequence[Entry], cards: Sequence[MetricCard]) -> str:
    """The confidence levels of the intervals shown, such as "95 %"; empty when there is no interval."""
    uncertain = [entry.measured(card.name)["uncertainty"] for entry in entries for card in cards]
    return " or ".join(percent(level) for level in sorted({u["level"] for u in uncertain if u}))


def protocol_texts(board: Board, key: str) -> tuple[str, ...]:
    """The different texts of one protocol key on a board: one, unless harness versions worded it differently."""
    return tuple(sorted({row.entry.result["protocol"][key] for row in board.rows}))


def _view_row(row: Row, board: Board, axes: Mapping[str, Axis | None]) -> RowView:
    entry, card, cases = row.entry, board.ranking_card, row.entry.result["cases"]
    axis, day = axes[card.name], entry.records[-1].known_since
    return RowView(
        rank="" if row.rank is None else str(row.rank),
        rank_interval=rank_range(row.rank_interval),
        tier="" if row.tier is None else str(row.tier),
        opens_tier=opens_tier(row, board.rows),
        score="–" if row.score is None else fixed(row.score, 2),
        standing=_standing(row),
        title=entry.title,
        team=entry.submission.team,
        method=entry.submission.method,
        kind=entry.kind,
        who=_who(row),
        marks=_marks(row),
        notes=_notes(row, board),
        is_reference=entry is board.reference,
        ranking=make_cell(entry, card),
        drawing=interval_drawing.draw_row(entry, board.reference, axis, card) if axis else Markup(""),
        beyond_reference=_beyond(entry, board),
        others=tuple(
            (make_cell(entry, other), _small_drawing(entry, board, other, axes[other.name]))
            for other in board.columns[1:]
        ),
        n_failed=plain(cases["failed"]),
        n_expected=plain(cases["expected"]),
        day=day.isoformat() if day else "",
        walls=WALLS.get(entry.result["run"]["isolation"], ""),
    )


def _small_drawing(entry: Entry, board: Board, card: MetricCard, axis: Axis | None) -> Markup:
    if axis is None:
        return Markup("")
    return interval_drawing.draw_small(entry.measured(card.name), axis, board.real_eyes(card))


def _standing(row: Row) -> str:
    if row.rank is not None:
        return "ranked"
    return "control" if row.is_control and not row.reasons else "shown"


def _marks(row: Row) -> str:
    """Footnote marks of a ranked row."""
    if row.is_control:
        return ""
    without_walls = row.entry.result["run"]["isolation"] in REDUCED_ISOLATION
    return ("†" if row.provisional else "") + ("‡" if without_walls else "")


def _notes(row: Row, board: Board) -> tuple[str, ...]:
    """What a reader must know of a row: why it is not ranked, its flags, why a column is empty, how it was drawn."""
    prefix = "" if row.is_control else "Shown, not ranked: "
    notes = [prefix + "; ".join(row.reasons)] if row.reasons else []
    if row.tier_note:
        notes.append(f"Tier {row.tier} and not the next: {row.tier_note}")
    flags = [flag.replace("-", " ") for flag in row.entry.result["flags"]]
    if flags:
        notes.append(f"Flagged: {', '.join(flags)}")
    cells = [make_cell(row.entry, card) for card in board.columns[1:]]
    notes.extend(f"No {cell.label}: {cell.reason}" for cell in cells if cell.reason)
    if row.entry is board.reference and (drawn := real_eyes_text(board, board.ranking_card)):
        notes.append(f"Other patients drawn to the same number: {drawn}")
    return tuple(notes)


def _who(row: Row) -> str:
    """Whose row it is, of what kind, and what others found out about it; nobody asks that of a control."""
    parts = [row.entry.team_name, row.entry.kind, *(() if row.is_control else row.entry.badges)]
    return " · ".join(parts)


def _beyond(entry: Entry, board: Board) -> str:
    """How far a value lies from that of other real eyes; a word for what their draws hold as well."""
    card, reference = board.ranking_card, board.reference
    value = entry.measured(card.name)["value"]
    if reference is None or value is None:
        return "–"
    if (drawn := board.real_eyes(card)) is not None:
        is_within = drawn["low"] <= value <= drawn["high"]
        return "within" if is_within else signed(value - drawn["mean"], card.decimals)
    return "0" if entry is reference else signed(value - reference.measured(card.name)["value"], card.decimals)


def _anatomy_leader(board: Board) -> AnatomyLeader | None:
    """The best ranked row in central thickness error; None where no ranked row has a value."""
    card = board.anatomy_card
    if card is None:
        return None
    measured = [row for row in board.ranked if row.entry.measured(card.name)["value"] is not None]
    if not measured:
        return None
    best = min(measured, key=lambda row: float(row.entry.measured(card.name)["value"]))
    return AnatomyLeader(row=best, card=card, cell=make_cell(best.entry, card))


def _footnotes(board: Board) -> list[tuple[str, str]]:
    used = "".join(_marks(row) for row in board.rows)
    told = {
        "†": "Ranked provisionally: eligibility not assessed yet. Nobody has tested whether this entry uses the "
        "photograph and whether it repeats its training eyes.",
        "‡": "Generated without full isolation of the participant's code.",
    }
    return [(mark, text) for mark, text in told.items() if mark in used]


def _view_published(cards: Sequence[MetricCard]) -> PublishedView:
    told = read_published()
    return PublishedView(
        told=told,
        rows=tuple(
            (row, tuple(plain(row.values[c.name]) if c.name in row.values else "–" for c in cards)) for row in told.rows
        ),
    )
