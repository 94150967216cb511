"""Six lines through one point: consistent in real volumes, caught when they come from six eyes."""

from __future__ import annotations

import numpy as np
import pytest
from phantom_scans import phantom_scan
from scipy import ndimage

from fundus2oct.metrics.radial_consistency import (
    CARD,
    WORST,
    central_profiles,
    consistency_ratio,
    disagreement,
    radial_consistency,
    radial_disagreement,
)


@pytest.fixture(scope="module")
def volumes() -> list[np.ndarray]:
    return [phantom_scan("none", 20 + i).own for i in range(6)]


def test_disagreement_is_one_minus_the_intraclass_correlation_of_the_paper() -> None:
    # Shrout and Fleiss (1979), table 2: six targets, four judges; ICC(1,1) = 0.17
    ratings = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    assert 1 - disagreement(ratings.T) == pytest.approx(0.17, abs=0.005)


def test_equal_profiles_agree_and_opposed_ones_reach_the_worst() -> None:
    profile = np.array([1.0, 5.0, 2.0, 7.0])
    assert disagreement(np.tile(profile, (6, 1))) == 0.0
    assert disagreement(np.stack([profile, -profile] * 3)) == pytest.approx(WORST)
    assert disagreement(np.full((6, 4), 3.0)) == WORST


def test_profiles_that_share_nothing_disagree_by_one() -> None:
    noise = np.random.default_rng(0).normal(size=(6, 20_000))
    assert disagreement(noise) == pytest.approx(1.0, abs=0.02)


def test_lines_of_one_eye_agree_and_lines_of_six_eyes_do_not(volumes: list[np.ndarray]) -> None:
    real = [radial_disagreement(volume) for volume in volumes]
    mixed = [np.stack([volumes[(i + k) % 6][i] for i in range(6)]) for k in range(3)]
    shuffled = [radial_disagreement(volume) for volume in mixed]
    assert max(real) < 0.08
    assert min(shuffled) > 2 * max(real)
    ratio = consistency_ratio(shuffled, real)
    assert ratio is not None
    assert ratio > 4.0


def test_axial_movement_between_lines_is_forgiven(volumes: list[np.ndarray]) -> None:
    moved = np.stack([np.roll(bscan, shift, axis=0) for bscan, shift in zip(volumes[0], range(-9, 9, 3), strict=True)])
    assert radial_disagreement(moved) == pytest.approx(radial_disagreement(volumes[0]), abs=0.01)


def test_blur_agrees_more_than_real_speckle(volumes: list[np.ndarray]) -> None:
    blurred = ndimage.gaussian_filter(volumes[1].astype(float), (0, 2, 2)).astype(np.uint8)
    ratio = consistency_ratio([radial_disagreement(blurred)], [radial_disagreement(volumes[1])])
    assert ratio is not None
    assert ratio < 1.0


@pytest.mark.parametrize("gone", [[3], range(6)])
def test_a_line_without_a_retina_gets_the_worst_value(volumes: list[np.ndarray], gone: list[int]) -> None:
    broken = volumes[2].copy()
    broken[list(gone)] = 0
    assert central_profiles(broken) is None
    assert radial_consistency(volumes[2], broken).tolist() == [CARD.worst]


def test_the_truth_is_not_used(volumes: list[np.ndarray]) -> None:
    with_truth, with_another = (radial_consistency(truth, volumes[0]) for truth in (volumes[0], volumes[5]))
    assert with_truth.shape == (1,)
    assert with_truth.tolist() == with_another.tolist()


def test_a_ratio_to_nothing_is_undefined() -> None:
    assert consistency_ratio([0.5], [0.0]) is None
    assert consistency_ratio([0.2, 0.4], [0.1, 0.2]) == pytest.approx(2.0)
