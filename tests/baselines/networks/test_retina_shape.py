"""Volumes in the frame: the way there and back, and shapes drawn for a photograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fundus2oct.baselines.fundus_descriptor import LENGTH
from fundus2oct.baselines.networks.retina_shape import EDGE_ROWS, KnownShapes, RetinaShape, into_frame, out_of_frame
from fundus2oct.baselines.retina_frame import (
    FRAME_FLOOR,
    FRAME_THICKNESS,
    find_bscan_floor,
    find_floor,
    find_thickness,
    floor_rows,
)
from fundus2oct.metrics.scan_geometry import DEPTH, N_BSCANS, VOLUME_SHAPE, WIDTH

FLOOR = floor_rows(np.array([170.0, 9.0, -6.0, -14.0, 3.0, -20.0]))
THICKNESS = np.broadcast_to(60 - 24 * np.exp(-(((np.arange(WIDTH) - 223.5) / 60) ** 2)), (N_BSCANS, WIDTH)).copy()
FRAMED = np.full((N_BSCANS, WIDTH), FRAME_FLOOR), np.full((N_BSCANS, WIDTH), FRAME_THICKNESS)


def layered(floor: NDArray[np.float64], thickness: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A lit retina with a bright band at its floor, in noise: (6, 320, 448)."""
    height = floor[:, None, :] - np.arange(DEPTH)[None, :, None]
    noise = np.random.default_rng(1).normal(40, 6, VOLUME_SHAPE)
    lit = 70 * ((height > 0) & (height < thickness[:, None, :])) + 30 * (height < 0)
    return np.clip(np.rint(noise + lit + 100 * np.exp(-((height / 3) ** 2))), 0, 255).astype(np.uint8)


def test_a_volume_in_the_frame_is_straight_and_equally_thick() -> None:
    volume = layered(FLOOR, THICKNESS)
    framed = into_frame(volume, FLOOR, THICKNESS)
    found = floor_rows(find_floor(framed))
    assert np.abs(found - FRAME_FLOOR).max() < 1.0
    assert np.abs(find_thickness(framed, found) - FRAME_THICKNESS).max() < 3.0
    assert np.ptp(find_thickness(volume, FLOOR)) > 20.0


def test_the_way_back_gives_floor_and_thickness_back() -> None:
    back = out_of_frame(into_frame(layered(FLOOR, THICKNESS), FLOOR, THICKNESS), FLOOR, THICKNESS)
    assert np.abs(floor_rows(find_floor(back)) - FLOOR).max() < 1.5
    assert np.abs(find_thickness(back, FLOOR) - THICKNESS).max() < 4.0


def test_where_nothing_is_stretched_every_pixel_comes_back() -> None:
    volume, floor = layered(*FRAMED), FRAMED[0] + 20
    there = out_of_frame(volume, floor, FRAMED[1])
    assert np.array_equal(there[:, 20 + EDGE_ROWS :], volume[:, EDGE_ROWS:-20])
    assert np.array_equal(into_frame(there, floor, FRAMED[1])[:, EDGE_ROWS:-20], volume[:, EDGE_ROWS:-20])


def test_rows_from_beyond_repeat_the_edge_to_and_fro() -> None:
    volume = np.tile((np.arange(DEPTH) % 256).astype(np.uint8)[None, :, None], (1, 1, 4))
    floor = np.full((1, 4), FRAME_FLOOR + 2 * EDGE_ROWS)
    moved = out_of_frame(volume, floor, np.full((1, 4), FRAME_THICKNESS))[0, :, 0]
    there, back = list(range(EDGE_ROWS)), list(reversed(range(EDGE_ROWS)))
    assert list(moved[: 3 * EDGE_ROWS]) == there + back + there


def test_the_floor_of_a_single_bscan_is_found() -> None:
    assert np.abs(find_bscan_floor(layered(FLOOR, THICKNESS)[2]) - FLOOR[2]).max() < 1.5


def known_shapes(n: int, told: float) -> KnownShapes:
    """Eyes of one number each, seen in the photograph but for noise, that moves the thickness of every A-scan."""
    random = np.random.default_rng(3)
    number = random.normal(size=n)
    descriptors = np.outer(told * number + (1 - told) * random.normal(size=n), np.linspace(-1, 1, LENGTH))
    floors = random.normal([170, 9, -6, -14, 3, -20], [12.0, 5.0, 4.0, 8.0, 1.0, 9.0], (n, 6))
    thicknesses = 50 + 6 * number[:, None, None] + np.zeros((n, N_BSCANS, WIDTH))
    return KnownShapes(floors, thicknesses, descriptors.astype(np.float32), tuple(f"p{i // 2}" for i in range(n)))


def measured(known: KnownShapes, thickness_chance: float = 1.0) -> RetinaShape:
    shape = RetinaShape(thickness_chance)
    shape.measure(known)
    return shape


def test_what_the_photograph_tells_is_in_the_thickness_and_the_rest_is_chance() -> None:
    known = known_shapes(120, told=1.0)
    certain = [measured(known).draw(eye, 1)[1].mean() for eye in known.descriptors[:20]]
    assert np.allclose(certain, known.thicknesses[:20].mean(axis=(1, 2)), atol=0.5)
    blind = measured(known_shapes(120, told=0.0))
    drawn = np.array([blind.draw(known.descriptors[0], seed)[1].mean() for seed in range(300)])
    assert 4.8 < drawn.std() < 7.2  # 6, within four standard errors of 120 training eyes and 300 draws


def test_without_chance_the_expected_thickness_is_given_and_the_floor_is_drawn_still() -> None:
    known = known_shapes(60, told=0.0)
    shape = measured(known, thickness_chance=0.0)
    draws = [shape.draw(known.descriptors[0], seed) for seed in (1, 2)]
    assert np.array_equal(draws[0][1], draws[1][1])
    assert not np.array_equal(draws[0][0], draws[1][0])


def test_drawn_floors_follow_the_training_floors() -> None:
    known = known_shapes(400, told=1.0)
    shape = measured(known)
    drawn = np.stack([shape.draw(known.descriptors[seed], seed)[0] for seed in range(300)])
    middle = np.array([floor_rows(each) for each in known.floors])
    assert np.abs(drawn.mean(axis=0) - middle.mean(axis=0)).max() < 4.0  # four standard errors at the edge
    assert np.allclose(drawn.std(axis=0), middle.std(axis=0), rtol=0.2)


def test_a_shape_depends_on_its_photograph_and_its_own_seed_alone() -> None:
    known = known_shapes(9, told=1.0)
    shape = measured(known)
    first, again, other = (shape.draw(known.descriptors[0], seed) for seed in (5, 5, 6))
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_one_training_eye_gives_its_own_shape() -> None:
    known = known_shapes(1, told=1.0)
    floor, thickness = measured(known).draw(known.descriptors[0], 0)
    assert np.allclose(floor, floor_rows(known.floors[0]))
    assert np.allclose(thickness, known.thicknesses[0])
