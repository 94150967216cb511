"""What `bench compare` computes: two scored runs metric by metric, and all runs of a board pair by pair.

The statistics are in `fundus2oct.metrics.inference`; here they meet the files. Nothing is written or printed here:
`compare_command` prints, `board_comparison` writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.scored_run import ScoredRun, check_comparable
from fundus2oct.benchmark.scoring import set_value
from fundus2oct.metrics import inference
from fundus2oct.metrics.catalogue import CARDS
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.paired_inference import COPY_REASON
from fundus2oct.metrics.rank_inference import mean_deviations

LEVEL = 0.95
SWAPS = 999
"""Patient swaps in the test of two entries; a few seconds for a hundred eyes."""
FRECHET_JACKKNIFE = "fundus2oct.metrics.frechet_distance:jackknife_frechet"
BIAS_MATCHED_JACKKNIFE = "bias_matched_frechet:jackknife_bias_matched_frechet"
NO_BIAS_MATCHED = "tiers need the bias-matched distance on the same features, which was not computed"
FEW = f"fewer than {inference.MIN_BOOTSTRAP_PATIENTS} patients"
NO_VALUE = "not computed"
NO_SPREAD = "the difference is the same for every patient"

Row = dict[str, Any]


def compare_two(a: ScoredRun, b: ScoredRun) -> list[Row]:
    """Both runs' values, the difference A - B with its interval, and a test, for every metric that both hold.

    Raises:
        BenchError: E_CHANGED when the runs are not comparable.
    """
    check_comparable(a, b)
    return [_compare_metric(card, a, b) for card in held_cards(a)]


def held_cards(run: ScoredRun) -> list[MetricCard]:
    """Cards of the metrics in a result, in the catalogue's order.

    Raises:
        BenchError: E_VERSION for a metric this version does not know.
    """
    unknown = sorted(set(run.result["metrics"]) - {card.name for card in CARDS})
    if unknown:
        raise BenchError("E_VERSION", f"unknown metric {unknown[0]!r}", where=run.folder, fix="update fundus2oct")
    return [card for card in CARDS if card.name in run.result["metrics"]]


def _compare_metric(card: MetricCard, a: ScoredRun, b: ScoredRun) -> Row:
    values = a.value(card.name), b.value(card.name)
    row = {"metric": card.name, "a": values[0], "b": values[1], **_EMPTY}
    if values[0] is None or values[1] is None:
        return row | {"reason": NO_VALUE}
    row["difference"] = values[0] - values[1]
    if len(_shared_patients(card, [a, b])) < inference.MIN_BOOTSTRAP_PATIENTS:
        return row | {"reason": FEW}
    if card.level == "case":
        found = inference.case_difference(a.patient_means(card.name), b.patient_means(card.name), level=LEVEL)
    else:
        found = _set_difference(card, a, b)
    return row | _told(found.interval) | {"p": found.p, "test": found.test, "reason": found.reason or None}


def _set_difference(card: MetricCard, a: ScoredRun, b: ScoredRun) -> inference.Difference:
    """Interval by jackknife; the test by patient swaps where both runs kept their features, else by jackknife."""
    found = inference.set_difference(a.set_score(card.name), b.set_score(card.name), level=LEVEL)
    of_a, of_b = a.features(card.features_version), b.features(card.features_version)
    if found.interval is None or of_a is None or of_b is None:
        return found
    patients = of_a[2]
    swapped = inference.swap_test(
        of_a[0],
        of_a[1],
        of_b[1],
        patients,
        distance=lambda truth, generated: set_value(card, truth, generated, patients),
        permutations=SWAPS,
    )
    return replace(found, p=swapped.p, test=swapped.test)


_EMPTY: Row = {"difference": None, "standard_error": None, "interval": None, "p": None, "test": None, "reason": None}


def _told(interval: inference.Interval | None) -> Row:
    if interval is None:
        return {"standard_error": None, "interval": None}
    return {"standard_error": interval.standard_error, "interval": [interval.low, interval.high]}


def _shared_patients(card: MetricCard, runs: Sequence[ScoredRun]) -> NDArray[Any]:
    """The patients of the first run, after a check that the others have the same."""
    patients = runs[0].patients(card.name)
    for run in runs[1:]:
        if not np.array_equal(run.patients(card.name), patients):
            where, fix = run.folder / "per_patient.npz", "score the entry again"
            raise BenchError("E_CHANGED", f"other patients than {runs[0].name}", where=where, fix=fix)
    return patients


def compare_all(card: MetricCard, runs: Sequence[ScoredRun]) -> Row:
    """One metric of `pairwise.json`: all pairs of the runs of one board, rank intervals and tiers.

    The family of the adjusted tests is every pair shown, controls included; ranks and tiers count ranked entries alone.

    Args:
        card: the metric.
        runs: all runs of the board in the order in which ``entries`` lists them.
    """
    members, reasons = comparable_runs(card, runs)
    told: Row = {
        "version": card.version,
        "direction": card.direction,
        "estimand": _estimand(card),
        "left_out": [{"entry": i, "reason": reason} for i, reason in sorted(reasons.items())],
        "critical_value": None,
        "pairs": [],
        "rank_intervals": [None] * len(runs),
        "tiers": [None] * len(runs),
        "tiers_reason": None,
        "held_back": [],
    }
    if len(members) < 2:
        return told
    tests = _tests(card, [runs[i] for i in members])
    agreement, told["tiers_reason"] = _agreement(card, runs, members, tests)
    told |= {"critical_value": tests.critical_value, "pairs": _pairs(card, runs, members, tests, agreement)}
    _rank(told, card, runs, members, tests, agreement)
    return told


def _estimand(card: MetricCard) -> str:
    if card.level == "case":
        return "difference of the means over patients like these"
    return f"difference of the expected {card.abbreviation} at this number of patients, not for infinitely many"


def comparable_runs(card: MetricCard, runs: Sequence[ScoredRun]) -> tuple[list[int], dict[int, str]]:
    """Runs that can be compared in this metric, and why others cannot."""
    values = [run.value(card.name) for run in runs]
    reasons = {i: NO_VALUE for i, value in enumerate(values) if value is None}
    present = [i for i in range(len(runs)) if i not in reasons]
    if present and len(_shared_patients(card, [runs[i] for i in present])) < inference.MIN_BOOTSTRAP_PATIENTS:
        reasons |= dict.fromkeys(present, FEW)
    elif card.level == "set":
        scale = max((abs(value) for value in values if value is not None), default=0.0)
        scores = {i: runs[i].set_score(card.name) for i in present}
        reasons |= {i: COPY_REASON for i, score in scores.items() if score.is_copy_of_truth(scale)}
    return [i for i in range(len(runs)) if i not in reasons], reasons


def _tests(card: MetricCard, runs: Sequence[ScoredRun]) -> inference.PairwiseTests:
    values = [run.value(card.name) for run in runs]
    return inference.max_t(np.array(values, np.float64), deviations(card, runs), level=LEVEL)


def deviations(card: MetricCard, runs: Sequence[ScoredRun]) -> NDArray[np.float64]:
    """(g, K) each patient's share of the variance of each run's value."""
    if card.level == "case":
        return mean_deviations(np.column_stack([run.patient_means(card.name) for run in runs]))
    return np.column_stack([run.set_score(card.name).deviations for run in runs])


def _agreement(
    card: MetricCard, runs: Sequence[ScoredRun], family: Sequence[int], tests: inference.PairwiseTests
) -> tuple[NDArray[np.bool_] | None, str | None]:
    """Pairs that the bias-matched distance puts in the same order, and why there are no tiers when it is missing."""
    if card.jackknife != FRECHET_JACKKNIFE:
        return None, None
    matched = bias_matched_card(card)
    values = [None if matched is None else runs[i].value(matched.name) for i in family]
    known = np.array([np.nan if value is None else value for value in values])
    if np.isnan(known).all():
        return None, NO_BIAS_MATCHED
    return inference.same_order(tests.differences, known[:, None] - known[None, :]), None


def bias_matched_card(card: MetricCard) -> MetricCard | None:
    """The bias-matched counterpart of a Fréchet distance: on the same features, told by its jackknife."""
    partners = [
        c for c in CARDS if c.features == card.features and (c.jackknife or "").endswith(BIAS_MATCHED_JACKKNIFE)
    ]
    return partners[0] if partners else None


def _pairs(
    card: MetricCard,
    runs: Sequence[ScoredRun],
    family: Sequence[int],
    tests: inference.PairwiseTests,
    agreement: NDArray[np.bool_] | None,
) -> list[Row]:
    """One row for each pair; ``a`` and ``b`` are places in ``entries``, ``better`` names the significantly better."""
    indices = list(combinations(range(len(family)), 2))
    intervals, p = _alone(card, [runs[i] for i in family], tests, indices)
    better = tests.better(card.direction)
    return [
        {
            "a": family[i],
            "b": family[j],
            "difference": float(tests.differences[i, j]),
            **_told(interval),
            "p": _number(p_alone),
            "adjusted_p": _number(tests.adjusted_p[i, j]),
            "better": "a" if better[i, j] else "b" if better[j, i] else None,
            "order_agrees": None if agreement is None else bool(agreement[i, j]),
            "reason": NO_SPREAD if interval is None else None,
        }
        for (i, j), interval, p_alone in zip(indices, intervals, p, strict=True)
    ]


def _alone(
    card: MetricCard, runs: Sequence[ScoredRun], tests: inference.PairwiseTests, indices: Sequence[tuple[int, int]]
) -> tuple[list[inference.Interval | None], list[float]]:
    """Interval and p value of each pair by itself, as `compare_two` would give them."""
    if card.level == "case":
        means = [run.patient_means(card.name) for run in runs]
        differences = np.column_stack([means[i] - means[j] for i, j in indices])
        flips = inference.sign_flip_p(differences, permutations=inference.permutations_needed(len(runs), LEVEL))
        return [inference.mean_interval(d, level=LEVEL) if np.ptp(d) > 0 else None for d in differences.T], list(flips)
    scores = [run.set_score(card.name) for run in runs]
    found = [inference.set_difference(scores[i], scores[j], level=LEVEL).interval for i, j in indices]
    return found, [float(tests.p[i, j]) for i, j in indices]


def _rank(
    told: Row,
    card: MetricCard,
    runs: Sequence[ScoredRun],
    family: Sequence[int],
    tests: inference.PairwiseTests,
    agreement: NDArray[np.bool_] | None,
) -> None:
    """Fill in rank intervals and tiers of the ranked entries."""
    ranked = [i for i, run in enumerate(family) if runs[run].is_ranked]
    wins = tests.better(card.direction)[np.ix_(ranked, ranked)]
    for i, interval in zip(ranked, inference.rank_intervals(wins), strict=True):
        told["rank_intervals"][family[i]] = list(interval)
    if told["tiers_reason"] is not None:
        return
    sign = 1.0 if card.direction == "lower" else -1.0
    order = sorted(range(len(ranked)), key=lambda i: (sign * _value(runs[family[ranked[i]]], card), ranked[i]))
    agrees = None if agreement is None else agreement[np.ix_(ranked, ranked)]
    cut = inference.tiers(order, wins, agrees)
    for i, tier in zip(ranked, cut.tier, strict=True):
        told["tiers"][family[i]] = tier
    told["held_back"] = [{"entry": family[ranked[i]], "reason": inference.ORDER_DEPENDS_ON_BIAS} for i in cut.held_back]


def _value(run: ScoredRun, card: MetricCard) -> float:
    value = run.value(card.name)
    return np.inf if value is None else value


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
