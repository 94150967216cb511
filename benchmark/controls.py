"""Controls that no metric is: does the entry use the photograph, and does it hand out its training volumes?

Together they decide who is eligible for a rank (docs/decisions/0004-eligibility.md). The public part is
aggregates; which cases were flagged, and what they resemble, goes into the organiser's private folder.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.case_table import EYES
from fundus2oct.benchmark.scoring import CaseScores, FeatureProtocol, Pairs
from fundus2oct.benchmark.training_eyes import DESCRIPTOR, TrainingEyes
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.benchmark.volume import Volume, black_volume, volume_digest
from fundus2oct.metrics import similarity_matrix
from fundus2oct.metrics.etdrs_fields import VERSION as FIELDS_VERSION
from fundus2oct.metrics.etdrs_fields import central_errors, field_errors
from fundus2oct.metrics.memorisation import flags
from fundus2oct.metrics.photograph_use import MIN_PATIENTS, shuffled_gap, strangers

FIELDS = FeatureProtocol("fundus2oct.metrics.etdrs_fields:etdrs_fields", FIELDS_VERSION)
PROTOCOLS = (FIELDS, DESCRIPTOR)
"""What scoring measures of every volume besides the metrics' own features."""

Floats = NDArray[np.float64]

MAX_FLAGGED_SHARE = 0.05
"""More flagged cases than this flag the entry: single false flags are expected among real eyes."""


@dataclass(frozen=True)
class Controls:
    """What the controls found.

    Attributes:
        public: the `controls` table of the result.
        eligible: the `eligible` table of the result.
        flagged: private: case id -> (ratio, training case it resembles most).
    """

    public: dict[str, Any]
    eligible: dict[str, Any]
    flagged: dict[str, tuple[float, str]]


class ReducedVolumes:
    """Every true and generated volume at a quarter of its resolution, gathered while cases are scored.

    About 54 kB a volume, so that the full matrix of SSIM needs no second reading.
    """

    def __init__(self) -> None:
        self._truth: list[Volume] = []
        self._generated: list[Volume] = []

    def add(self, pairs: Pairs) -> None:
        """Take a few cases; a failed one counts as black."""
        for truth, generated in pairs:
            self._truth.append(similarity_matrix.reduced(truth))
            self._generated.append(similarity_matrix.reduced(black_volume() if generated is None else generated))

    def stacked(self) -> tuple[Volume, Volume]:
        """Truth and generated, each (n_cases, 6, 80, 112) uint8."""
        return np.stack(self._truth), np.stack(self._generated)


def run_controls(
    scores: CaseScores,
    reduced: ReducedVolumes,
    training: TrainingEyes,
    cache: ValueCache,
    disease: NDArray[np.str_] | None = None,
) -> Controls:
    """Both controls of a scored run, and the verdict on eligibility.

    Args:
        scores: with the features of `PROTOCOLS`.
        reduced: the same cases' volumes.
        training: what could have been memorised.
        cache: of the matrix of SSIM.
        disease: (n_cases,) label of every case where the organiser has it: strangers of the same disease, too.
    """
    gap = _photograph_gap(scores, reduced, cache, disease)
    memory, flagged = _memorisation(scores, training)
    return Controls({"photograph_gap": gap, "memorisation": memory}, _eligible(gap, memory), flagged)


SCORES = {
    "central": "absolute error of the central subfield's thickness, µm; strangers of the same eye side",
    "central_same_disease": "the same; strangers of the same eye side and disease",
    "grid": "area-weighted absolute error of the nine ETDRS fields' thickness, µm; strangers of the same eye side",
    "ssim": "1 - SSIM of B-scans averaged over 4 x 4 pixels; strangers of the same eye side",
}
"""What the gap is taken of; `central` decides, because it is what a clinic acts on."""


def _photograph_gap(
    scores: CaseScores, reduced: ReducedVolumes, cache: ValueCache, disease: NDArray[np.str_] | None
) -> dict[str, Any]:
    truth, generated = scores.measured[FIELDS.version]
    eyes = np.array([case.eye for case in scores.cases])
    central = central_errors(truth[:, 0], generated[:, 0])
    within = np.full(len(eyes), "") if disease is None else np.char.add(np.char.add(eyes, " "), disease)
    return {
        "central": _gap_of("central", central, scores, eyes),
        "central_same_disease": _gap_of("central_same_disease", central, scores, within),
        "grid": _gap_of("grid", field_errors(truth[:, 0], generated[:, 0]), scores, eyes),
        "ssim": _gap_of("ssim", _dissimilarities(scores, reduced, cache), scores, eyes),
    }


