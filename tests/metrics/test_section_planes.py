"""Sections of a radial volume: pictures of a known function of place, and where nothing was measured."""

from __future__ import annotations

import numpy as np
import pytest

from fundus2oct.metrics import section_planes
from fundus2oct.metrics.plane_distances import CIRCULAR_CARD, EN_FACE_CARD, circular_features, en_face_features
from fundus2oct.metrics.scan_geometry import AXIAL_UM, VOLUME_SHAPE, retinal_positions_um

FLAT = (np.full((6, 448), 100.0), np.full((6, 448), 150.0))


def field_volume(right: float, up: float) -> np.ndarray:
    """Every A-scan has the constant grey level 120 + right * x + up * y (x, y in millimetres)."""
    x, y = np.moveaxis(retinal_positions_um() / 1000, -1, 0)
    return np.broadcast_to(np.rint(120 + right * x + up * y)[:, None], VOLUME_SHAPE).astype(np.uint8)


def test_an_en_face_picture_shows_x_to_the_right_and_y_upwards() -> None:
    picture = section_planes.en_face_pictures(field_volume(20, 10), *FLAT)[0]
    millimetres = ((np.arange(64) + 0.5) / 64 * 2 - 1) * 1.5
    expected = 120 + 20 * millimetres - 10 * millimetres[:, None]
    disc = np.hypot(millimetres, millimetres[:, None]) < 1.5
    # Interpolating between lines 30 degrees apart cuts the corner of a linear field by at most 1 - cos 15 degrees.
    np.testing.assert_allclose(picture[disc], expected[disc], atol=33.5 * (1 - np.cos(np.deg2rad(15))) + 1)
    assert (picture[~disc] == 0).all()


def test_slabs_follow_their_surface() -> None:
    volume = np.zeros(VOLUME_SHAPE, np.uint8)
    volume[:, 100:113] = 60
    volume[:, 137:150] = 90
    volume[:, 153:167] = 30
    pictures = section_planes.en_face_pictures(volume, *FLAT)
    assert [picture[32, 32] for picture in pictures] == [60, 90, 30]


def test_a_circular_section_has_twelve_columns_anticlockwise_from_the_right() -> None:
    sections = section_planes.circular_sections(field_volume(20, 0), FLAT[1])
    angle = np.deg2rad(np.arange(0, 360, 30))
    assert sections.shape == (2, 90, 12)
    np.testing.assert_allclose(sections[0, 40], 120 + 20 * 0.75 * np.cos(angle), atol=0.8)
    np.testing.assert_allclose(sections[1, 40], 120 + 20 * 1.5 * np.cos(angle), atol=0.8)


def test_a_circular_section_is_flat_at_bruchs_membrane() -> None:
    volume = np.zeros(VOLUME_SHAPE, np.uint8)
    volume[:3, 150], volume[3:, 170] = 200, 200
    bm = np.where(np.arange(6)[:, None] < 3, 150.0, 170.0) * np.ones(448)
    sections = section_planes.circular_sections(volume, bm)
    assert (sections[:, round(420 / AXIAL_UM)] == 200).all()


def test_a_black_volume_has_flat_surfaces_and_black_pictures() -> None:
    black = np.zeros(VOLUME_SHAPE, np.uint8)
    ilm, bm = section_planes.surfaces(black)
    assert set(ilm.ravel()) == {112.0}
    assert set(bm.ravel()) == {162.0}
    assert not section_planes.en_face_pictures(black, ilm, bm).any()


def test_gaps_of_a_surface_are_bridged() -> None:
    rows = np.array([np.nan, 4.0, np.nan, 8.0, np.nan])
    np.testing.assert_array_equal(section_planes._bridged(rows, 1.0), [4, 4, 6, 8, 8])


@pytest.mark.weights
@pytest.mark.usefixtures("efficientnet_weights")
def test_each_volume_gives_as_many_rows_as_the_card_says() -> None:
    volumes = np.stack([field_volume(20, 0), field_volume(0, 0)])
    assert en_face_features(volumes).shape == (2 * EN_FACE_CARD.rows, 1280)
    assert circular_features(volumes).shape == (2 * CIRCULAR_CARD.rows, 1280)
    assert {EN_FACE_CARD.role, CIRCULAR_CARD.role} == {"diagnostic"}
