"""Both renderers obey the mirror rule before noise, and draw the truth where they say it is."""

from __future__ import annotations

import numpy as np
import pytest

from fundus2oct.benchmark.phantom.anatomy import DISEASES, Eye, mirror, sample_eye
from fundus2oct.benchmark.phantom.fundus_renderer import before_noise, render_fundus, scan_centre_px
from fundus2oct.benchmark.phantom.oct_renderer import render_volume, structure, true_surfaces
from fundus2oct.benchmark.phantom.realism import measure_phantom
from fundus2oct.metrics.scan_geometry import mirror_fundus, mirror_volume


@pytest.fixture(scope="module", params=["none", "oedema", "myopia"])
def eye(request: pytest.FixtureRequest) -> Eye:
    return sample_eye(1, 4, "R", cohort="tests", disease=request.param)


def test_a_mirrored_eye_gives_the_mirrored_bscans_before_noise(eye: Eye) -> None:
    here, there = structure(eye), structure(mirror(eye))
    assert np.abs(there.root - mirror_volume(here.root)).max() < 1e-6
    assert np.abs(there.root - here.root).max() > 0.1
    np.testing.assert_allclose(there.ilm_row, mirror_volume(here.ilm_row), atol=1e-6)
    np.testing.assert_allclose(there.bm_row, mirror_volume(here.bm_row), atol=1e-6)


def test_a_mirrored_eye_gives_the_mirrored_photograph_before_noise(eye: Eye) -> None:
    here, there = before_noise(eye), before_noise(mirror(eye))
    assert np.abs(there - mirror_fundus(here)).max() < 1e-6
    assert np.abs(there - here).max() > 0.1


def test_the_scan_centre_is_mirrored_too(eye: Eye) -> None:
    column, row = scan_centre_px(eye)
    other = scan_centre_px(mirror(eye))
    assert other == pytest.approx((511 - column, row))


def test_the_six_lines_share_their_middle_before_noise(eye: Eye) -> None:
    root = structure(eye).root
    middle = root[:, :, 383:385].mean(axis=2)
    assert np.abs(middle - middle.mean(axis=0)).max() < 0.06


def test_bruchs_membrane_ends_at_the_disc_in_the_horizontal_line_alone() -> None:
    ends = []
    for patient in range(12):
        eye = sample_eye(2, patient, "R", cohort="tests", disease="none")
        ilm_row, bm_row = true_surfaces(eye)
        missing = np.isnan(bm_row)
        assert np.isfinite(ilm_row).all()
        assert not missing[[0, 1, 2, 4, 5]].any()
        assert not missing[3, :372].any(), "within 3 mm of the centre"
        ends.append(bool(missing[3, -1]))
    assert np.mean(ends) > 0.6, "torsion carries the line past the disc now and then"


def test_a_left_eye_has_its_disc_on_the_left() -> None:
    bright = []
    for side in ("L", "R"):
        fundus = render_fundus(sample_eye(2, 1, side, cohort="tests", disease="none"))[..., 1].astype(float)
        columns = np.argsort(fundus.ravel())[-1500:] % 512
        bright.append(columns.mean())
    assert bright[0] < 150
    assert bright[1] > 362


@pytest.mark.parametrize("disease", DISEASES)
def test_the_retina_lies_inside_the_picture(disease: str) -> None:
    for patient in range(5):
        ilm_row, bm_row = true_surfaces(sample_eye(3, patient, "L", cohort="tests", disease=disease))
        assert ilm_row.min() > 4
        assert np.nanmax(bm_row) < 290


def test_true_surfaces_lie_on_the_edges_of_the_picture() -> None:
    """The mean picture, shifted so that the true row is 0, is steepest within half a pixel of 0."""
    eye = sample_eye(4, 2, "R", cohort="tests", disease="none")
    volume, offset = render_volume(eye).astype(float), np.arange(-4, 4.01, 0.25)
    for rows, sign in zip(true_surfaces(eye), (1.0, -1.0), strict=True):
        profile = np.mean(
            [
                np.interp(rows[f, c] + offset, np.arange(320), volume[f, :, c])
                for f in range(6)
                for c in range(80, 368, 3)
            ],
            axis=0,
        )
        assert abs(offset[np.argmax(sign * np.gradient(profile))]) <= 0.5


def test_the_same_eye_is_rendered_alike_and_noise_differs_between_eyes() -> None:
    one, two = (sample_eye(5, patient, "R", cohort="tests", disease="none") for patient in (0, 1))
    assert np.array_equal(render_volume(one), render_volume(one))
    above = [render_volume(eye)[0, :20].astype(float) for eye in (one, two)]
    assert abs(np.corrcoef(above[0].ravel(), above[1].ravel())[0, 1]) < 0.1


def test_texture_is_that_of_a_real_scan() -> None:
    """Figures of a real Spectralis B-scan (docs/phantom.md), with room for the eyes' own variation."""
    found = measure_phantom(range(2))
    real = {
        "level RNFL": (170, 20),
        "level GCL+IPL": (113, 15),
        "level ONL": (63, 10),
        "level RPE": (194, 25),
        "level vitreous": (29, 6),
        "speckle contrast RNFL": (0.092, 0.03),
        "speckle contrast ONL": (0.092, 0.03),
        "axial lag-1 RNFL": (0.88, 0.07),
        "lateral lag-1 ONL": (0.66, 0.12),
        "lateral lag-1 vitreous": (0.0, 0.1),
        "decay per 100 um": (-0.95, 0.3),
    }
    wrong = {name: found[name] for name, (value, room) in real.items() if abs(found[name] - value) > room}
    assert wrong == {}


def test_a_wrong_side_or_disease_is_named() -> None:
    with pytest.raises(ValueError, match='side: expected "R" or "L", found \'X\''):
        sample_eye(0, 0, "X")
    with pytest.raises(ValueError, match=r"disease: expected one of none, .*found 'flu'"):
        sample_eye(0, 0, "R", disease="flu")
