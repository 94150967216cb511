"""The photograph tells part of the OCT and not all of it.

A ridge regressor on ring means, ring textures and disc quantiles of the photograph must predict held-out central
thickness and disease far better than chance, and worse than what the true anatomy allows. Intervals are bootstrapped
over patients, one eye each.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from fundus2oct.benchmark.phantom.anatomy import Eye, sample_eye
from fundus2oct.benchmark.phantom.fundus_renderer import render_fundus, scan_centre_px

Floats = NDArray[np.float64]
PATIENTS = 240
RINGS_UM = (0, 250, 500, 900, 1400, 2000, 2800, 3800, 5200)


def photograph_features(patient: int) -> tuple[Floats, Floats, float, bool]:
    """Features of one photograph, of the true anatomy, the central subfield and whether the eye is diseased."""
    side = "RL"[patient % 2]
    eye = sample_eye(5, patient, side, cohort="information")
    column, row = scan_centre_px(eye)
    rows, columns = np.mgrid[:512, :512]
    x, y = eye.nasal * (columns - column) * eye.photo.um_per_px, (row - rows) * eye.photo.um_per_px
    return _features(render_fundus(eye), x, y), _anatomy(eye), eye.central_subfield_um(), eye.disease != "none"


def _features(fundus: NDArray[np.uint8], x: Floats, y: Floats) -> Floats:
    log = np.log(fundus + 8.0)
    texture = log - ndimage.uniform_filter(log, (9, 9, 1))
    r, middle = np.hypot(x, y), np.hypot(*(np.mgrid[:512, :512] - 255.5)) < 238
    found: list[float] = []
    for low, high in pairwise(RINGS_UM):
        ring = middle & (r >= low) & (r < high)
        found += [*log[ring].mean(axis=0), *np.log((texture[ring, :2] ** 2).mean(axis=0) + 1e-6)]
        found += [log[ring, 1].std(), *np.quantile(texture[ring, 1], (0.02, 0.98))]
    for side in (1, -1):
        found += [*log[middle & (r > 1500) & (r < 3800) & (side * y > 800)].mean(axis=0)]
    disc = middle & (np.hypot(x - 4520, y - 550) < 1250)
    return np.array([*found, *np.quantile(log[disc], (0.3, 0.5, 0.65, 0.8, 0.9, 0.97), axis=0).ravel()])


def _anatomy(eye: Eye) -> Floats:
    """The ceiling's features: true thickness near the centre and what the lesions hold."""
    shape, lesions = eye.shape, eye.lesions
    x = np.array([0.0, 250.0, -250.0, 0.0, 0.0, 500.0, -500.0])
    y = np.array([0.0, 0.0, 0.0, 250.0, -250.0, 0.0, 0.0])
    held = [len(lesions.cysts) > 0, len(lesions.drusen) > 6, lesions.wedge[2], lesions.myopia, lesions.membrane[0]]
    return np.array([*shape.total_um(x, y), *(float(value > 0) for value in held)])


def held_out(features: Floats, target: Floats, penalty: float) -> Floats:
    """Five-fold predictions of a ridge regression on standardised features."""
    out = np.empty(len(target))
    fold = np.arange(len(target)) % 5
    for k in range(5):
        train = fold != k
        mean, spread = features[train].mean(axis=0), features[train].std(axis=0) + 1e-9
        z, middle = (features - mean) / spread, target[train].mean()
        gram = z[train].T @ z[train] + penalty * np.eye(z.shape[1])
        out[~train] = middle + z[~train] @ np.linalg.solve(gram, z[train].T @ (target[train] - middle))
    return out


def r_squared(truth: Floats, predicted: Floats) -> float:
    return float(1.0 - ((truth - predicted) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())


def area_under_curve(diseased: Floats, score: Floats) -> float:
    ill, well = score[diseased > 0.5], score[diseased < 0.5]
    return float((ill[:, None] > well).mean())


def interval(figure: Callable[[Floats, Floats], float], truth: Floats, predicted: Floats) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(truth), len(truth)) for _ in range(400)]
    values = [figure(truth[draw], predicted[draw]) for draw in draws]
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))


@pytest.fixture(scope="module")
def cohort() -> tuple[Floats, Floats, Floats, Floats]:
    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(photograph_features, range(PATIENTS)))
    features, anatomy, central, ill = zip(*rows, strict=True)
    return np.array(features), np.array(anatomy), np.array(central), np.array(ill, dtype=np.float64)


@pytest.mark.slow
def test_central_thickness_is_partly_told_by_the_photograph(cohort: tuple[Floats, Floats, Floats, Floats]) -> None:
    features, anatomy, central, _ = cohort
    predicted = held_out(features, central, 30.0)
    low, high = interval(r_squared, central, predicted)
    ceiling = r_squared(central, held_out(anatomy, central, 0.01))
    print(f"R2 {r_squared(central, predicted):.2f} [{low:.2f}, {high:.2f}], from the anatomy {ceiling:.3f}")
    assert low > 0.2
    assert high < ceiling - 0.05
    shuffled = held_out(features[np.random.default_rng(1).permutation(PATIENTS)], central, 30.0)
    assert r_squared(central, shuffled) < 0.1


@pytest.mark.slow
def test_disease_is_partly_told_by_the_photograph(cohort: tuple[Floats, Floats, Floats, Floats]) -> None:
    features, anatomy, _, ill = cohort
    score = held_out(features, ill, 30.0)
    low, high = interval(area_under_curve, ill, score)
    ceiling = area_under_curve(ill, held_out(anatomy, ill, 0.01))
    print(f"AUC {area_under_curve(ill, score):.2f} [{low:.2f}, {high:.2f}], from the anatomy {ceiling:.3f}")
    assert low > 0.65
    assert high < ceiling - 0.02


@pytest.mark.slow
def test_healthy_pits_are_partly_told_too(cohort: tuple[Floats, Floats, Floats, Floats]) -> None:
    features, _, central, ill = cohort
    healthy = ill < 0.5
    predicted = held_out(features[healthy], central[healthy], 30.0)
    low, high = interval(r_squared, central[healthy], predicted)
    print(f"R2 of healthy eyes {r_squared(central[healthy], predicted):.2f} [{low:.2f}, {high:.2f}]")
    assert low > 0.05
    assert high < 0.9
