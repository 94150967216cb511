"""The order of a board: who is ranked, who is only shown, and why. No file is read and nothing is drawn here.

The order follows the ranking metric in the direction its card declares. Ranked kinds get a rank; controls stand in the
same order without one; a row that fails too often, then a row without a number, stand last whatever their kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fundus2oct.benchmark.submission_file import RANKED_KINDS
from fundus2oct.leaderboard.number_text import shown_value
from fundus2oct.leaderboard.plain_reason import plain_reasons
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.metrics.metric_card import MetricCard

MAX_FAILED_PERCENT = 5
"""Above this share of failed cases a run is not ranked."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One entry in its place.

    Attributes:
        entry: the entry.
        rank: its rank, from 1; equal values share one. None for a row that is shown and not ranked.
        reasons: why a row of a ranked kind has no rank; empty for controls, whose kind says it.
        provisional: ranked although nobody has assessed yet whether it is eligible.
        rank_interval: the ranks that the data leave open, first and last; None where no comparisons are filed.
        tier: from 1; rows of one tier are not told apart from its leader. None as above.
        tier_note: why a row stays in a tier although significantly worse than its leader; mostly empty.
    """

    entry: Entry
    rank: int | None
    reasons: tuple[str, ...]
    provisional: bool
    rank_interval: tuple[int, int] | None = None
    tier: int | None = None
    tier_note: str = ""

    @property
    def is_control(self) -> bool:
        """Whether its kind is never ranked."""
        return self.entry.kind not in RANKED_KINDS


def order(entries: Sequence[Entry], card: MetricCard) -> tuple[Row, ...]:
    """All ``entries`` of one board in order, with ranks.

    Args:
        entries: entries of one board.
        card: the card of the ranking metric.
    """
    in_order = sorted(entries, key=lambda entry: _place(entry, card))
    reasons = {id(entry): why_unranked(entry, card) for entry in in_order}
    ranked = [e for e in in_order if e.kind in RANKED_KINDS and not reasons[id(e)]]
    values = [_badness(entry, card) for entry in ranked]
    ranks = {id(e): 1 + sum(other < value for other in values) for e, value in zip(ranked, values, strict=True)}
    return tuple(
        Row(
            entry=entry,
            rank=ranks.get(id(entry)),
            reasons=reasons[id(entry)],
            provisional=id(entry) in ranks and entry.result["eligible"]["value"] is None,
        )
        for entry in in_order
    )


def why_unranked(entry: Entry, card: MetricCard) -> tuple[str, ...]:
    """Every reason why the numbers of ``entry`` may not be ranked; its kind is not among them."""
    measured, eligible = entry.measured(card.name), entry.result["eligible"]
    reasons: list[str] = [entry.ruled_out.told] if entry.ruled_out else []
    if measured["value"] is None:
        reasons.append(f"no {card.abbreviation}: {measured['reason']}")
    if fails_too_often(entry):
        cases = entry.result["cases"]
        reasons.append(f"{cases['failed']} of {cases['expected']} cases failed, more than {MAX_FAILED_PERCENT} %")
    if eligible["value"] is False and entry.kind in RANKED_KINDS:
        reasons.extend(plain_reasons(entry.result))
    return tuple(dict.fromkeys(reasons))


def fails_too_often(entry: Entry) -> bool:
    """Whether more than 5 % of the expected cases failed."""
    cases = entry.result["cases"]
    return bool(cases["failed"] * 100 > MAX_FAILED_PERCENT * cases["expected"])


def _place(entry: Entry, card: MetricCard) -> tuple[int, float, str, str]:
    """Sort key: rows in order, then rows that fail too often, then rows without a number."""
    submission = entry.submission
    if entry.measured(card.name)["value"] is None:
        return 2, 0.0, submission.team, submission.method
    return int(fails_too_often(entry)), _badness(entry, card), submission.team, submission.method


def _badness(entry: Entry, card: MetricCard) -> float:
    """The value as printed, turned so that smaller is better: what prints alike ties."""
    value = shown_value(entry.measured(card.name)["value"], card.decimals)
    return value if card.direction == "lower" else -value
