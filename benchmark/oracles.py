"""Rows that no generator could hand in: what a metric says of the truth itself, of other real eyes, of a blurred truth.

They anchor the board: `truth-copy` is the best a metric can say, `real-vs-real` what two sets of real eyes of this size
differ by, `truth-blurred` what a metric thinks of lost speckle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.benchmark.volume import Volume
from fundus2oct.benchmark.volume_source import VolumeSource
from fundus2oct.metrics.errors import BenchError

BLUR_SIGMA_PX = 3.0

ORACLES: dict[str, tuple[str, str, str]] = {
    "truth-copy": ("oracle", "Copy of the truth", "The hidden volumes themselves: the best any metric can say."),
    "real-vs-real": (
        "oracle",
        "Other real eyes",
        "Real training volumes in place of generated ones, patients drawn to the split's eyes per patient and sides "
        "with the run's seed: what two sets of real eyes of this size differ by. A reference, not a floor.",
    ),
    "truth-blurred": (
        "degraded-truth",
        "Blurred truth",
        f"The hidden volumes after a Gaussian blur of {BLUR_SIGMA_PX:g} px: anatomy in place, speckle gone.",
    ),
}
"""Name -> (kind, title, description)."""


def oracle_source(
    name: str, dataset: Dataset, split: str, *, seed: int = 0, train_split: str = "train"
) -> VolumeSource:
    """The volumes of an oracle row.

    Args:
        name: one of `ORACLES`.
        dataset: with truth.
        split: the split to be scored.
        seed: of the draw of real-vs-real.
        train_split: where real-vs-real draws from.
    """
    if name not in ORACLES:
        raise BenchError("E_ORACLE", f"no oracle called {name!r}", expected=", ".join(ORACLES))
    kind, title, description = ORACLES[name]
    submission = Submission(team="oracle", method=name, kind=kind, title=title, description=description)
    return VolumeSource(
        submission=submission,
        get=_getter(name, dataset, split, seed, train_split),
        provenance={
            "generator": f"oracle:{name}",
            "generator_hash": None,
            "seed": seed if name == "real-vs-real" else None,
            "isolation": "not-applicable",
            "versions": {},
        },
        carries_references=name == "real-vs-real",
    )


def _getter(name: str, dataset: Dataset, split: str, seed: int, train_split: str) -> Callable[[str], Volume]:
    cases = {case.case_id: case for case in dataset.split(split)}
    if name == "real-vs-real":
        drawn = draw_real_cases(dataset.split(split), dataset.split(train_split), seed)
        return lambda case_id: dataset.volume(drawn[case_id])
    if name == "truth-blurred":
        return lambda case_id: blurred(dataset.volume(cases[case_id]))
    return lambda case_id: dataset.volume(cases[case_id])


def blurred(volume: Volume, sigma_px: float = BLUR_SIGMA_PX) -> Volume:
    """Each B-scan after a Gaussian blur; (6, 320, 448) uint8 in and out, rounded."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(volume.astype(np.float64), (0, sigma_px, sigma_px), mode="nearest")
    return np.rint(smooth).clip(0, 255).astype(np.uint8)


def draw_real_cases(wanted: tuple[Case, ...], pool: tuple[Case, ...], seed: int) -> dict[str, Case]:
    """A training case for every wanted case: each wanted patient gets another real patient with the same eyes.

    Patients of the pool are taken in an order shuffled by ``seed``, the least used first, and of those the one with the
    fewest eyes, so that patients with two are left for whoever needs two. Nobody is represented by himself.

    Raises:
        BenchError: E_SPLIT when the pool has no other patient with the eyes that are wanted.
    """
    patients = _eyes_by_patient(pool)
    order = np.random.default_rng(seed).permutation(len(patients))
    rank = {name: int(i) for name, i in zip(sorted(patients), order, strict=True)}
    uses: Counter[str] = Counter()
    drawn: dict[str, Case] = {}
    for patient, eyes in sorted(_eyes_by_patient(wanted).items(), key=lambda item: (-len(item[1]), item[0])):
        fitting = [name for name in patients if name != patient and eyes.keys() <= patients[name].keys()]
        if not fitting:
            raise BenchError("E_SPLIT", "no other training patient has these eyes", where=f"patient {patient}")
        chosen = min(fitting, key=lambda name: (uses[name], len(patients[name]), rank[name]))
        uses[chosen] += 1
        for eye, cases in eyes.items():
            real = patients[chosen][eye]
            drawn |= {case.case_id: real[i % len(real)] for i, case in enumerate(cases)}
    return drawn


def _eyes_by_patient(cases: tuple[Case, ...]) -> dict[str, dict[str, list[Case]]]:
    """Patient -> eye -> cases; an eye may have been photographed more than once."""
    patients: dict[str, dict[str, list[Case]]] = {}
    for case in cases:
        patients.setdefault(case.patient_id, {}).setdefault(case.eye, []).append(case)
    return patients
