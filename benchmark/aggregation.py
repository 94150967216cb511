"""From scores per case to the public record: headline means, distances, intervals by patient, provenance."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark import failure_policy, picture_file
from fundus2oct.benchmark.controls import Controls
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.result_file import SCHEMA_NAME, SCHEMA_VERSION, Result
from fundus2oct.benchmark.scoring import CaseScores, load_function, set_value
from fundus2oct.benchmark.submission_file import RANKED_KINDS, Submission
from fundus2oct.benchmark.volume import volumes_hash
from fundus2oct.benchmark.volume_source import VolumeSource
from fundus2oct.metrics import inference
from fundus2oct.metrics.metric_card import MetricCard

HEADLINE_MEAN = "B-scans -> eye -> patient -> mean over patients"
LEVEL = 0.95
COMPONENTS = ("fundus2oct", "numpy", "scipy", "torch")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Aggregate:
    """One metric's entry in the public record, and the per-patient numbers behind it (private)."""

    entry: dict[str, Any]
    per_patient: Mapping[str, NDArray[Any]]


def aggregate(card: MetricCard, scores: CaseScores) -> Aggregate:
    """The value of one metric with its uncertainty, and what later intervals and paired tests need."""
    patients = np.array([case.patient_id for case in scores.cases])
    counts = {"n_cases": len(patients), "n_patients": len(np.unique(patients)), "version": card.version}
    if card.name in scores.reasons:
        return Aggregate({**counts, "value": None, "reason": scores.reasons[card.name], "uncertainty": None}, {})
    if card.level == "case":
        return case_aggregate(scores.case_values[card.name].mean(axis=1), patients, counts)
    return _set_aggregate(card, scores, patients, counts)


def case_aggregate(case_values: Floats, patients: NDArray[Any], counts: Mapping[str, Any]) -> Aggregate:
    """The headline mean of one case metric with its interval by patient.

    Args:
        case_values: (n,) one value an eye; NaN where the truth could not be measured: such eyes are left out.
        patients: (n,) labels.
        counts: keys of the entry that come before these.
    """
    measured = np.isfinite(case_values)
    if not measured.any():
        reason = "the truth could not be measured in any case"
        return Aggregate({**counts, "value": None, "reason": reason, "uncertainty": None}, {})
    case_values, patients = case_values[measured], patients[measured]
    labels, means = inference.patient_means(case_values, patients)
    counts = {**counts, "n_cases": len(patients), "n_patients": len(labels)}
    interval = None
    if len(means) >= inference.MIN_BOOTSTRAP_PATIENTS and np.ptp(means) > 0:
        interval = _uncertainty(inference.mean_interval(means, level=LEVEL), "mean over patients like these")
    entry = {**counts, "value": float(means.mean()), "reason": None, "uncertainty": interval}
    n = np.unique(patients, return_counts=True)[1]
    return Aggregate(entry, {"patients": labels, "mean": means, "n": n})


def _set_aggregate(
    card: MetricCard, scores: CaseScores, patients: NDArray[Any], counts: Mapping[str, Any]
) -> Aggregate:
    truth, generated = scores.features_truth[card.name], scores.features_generated[card.name]
    if truth is None or generated is None or len(patients) < 2:
        return Aggregate({**counts, "value": None, "reason": "needs at least 2 cases", "uncertainty": None}, {})
    deleted = deletion_groups(patients, card.jackknife_groups)
    labels, n = np.unique(deleted, return_counts=True)
    try:
        if len(labels) < 3:
            value, delete_one = set_value(card, truth, generated, np.repeat(patients, card.rows)), np.empty(0)
        else:
            value, delete_one = load_function(card.jackknife or "")(truth, generated, np.repeat(deleted, card.rows))
    except ValueError as error:  # a metric that needs more patients than this split has says so
        return Aggregate({**counts, "value": None, "reason": str(error)[:300], "uncertainty": None}, {})
    interval = None
    if (
        len(labels) >= inference.MIN_BOOTSTRAP_PATIENTS
        and np.ptp(delete_one) > 0
        and not np.array_equal(truth, generated)
    ):
        estimand = f"expected {card.abbreviation} at this number of patients, not its value for infinitely many"
        found = inference.jackknife_interval(value, delete_one, level=LEVEL, cases_per_patient=n)
        interval = _uncertainty(found, estimand)
        if deleted is not patients:
            interval["method"] += f", {len(labels)} groups of patients"
    entry = {**counts, "value": float(value), "reason": None, "uncertainty": interval}
    return Aggregate(entry, {"patients": labels, "delete_one": delete_one, "n": n})


