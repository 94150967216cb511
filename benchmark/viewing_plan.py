"""What decides the pictures of one split for viewing: whose eyes, which entries, how many bytes. Makes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import metadata

from PIL import features as pillow_features

from fundus2oct.benchmark import picture_encoding as encoding
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.viewing_cases import PickedCases
from fundus2oct.benchmark.volume import Volume
from fundus2oct.benchmark.volume_source import VolumeSource
from fundus2oct.metrics.durable_file import canonical_json
from fundus2oct.metrics.retinal_layers import SEGMENTATION_VERSION

QUALITIES = (90, 85, 80, 75, 70, 65, 60, 55, 50, 40, 30, 20)
"""Of B-scans, best first."""


@dataclass(frozen=True, kw_only=True)
class ShownEntry:
    """One entry whose pictures are made.

    Attributes:
        source: its volumes.
        volumes_hash: of all of them, as in its record.
        licences: under which its pictures stand.
        cases: its best, median and worst case, where values per case may be told.
    """

    source: VolumeSource
    volumes_hash: str
    licences: tuple[str, ...]
    cases: PickedCases | None

    @property
    def name(self) -> str:
        """``team/method``."""
        return self.source.submission.name

    def among(self, case_ids: Iterable[str]) -> ShownEntry:
        """The same entry, its best and worst case taken from these alone."""
        return replace(self, cases=self.cases.among(case_ids) if self.cases else None)


@dataclass(frozen=True, kw_only=True)
class ViewingPlan:
    """Everything that decides the bytes of the pictures.

    Attributes:
        dataset: with truth.
        split: whose eyes are shown.
        truth_hash: of that split.
        cases: the eyes, in the table's order: ``eye-01`` and so on.
        entries: whose volumes are shown beside the truth.
        budget_bytes: of all files together.
    """

    dataset: Dataset
    split: str
    truth_hash: str
    cases: tuple[Case, ...]
    entries: tuple[ShownEntry, ...]
    budget_bytes: int

    def eye_ids(self) -> list[str]:
        """Neutral names of the eyes."""
        return [f"eye-{number:02d}" for number in range(1, len(self.cases) + 1)]

    def digest(self) -> str:
        """Hexadecimal sha256 of the plan: equal plans give equal pictures."""
        entries = [[e.name, e.volumes_hash, e.licences, e.cases.told() if e.cases else None] for e in self.entries]
        versions = [metadata.version("pillow"), pillow_features.version("webp"), SEGMENTATION_VERSION]
        sides = [encoding.PHOTOGRAPH_SIDE, encoding.PHOTOGRAPH_QUALITY, encoding.EN_FACE_SIDE, encoding.EN_FACE_QUALITY]
        cases = [case.case_id for case in self.cases]
        told = [self.truth_hash, cases, entries, self.budget_bytes, QUALITIES, sides, versions]
        return hashlib.sha256(canonical_json(told).encode("utf-8")).hexdigest()

    def volumes(self, case: Case) -> dict[str, Volume | None]:
        """``truth`` and ``team/method`` -> the volume of one eye; None where an entry failed. The truth comes first."""
        return {"truth": self.dataset.volume(case)} | {e.name: e.source.get(case.case_id) for e in self.entries}

    def value(self, name: str, case: Case) -> float | None:
        """The value of one entry in one eye, where it may be told; the truth has none."""
        for entry in self.entries:
            if entry.name == name and entry.cases is not None:
                return entry.cases.values.get(case.case_id)
        return None
