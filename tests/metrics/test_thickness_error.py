"""Thickness errors of volumes: zero for a copy, measured for a shift of layers, priced for a missing retina."""

from __future__ import annotations

import numpy as np
import pytest
from phantom_scans import PhantomScan, phantom_scan

from fundus2oct.metrics import thickness_error
from fundus2oct.metrics.retinal_thickness import subfield_thickness_um, thickness_um
from fundus2oct.metrics.scan_geometry import mirror_volume
from fundus2oct.metrics.thickness_error import (
    CARDS,
    WORST_UM,
    central_thickness_error,
    generated_subfields,
    inner_ring_error,
    missing_retina,
    outer_ring_error,
    truth_subfields,
    zone_features,
)

ERRORS = [central_thickness_error, inner_ring_error, outer_ring_error]
NOISE = np.random.default_rng(8).integers(0, 256, (6, 320, 448)).astype(np.uint8)


@pytest.fixture(scope="module")
def healthy() -> PhantomScan:
    return phantom_scan("none", 7)


@pytest.fixture(scope="module")
def swollen() -> PhantomScan:
    return phantom_scan("oedema", 7)


@pytest.mark.parametrize("error", ERRORS)
def test_a_copy_of_the_truth_has_no_error(healthy: PhantomScan, error) -> None:
    assert error(healthy.own, healthy.own).tolist() == [0.0]


def test_subfields_of_a_volume_are_those_of_its_hidden_surfaces(healthy: PhantomScan, swollen: PhantomScan) -> None:
    for scan in (healthy, swollen):
        truth = subfield_thickness_um(thickness_um(scan.ilm_row, scan.bm_row))
        found = truth_subfields(scan.own)
        assert found.central_um == pytest.approx(truth.central_um, abs=6.0)
        assert found.inner_um == pytest.approx(truth.inner_um, abs=4.0)
        assert found.outer_um == pytest.approx(truth.outer_um, abs=4.0)


def test_the_error_between_two_eyes_is_the_difference_of_their_thickness(
    healthy: PhantomScan, swollen: PhantomScan
) -> None:
    true = [subfield_thickness_um(thickness_um(scan.ilm_row, scan.bm_row)).central_um for scan in (healthy, swollen)]
    assert central_thickness_error(healthy.own, swollen.own)[0] == pytest.approx(abs(true[1] - true[0]), abs=8.0)


@pytest.mark.parametrize("empty", [np.zeros_like(NOISE), NOISE], ids=["black", "noise"])
def test_an_eye_drawn_without_a_retina_costs_its_whole_thickness(healthy: PhantomScan, empty: np.ndarray) -> None:
    error = central_thickness_error(healthy.own, empty)[0]
    assert error == pytest.approx(truth_subfields(healthy.own).central_um)
    assert 200.0 < error < WORST_UM
    assert missing_retina(healthy.own, empty).tolist() == [1.0] * 6


def test_each_missing_bscan_costs_a_sixth(healthy: PhantomScan) -> None:
    one_gone = healthy.own.copy()
    one_gone[4] = 0
    whole = truth_subfields(healthy.own).central_um
    assert generated_subfields(one_gone).central_um == pytest.approx(whole * 5 / 6, rel=0.03)
    assert missing_retina(healthy.own, one_gone).tolist() == [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def test_an_eye_whose_truth_cannot_be_measured_has_no_value(healthy: PhantomScan) -> None:
    for error in ERRORS:
        assert np.isnan(error(NOISE, healthy.own)).all()


def test_the_error_does_not_depend_on_the_side_of_the_face(healthy: PhantomScan, swollen: PhantomScan) -> None:
    mirrored = mirror_volume(healthy.own), mirror_volume(swollen.own)
    for error in ERRORS:
        assert error(*mirrored)[0] == pytest.approx(error(healthy.own, swollen.own)[0], abs=0.5)


def test_volumes_of_another_kind_are_refused(healthy: PhantomScan) -> None:
    with pytest.raises(ValueError, match="generated: expected a uint8 array"):
        central_thickness_error(healthy.own, healthy.own.astype(np.float32))
    with pytest.raises(ValueError, match="generated: expected the shape of truth"):
        missing_retina(healthy.own, healthy.own[:, :, :-1])


VOLUME_FUNCTIONS = [central_thickness_error, inner_ring_error, outer_ring_error, missing_retina]


@pytest.mark.parametrize(("card", "of_volumes"), list(zip(CARDS, VOLUME_FUNCTIONS, strict=True)))
def test_a_card_gives_from_features_what_its_function_gives_from_volumes(
    card, of_volumes, healthy: PhantomScan
) -> None:
    of_features = getattr(thickness_error, card.function.split(":")[1])
    empty = np.zeros_like(healthy.own)
    truth, generated = zone_features([healthy.own])[:1], zone_features([empty])[:1]
    assert np.array_equal(of_features(truth, generated), of_volumes(healthy.own, empty))
    assert (of_features(truth, generated) <= card.worst).all()
    assert (of_features(truth, truth) == card.best).all()


def test_a_truth_without_a_retina_has_no_error_as_features_either(healthy: PhantomScan) -> None:
    rows = zone_features([np.zeros_like(healthy.own), healthy.own])
    assert rows.shape == (2, 12)
    assert np.isnan(thickness_error.central_error_of(rows[:1], rows[1:])).all()
    assert zone_features([]).shape == (0, 12)
