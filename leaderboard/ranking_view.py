"""What the page on the ranking shows of its certainty: open ranks, draws of patients, who is better than whom.

From the comparisons that were filed; nothing is tested here. Called by `leaderboard.ranking_pages`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_pairs import AGAIN, Pairwise, entry_places
from fundus2oct.leaderboard.forest_drawing import Forest, Mark, Scale, draw_forest
from fundus2oct.leaderboard.number_text import counted, fixed, interval, percent, rounded_percent
from fundus2oct.leaderboard.rank_drawing import Finding, draw_findings, draw_key, draw_places, draw_ranks
from fundus2oct.leaderboard.rank_words import opens_tier, ranges, rank_range
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.leaderboard.tiers import PairTests, pair_tests

OTHER_DRAWS = f"The draws that are filed were made of other ranked entries or for another rule. {AGAIN}"
TOLD_RANKS = 3
"""So many ranks of an entry are told in words, the most frequent first."""


@dataclass(frozen=True, kw_only=True)
class OpenRanks:
    """One ranked entry: the ranks that the tests leave open, and those that draws of patients give it."""

    row: Row
    opens_tier: bool
    interval: str
    drawn: str
    drawing: Markup


@dataclass(frozen=True, kw_only=True)
class MapRow:
    """One row of the map of comparisons; the numbers are those of its rows."""

    number: int
    row: Row
    better_than: str
    open: str
    worse_than: str
    drawing: Markup


@dataclass(frozen=True, kw_only=True)
class ComparisonMap:
    """Who is significantly better than whom in one metric."""

    metric: str
    level: str
    n_pairs: str
    n_told_apart: int
    n_biased: int
    rows: tuple[MapRow, ...]
    places: Markup
    key: tuple[tuple[Markup, str], ...]


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Draws of patients: how many, how they are made, and how far the order stays itself."""

    n: int
    method: str
    leader: str
    taus: Forest | None


@dataclass(frozen=True, kw_only=True)
class RankingView:
    """The certain and the uncertain of an order."""

    places: Markup
    ranks: tuple[OpenRanks, ...]
    draws: Draws | None
    draws_note: str
    map: ComparisonMap | None


def view_ranking(board: Board) -> RankingView:
    """The view of a board; without comparisons it holds the ranks alone."""
    document, resamples = board.pairwise, (board.pairwise or {}).get("resamples")
    drawn = _drawn_ranks(board, document, resamples)
    k = len(board.ranked)
    return RankingView(
        places=draw_places(max(k, 1)),
        ranks=tuple(_open_ranks(row, board, drawn.get(row.entry.submission.name, {}), k) for row in board.ranked),
        draws=_draws(board, document, resamples, drawn) if drawn and document and resamples else None,
        draws_note=OTHER_DRAWS if resamples and not drawn and k > 1 else "",
        map=None if document is None else _map(board, document),
    )


def _drawn_ranks(
    board: Board, document: Pairwise | None, resamples: Mapping[str, Any] | None
) -> dict[str, dict[int, float]]:
    """``team/method`` -> rank -> share of the draws, for the board's rule; empty where it was not drawn."""
    if document is None or resamples is None:
        return {}
    metrics, ranking = [card.name for card in board.ranking.cards], board.ranking
    found = resamples["rules"].get(ranking.rule) if ranking.is_aggregate else resamples["metrics"].get(metrics[0])
    if found is None or (ranking.is_aggregate and found["metrics"] != metrics):
        return {}
    return _shares(found, document) if _is_of(found, document, board) else {}


def _is_of(found: Mapping[str, Any], document: Pairwise, board: Board) -> bool:
    """Whether draws are of exactly the ranked rows."""
    names = {_name(document, place) for place in found["entries"]}
    return names == {row.entry.submission.name for row in board.ranked}


def _name(document: Pairwise, place: int) -> str:
    entry = document["entries"][place]
    return f"{entry['team']}/{entry['method']}"


def _shares(found: Mapping[str, Any], document: Pairwise) -> dict[str, dict[int, float]]:
    shares = {}
    for place, told in zip(found["entries"], found["ranks"], strict=True):
        n = max(sum(told["counts"]), 1)
        shares[_name(document, place)] = {told["first"] + i: count / n for i, count in enumerate(told["counts"])}
    return shares


def _open_ranks(row: Row, board: Board, shares: Mapping[int, float], k: int) -> OpenRanks:
    return OpenRanks(
        row=row,
        opens_tier=opens_tier(row, board.rows),
        interval=rank_range(row.rank_interval) or "–",
        drawn=_drawn_words(shares),
        drawing=draw_ranks(k, row.rank or 1, shares, row.rank_interval),
    )


