"""The two surfaces: near the truth in every disease, speckle and resolution, and absent where there is no retina."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from phantom_scans import PhantomScan, phantom_scan
from scipy import ndimage

from fundus2oct.benchmark.phantom.lesions import DISEASES
from fundus2oct.metrics.retinal_layers import segment_surfaces, volume_surfaces
from fundus2oct.metrics.scan_geometry import AXIAL_UM, LATERAL_UM, column_positions_um, mirror_volume

BOUND_PX = {disease: 1.0 if disease == "none" else 2.0 for disease in DISEASES}
SCORED = np.abs(column_positions_um()) <= 3000.0
NATIVE = {"axial_um": 3.87, "lateral_um": 20.23 * 448 / 768}
FINAL = {"axial_um": AXIAL_UM, "lateral_um": LATERAL_UM}


@pytest.fixture(scope="module")
def scans() -> dict[str, list[PhantomScan]]:
    """Two eyes of each disease, one right and one left."""
    return {disease: [phantom_scan(disease, i, side) for i, side in enumerate("RL")] for disease in DISEASES}


def sheared(bscan: NDArray[np.uint8], shift: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Every column moved down by its shift; dark comes in from outside."""
    rows = np.arange(len(bscan))[:, None] - shift
    columns = np.broadcast_to(np.arange(bscan.shape[1]), rows.shape)
    return as_bytes(ndimage.map_coordinates(bscan.astype(np.float64), [rows, columns], order=1, cval=12.0))


