"""Straightened volumes: the way there and back, and floors drawn by chance."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fundus2oct.baselines.networks.posture import EDGE_ROWS, STRAIGHT_ROW, Posture, bend, straighten
from fundus2oct.baselines.retina_frame import find_bscan_floor, find_floor, floor_rows
from fundus2oct.metrics.scan_geometry import DEPTH, VOLUME_SHAPE, WIDTH

FLOOR = floor_rows(np.array([170.0, 9.0, -6.0, -14.0, 3.0, -20.0]))


def banded(floor: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A bright band at the floor, in noise: (6, 320, 448)."""
    height = floor[:, None, :] - np.arange(DEPTH)[None, :, None]
    noise = np.random.default_rng(1).normal(60, 12, VOLUME_SHAPE)
    return np.clip(np.rint(noise + 150 * np.exp(-((height / 3) ** 2))), 0, 255).astype(np.uint8)


def test_a_straightened_volume_has_its_floor_in_one_row() -> None:
    straight = straighten(banded(FLOOR), FLOOR)
    assert np.abs(floor_rows(find_floor(straight)) - STRAIGHT_ROW).max() < 1.0


def test_bending_back_gives_every_pixel_back_that_stayed_in_the_picture() -> None:
    volume = banded(FLOOR)
    back = bend(straighten(volume, FLOOR), FLOOR)
    down = np.rint(STRAIGHT_ROW - FLOOR)[:, None, :]
    row = np.arange(DEPTH)[None, :, None]
    stayed = (row + down >= 0) & (row + down < DEPTH)
    assert stayed.mean() > 0.8
    assert np.array_equal(back[stayed], volume[stayed])


def test_rows_from_beyond_repeat_the_edge_to_and_fro() -> None:
    rows = np.arange(DEPTH) % 256
    volume = np.tile(rows.astype(np.uint8)[None, :, None], (1, 1, 4))
    moved = bend(volume, np.full((1, 4), STRAIGHT_ROW + 2 * EDGE_ROWS))[0, :, 0]
    there, back = list(range(EDGE_ROWS)), list(reversed(range(EDGE_ROWS)))
    assert list(moved[: 3 * EDGE_ROWS]) == there + back + there


def test_the_floor_of_a_single_bscan_is_found() -> None:
    assert np.abs(find_bscan_floor(banded(FLOOR)[2]) - FLOOR[2]).max() < 1.0


def test_drawn_floors_follow_the_training_floors() -> None:
    spread = np.array([12.0, 5.0, 4.0, 8.0, 1.0, 9.0])
    known = np.random.default_rng(3).normal([170, 9, -6, -14, 3, -20], spread, (400, 6))
    posture = Posture()
    posture.measure(torch.from_numpy(known))
    drawn = posture.floors(range(300))
    assert drawn.shape == (300, 6, WIDTH)
    middle = np.array([floor_rows(each) for each in known])
    assert np.abs(drawn.mean(axis=0) - middle.mean(axis=0)).max() < 4.0  # four standard errors at the edge
    assert np.allclose(drawn.std(axis=0), middle.std(axis=0), rtol=0.2)


def test_a_floor_depends_on_its_own_seed_alone() -> None:
    posture = Posture()
    posture.measure(torch.from_numpy(np.random.default_rng(3).normal(100, 5, (9, 6))))
    assert np.array_equal(posture.floors([5, 6])[1], posture.floors([6])[0])
    assert not np.array_equal(posture.floors([5])[0], posture.floors([6])[0])


def test_one_training_eye_gives_its_own_floor() -> None:
    posture = Posture()
    posture.measure(torch.tensor([[170.0, 9, -6, -14, 3, -20]]))
    assert np.allclose(posture.floors([0])[0], FLOOR)