def deletion_groups(patients: NDArray[Any], groups: int | None) -> NDArray[Any]:
    """What the jackknife deletes: patients, or equal groups of them (Kott, Journal of Official Statistics 17, 2001).

    Args:
        patients: (n,) labels.
        groups: most groups, or None for none.

    Returns:
        (n,) labels: the patients', or ``group-00`` and so on, dealt by a fixed shuffle of the sorted patients, so that
        every entry of a board has the same.

    >>> deletion_groups(np.array(["b", "a", "b"]), 2).tolist()
    ['b', 'a', 'b']
    """
    names, index = np.unique(patients, return_inverse=True)
    if groups is None or len(names) <= groups:
        return patients
    of_patient = np.random.default_rng(inference.SEED).permutation(len(names)) % groups
    return np.array([f"group-{group:02d}" for group in of_patient[index]])


def _uncertainty(interval: inference.Interval, estimand: str) -> dict[str, Any]:
    return {
        "method": interval.method,
        "standard_error": float(interval.standard_error),
        "level": interval.level,
        "interval": [float(interval.low), float(interval.high)],
        "estimand": estimand,
    }


def make_result(
    *,
    source: VolumeSource,
    dataset: Dataset,
    split: str,
    phase: str,
    scores: CaseScores,
    cards: Sequence[MetricCard],
    aggregates: Mapping[str, Aggregate],
    controls: Controls,
    cohort: Mapping[str, Any] | None = None,
) -> Result:
    """The public record of a scored run; see `result.schema.json`.

    Args:
        source: where the volumes came from.
        dataset: that was scored.
        split: of the dataset.
        phase: that the record is filed under.
        scores: of every case.
        cards: the metrics, in the board's order.
        aggregates: metric -> its aggregate.
        controls: what they found.
        cohort: further tables, such as `anatomy` and `texture`.
    """
    failed, kind = len(scores.codes), source.submission.kind
    return {
        "schema": SCHEMA_NAME,
        "schema_version": SCHEMA_VERSION,
        "entry": _entry_table(source.submission),
        "phase": phase,
        "dataset": _dataset_table(dataset, split, scores),
        "protocol": {
            "container": source.container,
            "failure_policy": failure_policy.TEXT,
            "headline_mean": HEADLINE_MEAN,
            "metric_versions": {card.name: card.version for card in cards},
        },
        "run": {**source.provenance, "volumes_hash": volumes_hash(scores.digests)},
        "cases": {
            "expected": len(scores.cases),
            "scored": len(scores.cases) - failed,
            "failed": failed,
            "failures": source.failure_counts(),
        },
        "metrics": {card.name: aggregates[card.name].entry for card in cards},
        "controls": controls.public,
        **(cohort or {}),
        "eligible": _eligible(controls.eligible, kind, failed, len(scores.cases)),
        "flags": list(source.flags),
        "sample": None,
        "versions": {name: metadata.version(name) for name in COMPONENTS},
    }


def _entry_table(submission: Submission) -> dict[str, Any]:
    names = ("team", "method", "kind", "title", "description", "licence", "external_data")
    stated = {name: getattr(submission, name) for name in ("alias", "compute", "parameters", "batch")}
    told = {name: getattr(submission, name) for name in names} | {name: fact for name, fact in stated.items() if fact}
    return told | {"links": list(submission.links)}


def _dataset_table(dataset: Dataset, split: str, scores: CaseScores) -> dict[str, Any]:
    names = ("name", "version", "title", "description", "licence", "pictures_may_be_published")
    digest = functools.cache(picture_file.picture_digest)
    return {name: getattr(dataset, name) for name in names} | {
        "split": split,
        "inputs_hash": dataset.inputs_hash(split, digest=digest),
        "truth_hash": dataset.truth_hash(split, digest=digest),
        "n_cases": len(scores.cases),
        "n_patients": len({case.patient_id for case in scores.cases}),
    }


def _eligible(verdict: dict[str, Any], kind: str, failed: int, expected: int) -> dict[str, Any]:
    """The controls' verdict, for kinds that are ranked, and unless too many cases failed."""
    if kind not in RANKED_KINDS:
        return {"value": None, "reasons": [f"rows of kind {kind} are shown, never ranked"]}
    if not failure_policy.is_beyond_policy(failed, expected):
        return verdict
    reason = f"{failed} of {expected} cases failed, more than 5 %"
    return {"value": False, "reasons": [reason, *([] if verdict["value"] is None else verdict["reasons"])]}
