"""Do six lines through one point agree on what is there? Needs no truth: the generated volume is held against itself.

All lines of a radial scan share the central A-scan. A generator that draws each B-scan on its own can put six
different foveas there. Real lines do not agree perfectly either, because of speckle, so the value is read as a ratio
to that of the real volumes (`consistency_ratio`). Called by the scorer through the card.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fundus2oct.metrics.interval_inference import finite_vector
from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.retinal_layers import SEGMENTATION_VERSION, volume_surfaces
from fundus2oct.metrics.scan_geometry import AXIAL_UM
from fundus2oct.metrics.surface_path import Floats, blurred, straightened
from fundus2oct.metrics.volume_pair import check_pair, check_volume

START_UM: Final = -60.0
END_UM: Final = 480.0
"""Piece of the A-scan that is compared, from the ILM down: some vitreous, the retina, the first choroid."""

BLUR_UM: Final = 12.0
"""Axial Gaussian: finer than a layer, coarser than speckle."""

WORST: Final = 1.2
"""The largest value the formula can reach with six lines; also that of a volume in which a line has no retina."""


FEATURES_VERSION: Final = f"radial-icc11-ilm-aligned-{SEGMENTATION_VERSION}-v1"


def central_profiles(volume: NDArray[np.uint8]) -> Floats | None:
    """The central A-scan as each line shows it, with the ILM at one height.

    The mean of the two middle columns, blurred by 12 micrometres in depth, from 60 micrometres above the ILM to 480
    below it. Aligning at the ILM takes out axial movement of the eye between two lines, which real scans have.

    Returns:
        (6, 91) float64 grey levels; None when a line shows no ILM in the middle.
    """
    check_volume(volume, "volume", min_side=2)
    ilm_row, _ = volume_surfaces(volume)
    left = volume.shape[2] // 2 - 1
    middle = ilm_row[:, left : left + 2].mean(axis=1)
    if np.isnan(middle).any():
        return None
    ascans = volume[:, :, left : left + 2].astype(np.float64).mean(axis=2).T
    offsets = np.arange(START_UM, END_UM + AXIAL_UM / 2, AXIAL_UM) / AXIAL_UM
    return straightened(blurred(ascans, BLUR_UM / AXIAL_UM, 0.0), middle, offsets).T


def disagreement(profiles: Floats) -> float:
    """One minus the intraclass correlation ICC(1,1) of Shrout and Fleiss (Psychological Bulletin 1979).

    Depths are the targets and lines the judges: 0 when all lines show one profile, 1 when they share nothing, at most
    k / (k − 1) for k lines. Profiles without any contrast say nothing, and get that worst value.

    >>> disagreement(np.tile([1.0, 5.0, 2.0], (6, 1)))
    0.0
    """
    if profiles.ndim != 2 or min(profiles.shape) < 2 or not np.isfinite(profiles).all():
        raise ValueError(f"profiles: expected finite (lines, depths), at least 2 of each, found {profiles.shape}")
    k = len(profiles)
    between = k * profiles.mean(axis=0).var(ddof=1)
    within = profiles.var(axis=0, ddof=1).mean()
    total = between + (k - 1) * within
    return float(k * within / total) if total > 1e-9 else k / (k - 1)


def radial_disagreement(volume: NDArray[np.uint8]) -> float:
    """Disagreement of a volume's six lines in their common A-scan, 0 to 1.2; 1.2 when a line has no retina there."""
    profiles = central_profiles(volume)
    return WORST if profiles is None else disagreement(profiles)


def radial_features(volumes: Iterable[NDArray[np.uint8]]) -> Floats:
    """`radial_disagreement` of every volume, (n, 1)."""
    return np.array([[radial_disagreement(volume)] for volume in volumes], dtype=np.float64).reshape(-1, 1)


def generated_disagreement(truth: Floats, generated: Floats) -> Floats:
    """`radial_consistency` from two rows of `radial_features`, (1, 1) each: the generated volume's; (1,) float64."""
    value: Floats = generated[0]
    return value


def radial_consistency(truth: NDArray[np.uint8], generated: NDArray[np.uint8]) -> Floats:
    """`radial_disagreement` of the generated volume; the truth is only checked for its shape.

    Args:
        truth: (6, 320, 448) uint8.
        generated: (6, 320, 448) uint8.

    Returns:
        (1,) float64, 0 to 1.2.
    """
    check_pair(truth, generated, min_side=2)
    return np.array([radial_disagreement(generated)])


def consistency_ratio(generated: ArrayLike, real: ArrayLike) -> float | None:
    """Mean disagreement of generated volumes over that of the real volumes of the same split; None when that is 0.

    Near 1: as consistent as real scans. Below 1: smoother, not better, for blur has no speckle to disagree about.
    """
    reference = float(finite_vector(real, "real").mean())
    return None if reference <= 0 else float(finite_vector(generated, "generated").mean()) / reference


CARD = MetricCard(
    name="radial_consistency",
    title="Disagreement of the six lines in their common A-scan",
    abbreviation="Radial",
    unit="",
    direction="lower",
    level="case",
    best=0.0,
    worst=WORST,
    decimals=3,
    version=f"radial_consistency-{FEATURES_VERSION}",
    parameters={
        "A-scan": "mean of the two middle columns of each B-scan",
        "depths": f"{START_UM:g} to {END_UM:g} um from the ILM, every {AXIAL_UM:g} um",
        "blur": f"Gaussian, {BLUR_UM:g} um, along depth",
        "alignment": f"ILM, {SEGMENTATION_VERSION}",
        "statistic": "1 - ICC(1,1), depths as targets, lines as judges",
        "averaging": "mean: eyes of a patient, patients",
    },
    summary="Whether the six B-scans show one and the same place where they cross; read it beside the real volumes'.",
    description=(
        "The six lines of a radial scan cross in one point, so the A-scan there appears in all six B-scans. The metric "
        "lays the six over each other, aligned at the inner border of the retina, and asks which share of their "
        "variation is not common: 0 means one profile, 1 means nothing in common.",
        "How to read it: divide by the value of the truth copy on the same board. Real lines disagree a little because "
        "every line has its own speckle. Well above 1 the generator draws six eyes in one; below 1 it draws less "
        "speckle than a real instrument, which is no merit.",
        "A volume in which a line shows no retina in the middle gets 1.2, the largest value the formula can reach; so "
        "does a missing case. The truth is not used.",
    ),
    formula="1 − (MS_B − MS_W) / (MS_B + 5 MS_W);   MS_B = 6 · Var over depth of the mean profile, MS_W = mean over "
    "depth of the variance between lines",
    traps=(
        "A generator that returns one blurred volume for everybody is perfectly consistent: it is a test of coherence "
        "and not of truth.",
        "Without alignment the eye's axial movement between lines would count as disagreement.",
        "A correlation of neighbouring columns within a line would measure speckle; here only lines are compared.",
    ),
    source="Shrout and Fleiss, Psychological Bulletin 86 (1979), ICC(1,1)",
    function="fundus2oct.metrics.radial_consistency:generated_disagreement",
    role="diagnostic",
    features="fundus2oct.metrics.radial_consistency:radial_features",
    features_version=FEATURES_VERSION,
    reacts_to=("noise", "constant"),
    ignores=("axial-shift", "bscan-shuffle", "flip"),
    tolerance=0.002,
    copy_is_best=False,
)
"""What the boards and result files say of the number."""
