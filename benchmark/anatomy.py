"""Thickness, texture and coherence over the whole cohort: the tables of a record that no single metric holds.

Bias with its limits of agreement, skill against knowing nothing but the training eyes, detection of a thickened centre,
and how grainy, sharp and coherent the volumes are against real ones. The numbers come from features that scoring has
already measured; the arithmetic is in `metrics.thickness_agreement`, `metrics.thickening_detection`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.scoring import CaseScores, FeatureProtocol
from fundus2oct.benchmark.training_eyes import THICKNESS, TrainingEyes
from fundus2oct.metrics import radial_consistency, texture
from fundus2oct.metrics.scan_geometry import N_BSCANS
from fundus2oct.metrics.thickening_detection import THRESHOLD_UM, Proportion, detection
from fundus2oct.metrics.thickness_agreement import agreement, mean_absolute_error, skill
from fundus2oct.metrics.thickness_error import N_ZONES

ZONE_NAMES = ("central", "inner", "outer")
TEXTURE = FeatureProtocol("fundus2oct.metrics.texture:texture_features", texture.FEATURES_VERSION)
RADIAL = FeatureProtocol("fundus2oct.metrics.radial_consistency:radial_features", radial_consistency.FEATURES_VERSION)
PROTOCOLS = (THICKNESS, TEXTURE, RADIAL)
"""What scoring must have measured of every volume."""

Floats = NDArray[np.float64]


def anatomy_table(scores: CaseScores, training: TrainingEyes) -> dict[str, Any]:
    """The `anatomy` table of a record.

    Args:
        scores: with the measurements of `PROTOCOLS`.
        training: whose mean thickness and mean volume are the zero of the two skills.
    """
    truth, generated = (features[:, 0] for features in scores.measured[THICKNESS.version])
    table = {"version": THICKNESS.version, "reference": _reference_text(training)}
    measured = np.flatnonzero(np.isfinite(truth[:, :N_ZONES]).all(axis=1))
    if not len(measured):
        reason = "the truth could not be measured in any case"
        return {**table, "reason": reason, "zones": None, "detection": None, "missing_bscans": None}
    patients = np.array([case.patient_id for case in scores.cases])[measured]
    eyes = [scores.cases[i].eye for i in measured]
    true_um, drawn_um = truth[measured, :N_ZONES], _or_nan(generated[measured, N_ZONES : 2 * N_ZONES])
    zones = {
        name: asdict(agreement(true_um[:, zone], drawn_um[:, zone])) | _skills(zone, true_um, drawn_um, eyes, training)
        for zone, name in enumerate(ZONE_NAMES)
    }
    found = asdict(detection(true_um[:, 0], drawn_um[:, 0], patients))
    shares = {name: _share(Proportion(**found[name])) for name in ("sensitivity", "specificity")}
    missing = float(generated[:, 2 * N_ZONES : 2 * N_ZONES + N_BSCANS].mean())
    return {
        **table,
        "reason": None,
        "zones": zones,
        "detection": {"threshold_um": THRESHOLD_UM, **found, **shares},
        "missing_bscans": missing,
    }


def texture_table(scores: CaseScores) -> dict[str, Any]:
    """The `texture` table of a record: generated over real, 1 = as real; failed cases are left out."""
    drawn = np.array([case.case_id not in scores.codes for case in scores.cases])
    if not drawn.any():
        return dict.fromkeys(("speckle_contrast_ratio", "fine_power_ratio", "radial_disagreement_ratio"))
    of_truth, of_generated = (features[drawn, 0] for features in scores.measured[TEXTURE.version])
    logs = np.log(of_generated / of_truth)
    radial_truth, radial_generated = (features[drawn, 0, 0] for features in scores.measured[RADIAL.version])
    return {
        "speckle_contrast_ratio": float(np.exp(logs[:, :N_BSCANS].mean())),
        "fine_power_ratio": float(np.exp(logs[:, N_BSCANS:].mean())),
        "radial_disagreement_ratio": radial_consistency.consistency_ratio(radial_generated, radial_truth),
    }


def _or_nan(drawn_um: Floats) -> Floats:
    """Features hold 0 where no retina was drawn; the cohort's tables count such eyes as failures."""
    return np.where(drawn_um > 0, drawn_um, np.nan)


def _skills(
    zone: int, true_um: Floats, drawn_um: Floats, eyes: list[str], training: TrainingEyes
) -> dict[str, float | None]:
    """Skill against the mean training thickness, and against the pixel-wise mean training volume."""
    known = training.zones[np.isfinite(training.zones[:, zone]), zone] if len(training.zones) else np.empty(0)
    if not len(known):
        return {"skill": None, "skill_mean_volume": None}
    mae = mean_absolute_error(true_um[:, zone], drawn_um[:, zone])
    of_mean = np.full(len(true_um), known.mean())
    of_volume = np.array([training.mean_volume_zones[eye][N_ZONES + zone] for eye in eyes])
    return {
        "skill": skill(mae, mean_absolute_error(true_um[:, zone], of_mean)),
        "skill_mean_volume": skill(mae, mean_absolute_error(true_um[:, zone], _or_nan(of_volume))),
    }


def _reference_text(training: TrainingEyes) -> str:
    if not len(training.zones):
        return "this copy of the dataset has no training volumes: no skill"
    means = np.nanmean(training.zones[:, :N_ZONES], axis=0)
    zones = ", ".join(f"{name} {mean:.1f} µm" for name, mean in zip(ZONE_NAMES, means, strict=True))
    return f"mean thickness of {len(training.cases)} training eyes: {zones}"


def _share(found: Proportion) -> dict[str, Any]:
    return {"hits": found.hits, "n": found.n, "value": found.value, "low": found.low, "high": found.high}
