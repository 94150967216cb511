"""Boards: entries that may stand in one table because truth, split, phase, container and metric versions are equal.

Grouping and naming only; the order inside a board is `leaderboard.ranking`. Called by `leaderboard.site`. Entries of
different boards are never pooled, so a rescored entry leaves the board of the old metric version.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fundus2oct.benchmark.ranking_file import RankingRule
from fundus2oct.leaderboard.board_pairs import Pairwise, fitting_pairwise
from fundus2oct.leaderboard.metric_groups import ANATOMY_METRIC
from fundus2oct.leaderboard.ranking import Ranking, Row, order
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.leaderboard.tiers import with_tiers
from fundus2oct.metrics.durable_file import canonical_json
from fundus2oct.metrics.metric_card import MetricCard

REFERENCE_KIND = "oracle"
REFERENCE_METHOD = "real-vs-real"
"""The row whose value is the least a perfect generator could reach at this number of eyes."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """One table of comparable entries.

    Attributes:
        slug: name of its folder in the site.
        cards: cards of the metrics that any of its entries holds, in the catalogue's order, the ranking metric first.
        other_cards: cards of the catalogue that none of its entries holds.
        rows: its entries in order.
        pairwise: the comparisons of all pairs that fit it; None where there are none.
        pairwise_note: why ranks stand without intervals or tiers; empty where they have them.
        ranking: what makes the order.
        column_names: names of the metrics with a column, where the organiser chose them; None leaves it to the roles.
    """

    slug: str
    cards: tuple[MetricCard, ...]
    other_cards: tuple[MetricCard, ...]
    rows: tuple[Row, ...]
    ranking: Ranking
    column_names: tuple[str, ...] | None = None
    pairwise: Pairwise | None = None
    pairwise_note: str = ""

    @property
    def columns(self) -> tuple[MetricCard, ...]:
        """The cards that have a column on the board's first page: the ranking metric's, then the organiser's choice.

        Where the organiser chose none, the headline ones. A metric that no entry holds has no column.
        """
        if self.column_names is None:
            return (self.cards[0], *(card for card in self.cards[1:] if card.role == "headline"))
        held = {card.name: card for card in self.cards[1:]}
        return (self.cards[0], *(held[name] for name in self.column_names if name in held))

    @property
    def linked_cards(self) -> tuple[MetricCard, ...]:
        """The cards that every page links to: those with a column, and the thickness of the centre."""
        anatomy = tuple(card for card in self.cards if card.name == ANATOMY_METRIC and card not in self.columns)
        return (*self.columns, *anatomy)

    @property
    def anatomy_card(self) -> MetricCard | None:
        """The card of the central thickness error, if any entry holds it."""
        return next((card for card in self.cards if card.name == ANATOMY_METRIC), None)

    @property
    def ranking_card(self) -> MetricCard:
        """The card of the metric that orders the board, or the first of those that do."""
        return self.cards[0]

    @property
    def any_result(self) -> dict[str, Any]:
        """One result, for what all of them share: the first by team and method."""
        return min((row.entry for row in self.rows), key=lambda e: e.submission.name).result

    @property
    def dataset(self) -> dict[str, Any]:
        """The dataset as its results describe it."""
        told: dict[str, Any] = self.any_result["dataset"]
        return told

    @property
    def title(self) -> str:
        """The dataset in words."""
        return str(self.dataset["title"] or self.dataset["name"])

    @property
    def ranked(self) -> tuple[Row, ...]:
        """The rows that have a rank, best first."""
        return tuple(row for row in self.rows if row.rank is not None)

    @functools.cached_property
    def reference(self) -> Entry | None:
        """The real-against-real row, if it has a value."""
        for row in self.rows:
            entry = row.entry
            is_reference = entry.kind == REFERENCE_KIND and entry.submission.method == REFERENCE_METHOD
            if is_reference and entry.measured(self.ranking_card.name)["value"] is not None:
                return entry
        return None

    def real_eyes(self, card: MetricCard) -> dict[str, Any] | None:
        """What other real eyes score in ``card``, drawn again and again to the same number; None where nobody drew.

        Keys: ``draws``, ``mean``, ``low`` and ``high`` (2.5 % and 97.5 % of the draws), and others of the record.
        """
        if self.reference is None:
            return None
        drawn: dict[str, Any] | None = self.reference.measured(card.name).get("reference")
        return drawn


def make_boards(
    entries: Sequence[Entry],
    *,
    cards: Sequence[MetricCard],
    ranking_metric: str = "",
    rule: RankingRule | None = None,
    pairwise: Sequence[Pairwise] = (),
) -> tuple[Board, ...]:
    """The boards that ``entries`` fall into, sorted by their slugs.

    Args:
        entries: of all boards.
        cards: of every metric, in the catalogue's order.
        ranking_metric: name of the card that orders the boards where there is no ``rule``.
        rule: the organiser's.
        pairwise: every file of comparisons.
    """
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(canonical_json(board_key(entry)), []).append(entry)
    rule = rule or RankingRule(metrics=(ranking_metric,))
    boards = [_make_board(group, key, cards, rule, pairwise) for key, group in groups.items()]
    return tuple(sorted(boards, key=lambda board: board.slug))


def _make_board(
    group: Sequence[Entry], key: str, cards: Sequence[MetricCard], rule: RankingRule, filed: Sequence[Pairwise]
) -> Board:
    by_name = {card.name: card for card in cards}
    ranking = Ranking(tuple(by_name[name] for name in rule.metrics), rule.rule)
    return _with_comparisons(
        Board(
            slug=_slug(group[0], key),
            cards=_cards(group, cards, ranking.cards[0]),
            other_cards=_other_cards(group, cards, ranking.cards[0]),
            rows=order(group, ranking),
            ranking=ranking,
            column_names=rule.columns,
        ),
        filed,
    )


def _with_comparisons(board: Board, filed: Sequence[Pairwise]) -> Board:
    """The board with what the comparisons that fit it say of its rows."""
    key, metrics = board_key(board.rows[0].entry), [card.name for card in board.ranking.cards]
    found, note = fitting_pairwise(key, board.rows, filed, metrics)
    if found is None:
        return replace(board, pairwise_note=note)
    rows, reason = with_tiers(board.rows, found, board.ranking)
    return replace(board, rows=rows, pairwise=found, pairwise_note=reason)


def board_key(entry: Entry) -> list[Any]:
    """What must be equal for two entries to stand on one board."""
    result = entry.result
    dataset, protocol = result["dataset"], result["protocol"]
    versions = protocol["metric_versions"] | {name: m["version"] for name, m in result["metrics"].items()}
    return [dataset["truth_hash"], dataset["split"], result["phase"], protocol["container"], versions]


def _place(entry: Entry) -> tuple[str, ...]:
    dataset = entry.result["dataset"]
    return dataset["name"], dataset["version"], dataset["split"], entry.result["phase"]


def _slug(entry: Entry, key: str) -> str:
    words = re.sub(r"[^a-z0-9.]+", "-", "-".join(_place(entry)).lower()).strip("-.")
    return f"{words}-{hashlib.sha256(key.encode('utf-8')).hexdigest()[:8]}"


def _cards(group: Sequence[Entry], cards: Sequence[MetricCard], first: MetricCard) -> tuple[MetricCard, ...]:
    held = _held(group)
    return (first, *(card for card in cards if card is not first and card.name in held))


def _other_cards(group: Sequence[Entry], cards: Sequence[MetricCard], first: MetricCard) -> tuple[MetricCard, ...]:
    held = _held(group) | {first.name}
    return tuple(card for card in cards if card.name not in held)


def _held(group: Sequence[Entry]) -> set[str]:
    """Names of the metrics that any entry of a board holds."""
    return {name for entry in group for name in entry.result["metrics"]}
