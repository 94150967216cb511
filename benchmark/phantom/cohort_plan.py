"""Who is in a cohort: patients, eyes, splits, names and diseases, drawn once before any eye is rendered.

Diseases are dealt out by quota within each split, so that a small test split holds every kind. Names are random
numbers in the challenge's style; they and their order tell nothing of disease or split. No pictures, no files.
Called by `cohort` and tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fundus2oct.benchmark.phantom.anatomy import FELLOW_AFFECTED, PREVALENCE
from fundus2oct.benchmark.phantom.random_streams import stream

PHANTOM_VERSION: Final = "1"
"""Rises whenever the same seed may give other pictures."""

PROFILES: Final[dict[str, dict[str, int]]] = {
    "tiny": {"train": 4, "val": 1, "test": 2},
    "trial": {"train": 4, "val": 0, "test": 4},
    "mini": {"train": 96, "val": 16, "test": 32},
    "v1": {"train": 640, "val": 96, "test": 264},
}
"""Eyes in each split; "tiny" is for tests, "trial" for `bench try`."""


@dataclass(frozen=True)
class PlannedEye:
    """One case of a cohort before it is rendered."""

    case_id: str
    source_id: str
    patient_id: str
    patient: int
    eye: str
    split: str
    disease: str


def plan_cohort(profile: str, seed: int) -> list[PlannedEye]:
    """The cases of a cohort, sorted by case_id. Three patients in four have both eyes in it."""
    rng = stream(seed, profile, 0, "", "plan")
    planned: list[PlannedEye] = []
    counts = [(split, _eyes_per_patient(eyes)) for split, eyes in PROFILES[profile].items()]
    numbers = rng.choice(np.arange(1000, 100000), sum(len(both) for _, both in counts), replace=False)
    patient = 0
    for split, eyes_of in counts:
        diseases = _quota(len(eyes_of), rng)
        for n_eyes, disease in zip(rng.permutation(eyes_of), diseases, strict=True):
            planned += _patient(rng, int(numbers[patient]), patient, int(n_eyes), split, disease)
            patient += 1
    return sorted(planned, key=lambda case: case.case_id)


def _eyes_per_patient(eyes: int) -> list[int]:
    """How many eyes each patient of a split gives; exactly ``eyes`` in all."""
    single = eyes // 7
    single += (eyes - single) % 2
    return [1] * single + [2] * ((eyes - single) // 2)


def _quota(patients: int, rng: np.random.Generator) -> list[str]:
    """A disease for every patient, in the proportions of PREVALENCE (largest remainders), shuffled."""
    names = list(PREVALENCE)
    exact = np.array([PREVALENCE[name] for name in names]) * patients
    whole = np.floor(exact).astype(int)
    for i in np.argsort(-(exact - whole), kind="stable")[: patients - int(whole.sum())]:
        whole[i] += 1
    dealt = [name for name, count in zip(names, whole, strict=True) for _ in range(count)]
    return [dealt[i] for i in rng.permutation(patients)]


def _patient(
    rng: np.random.Generator, number: int, patient: int, n_eyes: int, split: str, disease: str
) -> list[PlannedEye]:
    first = "R" if rng.random() < 0.5 else "L"
    second = {"R": "L", "L": "R"}[first]
    fellow = disease if rng.random() < FELLOW_AFFECTED else "none"
    visits = rng.choice(np.arange(1, 100), 2, replace=False)
    cases = []
    for eye, found, visit in ((first, disease, visits[0]), (second, fellow, visits[1])):
        source_id = f"{number:06d}-{visit:02d}{eye}"
        cases.append(PlannedEye(source_id.lower(), source_id, f"{number:06d}", patient, eye, split, found))
    return cases[:n_eyes]
