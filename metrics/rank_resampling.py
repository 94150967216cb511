"""Ranks over resamples of patients: how often each entry has each rank, and how far the order stays itself.

One draw takes patients with replacement, the same for every entry and every metric. A case metric is averaged over
them; a set metric, which is biased where a patient stands twice, moves by the patients' shares of its jackknife, whose
covariance the draws then have. Pure functions. What they say is descriptive: the draws centre on the values that were
found and know nothing of what patients were not there; intervals of ranks that hold are in `rank_inference`.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fundus2oct.metrics.interval_inference import SEED
from fundus2oct.metrics.metric_card import Direction

Floats = NDArray[np.float64]

RESAMPLES: Final = 2_000
"""Draws; a share of one half then has a standard error of 1.1 %."""


def draw_patients(groups: int, *, resamples: int = RESAMPLES, seed: int = SEED) -> Floats:
    """(resamples, groups) how often each patient stands in each draw with replacement."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(groups, np.full(groups, 1 / groups), size=resamples).astype(np.float64)


def resampled_values(values: ArrayLike, deviations: ArrayLike, counts: ArrayLike) -> Floats:
    """(resamples, K) the entries' values in every draw; of case metrics exactly, of set metrics by their jackknife.

    Args:
        values: (K,) the entries' values.
        deviations: (g, K) each patient's share, as `rank_inference.max_t` takes them.
        counts: (resamples, g) from `draw_patients`.
    """
    d = np.asarray(deviations, np.float64)
    moved: Floats = np.asarray(values, np.float64) + (np.asarray(counts, np.float64) - 1) @ (d - d.mean(axis=0))
    return moved


def ranks_in(values: ArrayLike, direction: Direction, *, ties: Literal["min", "average"] = "min") -> Floats:
    """(resamples, K) rank of each entry in every draw, from 1.

    Args:
        values: (resamples, K).
        direction: what is better.
        ties: whether equals share the best of their ranks, or the mean.
    """
    from scipy.stats import rankdata

    v = np.asarray(values, np.float64)
    found: Floats = rankdata(v if direction == "lower" else -v, method=ties, axis=1).astype(np.float64)
    return found


def rank_counts(ranks: ArrayLike) -> NDArray[np.int64]:
    """(K, K) in how many draws entry i has rank j + 1.

    >>> rank_counts([[1, 2], [1, 2], [2, 1]])
    array([[2, 1],
           [1, 2]])
    """
    r = np.asarray(ranks, np.int64)
    return np.stack([np.bincount(column - 1, minlength=r.shape[1]) for column in r.T])


def kendall_tau(places: ArrayLike, draws: ArrayLike) -> Floats:
    """(resamples,) Kendall's tau-b between one order and that of every draw; NaN where either ties all.

    Kendall, Biometrika 33 (1945) 239-251: pairs in the same order minus pairs turned round, over the geometric mean of
    the pairs that each does not tie.

    Args:
        places: (K,) K >= 2, what sorts the entries.
        draws: (resamples, K) the same, in every draw.
    """
    x, y = np.asarray(places, np.float64), np.asarray(draws, np.float64)
    i, j = np.triu_indices(len(x), 1)
    of_one = np.sign(x[i] - x[j])
    tau = np.full(len(y), np.nan)
    for k, row in enumerate(y):
        of_draw = np.sign(row[i] - row[j])
        size = np.sqrt(np.abs(of_one).sum() * np.abs(of_draw).sum())
        tau[k] = (of_one @ of_draw) / size if size else np.nan
    return tau
