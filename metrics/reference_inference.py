"""The real-vs-real reference: what a set metric says when real eyes of other patients stand in for generated ones.

Training patients are drawn to the test set's number of cases and eyes per patient, again and again. It is a reference,
not a floor: volumes correlated with the truth can score below it. Called with features by whoever draws the reference
into a board; pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fundus2oct.metrics.frechet_distance import frechet_distance
from fundus2oct.metrics.interval_inference import SEED

Floats = NDArray[np.float64]
Rows = dict[str, int]
"""One patient's rows by the key of the eye."""

DRAWS: Final = 50
MIN_DRAWS: Final = 50
QUANTILES: Final = (0.025, 0.25, 0.5, 0.75, 0.975)


@dataclass(frozen=True)
class Reference:
    """A set metric between the test set and matched draws of real training eyes.

    Attributes:
        mean: over draws.
        standard_deviation: over draws; the draws share the truth and overlap, so it understates the spread between
            test sets.
        quantiles: probability -> value.
        values: (draws,) the values.
        n_cases: rows in every draw, as many as the test set has.
        relaxed: mean number of patients a draw who were matched by side alone, no other of their disease being left.
    """

    mean: float
    standard_deviation: float
    quantiles: Mapping[float, float]
    values: Floats
    n_cases: int
    relaxed: float


def real_vs_real(
    truth: ArrayLike,
    pool: ArrayLike,
    *,
    truth_patients: ArrayLike,
    truth_sides: ArrayLike,
    pool_patients: ArrayLike,
    pool_sides: ArrayLike,
    truth_disease: ArrayLike | None = None,
    pool_disease: ArrayLike | None = None,
    distance: Callable[[Floats, Floats], float] = frechet_distance,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Reference:
    """Distances between the truth and matched draws of real training eyes.

    In every draw each test patient is represented by another training patient, used once, with the same eyes; among
    those, with the same disease in each eye as long as there are some. A one-eyed patient may be represented by one
    eye of a two-eyed one.

    Args:
        truth: (n, d) features of the test set, one row a case.
        pool: (m, d) features of training cases, m >= n.
        truth_patients: (n,) labels.
        truth_sides: (n,) ``L`` or ``R``.
        pool_patients: (m,) labels.
        pool_sides: (m,) ``L`` or ``R``.
        truth_disease: (n,) labels to stratify by; None: by side alone.
        pool_disease: (m,) labels.
        distance: (n, d), (n, d) -> value.
        draws: at least 50.
        seed: of the draws.

    Raises:
        ValueError: when the pool has too few patients with the eyes that are wanted.
    """
    if draws < MIN_DRAWS:
        raise ValueError(f"draws: expected at least {MIN_DRAWS}, found {draws}")
    x, y = np.asarray(truth, np.float64), np.asarray(pool, np.float64)
    wanted = _eyes(truth_patients, truth_sides, len(x), "truth")
    given = _eyes(pool_patients, pool_sides, len(y), "pool")
    disease = _diseases(truth_disease, pool_disease, len(x), len(y))
    rng = np.random.default_rng(seed)
    values, relaxed = np.empty(draws), 0
    for k in range(draws):
        chosen, n_relaxed = draw_matched(wanted, given, disease, rng)
        values[k] = distance(x, y[chosen])
        relaxed += n_relaxed
    spread, levels = float(values.std(ddof=1)), np.quantile(values, QUANTILES)
    quantiles = {q: float(v) for q, v in zip(QUANTILES, levels, strict=True)}
    return Reference(float(values.mean()), spread, quantiles, values, len(x), relaxed / draws)


def draw_matched(
    wanted: Mapping[Any, Rows],
    given: Mapping[Any, Rows],
    disease: tuple[list[Any], list[Any]] | None,
    rng: np.random.Generator,
) -> tuple[NDArray[np.intp], int]:
    """One draw: for every wanted row a row of the pool, and how many patients were matched without their disease.

    Patients with two eyes choose first: nobody with one eye can stand in for them.
    """
    names = [list(wanted)[i] for i in rng.permutation(len(wanted))]
    order = sorted(names, key=lambda name: -len(wanted[name]))
    unused = [list(given)[i] for i in rng.permutation(len(given))]
    rows = np.empty(sum(map(len, wanted.values())), np.intp)
    relaxed = 0
    for name in order:
        eyes = wanted[name]
        fitting = [other for other in unused if eyes.keys() <= given[other].keys()]
        if not fitting:
            raise ValueError(f"pool: expected an unused patient with eyes {'+'.join(sorted(eyes))}, found none left")
        alike = [other for other in fitting if disease is None or _same_disease(eyes, given[other], disease)]
        relaxed += not alike
        chosen = (alike or fitting)[0]
        unused.remove(chosen)
        for side, row in eyes.items():
            rows[row] = given[chosen][side]
    return rows, relaxed


def _diseases(
    truth: ArrayLike | None, pool: ArrayLike | None, n_truth: int, n_pool: int
) -> tuple[list[Any], list[Any]] | None:
    """Both lists of labels, or None when neither is given."""
    if truth is None and pool is None:
        return None
    wanted, given = np.asarray(truth), np.asarray(pool)
    if wanted.shape != (n_truth,) or given.shape != (n_pool,):
        expected, found = f"{n_truth} and {n_pool} labels", f"shapes {wanted.shape} and {given.shape}"
        raise ValueError(f"truth_disease, pool_disease: expected {expected}, found {found}")
    return wanted.tolist(), given.tolist()


def _same_disease(eyes: Rows, other: Rows, disease: tuple[list[Any], list[Any]]) -> bool:
    return all(disease[0][row] == disease[1][other[side]] for side, row in eyes.items())


def _eyes(patients: ArrayLike, sides: ArrayLike, n: int, name: str) -> dict[Any, Rows]:
    """Patient -> side -> row, patients sorted; a patient has each side at most once."""
    labels, eyes = np.asarray(patients), np.asarray(sides)
    if labels.shape != (n,) or eyes.shape != (n,):
        raise ValueError(f"{name}: expected one patient and one side for each of {n} rows, found {labels.shape}")
    found: dict[Any, Rows] = {patient: {} for patient in np.unique(labels).tolist()}
    for row, (patient, side) in enumerate(zip(labels.tolist(), eyes.tolist(), strict=True)):
        if side in found[patient]:
            raise ValueError(f"{name}_sides: patient {patient} has the side {side} twice")
        found[patient][side] = row
    return found
