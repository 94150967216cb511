"""Where the scan lines lie on a photograph: directions, lengths, and what is assumed when the table is silent."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from small_dataset import small_cases

from fundus2oct.benchmark.scan_place import FIELD_UM, ScanPlace, line_ends, scan_place
from fundus2oct.metrics.scan_geometry import LINE_LENGTH_UM, retinal_positions_um

PLACE = ScanPlace(x=100.0, y=50.0, um_per_px=20.0)


def test_horizontal_line_runs_to_the_right_and_vertical_line_upwards() -> None:
    ends = line_ends(PLACE)
    (left, same), (right, same_too) = ends[3]
    assert left < 100 < right
    assert same == same_too == 50
    (x, bottom), (x_too, top) = ends[0]
    assert x == pytest.approx(x_too)
    assert top < 50 < bottom


def test_line_at_sixty_degrees_ends_at_the_upper_right_and_at_minus_sixty_at_the_lower_right() -> None:
    up, down = line_ends(PLACE)[1][1], line_ends(PLACE)[5][1]
    assert up[0] == pytest.approx(down[0])
    assert up[0] > 100
    assert up[1] < 50 < down[1]


def test_ends_are_the_first_and_last_ascans_of_the_geometry() -> None:
    micrometres = retinal_positions_um()[:, [0, -1]]
    wanted = np.stack([100 + micrometres[..., 0] / 20, 50 - micrometres[..., 1] / 20], axis=-1)
    assert np.allclose(np.array(line_ends(PLACE)), wanted)


def test_length_of_a_line_in_pixels_follows_the_scale() -> None:
    lengths = [math.dist(*ends) * 20 for ends in line_ends(PLACE)]
    assert lengths == pytest.approx([LINE_LENGTH_UM - 20.23] * 6)


def test_columns_of_the_table_are_used() -> None:
    assert scan_place(small_cases()[0], width=240, height=224) == ScanPlace(120.0, 110.5, 40.0)


def test_silent_table_means_the_centre_a_45_degree_field_and_two_notes() -> None:
    place = scan_place(replace(small_cases()[0], columns={}), width=240, height=224)
    assert (place.x, place.y, place.um_per_px) == (119.5, 111.5, FIELD_UM / 224)
    assert place.notes == (
        "scan centre unknown: drawn at the picture's centre",
        "scale unknown: a 45° field is assumed",
    )
