"""How often intervals of ranks hold all true ranks, on boards whose truth is known: by tests of all pairs, by draws.

Case metrics of patients who are hard or easy for everybody, as `case_experiments` has them; the true means are chosen.
`python tests/simulation/rank_experiments.py` prints the figures of docs/uncertainty.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.rank_inference import better_in_the_middle, max_t, mean_deviations, rank_intervals
from fundus2oct.metrics.rank_resampling import draw_patients, rank_counts, ranks_in, resampled_values

Floats = NDArray[np.float64]

MEANS = np.array([0.0, 0.05, 0.1, 0.4, 0.5, 1.0])
"""True means of six entries, lower is better: close ones, and some that are apart."""
METRICS = (MEANS, np.array([0.5, 0.0, 0.05, 0.4, 0.1, 1.0]), np.array([0.1, 0.0, 0.5, 0.4, 1.0, 0.8]))
"""True means in three metrics that do not agree."""
PATIENTS = 30
TEST_DRAWS = 4_000


def patients(rng: np.random.Generator, means: Floats) -> Floats:
    """(PATIENTS, K) patient means: what makes a patient hard is shared, the rest is the entry's own."""
    hard = rng.gamma(2.0, size=(PATIENTS, 1))
    values: Floats = means + hard + 0.5 * rng.normal(size=(PATIENTS, len(means)))
    return values


def holds(intervals: list[tuple[int, int]], truth: Floats) -> bool:
    """Whether every interval holds every rank that the truth allows, ties included."""
    better = (truth[:, None] > truth[None, :] + 1e-9).sum(axis=1)
    worse = (truth[:, None] < truth[None, :] - 1e-9).sum(axis=1)
    spans = zip(intervals, better, worse, strict=True)
    return all(low <= 1 + n_better and len(truth) - n_worse <= high for (low, high), n_better, n_worse in spans)


def by_tests(y: Floats, alpha: float, seed: int) -> NDArray[np.bool_]:
    """(K, K) who is significantly better than whom."""
    tests = max_t(y.mean(axis=0), mean_deviations(y), level=1 - alpha, draws=TEST_DRAWS, seed=seed)
    return tests.better("lower")


def by_draws(y: Floats) -> list[tuple[int, int]]:
    """The ranks that hold the middle 95 % of the draws of patients, entry by entry."""
    moved = resampled_values(y.mean(axis=0), mean_deviations(y), draw_patients(len(y), resamples=1_000))
    shares = np.cumsum(rank_counts(ranks_in(moved, "lower")), axis=1) / 1_000
    return [(1 + int((row <= 0.025).sum()), 1 + int((row < 0.975).sum())) for row in shares]


def experiment(repeats: int, start: int, spread: float = 1.0) -> dict[str, tuple[float, float]]:
    """Method -> share of the repeats in which all true ranks are held, and the mean width in ranks.

    Args:
        repeats: boards that are simulated.
        start: seed of the simulation.
        spread: the true means are multiplied by it; 0 ties them all.
    """
    rng = np.random.default_rng(start)
    truths = [means * spread for means in METRICS]
    of_all = np.mean([ranks_in(truth[None], "lower", ties="average")[0] for truth in truths], axis=0)
    found: dict[str, list[tuple[bool, float]]] = {"tests": [], "draws": [], "mean rank": []}
    for _ in range(repeats):
        drawn, seed = [patients(rng, truth) for truth in truths], int(rng.integers(2**32))
        wins = [by_tests(y, 0.05 / len(drawn), seed) for y in drawn]
        made = {
            "tests": (rank_intervals(by_tests(drawn[0], 0.05, seed)), truths[0]),
            "draws": (by_draws(drawn[0]), truths[0]),
            "mean rank": (rank_intervals(better_in_the_middle(wins, "mean")), of_all),
        }
        for name, (intervals, truth) in made.items():
            found[name].append((holds(intervals, truth), float(np.mean([1 + high - low for low, high in intervals]))))
    return {
        name: (float(np.mean([h for h, _ in told])), float(np.mean([w for _, w in told])))
        for name, told in found.items()
    }


if __name__ == "__main__":
    for spread, what in ((1.0, "six entries, some close"), (0.0, "six entries, all the same")):
        for name, (coverage, width) in experiment(2_000, 11, spread).items():
            print(f"{what:<28} {name:<10} {coverage:.3f} {width:.2f}")
