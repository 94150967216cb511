"""Who leads a board, and whether the lead is real, in sentences made from the numbers and nothing else.

Where comparisons of all pairs are filed, the tiers answer. Without them, overlap of intervals is all that aggregates
allow; it is weaker than a paired test, and the sentences claim no more.
Called by the view of the board.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.number_text import fixed, shown_value
from fundus2oct.leaderboard.ranking import Row, fails_too_often
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.leaderboard.tiers import is_better_beyond_chance
from fundus2oct.metrics.metric_card import MetricCard

CONTROL_KIND = "trivial"


@dataclass(frozen=True, kw_only=True)
class Lead:
    """The answer to "who leads, and is it real?".

    Attributes:
        leaders: the rows that share rank 1; empty when nothing is ranked.
        verdict: a few words.
        sentences: what the verdict rests on.
    """

    leaders: tuple[Row, ...]
    verdict: str
    sentences: tuple[str, ...]


def judge_lead(board: Board) -> Lead:
    """Who leads ``board``, judged against the next rank and against the best trivial control."""
    card = board.ranking_card
    leaders = tuple(row for row in board.ranked if row.rank == 1)
    if not leaders:
        return Lead(leaders=(), verdict="Nobody leads", sentences=("No entry is ranked.",))
    leader = leaders[0].entry
    beats_control, control_sentences = _against_control(leader, board)
    beats_next, next_sentences = _against_next(leaders, board)
    sentences = (*control_sentences, *next_sentences)
    if beats_control is False:
        return Lead(
            leaders=leaders, verdict=f"No better than a trivial control in {card.abbreviation}", sentences=sentences
        )
    tested = leaders[0].tier is not None
    verdicts = {
        True: "First and second are told apart" if tested else "The intervals of first and second are apart",
        False: "Not shown",
        None: "Nothing to compare with",
    }
    return Lead(leaders=leaders, verdict=verdicts[beats_next], sentences=sentences)


def _against_next(leaders: Sequence[Row], board: Board) -> tuple[bool | None, tuple[str, ...]]:
    if len(leaders) > 1:
        return False, (f"{len(leaders)} entries share rank 1.",)
    followers = [row for row in board.ranked if row.rank != 1]
    if not followers:
        return None, ("One entry is ranked: there is no second.",)
    second = f"second place, {_named(followers[0].entry, board.ranking_card)}"
    if leaders[0].tier is not None:
        return _by_tier(leaders[0], followers[0], second)
    if board.ranking.is_aggregate:
        second = f"second place, {followers[0].entry.title}"
        return None, (
            f"Ranks put together have no interval: without comparisons nothing can be said against {second}.",
        )
    apart = intervals_apart(leaders[0].entry, followers[0].entry, board.ranking_card)
    if apart is None:
        return None, (f"Without intervals nothing can be said against {second}.",)
    if apart:
        return True, (f"The leader's interval does not overlap that of {second}.",)
    return False, (f"The leader's interval overlaps that of {second}: their order may be chance.",)


def _by_tier(leader: Row, follower: Row, second: str) -> tuple[bool, tuple[str, ...]]:
    """What the tests of all pairs on the same patients say."""
    if follower.tier != leader.tier:
        return True, (f"On the same patients, the leader is better than {second}, beyond chance.",)
    if follower.tier_note:
        return False, (f"The leader's distance to {second}, {follower.tier_note.replace('order depends', 'depends')}.",)
    return False, (f"On the same patients, {second} cannot be told from the leader: their order may be chance.",)


def _against_control(leader: Entry, board: Board) -> tuple[bool | None, tuple[str, ...]]:
    """Whether the leader is clearly better than the best trivial control; None without such a row."""
    card = board.ranking_card
    controls = [row.entry for row in board.rows if row.entry.kind == CONTROL_KIND and _counts(row.entry, card)]
    if not controls:
        return None, ()
    sign = 1.0 if card.direction == "lower" else -1.0
    best = min(controls, key=lambda control: sign * float(control.measured(card.name)["value"]))
    value, control_value = (shown_value(e.measured(card.name)["value"], card.decimals) for e in (leader, best))
    if not card.is_better(value, control_value):
        return False, (f"{_named(best, card)}, a trivial control, is at least as good.",)
    tested = is_better_beyond_chance(board.pairwise, card.name, leader.submission.name, best.submission.name)
    if tested is False:
        return False, (f"On the same patients, {_named(best, card)}, a trivial control, cannot be told from it.",)
    if tested is None and intervals_apart(leader, best, card) is False:
        return False, (f"The leader's interval overlaps that of {_named(best, card)}, a trivial control.",)
    return True, (f"The best trivial control is {_named(best, card)}.",)


def intervals_apart(a: Entry, b: Entry, card: MetricCard) -> bool | None:
    """Whether the intervals of two entries do not touch; None when one of them has none."""
    uncertain = [entry.measured(card.name)["uncertainty"] for entry in (a, b)]
    if not all(uncertain):
        return None
    (a_low, a_high), (b_low, b_high) = (uncertainty["interval"] for uncertainty in uncertain)
    return bool(a_high < b_low or b_high < a_low)


def _counts(entry: Entry, card: MetricCard) -> bool:
    return entry.measured(card.name)["value"] is not None and not fails_too_often(entry)


def _named(entry: Entry, card: MetricCard) -> str:
    return f"{entry.title} ({fixed(entry.measured(card.name)['value'], card.decimals)})"
