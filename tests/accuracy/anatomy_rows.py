"""Thickness, its agreement and detection, and radial consistency, against closed forms, hidden truth and programs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pingouin
from accuracy_row import Measurement, Row, largest
from numpy.typing import NDArray
from phantom_scans import PhantomScan, phantom_scan
from pixel_rows import version
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from fundus2oct.benchmark.phantom.lesions import DISEASES
from fundus2oct.metrics.radial_consistency import disagreement
from fundus2oct.metrics.retinal_thickness import (
    CENTRAL_UM,
    INNER_UM,
    OUTER_UM,
    subfield_thickness_um,
    thickness_um,
)
from fundus2oct.metrics.scan_geometry import column_positions_um
from fundus2oct.metrics.thickening_detection import exact_interval, wilson_interval
from fundus2oct.metrics.thickness_agreement import agreement
from fundus2oct.metrics.thickness_error import (
    central_thickness_error,
    inner_ring_error,
    missing_retina,
    outer_ring_error,
)

Floats = NDArray[np.float64]
ZONES = ("central_thickness_error", "inner_ring_error", "outer_ring_error")
ERRORS = (central_thickness_error, inner_ring_error, outer_ring_error)


def zones_row() -> Row:
    """The mean of ``b r^p`` over a ring from l to h is ``2 b (h^(p+2) - l^(p+2)) / ((p + 2)(h² - l²))``."""
    radius, found = np.tile(np.abs(column_positions_um()), (6, 1)), []
    for power, b in ((0, 0.0), (1, 0.05), (2, 3e-5), (3, 1e-8)):
        told = subfield_thickness_um(250.0 + b * radius**power)
        for (low, high), ours in ((CENTRAL_UM, told.central_um), (INNER_UM, told.inner_um), (OUTER_UM, told.outer_um)):
            ring = b * 2 / (power + 2) * (high ** (power + 2) - low ** (power + 2)) / (high**2 - low**2)
            found.append(abs(ours - 250.0 - ring))
    return Row(
        what="area-weighted subfields, µm",
        origin="closed form: integrals of b rᵖ over the rings",
        on="12 subfields of bowls of power 0 to 3, up to 520 µm thick; columns are 20 µm wide",
        difference=max(found),
        tolerance=0.1,
        test="tests/metrics/test_retinal_thickness.py::test_subfields_of_a_bowl_are_its_integrals",
        cards=ZONES,
    )


def hidden_fields(scan: PhantomScan) -> tuple[float, float, float]:
    """Thickness of the three zones from the surfaces that the phantom keeps hidden."""
    told = subfield_thickness_um(thickness_um(scan.ilm_row, scan.bm_row))
    return told.central_um, told.inner_um, told.outer_um


def thickness_row() -> Row:
    scans = [phantom_scan(disease, 40, side) for disease, side in zip(DISEASES, "RLRLRL", strict=True)]
    true, found = [hidden_fields(scan) for scan in scans], []
    for i, j in ((0, 2), (1, 3), (4, 5), (2, 1)):
        for zone, measure in enumerate(ERRORS):
            expected = abs(true[i][zone] - true[j][zone])
            found.append(abs(float(measure(scans[i].own, scans[j].own)[0]) - expected))
    return Row(
        what="thickness error between two eyes, µm",
        origin="the phantom's hidden surfaces",
        on="4 pairs of eyes, all six diseases, 3 zones",
        difference=max(found),
        tolerance=12.0,
        test="tests/metrics/test_thickness_error.py::"
        "test_the_error_between_two_eyes_is_the_difference_of_their_thickness",
        cards=ZONES,
    )


def missing_row() -> Row:
    scan, found = phantom_scan("none", 40), []
    for gone in range(7):
        drawn = scan.own.copy()
        drawn[:gone] = 0
        found.append(abs(float(missing_retina(scan.own, drawn).mean()) - gone / 6))
    return Row(
        what="share of B-scans without a retina",
        origin="by construction: 0 to 6 black B-scans",
        on="7 volumes",
        difference=max(found),
        tolerance=0.0,
        test="tests/metrics/test_thickness_error.py::test_each_missing_bscan_costs_a_sixth",
        cards=("missing_retina",),
    )


def icc_row() -> Row:
    rng, found = np.random.default_rng(8), []
    for depths, grain in ((91, 1.0), (91, 0.2), (12, 3.0), (91, 50.0)):
        profiles = rng.normal(size=depths) + grain * rng.normal(size=(6, depths))
        depth, line = (index.ravel() for index in np.meshgrid(np.arange(depths), np.arange(6)))
        table = pd.DataFrame({"depth": depth, "line": line, "level": profiles.ravel()})
        told = pingouin.intraclass_corr(table, "depth", "line", "level")
        icc = float(told["ICC"].to_numpy()[0])  # the first row is ICC(1,1), single raters absolute
        found.append(abs(1 - disagreement(profiles) - icc))
    return Row(
        what="ICC(1,1) of the six central A-scans",
        origin=version("pingouin"),
        on="4 sets of profiles, nearly equal to unrelated; and 0.17 of Shrout and Fleiss 1979, table 2 (test)",
        difference=max(found),
        tolerance=1e-6,
        test="tests/metrics/test_radial_consistency.py::"
        "test_disagreement_is_one_minus_the_intraclass_correlation_of_the_paper",
        cards=("radial_consistency",),
    )


def agreement_row() -> Row:
    rng, found = np.random.default_rng(11), []
    for n in (2, 9, 200):
        truth = rng.normal(300, 30, n)
        drawn = 0.6 * truth + 110 + rng.normal(0, 9, n)
        told = agreement(truth, drawn)
        spread = np.std(drawn - truth, ddof=1)
        found += [
            abs((told.response_slope or np.nan) - stats.linregress(truth, drawn).slope),
            abs((told.calibration_slope or np.nan) - stats.linregress(drawn, truth).slope),
            abs((told.upper_limit or np.nan) - np.mean(drawn - truth) - stats.norm.ppf(0.975) * spread) / 100,
        ]
    return Row(
        what="limits of agreement and both slopes",
        origin=f"{version('scipy')} linregress; Bland and Altman's formula",
        on="3 cohorts of 2 to 200 eyes",
        difference=max(found),
        tolerance=1e-4,
        test="tests/metrics/test_thickness_agreement.py::test_slopes_are_those_of_scipys_regression",
    )


def proportions_row() -> Row:
    found = []
    for hits, n in ((0, 7), (3, 11), (19, 20), (40, 40), (1, 1), (0, 1), (500, 1000)):
        for level in (0.9, 0.95, 0.99):
            wilson = proportion_confint(hits, n, 1 - level, "wilson")
            exact = proportion_confint(hits, n, 1 - level, "beta")
            found += [
                largest(wilson_interval(hits / n, n, level), wilson),
                largest(exact_interval(hits, n, level), exact),
            ]
    return Row(
        what="intervals of sensitivity and specificity",
        origin=f"{version('statsmodels')}: Wilson, Clopper and Pearson",
        on="42 intervals, 0 of 1 to 500 of 1000",
        difference=max(found),
        tolerance=1e-12,
        test="tests/metrics/test_thickening_detection.py::test_intervals_are_scipys",
    )


def surface_row(name: str, rendering: str, diseases: tuple[str, ...], tolerance: float) -> Row:
    """The larger of the two surfaces' mean absolute errors, the worst disease."""
    scored, found = np.abs(column_positions_um()) <= 3000.0, []
    for disease in diseases:
        scans = [phantom_scan(disease, 50 + i, side) for i, side in enumerate("RL")]
        errors = [largest_mean(scan, rendering, scored) for scan in scans]
        found.append(max(np.mean(errors, axis=0)))
    return Row(
        what=f"ILM and Bruch's membrane, {name}, rows of 6 µm",
        origin=f"the phantom's hidden surfaces, unseen eyes, {rendering.replace('_', ' ')} speckle",
        on=f"{2 * len(diseases)} eyes, six B-scans; mean absolute error of the worse surface and disease",
        difference=float(max(found)),
        tolerance=tolerance,
        test="tests/metrics/test_retinal_layers.py::test_surfaces_of_an_unseen_eye_are_within_the_bound",
        cards=(*ZONES, "missing_retina", "radial_consistency", "fd_en_face", "fd_circular"),
    )


def largest_mean(scan: PhantomScan, rendering: str, scored: NDArray[np.bool_]) -> tuple[float, float]:
    """Mean absolute error of ILM and of Bruch's membrane within 3 mm."""
    from fundus2oct.metrics.retinal_layers import volume_surfaces

    ilm, bm = volume_surfaces(getattr(scan, rendering))
    pairs = ((ilm, scan.ilm_row), (bm, scan.bm_row))
    first, second = (float(np.nanmean(np.abs(ours - true)[:, scored])) for ours, true in pairs)
    return first, second


def _surfaces(name: str, rendering: str, diseases: tuple[str, ...], tolerance: float) -> Measurement:
    return lambda: surface_row(name, rendering, diseases, tolerance)


DISEASED = tuple(disease for disease in DISEASES if disease != "none")
ROWS: tuple[Measurement, ...] = (
    *(_surfaces("healthy", rendering, ("none",), 1.0) for rendering in ("own", "log_gamma", "rayleigh")),
    *(_surfaces("diseased", rendering, DISEASED, 2.0) for rendering in ("own", "log_gamma", "rayleigh")),
    zones_row,
    thickness_row,
    missing_row,
    icc_row,
    agreement_row,
    proportions_row,
)
