"""The crop to the round field, and the description made from it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fundus2oct.baselines.fundus_descriptor import LENGTH, describe
from fundus2oct.benchmark.fundus_crop import crop_to_field, field_box
from fundus2oct.metrics.scan_geometry import mirror_fundus


def photograph(
    height: int = 300,
    width: int = 400,
    centre: tuple[float, float] = (150, 190),
    radius: float = 120,
    surround: int = 4,
) -> NDArray[np.uint8]:
    """A textured round field on a dark surround."""
    y, x = np.mgrid[:height, :width]
    inside = np.hypot(y - centre[0], x - centre[1]) < radius
    texture = 120 + 40 * np.sin(x / 17.0) + 30 * np.cos(y / 23.0 + x / 50.0)
    grey = np.where(inside, texture, surround)
    return np.stack([grey, grey * 0.6, grey * 0.3], axis=-1).astype(np.uint8)


def test_box_is_the_box_of_the_field() -> None:
    left, top, right, bottom = field_box(photograph())
    assert abs(left - 70) <= 1
    assert abs(top - 30) <= 1
    assert abs(right - 310) <= 1
    assert abs(bottom - 270) <= 1


def test_width_of_the_surround_does_not_matter() -> None:
    tight = photograph()[25:275, 65:315]
    np.testing.assert_array_equal(crop_to_field(tight, size=64), crop_to_field(photograph(), size=64))


def test_specks_and_labels_in_the_surround_do_not_matter() -> None:
    marked = photograph()
    marked[5:10, 380:390] = 255
    np.testing.assert_array_equal(crop_to_field(marked, size=64), crop_to_field(photograph(), size=64))


def test_field_cut_off_above_and_below_keeps_its_scale() -> None:
    whole, cut = crop_to_field(photograph(), size=120), crop_to_field(photograph()[50:250], size=120)
    difference = np.abs(whole[25:95].astype(int) - cut[25:95])
    assert difference.max() <= 3
    assert cut[:7].max() <= 1  # the surround, filled up


@pytest.mark.parametrize("width", [397, 400])
def test_mirrored_photograph_gives_the_mirrored_crop(width: int) -> None:
    fundus = photograph(width=width, radius=121)
    mirrored = crop_to_field(mirror_fundus(fundus), size=61)
    assert np.abs(mirrored.astype(int) - mirror_fundus(crop_to_field(fundus, size=61))).max() <= 1


@pytest.mark.parametrize("level", [0, 90, 255])
def test_photograph_without_a_field_is_taken_whole(level: int) -> None:
    fundus = np.full((230, 250, 3), level, dtype=np.uint8)
    assert field_box(fundus) == (0, 0, 250, 230)
    assert crop_to_field(fundus, size=50).shape == (50, 50, 3)


def test_wrong_array_is_refused_with_what_was_found() -> None:
    with pytest.raises(ValueError, match=r"expected \(height, width, 3\) uint8, found \(30, 40\) float64"):
        crop_to_field(np.zeros((30, 40)), size=10)  # type: ignore[arg-type]


def test_description_ignores_illumination_and_sees_structure() -> None:
    plain = photograph(surround=0)
    dimmed = (plain * 0.7).astype(np.uint8)
    other = mirror_fundus(plain)
    near = np.linalg.norm(describe(plain, eye="R") - describe(dimmed, eye="R"))
    far = np.linalg.norm(describe(plain, eye="R") - describe(other, eye="R"))
    assert near < 0.3 * far


def test_left_eye_is_described_by_its_mirror_image() -> None:
    left = describe(mirror_fundus(photograph()), eye="L")
    assert left.shape == (LENGTH,)
    np.testing.assert_array_equal(left, describe(photograph(), eye="R"))