def _gap_of(name: str, errors: Floats, scores: CaseScores, strata: NDArray[np.str_]) -> dict[str, Any]:
    version = similarity_matrix.VERSION if name == "ssim" else FIELDS.version
    patients = np.array([case.patient_id for case in scores.cases])
    keep = np.isfinite(errors).all(axis=1) & _large_strata(strata, patients)
    found = shuffled_gap(errors[np.ix_(keep, keep)], patients[keep], strata[keep])
    reason = None if found else _why_no_gap(strata)
    return {"score": SCORES[name], "version": version, "reason": reason, "gap": asdict(found) if found else None}


def _large_strata(strata: NDArray[np.str_], patients: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Cases whose stratum has a name and at least 10 patients; strata by eye side alone are taken as they are."""
    names = [name for name in np.unique(strata) if name]
    if set(names) <= set(EYES):
        return np.asarray(strata != "", dtype=bool)
    large = [name for name in names if len(np.unique(patients[strata == name])) >= MIN_PATIENTS]
    inside: NDArray[np.bool_] = np.isin(strata, large)
    return inside


def _why_no_gap(strata: NDArray[np.str_]) -> str:
    if not any(strata):
        return "the dataset has no column disease"
    return f"needs at least {MIN_PATIENTS} patients with measurable truth who have strangers of their kind"


def _dissimilarities(scores: CaseScores, reduced: ReducedVolumes, cache: ValueCache) -> Floats:
    """(n, n) 1 - SSIM of own pairs and of strangers of the same side, kept by the contents of all volumes."""
    patients, eyes = (np.array([getattr(case, name) for case in scores.cases]) for name in ("patient_id", "eye"))
    truth, generated = reduced.stacked()
    key = [
        "matrix in strips",
        similarity_matrix.VERSION,
        patients.tolist(),
        eyes.tolist(),
        *map(volume_digest, (truth, generated)),
    ]
    flat = cache.get(key)
    if flat is None:
        wanted = strangers(patients, eyes) | np.eye(len(patients), dtype=bool)
        flat = similarity_matrix.dissimilarity_matrix(truth, generated, wanted).ravel()
        cache.put(key, flat)
    return flat.reshape(len(patients), -1)


def _memorisation(scores: CaseScores, training: TrainingEyes) -> tuple[dict[str, Any], dict[str, tuple[float, str]]]:
    base = {"version": DESCRIPTOR.version, "cases": len(scores.cases), "training_cases": len(training.cases)}
    if training.n_patients < 3:
        reason = "this copy of the dataset has too few training volumes to compare with"
        return {**base, "reason": reason, "flagged": None, "exact_copies": None, "flagged_real_eyes": None}, {}
    generated = scores.measured[DESCRIPTOR.version][1][:, 0]
    patients = np.repeat([case.patient_id for case in training.cases], 2)
    found = flags(generated, training.descriptors, patients)
    ok = np.array([scores.digests[case.case_id] is not None for case in scores.cases])
    exact = np.array([scores.digests[case.case_id] in training.digests for case in scores.cases])
    flagged = (found.flagged | exact) & ok
    private = {
        scores.cases[i].case_id: (float(found.ratio[i]), training.cases[found.nearest[i] // 2].case_id)
        for i in np.flatnonzero(flagged)
    }
    of_truth = flags(scores.measured[DESCRIPTOR.version][0][:, 0], training.descriptors, patients).flagged
    public = {**base, "reason": None, "flagged": int(flagged.sum()), "exact_copies": int(exact.sum())}
    return public | {"flagged_real_eyes": int(of_truth.sum())}, private


def _eligible(gap: dict[str, Any], memory: dict[str, Any]) -> dict[str, Any]:
    """Ranked only if it uses the photograph and does not hand out training volumes; null where that is unknown."""
    failed, unknown = [], []
    central = gap["central"]
    if central["gap"] is None:
        unknown.append(f"use of the photograph not assessed: {central['reason']}")
    elif central["gap"]["low"] <= 0:
        failed.append("the lower 97.5 % bound of its shuffled-fundus gap in central thickness error is not above zero")
    if memory["flagged"] is None:
        unknown.append(f"memorisation not assessed: {memory['reason']}")
    elif memory["flagged"] > MAX_FLAGGED_SHARE * memory["cases"]:
        failed.append(f"{memory['flagged']} of {memory['cases']} volumes are copies of training volumes, or nearly so")
    if failed:
        return {"value": False, "reasons": failed}
    return {"value": None, "reasons": unknown} if unknown else {"value": True, "reasons": []}