def _drawn_words(shares: Mapping[int, float]) -> str:
    """The most frequent ranks with their shares, such as "1 in 62 %, 2 in 38 %"."""
    in_order = sorted(((rank, share) for rank, share in shares.items() if share > 0), key=lambda s: (-s[1], s[0]))
    told = [f"{rank} in {rounded_percent(share)}" for rank, share in in_order[:TOLD_RANKS]]
    rest = sum(share for _, share in in_order[TOLD_RANKS:])
    return ", ".join([*told, *([f"others in {rounded_percent(rest)}"] if rest else [])]) or "–"


def _draws(
    board: Board, document: Pairwise, resamples: Mapping[str, Any], drawn: Mapping[str, Mapping[int, float]]
) -> Draws:
    leaders = [row for row in board.ranked if row.rank == 1]
    shares = [drawn[row.entry.submission.name].get(1, 0.0) for row in leaders]
    told = f"{leaders[0].entry.title} is first in {rounded_percent(shares[0])} of the draws"
    return Draws(
        n=resamples["resamples"],
        method=resamples["method"],
        leader=f"{told}." if len(leaders) == 1 else f"{len(leaders)} entries share rank 1.",
        taus=_taus(board, document, resamples),
    )


def _taus(board: Board, document: Pairwise, resamples: Mapping[str, Any]) -> Forest | None:
    """Kendall's tau of every metric's order, and of the rules that put ranks together."""
    titles = {card.name: card.abbreviation for card in board.cards}
    found = [(titles[name], told) for name, told in resamples["metrics"].items() if name in titles]
    found.sort(key=lambda item: list(titles.values()).index(item[0]))
    found += [(name.replace("-", " ").capitalize(), told) for name, told in sorted(resamples["rules"].items())]
    marks = [
        Mark(
            label=label,
            told=f"{fixed(told['tau']['mean'], 2)} {interval((told['tau']['low'], told['tau']['high']), 2)}",
            value=told["tau"]["mean"],
            low=told["tau"]["low"],
            high=told["tau"]["high"],
        )
        for label, told in found
        if told["tau"] is not None and _is_of(told, document, board)
    ]
    if not marks:
        return None
    return draw_forest(
        marks,
        Scale(1.0, is_ratio=False),
        caption="Kendall’s τ between the order of the values and that of a draw: mean (dot), 95 % of the draws (bar)",
        below="turned round",
        above="the same order",
    )


def _map(board: Board, document: Pairwise) -> ComparisonMap | None:
    """All rows of the board that were compared, controls included; None for fewer than two."""
    card, told = board.ranking_card, document["metrics"][board.ranking_card.name]
    places, left_out = entry_places(document), {item["entry"] for item in told["left_out"]}
    rows = [row for row in board.rows if places.get(row.entry.submission.name, -1) not in {-1, *left_out}]
    if len(rows) < 2:
        return None
    tests = pair_tests(document, card.name, [row.entry.submission.name for row in rows])
    findings = [[_finding(tests, i, j) for j in range(len(rows))] for i in range(len(rows))]
    return ComparisonMap(
        metric=card.abbreviation,
        level=percent(document["rules"]["level"]),
        n_pairs=counted(len(rows) * (len(rows) - 1) // 2, "pair"),
        n_told_apart=sum(row.count("better") for row in findings),
        n_biased=sum(row.count("bias") for row in findings) // 2,
        rows=tuple(_map_row(i, row, findings[i]) for i, row in enumerate(rows)),
        places=draw_places(len(rows)),
        key=tuple((draw_key(found), text) for found, text in KEY.items() if found != "bias" or _has_bias(findings)),
    )


KEY: dict[Finding, str] = {
    "better": "the row is better than the column",
    "worse": "the row is worse",
    "open": "not told apart",
    "bias": "told apart, but their order depends on finite-sample bias",
}
"""Shapes of the map and what they say."""


def _has_bias(findings: Sequence[Sequence[Finding]]) -> bool:
    return any(found == "bias" for row in findings for found in row)


def _finding(tests: PairTests, i: int, j: int) -> Finding:
    if i == j:
        return "itself"
    if not (tests.better[i, j] or tests.better[j, i]):
        return "open"
    if tests.agrees is not None and not tests.agrees[i, j]:
        return "bias"
    return "better" if tests.better[i, j] else "worse"


def _map_row(i: int, row: Row, findings: Sequence[Finding]) -> MapRow:
    numbers = {kind: [j + 1 for j, found in enumerate(findings) if found == kind] for kind in (*KEY,)}
    undecided = ranges(sorted([*numbers["open"], *numbers["bias"]]))
    return MapRow(
        number=i + 1,
        row=row,
        better_than=ranges(numbers["better"]),
        open=undecided,
        worse_than=ranges(numbers["worse"]),
        drawing=draw_findings(findings),
    )
