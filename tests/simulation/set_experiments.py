"""Experiments on set metrics: how well jackknife, rank intervals, tiers and swap tests hold what they promise.

A replicate draws patients, truth and all entries of a panel anew and scores them as `bench score` would; the checks
then use the functions of `fundus2oct.metrics.inference` themselves. Called by `coverage.py` and, small, by a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from phantom_model import (
    Entry,
    Floats,
    Spectrum,
    bias_matched_distance,
    draw_entry,
    draw_features,
    eyes_of,
    fast_distance,
    fast_score,
)

from fundus2oct.metrics import inference
from fundus2oct.metrics.paired_inference import SetScore

PANEL = (
    Entry("near", 0.6, 1.0, 0.10),
    Entry("tied 1", 0.4, 1.0, 0.25),
    Entry("tied 2", 0.4, 1.0, 0.25),
    Entry("tied, unlike", 0.4, 0.85, 0.25),
    Entry("far 1", 0.0, 0.95, 0.40),
    Entry("far 2", 0.0, 0.95, 0.40),
    Entry("collapsed", 0.0, 0.75, 0.40),
    Entry("worst", 0.2, 1.1, 0.60),
)
"""The shift of "tied, unlike" is calibrated for each number of patients, see `calibrated_panel`."""
TIES = ((1, 2, 3), (4, 5))

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Scores:
    """Replicates x entries: values (R, K), jackknife shares (R, g, K), and the set scores themselves."""

    values: Floats
    deviations: Floats
    scores: list[list[SetScore]]


def calibrated_panel(spectrum: Spectrum, patients: int, replicates: int, seed: int) -> tuple[Entry, ...]:
    """The panel with "tied, unlike" moved so that its expected FVD at this n equals that of "tied 1".

    A shift adds its square to the expectation and nothing else, so one number has to be estimated: how much less the
    expectation is for the smaller spread.
    """
    labels, gains = eyes_of(patients), []
    for k in range(replicates):
        rng = np.random.default_rng([seed, patients, k])
        truth = draw_features(spectrum, labels, rng)
        y = draw_entry(replace(PANEL[1], shift=0.0), truth, spectrum, labels, rng)
        smaller = fast_distance(truth, PANEL[3].spread * y)
        gains.append(fast_distance(truth, y) - smaller)
    shift = float(np.sqrt(PANEL[1].shift ** 2 + np.mean(gains)))
    return (*PANEL[:3], replace(PANEL[3], shift=shift), *PANEL[4:])


def one_replicate(task: tuple[Spectrum, tuple[Entry, ...], int, list[int]]) -> list[SetScore]:
    """Set scores of all entries on one draw of patients."""
    spectrum, panel, patients, seed = task
    labels, rng = eyes_of(patients), np.random.default_rng(seed)
    truth = draw_features(spectrum, labels, rng)
    return [fast_score(truth, draw_entry(entry, truth, spectrum, labels, rng), labels) for entry in panel]


def run_panel(
    spectrum: Spectrum, panel: tuple[Entry, ...], patients: int, replicates: int, seed: int, run: Map = map
) -> Scores:
    """All replicates of one number of patients; replicate k has the seed (seed, patients, k)."""
    tasks = [(spectrum, panel, patients, [seed, patients, k]) for k in range(replicates)]
    scores = list(run(one_replicate, tasks))
    values = np.array([[score.value for score in row] for row in scores])
    deviations = np.array([np.column_stack([score.deviations for score in row]) for row in scores])
    return Scores(values, deviations, scores)


def pair_table(scores: Scores) -> list[dict[str, Any]]:
    """For every pair: coverage of the 95 % interval of the difference, its estimand, se/sd, rejections at 5 %."""
    rows = []
    for i, j in combinations(range(scores.values.shape[1]), 2):
        found = [inference.set_difference(row[i], row[j]) for row in scores.scores]
        estimand = float((scores.values[:, i] - scores.values[:, j]).mean())
        intervals = [d.interval for d in found if d.interval is not None]
        errors = np.array([interval.standard_error for interval in intervals])
        sd = float((scores.values[:, i] - scores.values[:, j]).std(ddof=1))
        rows.append(
            {
                "pair": (i, j),
                "estimand": estimand,
                "coverage": float(np.mean([v.low <= estimand <= v.high for v in intervals])),
                "se_over_sd": float(np.sqrt(np.mean(errors**2)) / sd),
                "rejected": float(np.mean([d.p is not None and d.p <= 0.05 for d in found])),
                "tied": any(i in tie and j in tie for tie in TIES),
            }
        )
    return rows


def true_rank_sets(values: Floats) -> list[tuple[int, int]]:
    """The ranks each entry truly holds, all tied ranks included; expectations are means over replicates."""
    means = values.mean(axis=0)
    for tie in TIES:
        means[list(tie)] = means[list(tie)].mean()
    k = len(means)
    return [(1 + int((means < m - 1e-12).sum()), k - int((means > m + 1e-12).sum())) for m in means]


def rank_table(scores: Scores, draws: int = 10_000) -> dict[str, Any]:
    """Coverage of the rank intervals: each entry's, all together, their mean width; false claims in the family."""
    truth = true_rank_sets(scores.values)
    covered, widths, false_claims, false_tiers = [], [], [], []
    tied = np.zeros((len(truth), len(truth)), bool)
    for tie in TIES:
        tied[np.ix_(tie, tie)] = True
    for values, deviations in zip(scores.values, scores.deviations, strict=True):
        better = inference.max_t(values, deviations, draws=draws).better("lower")
        found = inference.rank_intervals(better)
        covered.append([lo <= t[0] and t[1] <= hi for (lo, hi), t in zip(found, truth, strict=True)])
        widths.append(np.mean([hi - lo + 1 for lo, hi in found]))
        false_claims.append((better & tied).any())
        cut = inference.tiers(np.argsort(values).tolist(), better)
        false_tiers.append(len({cut.tier[i] for i in TIES[0]}) > 1)
    per_entry = np.mean(covered, axis=0)
    return {
        "per_entry": per_entry,
        "joint": float(np.mean(np.all(covered, axis=1))),
        "width": float(np.mean(widths)),
        "false_claims": float(np.mean(false_claims)),
        "tie_split": float(np.mean(false_tiers)),
    }


