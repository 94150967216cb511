"""The order of a board: who is ranked, who is only shown, and why. No file is read and nothing is drawn here.

The order follows the organiser's rule, in the directions that the cards declare. Ranked kinds get a rank; controls
stand in the same order without one and change nobody's; a row that fails too often, then a row without a number in a
metric of the rule, stand last whatever their kind and whatever the rule.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fundus2oct.benchmark.ranking_file import AGGREGATES, METRIC_ORDER, RuleName
from fundus2oct.benchmark.submission_file import RANKED_KINDS
from fundus2oct.leaderboard.number_text import shown_value
from fundus2oct.leaderboard.plain_reason import plain_reasons
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.metrics.metric_card import MetricCard

MAX_FAILED_PERCENT = 5
"""Above this share of failed cases a run is not ranked."""


@dataclass(frozen=True)
class Ranking:
    """A rule with the cards of its metrics.

    Attributes:
        cards: of the metrics that the order rests on, the first of them first.
        rule: how they make one order.
    """

    cards: tuple[MetricCard, ...]
    rule: RuleName = METRIC_ORDER

    @property
    def is_aggregate(self) -> bool:
        """Whether ranks are put together, so that two rows may change places when somebody else enters."""
        return self.rule in AGGREGATES


@dataclass(frozen=True, kw_only=True)
class Row:
    """One entry in its place.

    Attributes:
        entry: the entry.
        rank: its rank, from 1; equal values share one. None for a row that is shown and not ranked.
        reasons: why a row of a ranked kind has no rank; empty for controls, whose kind says it.
        provisional: ranked although nobody has assessed yet whether it is eligible.
        score: mean or median of its ranks, where that makes the order; None else.
        rank_interval: the ranks that the data leave open, first and last; None where no comparisons are filed.
        tier: from 1; rows of one tier are not told apart from its leader. None as above.
        tier_note: why a row stays in a tier although significantly worse than its leader; mostly empty.
    """

    entry: Entry
    rank: int | None
    reasons: tuple[str, ...]
    provisional: bool
    score: float | None = None
    rank_interval: tuple[int, int] | None = None
    tier: int | None = None
    tier_note: str = ""

    @property
    def is_control(self) -> bool:
        """Whether its kind is never ranked."""
        return self.entry.kind not in RANKED_KINDS


def order(entries: Sequence[Entry], ranking: Ranking) -> tuple[Row, ...]:
    """All ``entries`` of one board in order, with ranks.

    Args:
        entries: entries of one board.
        ranking: what makes the order.
    """
    reasons = {id(entry): why_unranked(entry, ranking) for entry in entries}
    ranked = [entry for entry in entries if entry.kind in RANKED_KINDS and not reasons[id(entry)]]
    place = _make_places(ranked, ranking)
    places = {id(entry): place(entry) for entry in entries if not _lacks_a_number(entry, ranking)}
    ranks = _ranks([places[id(entry)] for entry in ranked])
    rank_of = {id(entry): rank for entry, rank in zip(ranked, ranks, strict=True)}
    return tuple(
        Row(
            entry=entry,
            rank=rank_of.get(id(entry)),
            reasons=reasons[id(entry)],
            provisional=id(entry) in rank_of and entry.result["eligible"]["value"] is None,
            score=places[id(entry)][0] if ranking.is_aggregate and id(entry) in rank_of else None,
        )
        for entry in sorted(entries, key=lambda entry: _sort_key(entry, places))
    )


def why_unranked(entry: Entry, ranking: Ranking) -> tuple[str, ...]:
    """Every reason why the numbers of ``entry`` may not be ranked; its kind is not among them."""
    eligible = entry.result["eligible"]
    reasons: list[str] = [entry.ruled_out.told] if entry.ruled_out else []
    for card in ranking.cards:
        measured = entry.measured(card.name)
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


def _lacks_a_number(entry: Entry, ranking: Ranking) -> bool:
    return any(entry.measured(card.name)["value"] is None for card in ranking.cards)


def _sort_key(entry: Entry, places: dict[int, tuple[float, ...]]) -> tuple[int, tuple[float, ...], str, str]:
    """Rows in order, then rows that fail too often, then rows without a number; equals by team and method."""
    submission = entry.submission
    if id(entry) not in places:
        return 2, (), submission.team, submission.method
    return int(fails_too_often(entry)), places[id(entry)], submission.team, submission.method


def _ranks(places: Sequence[tuple[float, ...]]) -> list[int]:
    """1 + how many are better: equals share a rank, and the next is left out."""
    in_order = sorted(places)
    return [1 + bisect_left(in_order, place) for place in places]


def _make_places(ranked: Sequence[Entry], ranking: Ranking) -> Callable[[Entry], tuple[float, ...]]:
    """What sorts an entry that has all numbers; smaller is better."""
    if not ranking.is_aggregate:
        return lambda entry: tuple(badness(entry, card) for card in ranking.cards)
    columns = [sorted(badness(entry, card) for entry in ranked) for card in ranking.cards]
    middle = statistics.fmean if ranking.rule == "mean-rank" else statistics.median
    members = {id(entry) for entry in ranked}

    def place(entry: Entry) -> tuple[float, ...]:
        own = [badness(entry, card) for card in ranking.cards]
        pairs = zip(columns, own, strict=True)
        return (middle([_rank_among(column, value, is_one=id(entry) in members) for column, value in pairs]),)

    return place


def _rank_among(in_order: Sequence[float], value: float, *, is_one: bool) -> float:
    """The rank of a value among ranked ones, equals sharing the mean of theirs; of another row, the gap it falls in.

    >>> _rank_among([1.0, 2.0, 2.0, 3.0], 2.0, is_one=True), _rank_among([1.0, 3.0], 2.0, is_one=False)
    (2.5, 1.5)
    """
    better, through = bisect_left(in_order, value), bisect_right(in_order, value)
    return (better + through + 1) / 2 if is_one else (better + through) / 2 + 0.5


def badness(entry: Entry, card: MetricCard) -> float:
    """The value as printed, turned so that smaller is better: what prints alike ties."""
    value = shown_value(entry.measured(card.name)["value"], card.decimals)
    return value if card.direction == "lower" else -value