def as_bytes(grey: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(np.clip(grey, 0, 255)).astype(np.uint8)


def errors_px(scans: list[PhantomScan], rendering: str) -> dict[str, float]:
    """Mean absolute error of each surface within 3 mm, where 99 % of the columns must have one."""
    differences: dict[str, list[NDArray[np.float64]]] = {"ilm": [], "bm": []}
    for scan in scans:
        ilm, bm = volume_surfaces(getattr(scan, rendering))
        differences["ilm"].append((ilm - scan.ilm_row)[:, SCORED])
        differences["bm"].append((bm - scan.bm_row)[:, SCORED])
    errors = {name: np.abs(np.concatenate(parts)) for name, parts in differences.items()}
    assert all(np.isnan(error).mean() <= 0.01 for error in errors.values())
    return {name: float(np.nanmean(error)) for name, error in errors.items()}


@pytest.mark.parametrize("rendering", ["own", "log_gamma", "rayleigh"])
@pytest.mark.parametrize("disease", DISEASES)
def test_surfaces_of_an_unseen_eye_are_within_the_bound(
    scans: dict[str, list[PhantomScan]], disease: str, rendering: str
) -> None:
    error = errors_px(scans[disease], rendering)
    assert error["ilm"] <= BOUND_PX[disease]
    assert error["bm"] <= BOUND_PX[disease]


@pytest.mark.parametrize("disease", DISEASES)
def test_surfaces_hold_at_the_instruments_own_resolution(scans: dict[str, list[PhantomScan]], disease: str) -> None:
    scan = scans[disease][0]
    scored = np.abs(column_positions_um(768, NATIVE["lateral_um"])) <= 3000.0
    for frame in (0, 4):
        ilm, bm = segment_surfaces(scan.native[frame], **NATIVE)
        assert np.abs(ilm - scan.native_ilm_row[frame])[scored].mean() <= BOUND_PX[disease]
        assert np.abs(bm - scan.native_bm_row[frame])[scored].mean() <= BOUND_PX[disease]


def test_one_scan_measured_at_two_resolutions_has_one_thickness(scans: dict[str, list[PhantomScan]]) -> None:
    scan = scans["none"][0]
    ilm, bm = segment_surfaces(scan.own[1], **FINAL)
    fine_ilm, fine_bm = segment_surfaces(scan.native[1], **NATIVE)
    thickness, fine = (bm - ilm) * 6.0, (fine_bm - fine_ilm) * 3.87
    assert np.nanmean(thickness) == pytest.approx(np.nanmean(fine), abs=3.0)


def test_mirroring_a_volume_mirrors_its_surfaces(scans: dict[str, list[PhantomScan]]) -> None:
    volume = scans["oedema"][0].own
    for surface, mirrored in zip(volume_surfaces(volume), volume_surfaces(mirror_volume(volume)), strict=True):
        difference = (mirror_volume(surface) - mirrored)[:, SCORED]
        assert np.abs(difference).mean() < 0.05


@pytest.mark.parametrize("degrees", [-12.0, 8.0])
def test_a_tilted_retina_is_followed(scans: dict[str, list[PhantomScan]], degrees: float) -> None:
    scan = scans["none"][0]
    shift = np.tan(np.deg2rad(degrees)) * column_positions_um() / AXIAL_UM
    ilm, bm = segment_surfaces(sheared(scan.own[0], shift), **FINAL)
    inside = SCORED & (scan.ilm_row[0] + shift > 8) & (scan.bm_row[0] + shift < 315)
    assert np.abs(ilm - scan.ilm_row[0] - shift)[inside].mean() < 1.0
    assert np.abs(bm - scan.bm_row[0] - shift)[inside].mean() < 1.0


@pytest.mark.parametrize("end", ["top", "bottom"])
def test_a_retina_close_to_a_border_is_found(scans: dict[str, list[PhantomScan]], end: str) -> None:
    scan = scans["none"][1]
    shift = 7 - np.floor(scan.ilm_row[2].min()) if end == "top" else 314 - np.ceil(np.nanmax(scan.bm_row[2]))
    ilm, bm = segment_surfaces(sheared(scan.own[2], np.full(448, shift)), **FINAL)
    assert np.abs(ilm - scan.ilm_row[2] - shift)[SCORED].mean() < 1.0
    assert np.abs(bm - scan.bm_row[2] - shift)[SCORED].mean() < 1.0


@pytest.mark.parametrize("change", ["faint", "noisy", "slightly blurred"])
def test_a_degraded_picture_keeps_its_surfaces(scans: dict[str, list[PhantomScan]], change: str) -> None:
    scan = scans["glaucoma"][0]
    grey = scan.own[0].astype(np.float64)
    noise = np.random.default_rng(3).normal(0.0, 50.0, grey.shape)
    changed = {"faint": 0.15 * grey + 40.0, "noisy": grey + noise, "slightly blurred": ndimage.gaussian_filter(grey, 2)}
    ilm, bm = segment_surfaces(as_bytes(changed[change]), **FINAL)
    assert np.abs(ilm - scan.ilm_row[0])[SCORED].mean() < 1.0
    assert np.abs(bm - scan.bm_row[0])[SCORED].mean() < 1.5


def test_looking_for_the_discs_margin_costs_hardly_a_column_that_is_scored(scans: dict[str, list[PhantomScan]]) -> None:
    found = [segment_surfaces(scan.own[3], **FINAL)[1] for disease in DISEASES for scan in scans[disease]]
    assert sum(np.isnan(bm).sum() for bm in found) > 50
    assert max(np.isnan(bm[SCORED]).mean() for bm in found) <= 0.02


def test_surfaces_never_cross(scans: dict[str, list[PhantomScan]]) -> None:
    for disease in DISEASES:
        ilm, bm = volume_surfaces(scans[disease][0].own)
        assert (np.nan_to_num(bm - ilm, nan=1.0) > 0).all()


def empty_pictures() -> dict[str, NDArray[np.uint8]]:
    rng = np.random.default_rng(5)
    rows, columns = np.arange(320)[:, None], np.arange(448)[None, :]
    cloud = ndimage.gaussian_filter(rng.standard_normal((320, 448)), 8)
    pictures: dict[str, Any] = {
        "black": np.zeros((320, 448)),
        "grey": np.full((320, 448), 90.0),
        "white": np.full((320, 448), 255.0),
        "uniform noise": rng.uniform(0, 255, (320, 448)),
        "faint noise": rng.normal(100, 3, (320, 448)),
        "cloud": 128 + 50 * cloud / cloud.std(),
        "vertical stripes": np.where(columns // 8 % 2, 200.0, 20.0) + 0 * rows,
        "random stripes": rng.uniform(0, 255, (1, 448)) + 0 * rows,
        "horizontal stripes": np.where(rows // 20 % 2, 200.0, 20.0) + 0 * columns,
        "ramp": rows / 319 * 255 + 0 * columns,
        "edge": np.where(rows > 150, 180.0, 20.0) + 0 * columns,
        "bar": np.where(np.abs(rows - 150) < 25, 180.0, 20.0) + 0 * columns,
        "checkerboard": np.where((rows // 20 + columns // 20) % 2, 200.0, 0.0),
    }
    return {name: as_bytes(picture) for name, picture in pictures.items()}


@pytest.mark.parametrize("name", list(empty_pictures()))
def test_a_picture_without_a_retina_has_no_surfaces(name: str) -> None:
    for surface in segment_surfaces(empty_pictures()[name], **FINAL):
        assert surface.shape == (448,)
        assert np.isnan(surface).all()


@pytest.mark.parametrize("rendering", ["own", "log_gamma", "rayleigh"])
def test_a_retina_upside_down_is_none(scans: dict[str, list[PhantomScan]], rendering: str) -> None:
    for bscan in getattr(scans["none"][0], rendering)[:, ::-1]:
        assert np.isnan(segment_surfaces(np.ascontiguousarray(bscan), **FINAL)[0]).all()


def test_a_plain_picture_with_one_dark_pixel_has_no_surfaces() -> None:
    plain = np.full((8, 17), 4, np.uint8)
    plain[0, 0] = 0
    ilm, bm = segment_surfaces(plain, axial_um=38.0, lateral_um=30.0)
    assert np.isnan(ilm).all()
    assert np.isnan(bm).all()


@settings(max_examples=25, deadline=None)
@given(
    bscan=arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 50))),
    axial_um=st.floats(0.5, 200.0),
    lateral_um=st.floats(0.5, 500.0),
)
def test_no_picture_however_odd_raises(bscan: NDArray[np.uint8], axial_um: float, lateral_um: float) -> None:
    ilm, bm = segment_surfaces(bscan, axial_um=axial_um, lateral_um=lateral_um)
    assert ilm.shape == bm.shape == (bscan.shape[1],)


@pytest.mark.parametrize(
    ("bscan", "spacing", "message"),
    [
        (np.zeros((320, 448)), 6.0, r"bscan: expected a uint8 array \(h, w\), found float64 of shape \(320, 448\)"),
        (np.zeros((6, 320, 448), np.uint8), 6.0, r"bscan: expected .* of shape \(6, 320, 448\)"),
        (np.zeros((320, 448), np.uint8), 0.0, "axial_um: expected micrometres above zero, found 0.0"),
    ],
)
def test_wrong_arguments_are_named(bscan: NDArray[Any], spacing: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        segment_surfaces(bscan, axial_um=spacing, lateral_um=LATERAL_UM)
