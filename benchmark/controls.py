"""Controls that no metric is: does the entry use the photograph, and does it hand out its training volumes?

Together they decide who is eligible for a rank (docs/decisions/0004-eligibility.md). The public part is
aggregates; which cases were flagged, and what they resemble, goes into the organiser's private folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.progress import progress
from fundus2oct.benchmark.scoring import CHUNK, CaseScores, FeatureProtocol, feature_rows
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.benchmark.volume import volume_digest
from fundus2oct.metrics.etdrs_fields import VERSION as FIELDS_VERSION
from fundus2oct.metrics.etdrs_fields import central_errors, field_errors
from fundus2oct.metrics.memorisation import VERSION as DESCRIPTOR_VERSION
from fundus2oct.metrics.memorisation import flags
from fundus2oct.metrics.photograph_use import MIN_PATIENTS, shuffled_gap
from fundus2oct.metrics.scan_geometry import mirror_volume

FIELDS = FeatureProtocol("fundus2oct.metrics.etdrs_fields:etdrs_fields", FIELDS_VERSION)
DESCRIPTOR = FeatureProtocol("fundus2oct.metrics.memorisation:descriptor", DESCRIPTOR_VERSION)
PROTOCOLS = (FIELDS, DESCRIPTOR)
"""What scoring measures of every volume besides the metrics' own features."""

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


def run_controls(scores: CaseScores, dataset: Dataset, cache: ValueCache, train_split: str) -> Controls:
    """Both controls of a scored run, and the verdict on eligibility.

    Args:
        scores: with the features of `PROTOCOLS`.
        dataset: whose training split, where this copy has one, is what could have been memorised.
        cache: for the training volumes' descriptors.
        train_split: name of the training split.
    """
    gap = _photograph_gap(scores)
    memory, flagged = _memorisation(scores, dataset, cache, train_split)
    return Controls({"photograph_gap": gap, "memorisation": memory}, _eligible(gap, memory), flagged)


SCORES = {
    "central": "absolute error of the central subfield's thickness, µm; strangers of the same eye side",
    "grid": "area-weighted absolute error of the nine ETDRS fields' thickness, µm; strangers of the same eye side",
}
"""What the gap is taken of; `central` decides, because it is what a clinic acts on."""


def _photograph_gap(scores: CaseScores) -> dict[str, Any]:
    truth, generated = scores.measured[FIELDS.version]
    errors = {
        "central": central_errors(truth[:, 0], generated[:, 0]),
        "grid": field_errors(truth[:, 0], generated[:, 0]),
    }
    return {name: _gap_of(matrix, scores, SCORES[name]) for name, matrix in errors.items()}


def _gap_of(errors: NDArray[np.float64], scores: CaseScores, score: str) -> dict[str, Any]:
    keep = np.isfinite(errors).all(axis=1)
    patients = np.array([case.patient_id for case in scores.cases])[keep]
    eyes = np.array([case.eye for case in scores.cases])[keep]
    found = shuffled_gap(errors[np.ix_(keep, keep)], patients, eyes)
    reason = None if found else f"needs at least {MIN_PATIENTS} patients with measurable truth"
    return {"score": score, "version": FIELDS.version, "reason": reason, "gap": asdict(found) if found else None}


def _memorisation(
    scores: CaseScores, dataset: Dataset, cache: ValueCache, train_split: str
) -> tuple[dict[str, Any], dict[str, tuple[float, str]]]:
    training = [case for case in dataset.cases if case.split == train_split and case.has_truth]
    base = {"version": DESCRIPTOR.version, "cases": len(scores.cases), "training_cases": len(training)}
    if len({case.patient_id for case in training}) < 3:
        reason = f"this copy of the dataset has too few {train_split} volumes to compare with"
        return {**base, "reason": reason, "flagged": None, "exact_copies": None}, {}
    descriptors, digests = _training_descriptors(dataset, training, cache)
    generated = scores.measured[DESCRIPTOR.version][1][:, 0]
    found = flags(generated, descriptors, np.repeat([case.patient_id for case in training], 2))
    ok = np.array([scores.digests[case.case_id] is not None for case in scores.cases])
    exact = np.array([scores.digests[case.case_id] in digests for case in scores.cases])
    flagged = (found.flagged | exact) & ok
    private = {
        scores.cases[i].case_id: (float(found.ratio[i]), training[found.nearest[i] // 2].case_id)
        for i in np.flatnonzero(flagged)
    }
    public = {**base, "reason": None, "flagged": int(flagged.sum()), "exact_copies": int(exact.sum())}
    return public, private


def _training_descriptors(
    dataset: Dataset, training: Sequence[Any], cache: ValueCache
) -> tuple[NDArray[np.float64], set[str]]:
    """Descriptors and digests of every training volume and of its mirror image, the two side by side."""
    rows: list[NDArray[np.float64]] = []
    digests: set[str] = set()
    with ThreadPoolExecutor(2) as readers, progress("training volumes", len(training)) as advance:
        for start in range(0, len(training), CHUNK):
            chunk = list(readers.map(dataset.volume, training[start : start + CHUNK]))
            volumes = [seen for volume in chunk for seen in (volume, mirror_volume(volume))]
            digests |= {volume_digest(volume) for volume in volumes}
            rows += feature_rows(DESCRIPTOR, volumes, cache)
            advance(len(chunk))
    return np.concatenate(rows), digests


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
