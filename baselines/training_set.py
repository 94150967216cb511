"""What a reference generator is fitted on: the eyes of one split, read one at a time.

Generators see this list instead of a dataset folder, so that fitting can be tested without files. Which split and
which folder it comes from is `baselines.train_command`'s business.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.metrics.errors import BenchError

ShowProgress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""``with show("reading eyes", total) as advance: advance(1)``: how a fit tells how far it is."""


@dataclass(frozen=True, kw_only=True)
class TrainingEye:
    """One eye to learn from.

    Attributes:
        case_id: its name.
        patient_id: whose eye it is; two eyes of a patient are left out together.
        eye: "L" or "R".
        read_fundus: gives the photograph, (height, width, 3) uint8 RGB.
        read_volume: gives the true volume, (6, 320, 448) uint8.
    """

    case_id: str
    patient_id: str
    eye: str
    read_fundus: Callable[[], NDArray[np.uint8]]
    read_volume: Callable[[], NDArray[np.uint8]]


TrainingSet = Sequence[TrainingEye]
"""The eyes of the training split, sorted by case id."""


def training_set(dataset: Dataset, split: str) -> TrainingSet:
    """The eyes of one split of a dataset.

    Raises:
        BenchError: E_SPLIT when there is no such split, E_TRUTH when an eye of it has no OCT volume to learn from.
    """
    cases = dataset.split(split)
    blind = [case.case_id for case in cases if not case.has_truth]
    if blind:
        raise BenchError(
            "E_TRUTH",
            f"{len(blind)} of {len(cases)} cases of split {split} have no OCT volume to learn from",
            where=f"{dataset.folder / 'cases.csv'}, case {blind[0]}",
            fix="fit on a split that has truth: --split NAME",
        )
    return tuple(
        TrainingEye(
            case_id=case.case_id,
            patient_id=case.patient_id,
            eye=case.eye,
            read_fundus=partial(dataset.fundus, case),
            read_volume=partial(dataset.volume, case),
        )
        for case in cases
    )


@contextlib.contextmanager
def silent(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """A `ShowProgress` that shows nothing."""
    yield lambda steps: None
