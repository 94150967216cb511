"""The part `resamples` of `pairwise.json`: ranks of the ranked entries of a board over draws of its patients.

For every metric, and for the rules that put ranks of several metrics together. The statistics are in
`fundus2oct.metrics.rank_resampling`; here they meet the files. Called by `board_comparison`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark import comparison
from fundus2oct.benchmark.ranking_file import AGGREGATES, RankingRule
from fundus2oct.benchmark.scored_run import ScoredRun
from fundus2oct.metrics import rank_resampling
from fundus2oct.metrics.catalogue import card as card_of
from fundus2oct.metrics.metric_card import MetricCard

Floats = NDArray[np.float64]
Document = dict[str, Any]

METHOD = (
    "patients drawn with replacement, the same for all entries and metrics; means of case metrics over those drawn, "
    "set metrics moved by the patients' shares of the jackknife, so that the draws have its covariance"
)
TAU_QUANTILES = (0.025, 0.975)


def make_resamples(runs: Sequence[ScoredRun], cards: Sequence[MetricCard], rule: RankingRule | None) -> Document:
    """Ranks over resamples of one board.

    Args:
        runs: all runs of the board, in the order of the document's ``entries``.
        cards: of the metrics that they hold.
        rule: the organiser's; its metrics are put together, else the headline ones.
    """
    told: Document = {"method": METHOD, "resamples": rank_resampling.RESAMPLES, "metrics": {}, "rules": {}}
    drawn = {card.name: found for card in cards if (found := _draw(card, runs)) is not None}
    for name, (entries, values, draws) in drawn.items():
        sign = 1.0 if card_of(name).direction == "lower" else -1.0
        told["metrics"][name] = _told(entries, sign * values, sign * draws)
    names = [name for name in _put_together(cards, rule) if name in drawn]
    labels = {tuple(runs[drawn[name][0][0]].patients(name)) for name in names}
    if len(names) >= 2 and len(labels) == 1:  # of other patients, a draw would not be the same draw
        told["rules"] = {aggregate: _of_rule(aggregate, names, drawn) for aggregate in AGGREGATES}
    return told


def _put_together(cards: Sequence[MetricCard], rule: RankingRule | None) -> tuple[str, ...]:
    """The metrics whose ranks are put together."""
    if rule is not None and len(rule.metrics) > 1:
        return rule.metrics
    return tuple(card.name for card in cards if card.role == "headline")


def _draw(card: MetricCard, runs: Sequence[ScoredRun]) -> tuple[list[int], Floats, Floats] | None:
    """Places of the ranked entries, their values, and (resamples, K) values in every draw; None for fewer than two."""
    family, _ = comparison.comparable_runs(card, runs)
    entries = [i for i in family if runs[i].is_ranked]
    if len(entries) < 2:
        return None
    chosen = [runs[i] for i in entries]
    deviations = comparison.deviations(card, chosen)
    values = np.array([run.value(card.name) for run in chosen], np.float64)
    counts = rank_resampling.draw_patients(len(deviations))
    return entries, values, rank_resampling.resampled_values(values, deviations, counts)


def _of_rule(rule: str, names: Sequence[str], drawn: Mapping[str, tuple[list[int], Floats, Floats]]) -> Document:
    """Ranks put together in every draw, of the entries that every metric of the rule compares."""
    entries = sorted(set.intersection(*(set(drawn[name][0]) for name in names)))
    middle = np.mean if rule == "mean-rank" else np.median
    found, moved = [], []
    for name in names:
        own, values, draws = drawn[name]
        kept = [own.index(entry) for entry in entries]
        direction = card_of(name).direction
        found.append(rank_resampling.ranks_in(values[None, kept], direction, ties="average")[0])
        moved.append(rank_resampling.ranks_in(draws[:, kept], direction, ties="average"))
    return {"metrics": list(names), **_told(entries, middle(found, axis=0), middle(moved, axis=0))}


def _told(entries: Sequence[int], places: Floats, draws: Floats) -> Document:
    """Counts of ranks and Kendall's tau; smaller places are better."""
    if len(entries) < 2:
        return {"entries": list(entries), "ranks": [_run(np.full(1, len(draws))) for _ in entries], "tau": None}
    counts = rank_resampling.rank_counts(rank_resampling.ranks_in(draws, "lower"))
    tau = rank_resampling.kendall_tau(places, draws)
    tau = tau[np.isfinite(tau)]
    low, high = np.quantile(tau, TAU_QUANTILES) if len(tau) else (np.nan, np.nan)
    summary = {"mean": float(tau.mean()), "low": float(low), "high": float(high)} if len(tau) else None
    return {"entries": list(entries), "ranks": [_run(row) for row in counts], "tau": summary}


def _run(counts: NDArray[np.int64]) -> Document:
    """The counts from the first rank that occurs to the last."""
    (held,) = np.nonzero(counts)
    first, last = int(held[0]), int(held[-1])
    return {"first": first + 1, "counts": [int(count) for count in counts[first : last + 1]]}
