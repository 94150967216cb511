"""Faults of a set: whose true volume each case gets, and whether it is mirrored.

Patients are taken in an order drawn once from the seed, so that a stronger dose only adds to a milder one. Cases are
named, no picture is touched; `benchmark.audit_source` reads the volumes. Called by nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.degradations import random_numbers


@dataclass(frozen=True)
class Dealt:
    """What a case gets in place of its own volume.

    Attributes:
        case: whose true volume.
        mirrored: whether it is mirrored to look like the other eye.
    """

    case: Case
    mirrored: bool = False


Deal = dict[str, Dealt]
"""Case id -> what it gets."""


def deal_to_others(cases: Sequence[Case], dose: float, seed: int) -> Deal:
    """The share ``dose`` of the patients exchange their volumes in a circle, right eyes and left eyes apart.

    The volumes of the set stay the same. Nobody keeps his own, but for a patient who alone has such an eye.
    """
    chosen = _drawn_patients(cases, "patient-shuffle", seed)[: _count(cases, dose)]
    dealt = own(cases)
    for eye in sorted({case.eye for case in cases}):
        group = [case for patient in chosen for case in cases if case.patient_id == patient and case.eye == eye]
        step = max((sum(case.patient_id == patient for case in group) for patient in chosen), default=0)
        dealt |= {case.case_id: Dealt(group[(i + step) % len(group)]) for i, case in enumerate(group)}
    return dealt


def deal_mirrored(cases: Sequence[Case], dose: float, seed: int) -> Deal:
    """The share ``dose`` of the patients get their own volumes mirrored."""
    chosen = set(_drawn_patients(cases, "flip", seed)[: _count(cases, dose)])
    return {case.case_id: Dealt(case, mirrored=case.patient_id in chosen) for case in cases}


def deal_from_few(cases: Sequence[Case], dose: float, seed: int) -> Deal:
    """The share ``dose`` of the patients get the volumes of the remaining few, in turn; at least one remains.

    A patient gets the few's eye of the same side, or the other one mirrored.
    """
    order = _drawn_patients(cases, "spread-shrunk", seed)
    replaced = min(_count(cases, dose), len(order) - 1)
    few, others = order[replaced:], order[:replaced]
    dealt = own(cases)
    for i, patient in enumerate(others):
        model = [case for case in cases if case.patient_id == few[i % len(few)]]
        dealt |= {case.case_id: _eye_of(model, case.eye) for case in cases if case.patient_id == patient}
    return dealt


def own(cases: Sequence[Case]) -> Deal:
    """Everybody gets his own volume: the truth."""
    return {case.case_id: Dealt(case) for case in cases}


def _eye_of(model: Sequence[Case], eye: str) -> Dealt:
    same = [case for case in model if case.eye == eye]
    return Dealt(same[0]) if same else Dealt(model[0], mirrored=True)


def _drawn_patients(cases: Sequence[Case], name: str, seed: int) -> list[str]:
    patients = sorted({case.patient_id for case in cases})
    return [patients[i] for i in random_numbers(seed, name).permutation(len(patients))]


def _count(cases: Sequence[Case], share: float) -> int:
    return round(share * len({case.patient_id for case in cases}))
