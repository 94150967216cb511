"""Floor and thickness are found, volumes come out straight, and the way back undoes the way there."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fundus2oct.baselines.retina_frame import (
    FRAME_FLOOR,
    FRAME_THICKNESS,
    find_floor,
    find_thickness,
    floor_rows,
    from_frame,
    to_frame,
)
from fundus2oct.metrics.scan_geometry import DEPTH, VOLUME_SHAPE, column_positions_um

FLOOR = floor_rows(np.array([170.0, 9.0, -6.0, -14.0, 3.0, -20.0]))
THICKNESS = np.tile(55 - 25 * np.exp(-((column_positions_um() / 700) ** 2)), (6, 1))


def retina(seed: int = 0) -> NDArray[np.uint8]:
    """A grey slab of the given thickness over a bright band at the floor, and noise."""
    height = FLOOR[:, None, :] - np.arange(DEPTH)[None, :, None]
    grey = 20 + 90.0 * ((height > 0) & (height < THICKNESS[:, None, :])) + 120 * np.exp(-((height / 3) ** 2))
    noise = np.random.default_rng(seed).normal(0, 12, VOLUME_SHAPE)
    return np.clip(np.rint(grey + noise), 0, 255).astype(np.uint8)


def test_floor_is_found_within_a_row() -> None:
    assert np.abs(floor_rows(find_floor(retina())) - FLOOR).max() < 1.0


def test_gaps_and_bumps_of_the_band_pull_little() -> None:
    volume = retina()
    volume[3, :, 380:] = 20  # the disc
    volume[1, :, 200:230] = np.roll(volume[1, :, 200:230], -12, axis=0)  # a druse
    assert np.abs(floor_rows(find_floor(volume)) - FLOOR).max() < 1.5


def test_thickness_is_found_within_two_rows() -> None:
    assert np.abs(find_thickness(retina(), FLOOR) - THICKNESS)[:, 10:-10].max() < 2.0


@pytest.mark.parametrize("level", [0, 255])
def test_empty_volume_has_some_finite_shape(level: int) -> None:
    volume = np.full(VOLUME_SHAPE, level, dtype=np.uint8)
    floor = floor_rows(find_floor(volume))
    assert np.isfinite(floor).all()
    assert np.isfinite(find_thickness(volume, floor)).all()


def test_retina_in_the_frame_is_straight_and_equally_thick() -> None:
    straight = to_frame(retina(), FLOOR, THICKNESS).astype(float).mean(axis=2)
    top = int(FRAME_FLOOR - FRAME_THICKNESS)
    assert (straight[:, top - 10 : top - 2] < 30).all()
    assert (straight[:, top + 2 : top + 10] > 100).all()
    assert np.abs(straight.argmax(axis=1) - FRAME_FLOOR).max() <= 1


def test_way_back_undoes_the_way_there() -> None:
    smooth = np.broadcast_to(np.sin(np.arange(DEPTH) / 15.0)[None, :, None] * 100 + 120, VOLUME_SHAPE)
    volume = np.rint(smooth).astype(np.uint8)
    back = from_frame(to_frame(volume, FLOOR, THICKNESS), FLOOR, THICKNESS)
    assert np.abs(back - volume)[:, 80:260].max() < 3


def test_absurd_predicted_thickness_is_bounded() -> None:
    picture = np.random.default_rng(0).uniform(0, 255, VOLUME_SHAPE)
    for absurd in (-40.0, 0.0, 900.0):
        assert np.isfinite(from_frame(picture, FLOOR, np.full((6, 448), absurd))).all()
