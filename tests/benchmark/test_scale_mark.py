"""The fill of the scale mark: nothing of the mark is left, and nobody can see where it was."""

from __future__ import annotations

import numpy as np
import pytest
from aptos_raw import texture, with_mark
from numpy.typing import NDArray

from fundus2oct.benchmark.scale_mark import MARK_COLUMNS, MARK_ROWS, fill_scale_mark

INSIDE = (MARK_ROWS, MARK_COLUMNS)
TOP, RIGHT = MARK_ROWS.start, MARK_COLUMNS.stop


@pytest.fixture(scope="module")
def pairs() -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Twenty B-scans as they were before the mark was burnt in, and after it was filled."""
    clean = [texture(np.random.default_rng(seed)) for seed in range(20)]
    return [(pixels.astype(np.float64), fill_scale_mark(with_mark(pixels))) for pixels in clean]


def test_fill_does_not_depend_on_what_it_covers() -> None:
    pixels = texture(np.random.default_rng(0))
    assert np.array_equal(fill_scale_mark(pixels), fill_scale_mark(with_mark(pixels)))


def test_nothing_outside_the_region_changes() -> None:
    pixels = texture(np.random.default_rng(0))
    changed = fill_scale_mark(with_mark(pixels)) != pixels
    changed[INSIDE] = False
    assert not changed.any()


def test_steps_across_the_border_are_as_large_as_elsewhere(pairs: list) -> None:
    across_right = np.mean([np.abs(f[TOP:, RIGHT] - f[TOP:, RIGHT - 1]).mean() for _, f in pairs])
    across_top = np.mean([np.abs(f[TOP, :RIGHT] - f[TOP - 1, :RIGHT]).mean() for _, f in pairs])
    usual_right = np.mean([np.abs(np.diff(c[TOP:, RIGHT : 2 * RIGHT], axis=1)).mean() for c, _ in pairs])
    usual_top = np.mean([np.abs(np.diff(c[TOP - 71 : TOP, :RIGHT], axis=0)).mean() for c, _ in pairs])
    assert across_right < 1.15 * usual_right
    assert across_top < 1.15 * usual_top


def test_mean_and_variance_of_every_part_of_the_fill_are_those_of_the_tissue(pairs: list) -> None:
    for part in (slice(425, 437), slice(437, 449), slice(449, 472), slice(472, 496)):
        truth = np.stack([clean[part, MARK_COLUMNS] for clean, _ in pairs])
        fill = np.stack([filled[part, MARK_COLUMNS] for _, filled in pairs])
        assert abs(fill.mean() - truth.mean()) < 1.0
        assert 0.85 < fill.std() / truth.std() < 1.15


def test_gradients_inside_the_fill_are_as_large_as_in_tissue(pairs: list) -> None:
    for axis in (0, 1):
        truth = np.mean([np.abs(np.diff(clean[INSIDE], axis=axis)).mean() for clean, _ in pairs])
        fill = np.mean([np.abs(np.diff(filled[INSIDE], axis=axis)).mean() for _, filled in pairs])
        assert 0.85 < fill / truth < 1.15


def test_brightness_that_differs_at_the_two_borders_is_joined_without_a_step() -> None:
    pixels = np.full((496, 768), 40, np.uint8)
    pixels[:, :64] = 90
    filled = fill_scale_mark(pixels)
    assert np.abs(np.diff(filled[TOP - 1 :, 30])).max() < 5
    assert np.abs(np.diff(filled[460, : RIGHT + 10])).max() < 5


def test_constant_bscan_stays_constant() -> None:
    assert np.allclose(fill_scale_mark(np.full((496, 768), 77, np.uint8)), 77)


def test_other_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"bscan: expected shape \(496, 768\), found \(320, 448\)"):
        fill_scale_mark(np.zeros((320, 448), np.uint8))
