"""Which pictures may be shown: what the dataset, the image, the phase and the training eyes allow.

A licence per image stands in the optional columns `fundus_licence`, `oct_licence`, or `licence` for both, of
`cases.csv`. Where there is none the dataset's holds, for which its maker has said whether pictures may be published. A
picture drawn by a generator may be one of its training eyes: unless a record says that none was found to be one, every
training eye must allow it too. Called by `bench pictures`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.metrics.errors import BenchError

CODE = "E_LICENCE"

OPEN_LICENCES = frozenset(
    {
        "CC0-1.0",
        "PDDL-1.0",
        "ODC-BY-1.0",
        "CC-BY-3.0",
        "CC-BY-4.0",
        "CC-BY-SA-3.0",
        "CC-BY-SA-4.0",
        "CC-BY-NC-3.0",
        "CC-BY-NC-4.0",
        "CC-BY-NC-SA-3.0",
        "CC-BY-NC-SA-4.0",
    }
)
"""SPDX identifiers under which a reduced copy of a picture may be passed on; an image under any other is not shown."""

KINDS = ("fundus", "oct")


def licence_of(dataset: Dataset, case: Case, kind: str) -> str:
    """The licence of one image of a case: ``fundus`` or ``oct``."""
    own = (case.columns.get(column, "").strip() for column in (f"{kind}_licence", "licence"))
    return next((text for text in own if text), dataset.licence)


def may_be_shown(dataset: Dataset, case: Case, kind: str) -> bool:
    """Whether an image's licence lets it be shown: the dataset's own, or an open one."""
    licence = licence_of(dataset, case, kind)
    return licence == dataset.licence or licence in OPEN_LICENCES


def require_publishable(dataset: Dataset) -> None:
    """Refuse a dataset whose maker did not allow that pictures are published.

    Raises:
        BenchError: E_LICENCE.
    """
    if not dataset.pictures_may_be_published:
        raise BenchError(
            CODE,
            "pictures of this dataset may not be published",
            where=dataset.folder / "dataset.toml",
            expected="pictures_may_be_published = true",
            found=f"false, under the licence {dataset.licence!r}",
        )
    if not dataset.licence.strip():
        raise BenchError(CODE, "the dataset names no licence", where=dataset.folder / "dataset.toml")


def require_disclosed(records: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Refuse a split that any phase scores without disclosing pictures: the truth is the same for all of them.

    Args:
        records: name and content of every record made on this truth.

    Raises:
        BenchError: E_LICENCE.
    """
    for name, record in records:
        if not record["dataset"]["pictures_may_be_published"]:
            raise BenchError(
                CODE,
                f"phase {record['phase']} does not disclose pictures of these eyes",
                where=name,
                expected="pictures = true in its [disclosure]",
            )


def training_licences(dataset: Dataset, train_split: str) -> list[str]:
    """The licences of every training volume, sorted.

    Raises:
        BenchError: E_LICENCE where one of them may not be shown.
    """
    cases = dataset.with_truth(train_split)
    hidden = [case for case in cases if not may_be_shown(dataset, case, "oct")]
    if hidden:
        raise BenchError(
            CODE,
            "a drawn volume may repeat a training eye, and not every training eye may be shown",
            where=dataset.folder / "cases.csv",
            found=f"{len(hidden)} of {len(cases)} under another licence",
            fix="leave out entries whose record does not say that none of their volumes is a training eye",
        )
    return sorted({licence_of(dataset, case, "oct") for case in cases})


def may_repeat_training_eyes(record: dict[str, Any]) -> bool:
    """Whether a record leaves it open that volumes are training eyes: some were flagged, or nobody could look."""
    found = record.get("controls", {}).get("memorisation")
    return found is None or found.get("reason") is not None or found.get("flagged") != 0
