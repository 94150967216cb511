"""Degraded truth as volumes to be scored: a fault, a dose and a split become what `scoring` asks for case by case.

At most one volume a call is held, besides the mean of the set. Called by `benchmark.audit`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark import dealt_volumes
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.degradations import Degradation, blend, degraded
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.benchmark.volume import Volume
from fundus2oct.benchmark.volume_source import VolumeSource
from fundus2oct.metrics.scan_geometry import mirror_volume

DEALS: dict[str, Callable[..., dealt_volumes.Deal]] = {
    "patient-shuffle": dealt_volumes.deal_to_others,
    "mirror": dealt_volumes.deal_mirrored,
    "fewer-patients": dealt_volumes.deal_from_few,
}


@dataclass(frozen=True)
class Condition:
    """One dose of one fault, as text ``blur 4``; the truth has no fault and dose 0."""

    degradation: Degradation | None
    dose: float = 0.0

    @property
    def name(self) -> str:
        """For the progress bar."""
        return f"{self.degradation.name} {self.dose:g}" if self.degradation else "truth"


TRUTH = Condition(None)


def degraded_source(condition: Condition, dataset: Dataset, split: str, seed: int) -> VolumeSource:
    """The volumes of every case of a split under one condition."""
    name = "truth" if condition.degradation is None else condition.degradation.name
    submission = Submission(team="audit", method=name, kind="degraded-truth", title=condition.name)
    return VolumeSource(submission=submission, get=_getter(condition, dataset, split, seed), provenance={})


def _getter(condition: Condition, dataset: Dataset, split: str, seed: int) -> Callable[[str], Volume]:
    fault, cases = condition.degradation, dataset.split(split)
    if fault is None or condition.dose == 0:
        return _dealer(dealt_volumes.own(cases), dataset)
    if fault.kind == "volume":
        own = _dealer(dealt_volumes.own(cases), dataset)
        return lambda case_id: degraded(fault, own(case_id), condition.dose, seed=seed, case_id=case_id)
    if fault.kind == "mean":
        return _blender(cases, dataset, condition.dose)
    return _dealer(DEALS[fault.kind](cases, condition.dose, seed), dataset)


def _dealer(deal: dealt_volumes.Deal, dataset: Dataset) -> Callable[[str], Volume]:
    def get(case_id: str) -> Volume:
        volume = dataset.volume(deal[case_id].case)
        return mirror_volume(volume) if deal[case_id].mirrored else volume

    return get


def _blender(cases: tuple[Case, ...], dataset: Dataset, share: float) -> Callable[[str], Volume]:
    by_id = {case.case_id: case for case in cases}
    mean = functools.cache(lambda: _mean_right_eye(cases, dataset))

    def get(case_id: str) -> Volume:
        case = by_id[case_id]
        return blend(dataset.volume(case), mirror_volume(mean()) if case.eye == "L" else mean(), share)

    return get


def _mean_right_eye(cases: tuple[Case, ...], dataset: Dataset) -> NDArray[np.float64]:
    """(6, 320, 448) mean over all cases, left eyes mirrored."""
    total = np.zeros((), np.float64)
    for case in cases:
        volume = dataset.volume(case)
        total = total + (mirror_volume(volume) if case.eye == "L" else volume)
    return total / len(cases)
