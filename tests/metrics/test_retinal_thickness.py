"""Area weights against closed forms, and quadrants on the right side of the eye."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fundus2oct.metrics.retinal_thickness import (
    CENTRAL_UM,
    INNER_UM,
    OUTER_UM,
    by_quadrant,
    column_areas,
    subfield_thickness_um,
    thickness_um,
)
from fundus2oct.metrics.scan_geometry import column_positions_um, mirror_volume, retinal_positions_um

RADIUS = np.tile(np.abs(column_positions_um()), (6, 1))


def exact_mean(zone: tuple[float, float], b: float, power: int) -> float:
    """Mean over a ring of b r^power."""
    low, high = zone
    return b * 2 / (power + 2) * (high ** (power + 2) - low ** (power + 2)) / (high**2 - low**2)


@pytest.mark.parametrize(("power", "b"), [(0, 0.0), (1, 0.05), (2, 3e-5)])
def test_subfields_of_a_bowl_are_its_integrals(power: int, b: float) -> None:
    found = subfield_thickness_um(250.0 + b * RADIUS**power)
    for zone, value in ((CENTRAL_UM, found.central_um), (INNER_UM, found.inner_um), (OUTER_UM, found.outer_um)):
        assert value == pytest.approx(250.0 + exact_mean(zone, b, power), abs=0.05)


def test_an_unweighted_mean_of_a_pit_is_too_thin() -> None:
    pit = 210.0 + 130.0 * (1 - np.exp(-((RADIUS / 500.0) ** 2)))
    plain = pit[RADIUS <= 500.0].mean()
    exact = 210.0 + 130.0 * (1 - (1 - np.exp(-1.0)))
    assert subfield_thickness_um(pit).central_um == pytest.approx(exact, abs=0.1)
    assert plain < exact - 10.0


@pytest.mark.parametrize("zone", [CENTRAL_UM, INNER_UM, OUTER_UM])
def test_the_areas_of_a_half_line_add_up_to_the_ring(zone: tuple[float, float]) -> None:
    assert column_areas(*zone, 448).sum() == pytest.approx(zone[1] ** 2 - zone[0] ** 2)


def test_column_areas_worked_by_hand() -> None:
    # four columns of 10 um: middles at -15, -5, 5, 15; ring from 4 to 16
    assert column_areas(4.0, 16.0, 4, 10.0).tolist() == [78.0, 42.0, 42.0, 78.0]


def test_quadrants_lie_where_the_photographer_sees_them() -> None:
    place = retinal_positions_um()
    found = subfield_thickness_um(300.0 + 0.01 * place[..., 0])
    right, upper, left, lower = found.outer_quadrants_um
    assert right > upper > left
    assert upper == pytest.approx(300.0, abs=1e-6)
    assert lower == pytest.approx(300.0, abs=1e-6)
    up = subfield_thickness_um(300.0 + 0.01 * place[..., 1]).outer_quadrants_um
    assert up[1] > 310.0 > up[0] > up[3]


def test_quadrants_average_to_their_ring() -> None:
    thickness = 300.0 + np.random.default_rng(1).normal(0, 20, (6, 448))
    found = subfield_thickness_um(thickness)
    assert np.mean(found.inner_quadrants_um) == pytest.approx(found.inner_um)
    assert np.mean(found.outer_quadrants_um) == pytest.approx(found.outer_um)


def test_a_mirrored_eye_has_the_same_named_quadrants() -> None:
    thickness = 300.0 + np.random.default_rng(4).normal(0, 20, (6, 448))
    right = by_quadrant(subfield_thickness_um(thickness).inner_quadrants_um, "R")
    left = by_quadrant(subfield_thickness_um(mirror_volume(thickness)).inner_quadrants_um, "L")
    assert left == pytest.approx(right)


def test_missing_columns_leave_the_mean_of_the_others_until_half_is_gone() -> None:
    thickness = np.full((6, 448), 300.0)
    thickness[:2] = np.nan
    found = subfield_thickness_um(thickness)
    assert found.central_um == pytest.approx(300.0)
    assert found.valid_fraction == pytest.approx((4 / 6,) * 3)
    thickness[:4] = np.nan
    assert np.isnan(subfield_thickness_um(thickness).central_um)


@given(st.floats(0.1, 20.0), st.floats(-200.0, 200.0))
def test_thickness_scales_with_the_pixel_and_forgets_where_the_retina_lies(axial_um: float, shift: float) -> None:
    ilm, bm = np.array([10.0, 20.5]), np.array([60.0, 61.5])
    assert thickness_um(ilm + shift, bm + shift, axial_um) == pytest.approx(np.array([50.0, 41.0]) * axial_um)


def test_a_thickness_map_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"thickness: expected shape \(6, w\), found \(5, 448\)"):
        subfield_thickness_um(np.zeros((5, 448)))
    with pytest.raises(ValueError, match=r'eye: expected "R" or "L", found \'left\''):
        by_quadrant((1.0, 2.0, 3.0, 4.0), "left")
