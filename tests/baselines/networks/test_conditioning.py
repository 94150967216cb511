"""Conditioning arrays and noise of a case: the mirror rule, the places of the lines, independence of neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from fundus2oct.baselines.networks.case_noise import batch_noise, case_noise
from fundus2oct.baselines.networks.conditioning import (
    FIELD_UM,
    ConditioningConfig,
    canonical_volume,
    conditioning_arrays,
    mirror_arrays,
    mirror_strips,
    strip_places_um,
)
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.fundus_crop import field_box
from fundus2oct.metrics.scan_geometry import LATERAL_UM, mirror_fundus, retinal_positions_um

CONFIG = ConditioningConfig(fundus_size=48, along=56, across=4)


def random_photograph(seed: int, height: int = 260, width: int = 331) -> NDArray[np.uint8]:
    """A round field of random blotches on black, not in the picture's middle."""
    rng = np.random.default_rng(seed)
    blotches = rng.integers(40, 255, (height // 8 + 1, width // 8 + 1, 3)).astype(np.uint8)
    picture = blotches.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
    y, x = np.mgrid[:height, :width]
    picture[np.hypot(y - 131, x - 150) > 112] = 0
    return picture


def assert_nearly_equal(found: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    """Equal up to a grey level: resizing a mirrored picture rounds the other way now and then."""
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("width", [330, 331])
def test_mirrored_photograph_gives_the_mirrored_arrays(seed: int, width: int) -> None:
    fundus = random_photograph(seed, width=width)
    mirrored = conditioning_arrays(mirror_fundus(fundus), eye="R", config=CONFIG)
    expected = mirror_arrays(conditioning_arrays(fundus, eye="R", config=CONFIG))
    assert_nearly_equal(mirrored.fundus, expected.fundus)
    assert_nearly_equal(mirrored.strips, expected.strips)
    assert np.abs(mirrored.strips.astype(int) - expected.strips[:, :, ::-1]).mean() > 5


def test_mirrored_phantom_gives_the_mirrored_arrays(tiny_phantom: Dataset) -> None:
    for case in tiny_phantom.cases[:2]:
        fundus = tiny_phantom.fundus(case)
        mirrored = conditioning_arrays(mirror_fundus(fundus), eye=case.eye, config=CONFIG)
        expected = mirror_arrays(conditioning_arrays(fundus, eye=case.eye, config=CONFIG))
        assert_nearly_equal(mirrored.strips, expected.strips)


def fine_structure(profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is as wide as a vessel in profiles (6, 448), without the ends."""
    return (gaussian_filter1d(profile, 2) - gaussian_filter1d(profile, 12))[:, 20:-20]


def test_vessels_of_the_strips_cast_the_shadows_of_their_b_scans(tiny_phantom: Dataset) -> None:
    """With the true centre, a strip and its own B-scan darken in the same columns; run backwards they do not."""
    forwards, backwards = [], []
    for case in tiny_phantom.cases:
        fundus = tiny_phantom.fundus(case)
        left, top, right, bottom = field_box(fundus)
        um, x, y = (float(case.columns[name]) for name in ("um_per_px", "scan_centre_x", "scan_centre_y"))
        offset = (
            (x - (left + right - 1) / 2) * um * (1 if case.eye == "R" else -1),
            -(y - (top + bottom - 1) / 2) * um,
        )
        config = ConditioningConfig(along=448, across=1, centre_offset_um=offset)
        green = conditioning_arrays(fundus, eye=case.eye, config=config).strips[:, 1, 0].astype(np.float64)
        depth = canonical_volume(tiny_phantom.volume(case), eye=case.eye)[:, 200:].mean(axis=1)
        for found, order in ((forwards, 1), (backwards, -1)):
            pairs = zip(fine_structure(green), fine_structure(depth[:, ::order]), strict=True)
            found.append(np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs]))
    assert np.mean(forwards) > 0.05
    assert np.mean(forwards) > np.mean(backwards) + 0.05


def test_left_eye_is_shown_as_the_right_eye_in_its_mirror() -> None:
    fundus, moved = random_photograph(0), ConditioningConfig(across=2, centre_offset_um=(450.0, 100.0))
    left = conditioning_arrays(mirror_fundus(fundus), eye="L", config=moved)
    right = conditioning_arrays(fundus, eye="R", config=moved)
    np.testing.assert_array_equal(left.fundus, right.fundus)
    np.testing.assert_array_equal(left.strips, right.strips)


def test_mirroring_strips_twice_changes_nothing() -> None:
    strips = np.random.default_rng(0).integers(0, 256, (6, 3, 5, 8)).astype(np.uint8)
    np.testing.assert_array_equal(mirror_strips(mirror_strips(strips)), strips)
    np.testing.assert_array_equal(mirror_strips(strips)[0], strips[0][:, ::-1])
    np.testing.assert_array_equal(mirror_strips(strips)[3], strips[3][..., ::-1])


def test_volume_of_a_left_eye_is_mirrored_there_and_back() -> None:
    volume = np.random.default_rng(0).integers(0, 256, (6, 4, 8)).astype(np.uint8)
    assert not np.array_equal(canonical_volume(volume, eye="L"), volume)
    np.testing.assert_array_equal(canonical_volume(canonical_volume(volume, eye="L"), eye="L"), volume)
    np.testing.assert_array_equal(canonical_volume(volume, eye="R"), volume)


def test_middle_row_of_a_strip_lies_on_the_a_scans() -> None:
    places = strip_places_um(ConditioningConfig(along=448, across=1))
    np.testing.assert_allclose(places[:, 0], retinal_positions_um(), atol=1e-9)


def test_strips_show_what_lies_under_their_lines() -> None:
    """A photograph whose red is x and whose green is y: each strip must read the place of its pixels back."""
    size = 651
    position = (np.arange(size) - (size - 1) / 2) / size
    x, y = np.meshgrid(position, -position)
    levels = np.stack([x + 0.5, y + 0.5, np.zeros_like(x)], axis=-1) * 200 + 50
    config = ConditioningConfig(along=40, across=6)
    strips = conditioning_arrays(np.rint(levels).astype(np.uint8), eye="R", config=config).strips
    read = ((strips[:, :2].astype(np.float64) - 50) / 200 - 0.5) * FIELD_UM
    expected = strip_places_um(config).transpose(0, 3, 1, 2)
    assert np.abs(read - expected).max() < FIELD_UM / 200  # one grey level


def test_arrays_are_bytes_of_the_promised_shapes() -> None:
    arrays = conditioning_arrays(random_photograph(0), eye="R", config=CONFIG)
    assert arrays.fundus.shape == (3, 48, 48)
    assert arrays.strips.shape == (6, 3, 4, 56)
    assert arrays.fundus.dtype == arrays.strips.dtype == np.uint8


def test_black_photograph_gives_black_arrays() -> None:
    arrays = conditioning_arrays(np.zeros((230, 250, 3), np.uint8), eye="L", config=CONFIG)
    assert not arrays.fundus.any()
    assert not arrays.strips.any()


def test_other_eye_is_refused() -> None:
    with pytest.raises(ValueError, match='eye: expected "L" or "R", found \'OD\''):
        conditioning_arrays(random_photograph(0), eye="OD", config=CONFIG)


def test_line_length_is_what_the_volume_says() -> None:
    places = strip_places_um(ConditioningConfig(along=448, across=1))[3, 0, :, 0]
    assert np.diff(places) == pytest.approx(LATERAL_UM)


def test_noise_of_a_case_is_its_own() -> None:
    batch = batch_noise([3, 9], (6, 1, 4, 5))
    np.testing.assert_array_equal(batch[1], case_noise(9, (6, 1, 4, 5)))
    assert not np.array_equal(batch[0], batch[1])
    assert not np.array_equal(case_noise(9, (6, 1, 4, 5), draw=1), batch[1])


def test_noise_is_standard_normal_and_draws_are_independent() -> None:
    first, second = (case_noise(5, (100_000,), draw=draw) for draw in (0, 1))
    assert first.dtype == np.float32
    assert abs(first.mean()) < 0.02
    assert first.std() == pytest.approx(1, abs=0.01)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02


def test_noise_is_the_same_on_every_machine() -> None:
    """Pinned when written: runs of another day or machine must draw the same volumes."""
    np.testing.assert_allclose(case_noise(0, (3,)), [2.130971, 3.445638, -0.009256489], rtol=1e-6)