def swap_p(task: tuple[Spectrum, tuple[Entry, Entry], int, int, list[int]]) -> float:
    """The p value of one swap test between two entries on one draw of patients."""
    spectrum, pair, patients, permutations, seed = task
    labels, rng = eyes_of(patients), np.random.default_rng(seed)
    truth = draw_features(spectrum, labels, rng)
    a, b = (draw_entry(entry, truth, spectrum, labels, rng) for entry in pair)
    found = inference.swap_test(
        truth, a, b, labels, distance=fast_distance, permutations=permutations, seed=int(rng.integers(2**31))
    )
    return float(found.p if found.p is not None else np.nan)


HONEST = Entry("honest", 0.0, 1.0, 0.15)


def collapse_replicate(
    task: tuple[Spectrum, tuple[Entry, Entry], int, int, list[int]],
) -> tuple[NDArray[np.float64], bool, bool]:
    """FVD and bias-matched distance of an honest and of a collapsed entry; FVD's verdict; the tier rule's."""
    spectrum, entries, patients, splits, seed = task
    labels, rng = eyes_of(patients), np.random.default_rng(seed)
    truth = draw_features(spectrum, labels, rng)
    pair = [draw_entry(entry, truth, spectrum, labels, rng) for entry in entries]
    scores = [fast_score(truth, y, labels) for y in pair]
    matched = [bias_matched_distance(truth, y, labels, splits=splits, seed=seed[-1]) for y in pair]
    values = np.array([score.value for score in scores])
    tests = inference.max_t(values, np.column_stack([score.deviations for score in scores]), draws=10_000)
    better = tests.better("lower")
    agreement = inference.same_order(tests.differences, np.subtract.outer(matched, matched))
    cut = inference.tiers(np.argsort(values).tolist(), better, agreement)
    return np.array([*values, *matched]), bool(better[1, 0]), bool(better[1, 0] and cut.tier[1] < cut.tier[0])
