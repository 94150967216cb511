"""How wrong the thickness of a generated retina is: one value per eye and zone, and the cards.

A generated B-scan without a retina is drawn 0 micrometres thick: it is a failure with a price, never a skipped case.
Tables over a cohort (bias, limits of agreement, skill, slopes) are in `thickness_agreement`. Called by the scorer
through the cards.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.retinal_layers import SEGMENTATION_VERSION, volume_surfaces
from fundus2oct.metrics.retinal_thickness import Subfields, subfield_thickness_um, thickness_um
from fundus2oct.metrics.scan_geometry import AXIAL_UM, LATERAL_UM, N_BSCANS
from fundus2oct.metrics.surface_path import Floats
from fundus2oct.metrics.volume_pair import check_pair, check_volume

Bytes = NDArray[np.uint8]

WORST_UM: Final = 400.0
"""Price of a missing case, and the most any case is charged. A healthy macula is 250 to 350 micrometres thick, so an
eye drawn without a retina costs its own thickness, less than this."""

REPEATABILITY_UM: Final = 3.0
"""What two scans of one eye may differ by; less is no change to an audit."""

N_ZONES: Final = 3
ZONES: Final = "fundus2oct.metrics.thickness_error:zone_features"
ZONES_VERSION: Final = f"thickness-zones-{SEGMENTATION_VERSION}-v1"
"""Central subfield, inner ring, outer ring."""


def truth_subfields(volume: Bytes) -> Subfields:
    """Subfields of a real volume. B-scans whose surfaces cannot be found are left out; NaN when too little is left."""
    check_volume(volume, "volume")
    return subfield_thickness_um(_thickness(volume))


def generated_subfields(volume: Bytes) -> Subfields:
    """Subfields of a generated volume, never NaN: no retina is 0 micrometres of it.

    A B-scan without a retina enters with 0 in all its columns; so does a zone of which less than half was found.
    """
    check_volume(volume, "volume")
    thickness = _thickness(volume)
    thickness[np.isnan(thickness).all(axis=1)] = 0.0
    found = subfield_thickness_um(thickness)
    return Subfields(
        central_um=_or_zero(found.central_um),
        inner_um=_or_zero(found.inner_um),
        outer_um=_or_zero(found.outer_um),
        inner_quadrants_um=_four_or_zero(found.inner_quadrants_um),
        outer_quadrants_um=_four_or_zero(found.outer_quadrants_um),
        valid_fraction=found.valid_fraction,
    )


def central_thickness_error(truth: Bytes, generated: Bytes) -> Floats:
    """Absolute error of the mean thickness within 500 micrometres of the scan centre.

    Args:
        truth: (6, 320, 448) uint8.
        generated: (6, 320, 448) uint8.

    Returns:
        (1,) micrometres, 0 to 400; NaN when the truth itself cannot be measured: then the eye is left out of the
        anatomy of every generator alike.
    """
    check_pair(truth, generated)
    return _error(truth_subfields(truth).central_um, generated_subfields(generated).central_um)


def inner_ring_error(truth: Bytes, generated: Bytes) -> Floats:
    """Absolute error of the mean thickness from 500 to 1500 micrometres; as `central_thickness_error`."""
    check_pair(truth, generated)
    return _error(truth_subfields(truth).inner_um, generated_subfields(generated).inner_um)


def outer_ring_error(truth: Bytes, generated: Bytes) -> Floats:
    """Absolute error of the mean thickness from 1500 to 3000 micrometres; as `central_thickness_error`."""
    check_pair(truth, generated)
    return _error(truth_subfields(truth).outer_um, generated_subfields(generated).outer_um)


def missing_retina(truth: Bytes, generated: Bytes) -> Floats:
    """1 for every generated B-scan without a retina, else 0; (6,) float64. The truth is only checked for its shape."""
    check_pair(truth, generated)
    return _without_retina(generated)


def zone_features(volumes: Iterable[Bytes]) -> Floats:
    """What the cards need of every volume, whichever side it is on: its zones as a truth and as a generated volume.

    Args:
        volumes: any iterable of (6, 320, 448) uint8.

    Returns:
        (n, 12): central, inner and outer thickness in micrometres judged as a truth (NaN: cannot be measured), the
        same three judged as generated (0: no retina), then 1 or 0 for each B-scan without a retina.
    """
    rows = [
        [*_zones(truth_subfields(volume)), *_zones(generated_subfields(volume)), *_without_retina(volume)]
        for volume in volumes
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 2 * N_ZONES + N_BSCANS)


def central_error_of(truth: Floats, generated: Floats) -> Floats:
    """`central_thickness_error` from two rows of `zone_features`, (1, 12) each; (1,) micrometres."""
    return _zone_error(0, truth, generated)


def inner_error_of(truth: Floats, generated: Floats) -> Floats:
    """`inner_ring_error` from two rows of `zone_features`, (1, 12) each; (1,) micrometres."""
    return _zone_error(1, truth, generated)


def outer_error_of(truth: Floats, generated: Floats) -> Floats:
    """`outer_ring_error` from two rows of `zone_features`, (1, 12) each; (1,) micrometres."""
    return _zone_error(2, truth, generated)


def missing_retina_of(truth: Floats, generated: Floats) -> Floats:
    """`missing_retina` from two rows of `zone_features`, (1, 12) each; (6,) of 1 and 0."""
    return generated[0, 2 * N_ZONES :]


def _zone_error(zone: int, truth: Floats, generated: Floats) -> Floats:
    return _error(truth[0, zone], generated[0, N_ZONES + zone])


def _zones(fields: Subfields) -> tuple[float, float, float]:
    return fields.central_um, fields.inner_um, fields.outer_um


def _without_retina(volume: Bytes) -> Floats:
    ilm_row, _ = volume_surfaces(volume)
    return np.asarray(np.isnan(ilm_row).all(axis=1), dtype=np.float64)


def _thickness(volume: Bytes) -> Floats:
    ilm_row, bm_row = volume_surfaces(volume)
    return thickness_um(ilm_row, bm_row, AXIAL_UM)


def _error(truth_um: float, generated_um: float) -> Floats:
    return np.array([min(abs(generated_um - truth_um), WORST_UM)]) if np.isfinite(truth_um) else np.array([np.nan])


def _or_zero(value: float) -> float:
    return 0.0 if np.isnan(value) else value


def _four_or_zero(values: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    right, upper, left, lower = (_or_zero(value) for value in values)
    return right, upper, left, lower


_PARAMETERS: Final = {
    "surfaces": f"ILM to Bruch's membrane, {SEGMENTATION_VERSION}, the same program on truth and generated volume",
    "spacing": f"{AXIAL_UM:g} um per row, {LATERAL_UM:g} um per column",
    "weights": "area, sum(r t) / sum(r) over twelve half-lines",
    "no retina": "0 um thick",
    "largest error": f"{WORST_UM:g} um",
    "averaging": "mean of absolute errors: eyes of a patient, patients",
}

_TRAPS: Final = (
    "The mean over columns is not the mean over the area: radial lines crowd in the centre, and an unweighted central "
    "subfield came out at 250 µm where the area holds 264.",
    "Thickness to Bruch's membrane and thickness to the upper edge of the pigment epithelium differ by 30 to 60 µm; "
    "they must never be pooled.",
    "Both volumes are measured by one program. Where it errs on both alike the errors cancel; blur makes a retina "
    "seem thicker (a Gaussian of 24 µm adds about 18 µm), and that is charged to the generator.",
    "The grid is centred on the scan, which lies near the fovea and not on it; both volumes share that centre.",
    "Predicting the mean thickness of the training eyes for everybody is hard to beat: read it beside the skill.",
)


def _card(name: str, zone: str, abbreviation: str, radii: str, function: str) -> MetricCard:
    return MetricCard(
        name=name,
        title=f"Thickness error, {zone}",
        abbreviation=abbreviation,
        unit="µm",
        direction="lower",
        level="case",
        best=0.0,
        worst=WORST_UM,
        decimals=1,
        version=f"{name.replace('_', '-')}-etdrs-area-{SEGMENTATION_VERSION}-v1",
        parameters={"zone": radii, **_PARAMETERS},
        summary=f"How many micrometres too thick or thin the generated retina is, {radii} from the scan centre.",
        description=(
            "In the true and in the generated volume the retina's inner and outer border are found, and the thickness "
            f"between them is averaged over the {zone} by area. The value is the distance of the two means, without "
            "its sign.",
            "How to read it: thickness is what clinics measure and treat by. A healthy centre is 270 µm thick and "
            "varies by about 20 µm between eyes; repeated scans of one eye agree to a few micrometres. An entry that "
            "ignores the photograph and draws an average retina errs by the spread of the cohort.",
            "A generated B-scan in which no retina can be found counts as 0 µm thick, so an empty volume costs the "
            "eye's whole thickness; a missing case costs 400 µm.",
        ),
        formula="|t(generated) − t(truth)|,   t = Σ r · (BM − ILM) · 6 µm / Σ r   over the columns of the zone",
        traps=_TRAPS,
        source="Early Treatment Diabetic Retinopathy Study report 7, Ophthalmology 98 (1991); Chan et al., Archives of "
        "Ophthalmology 124 (2006)",
        function=f"fundus2oct.metrics.thickness_error:{function}",
        features=ZONES,
        features_version=ZONES_VERSION,
        reacts_to=("crop", "patient-shuffle", "mean-volume", "constant"),
        ignores=("axial-shift", "tilt", "gamma", "contrast", "bscan-shuffle", "flip"),
        tolerance=REPEATABILITY_UM,
    )


CENTRAL_CARD = _card("central_thickness_error", "central subfield", "CST error", "0 to 0.5 mm", "central_error_of")
INNER_CARD = _card("inner_ring_error", "inner ring", "Inner error", "0.5 to 1.5 mm", "inner_error_of")
OUTER_CARD = _card("outer_ring_error", "outer ring", "Outer error", "1.5 to 3 mm", "outer_error_of")

MISSING_CARD = MetricCard(
    name="missing_retina",
    title="B-scans without a retina",
    abbreviation="No retina",
    unit="",
    direction="lower",
    level="case",
    best=0.0,
    worst=1.0,
    decimals=3,
    version=f"missing-retina-{SEGMENTATION_VERSION}-v1",
    parameters={
        "rule": "contrast, outer band, choroid and evenness; docs/anatomy.md",
        "surfaces": SEGMENTATION_VERSION,
    },
    summary="Share of generated B-scans in which no retina can be found.",
    description=(
        "A program looks for the retina's inner and outer border in every generated B-scan. Where it finds no bright "
        "layer under a dark vitreous, with an outer band and tissue behind it, the B-scan counts as a failure.",
        f"How to read it: 0 for every real scan and for every entry worth reading on. All {N_BSCANS} B-scans of a "
        "missing case count as failures.",
    ),
    formula="B-scans without a retina / 6",
    traps=(
        "It says that something layered is there, not that it is right: a copy of one retina for everybody gets 0.",
        "An average of many unaligned scans passes, as does one such average upside down.",
    ),
    source="this benchmark, docs/anatomy.md",
    function="fundus2oct.metrics.thickness_error:missing_retina_of",
    features=ZONES,
    features_version=ZONES_VERSION,
    reacts_to=("constant",),
    ignores=("axial-shift", "contrast", "bscan-shuffle", "flip", "patient-shuffle", "spread-shrunk"),
    tolerance=0.02,
)
CARDS: Final = (CENTRAL_CARD, INNER_CARD, OUTER_CARD, MISSING_CARD)
"""What the boards and result files say of the numbers."""
