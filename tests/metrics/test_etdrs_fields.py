"""The nine ETDRS fields as a vector: shares of the area, and errors of every truth against every volume."""

from __future__ import annotations

import numpy as np
import pytest

from fundus2oct.metrics.etdrs_fields import AREA_SHARES, central_errors, etdrs_fields, field_errors


def test_the_shares_are_those_of_the_circles() -> None:
    rings = [0.5**2, *[(1.5**2 - 0.5**2) / 4] * 4, *[(3.0**2 - 1.5**2) / 4] * 4]
    assert pytest.approx(np.array(rings) / 3.0**2) == AREA_SHARES
    assert AREA_SHARES.sum() == pytest.approx(1.0)


def test_errors_are_of_every_truth_against_every_volume() -> None:
    truth, drawn = np.full((2, 18), 300.0), np.full((3, 18), 310.0)
    truth[1, 0] = 280.0
    assert central_errors(truth, drawn).tolist() == [[10.0] * 3, [30.0] * 3]
    assert field_errors(truth, drawn) == pytest.approx(np.array([[10.0] * 3, [10 + 20 / 36] * 3]))


def test_an_unmeasured_truth_makes_its_row_nan_and_no_retina_costs_its_thickness() -> None:
    truth, drawn = np.full((2, 18), 300.0), np.zeros((1, 18))
    truth[0, 0] = np.nan
    assert np.isnan(central_errors(truth, drawn)[0]).all()
    assert field_errors(truth, drawn)[1].tolist() == [300.0]


def test_a_volume_without_a_retina_is_nan_as_truth_and_zero_as_generated() -> None:
    fields = etdrs_fields(np.zeros((1, 6, 320, 448), np.uint8))
    assert np.isnan(fields[0, :9]).all()
    assert fields[0, 9:].tolist() == [0.0] * 9
