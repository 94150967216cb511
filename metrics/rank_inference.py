"""Many entries on the same patients: all pairs tested together, rank intervals, tiers.

Pairwise max-t with the patients' covariance: one critical value for all pairs, so that with 95 % probability no pair is
called different by mistake, and all rank intervals hold together. Values, not tests, make the order: it never depends
on who else entered; tiers may. Pure functions; two entries alone are in `paired_inference`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fundus2oct.metrics.interval_inference import MIN_BOOTSTRAP_PATIENTS, SEED
from fundus2oct.metrics.metric_card import Direction

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Middle = Literal["mean", "median"]

DRAWS: Final = 100_000
CHUNK: Final = 2_000
"""Draws held in memory at once."""
NO_SPREAD: Final = 1e-10
"""A standard error below this share of the largest is rounding: the two entries move together."""
ORDER_DEPENDS_ON_BIAS: Final = "order depends on finite-sample bias"


@dataclass(frozen=True)
class PairwiseTests:
    """All pairs of K entries, tested together; every matrix is (K, K), row i against column j.

    Attributes:
        differences: value i - value j.
        standard_errors: of the differences, over patients.
        p: of each pair alone (Student's t); NaN where the standard error is 0.
        adjusted_p: of each pair in the family of all pairs (single-step max-t); NaN as in ``p``.
        critical_value: |difference| / standard error from which a pair is significant.
        level: 1 - the family-wise error rate.
    """

    differences: Floats
    standard_errors: Floats
    p: Floats
    adjusted_p: Floats
    critical_value: float
    level: float

    @property
    def significant(self) -> Booleans:
        """Pairs that differ, at the family's level."""
        return np.nan_to_num(self.adjusted_p, nan=1.0) <= 1 - self.level

    def better(self, direction: Direction) -> Booleans:
        """(K, K) whether i is significantly better than j, when ``direction`` is better."""
        i_is_better = self.differences < 0 if direction == "lower" else self.differences > 0
        return self.significant & i_is_better


@dataclass(frozen=True)
class Tiers:
    """Groups of rows that the data cannot tell from their leader.

    Attributes:
        tier: (K,) tier of each entry, from 1; in the entries' order, not the board's.
        leaders: the entry that leads each tier.
        held_back: entries that stay in a tier although significantly worse than its leader, because
            `ORDER_DEPENDS_ON_BIAS`.
    """

    tier: tuple[int, ...]
    leaders: tuple[int, ...]
    held_back: tuple[int, ...]


def max_t(
    values: ArrayLike, deviations: ArrayLike, *, level: float = 0.95, draws: int = DRAWS, seed: int = SEED
) -> PairwiseTests:
    """Test all pairs of entries together.

    The statistic of a pair is |difference| / standard error; its reference is the largest one among all pairs under a
    multivariate t with the entries' covariance and patients - 1 degrees of freedom (Hothorn, Bretz and Westfall,
    Biometrical Journal 50, 2008, section 3).

    Args:
        values: (K,) the entries' values, K >= 2.
        deviations: (g, K) each patient's share, g >= 5, columns with sum of squares = variance. Set metrics:
            `interval_inference.jackknife_deviations`; case metrics: `mean_deviations`.
        level: 1 - the family-wise error rate.
        draws: Monte-Carlo draws; an adjusted p of 0.05 has a standard error of 0.0007 with 100,000.
        seed: of the draws.
    """
    theta, d = np.asarray(values, np.float64), np.asarray(deviations, np.float64)
    _check(theta, d)
    i, j = np.triu_indices(len(theta), 1)
    errors = np.linalg.norm(d[:, i] - d[:, j], axis=0)
    has_spread = errors > NO_SPREAD * max(errors.max(), np.finfo(float).tiny)
    t = np.full(len(i), np.nan)
    np.divide(np.abs(theta[i] - theta[j]), errors, out=t, where=has_spread)
    largest = _largest_statistics(d, (i[has_spread], j[has_spread]), errors[has_spread], draws, seed)
    return PairwiseTests(
        differences=theta[:, None] - theta[None, :],
        standard_errors=_symmetric(np.where(has_spread, errors, 0.0), len(theta), 0.0),
        p=_symmetric(_t_test(t, len(d) - 1), len(theta), np.nan),
        adjusted_p=_symmetric(_exceedance(largest, t), len(theta), np.nan),
        critical_value=float(np.quantile(largest, level, method="inverted_cdf")),
        level=level,
    )


def mean_deviations(patient_means: ArrayLike) -> Floats:
    """(g, K) patient means -> (g, K) shares of the variance of the entries' means, for `max_t`."""
    y = np.asarray(patient_means, np.float64)
    shares: Floats = (y - y.mean(axis=0)) / np.sqrt(len(y) * (len(y) - 1))
    return shares


def rank_intervals(better: ArrayLike) -> list[tuple[int, int]]:
    """Simultaneous intervals of the true ranks: ``[1 + number significantly better, K - number significantly worse]``.

    Args:
        better: (K, K) whether i is significantly better than j (`PairwiseTests.better`).

    >>> rank_intervals([[False, True, True], [False, False, False], [False, False, False]])
    [(1, 1), (2, 3), (2, 3)]
    """
    wins = _square(better, "better")
    k = len(wins)
    return [(1 + int(wins[:, j].sum()), k - int(wins[j].sum())) for j in range(k)]


def better_in_the_middle(wins: Sequence[ArrayLike], middle: Middle) -> Booleans:
    """(K, K) whether i is better than j in the mean or median of its ranks in M metrics, whatever the open ranks are.

    Each metric leaves every entry an interval of ranks; i is better where even its worst middle is below the best of j.
    When the tests of each metric hold at 1/M of the error rate, all of this holds at once. It is wide: ranks in
    different metrics are taken as free of each other.

    Args:
        wins: M matrices (K, K), whether i is significantly better than j in that metric.
        middle: how an entry's ranks are put together.

    >>> better_in_the_middle([[[False, True], [False, False]]] * 2, "mean").tolist()
    [[False, True], [False, False]]
    """
    bounds = np.array([rank_intervals(better) for better in wins], np.float64).reshape(len(wins), -1, 2)
    best, worst = (np.mean if middle == "mean" else np.median)(bounds, axis=0).T
    return np.asarray(worst[:, None] < best[None, :], np.bool_)


def same_order(differences: ArrayLike, bias_matched_differences: ArrayLike) -> Booleans:
    """Pairs that a distance and its bias-matched counterpart put in the same order; a NaN agrees with nothing.

    Args:
        differences: (K, K) differences of the distance that ranks.
        bias_matched_differences: (K, K) of the bias-matched one, same entries.
    """
    a, b = np.asarray(differences, np.float64), np.asarray(bias_matched_differences, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"bias_matched_differences: expected shape {a.shape}, found {b.shape}")
    return np.asarray(np.sign(a) == np.sign(b), np.bool_)


def tiers(order: Sequence[int], better: ArrayLike, agreement: ArrayLike | None = None) -> Tiers:
    """Cut a board's order into tiers: one opens at the first row significantly worse than the tier's leader.

    "Not separable" is not transitive, so only comparisons with the leader count. A row whose order against the leader
    depends on finite-sample bias does not open a tier and is named in ``held_back``.

    Args:
        order: the entries' indices, best first.
        better: (K, K) whether i is significantly better than j.
        agreement: (K, K) from `same_order`; None for a metric without finite-sample bias.
    """
    wins = _square(better, "better")
    agrees = np.ones_like(wins) if agreement is None else _square(agreement, "agreement")
    if sorted(order) != list(range(len(wins))) or agrees.shape != wins.shape:
        raise ValueError(f"order: expected each of {len(wins)} entries once, found {list(order)}")
    tier, leaders, held_back = [0] * len(wins), list[int](), list[int]()
    for row in order:
        leader = leaders[-1] if leaders else row
        if not leaders or (wins[leader, row] and agrees[leader, row]):
            leaders.append(row)
        elif wins[leader, row]:
            held_back.append(row)
        tier[row] = len(leaders)
    return Tiers(tuple(tier), tuple(leaders), tuple(held_back))


def _largest_statistics(
    d: Floats, pairs: tuple[NDArray[np.intp], NDArray[np.intp]], errors: Floats, draws: int, seed: int
) -> Floats:
    """(draws,) the largest statistic of all pairs when no entries differ; zeros when no pair has spread."""
    if not len(errors):
        return np.zeros(draws)
    _, s, v = np.linalg.svd(d, full_matrices=False)
    root = (v.T * s) @ v  # symmetric root of the covariance: free of the patients' order, and of squared rounding
    rng = np.random.default_rng(seed)
    largest = []
    for start in range(0, draws, CHUNK):
        n = min(CHUNK, draws - start)
        z = rng.standard_normal((n, len(root))) @ root
        scale = np.sqrt(rng.chisquare(len(d) - 1, size=n) / (len(d) - 1))
        largest.append((np.abs(z[:, pairs[0]] - z[:, pairs[1]]) / errors).max(axis=1) / scale)
    return np.concatenate(largest)


def _exceedance(largest: Floats, t: Floats) -> Floats:
    """(1 + draws at least as large) / (1 + draws); NaN stays NaN."""
    in_order = np.sort(largest)
    p = (1.0 + len(largest) - np.searchsorted(in_order, t, side="left")) / (1.0 + len(largest))
    return np.where(np.isnan(t), np.nan, p)


def _t_test(t: Floats, degrees_of_freedom: int) -> Floats:
    from scipy import special

    return np.asarray(2 * special.stdtr(degrees_of_freedom, -np.abs(t)), np.float64)


def _symmetric(upper: Floats, k: int, diagonal: float) -> Floats:
    matrix = np.full((k, k), diagonal)
    i, j = np.triu_indices(k, 1)
    matrix[i, j] = matrix[j, i] = upper
    return matrix


def _square(matrix: ArrayLike, name: str) -> Booleans:
    found = np.asarray(matrix, np.bool_)
    if found.ndim != 2 or found.shape[0] != found.shape[1]:
        raise ValueError(f"{name}: expected shape (entries, entries), found {found.shape}")
    return found


def _check(theta: Floats, d: Floats) -> None:
    if theta.ndim != 1 or len(theta) < 2:
        raise ValueError(f"values: expected at least 2 entries, found shape {theta.shape}")
    if d.ndim != 2 or d.shape[1] != len(theta):
        raise ValueError(f"deviations: expected shape (patients, {len(theta)}), found {d.shape}")
    if len(d) < MIN_BOOTSTRAP_PATIENTS:
        raise ValueError(f"deviations: expected at least {MIN_BOOTSTRAP_PATIENTS} patients, found {len(d)}")
    if not np.isfinite(theta).all() or not np.isfinite(d).all():
        raise ValueError("values, deviations: expected finite values, found NaN or infinity")
