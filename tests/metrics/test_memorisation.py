"""Memorisation: copies are caught however they were disguised, and nobody else is accused."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from fundus2oct.metrics import memorisation

PATIENTS = np.arange(40) // 2


def eye(seed: int) -> np.ndarray:
    """A small layered volume whose edges and brightness are its own, and speckle."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, 224)
    volume = []
    curve = rng.normal(0, 5, 4)
    for _ in range(6):
        line = curve + rng.normal(0, 2.5, 4)
        edge = 60 + line[0] + line[1] * x + line[2] * x**2 + 0.6 * line[3] * np.cos(4 * x)
        depth = np.arange(160.0)[:, None] - edge
        thickness = 38 + 2 * line[3]
        level = 14 + 80 * (depth > 0) + 70 * (depth > thickness) - 60 * (depth > thickness + 9)
        volume.append(level * rng.gamma(5, 0.2, level.shape))
    return np.clip(np.rint(volume), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def training() -> np.ndarray:
    return np.stack([eye(seed) for seed in range(40)])


@pytest.fixture(scope="module")
def known(training: np.ndarray) -> np.ndarray:
    return memorisation.descriptor(training)


def as_uint8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def jpeg(volume: np.ndarray) -> np.ndarray:
    bscans = []
    for bscan in volume:
        buffer = io.BytesIO()
        Image.fromarray(bscan).save(buffer, "JPEG", quality=75)
        bscans.append(np.asarray(Image.open(buffer)))
    return np.stack(bscans)


def moved(volume: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return np.asarray(ndimage.shift(volume, (0, rows, columns), order=0, mode="nearest"))


DISGUISES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda v: v,
    "noise": lambda v: as_uint8(v + np.random.default_rng(0).normal(0, 10, v.shape)),
    "shift": lambda v: moved(v, 3, 2),
    "brightness": lambda v: as_uint8(1.15 * v + 8),
    "jpeg": jpeg,
    "all": lambda v: jpeg(as_uint8(moved(v, 2, 2) * 0.9 + 6)),
}


@pytest.mark.parametrize("disguise", list(DISGUISES))
def test_disguised_copies_are_caught_and_their_origin_is_named(
    disguise: str, training: np.ndarray, known: np.ndarray
) -> None:
    copies = np.stack([DISGUISES[disguise](training[i]) for i in (0, 13, 26, 39)])
    found = memorisation.flags(memorisation.descriptor(copies), known, PATIENTS)
    assert found.flagged.all()
    assert found.nearest.tolist() == [0, 13, 26, 39]


def test_new_eyes_blurred_eyes_and_the_mean_volume_are_not_flagged(training: np.ndarray, known: np.ndarray) -> None:
    new = [eye(seed) for seed in range(1000, 1030)]
    soft = [as_uint8(ndimage.gaussian_filter(volume.astype(np.float64), (0, 4, 4))) for volume in new[:10]]
    mean = [as_uint8(training.mean(axis=0))]
    found = memorisation.flags(memorisation.descriptor([*new, *soft, *mean]), known, PATIENTS)
    assert not found.flagged.any()


def test_a_ratio_by_hand() -> None:
    """Nearest 1 (patient a) at distance 1; the nearest of another patient is at 4; left out, 10/10, 10/10, 10/20."""
    training = np.array([[0.0], [-10.0], [5.0], [20.0]])
    found = memorisation.flags([[1.0]], training, ["a", "a", "b", "c"])
    assert found.ratio.tolist() == [0.25]
    np.testing.assert_allclose(found.left_out_ratio, [5 / 20, 15 / 30, 5 / 15, 15 / 20])
    assert found.threshold == pytest.approx(0.9 * 0.25)
    assert found.flagged.tolist() == [False]


def test_exact_copies_are_found_by_pixels(training: np.ndarray) -> None:
    changed = training[3].copy()
    changed[2, 5, 7] ^= 1
    assert memorisation.exact_copies([training[3], changed], training).tolist() == [True, False]


def test_a_constant_volume_has_a_finite_descriptor(known: np.ndarray) -> None:
    found = memorisation.flags(memorisation.descriptor([np.zeros((6, 160, 224), np.uint8)]), known, PATIENTS)
    assert np.isfinite(found.ratio).all()
    assert not found.flagged.any()


def test_too_few_patients_are_refused(known: np.ndarray) -> None:
    with pytest.raises(ValueError, match="at least 3 patients"):
        memorisation.flags(known, known, np.arange(40) % 2)
