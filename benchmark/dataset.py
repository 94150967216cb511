"""A dataset folder: `dataset.toml`, `cases.csv`, photographs and, where the truth is at hand, OCT volumes.

Reading checks the description and the table; pictures are read one case at a time, when asked for. The exhaustive
check of every file is `benchmark.dataset_check`; importers and the phantom write what is read here.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.case_table import CASE_ID, Case, case_from_row, inspect_rows, table_problems
from fundus2oct.metrics import scan_geometry
from fundus2oct.metrics.durable_file import canonical_json
from fundus2oct.metrics.errors import BenchError, BenchErrors

DESCRIPTION: dict[str, type] = {
    "name": str,
    "version": str,
    "title": str,
    "description": str,
    "licence": str,
    "pictures_may_be_published": bool,
}
"""The keys of `dataset.toml` beside the table [scan], and their types."""

LONGEST: dict[str, int] = {"title": 200, "description": 4000, "licence": 200}
"""Characters that a result file has room for: a longer text would only be refused at publishing."""

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
"""A dataset's version: part of a result's path."""

Digest = Callable[[Path], str]
"""Content hash of one picture: `picture_file.picture_digest`, or a look-up by whoever has just read every file."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A dataset folder whose table has been read and found consistent.

    Attributes:
        folder: where it lies.
        name: short name, ``[a-z0-9][a-z0-9_-]*``.
        version: its version, as text.
        title: its name in words.
        description: a paragraph for readers of the board.
        licence: SPDX identifier or a sentence.
        pictures_may_be_published: whether a board may show its pictures.
        cases: every case of every split, in the table's order.
    """

    folder: Path
    name: str
    version: str
    title: str
    description: str
    licence: str
    pictures_may_be_published: bool
    cases: tuple[Case, ...]

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, in order of first appearance."""
        return tuple(dict.fromkeys(case.split for case in self.cases))

    def with_truth(self, split: str) -> tuple[Case, ...]:
        """The cases of one split whose OCT this copy has, sorted by case id; none is no error."""
        found = (case for case in self.cases if case.split == split and case.has_truth)
        return tuple(sorted(found, key=lambda case: case.case_id))

    def split(self, name: str) -> tuple[Case, ...]:
        """The cases of one split, sorted by case id.

        Raises:
            BenchError: E_SPLIT when no case is in it.
        """
        cases = tuple(sorted((c for c in self.cases if c.split == name), key=lambda c: c.case_id))
        if not cases:
            expected = ", ".join(self.splits)
            raise BenchError("E_SPLIT", "no such split", where=self.folder, expected=expected, found=name)
        return cases

    def fundus(self, case: Case) -> NDArray[np.uint8]:
        """The photograph of a case: (height, width, 3) uint8 RGB."""
        return picture_file.read_rgb(self.folder / case.fundus)

    def bscan_paths(self, case: Case) -> tuple[Path, ...]:
        """Paths of the six B-scans of a case: ``<oct>/<last part of oct>_{0..5}.png`` (or .jpg).

        Raises:
            BenchError: E_TRUTH when the table names no truth for this case.
        """
        if not case.has_truth:
            raise BenchError(
                "E_TRUTH",
                "the truth of this case is not in this copy of the dataset",
                where=f"{self.folder / 'cases.csv'}, case {case.case_id}",
                fix="score on the organiser's copy, or choose a split that has truth",
            )
        folder = self.folder / case.oct
        stems = [folder / f"{folder.name}_{i}" for i in range(scan_geometry.N_BSCANS)]
        is_png = Path(f"{stems[0]}.png").exists() or not any(Path(f"{stem}.jpg").exists() for stem in stems)
        return tuple(Path(f"{stem}{'.png' if is_png else '.jpg'}") for stem in stems)

    def volume(self, case: Case) -> NDArray[np.uint8]:
        """The true volume of a case: (6, 320, 448) uint8, B-scan x depth x width."""
        shape = scan_geometry.VOLUME_SHAPE[1:]
        return np.stack([picture_file.read_grey(path, shape=shape) for path in self.bscan_paths(case)])

    def inputs_hash(self, split: str | None = None, *, digest: Digest = picture_file.picture_digest) -> str:
        """Content hash of the photographs and the table, of one split or of all.

        The `oct` column is left out, so that a copy without truth has the same value.
        """
        return self._hash(split, lambda case: self._inputs_record(case, digest))

    def truth_hash(self, split: str | None = None, *, digest: Digest = picture_file.picture_digest) -> str:
        """Content hash of the inputs and the OCT volumes, of one split or of all."""
        return self._hash(split, lambda case: self._truth_record(case, digest))

    def _hash(self, split: str | None, record: Callable[[Case], list[Any]]) -> str:
        if split is None:
            return _sha256(
                [self.name, self.version, [[name, self._hash(name, record)] for name in sorted(self.splits)]]
            )
        return _sha256([self.name, self.version, [record(case) for case in self.split(split)]])

    def _inputs_record(self, case: Case, digest: Digest) -> list[Any]:
        table = {name: value for name, value in case.row().items() if name != "oct"}
        return [table, digest(self.folder / case.fundus)]

    def _truth_record(self, case: Case, digest: Digest) -> list[Any]:
        bscans = [digest(path) for path in self.bscan_paths(case)] if case.has_truth else []
        return [*self._inputs_record(case, digest), bscans]


def read_dataset(folder: Path) -> Dataset:
    """Read a dataset folder's description and table.

    Raises:
        BenchError: one problem, or BenchErrors with all of them; exit code 3.
    """
    dataset, problems = inspect_dataset(folder)
    if problems or dataset is None:
        raise problems[0] if len(problems) == 1 else BenchErrors(problems, where=folder)
    return dataset


def inspect_dataset(folder: Path) -> tuple[Dataset | None, list[BenchError]]:
    """Read the description and the table, collecting every problem instead of stopping at the first.

    Returns:
        the dataset (None when the table cannot be read; a broken key of the description is left empty) and the
        problems.
    """
    description, problems = inspect_description(folder)
    rows, row_problems = inspect_rows(folder)
    cases = tuple(case_from_row(row) for row in rows)
    problems += [*row_problems, *table_problems(cases, folder / "cases.csv")]
    return (Dataset(folder=folder, cases=cases, **description) if cases else None), problems


def inspect_description(folder: Path) -> tuple[dict[str, Any], list[BenchError]]:
    """The fields of `dataset.toml` that `Dataset` holds, and every problem; the scan geometry must be the fixed one."""
    path = folder / "dataset.toml"
    empty = {key: kind() for key, kind in DESCRIPTION.items()}
    try:
        document = tomllib.loads(picture_file.read_bytes(path).decode("utf-8"))
    except BenchError as error:
        return empty, [error]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return empty, [BenchError("E_MANIFEST", "not valid TOML", where=path, found=str(error))]
    good = {key: document[key] for key, kind in DESCRIPTION.items() if isinstance(document.get(key), kind)}
    problems = [
        BenchError("E_MANIFEST", f"key {key!r}", where=path, expected=kind.__name__, found=_shown(document, key))
        for key, kind in DESCRIPTION.items()
        if key not in good
    ]
    problems += [*_text_problems(good, path), *_scan_problems(document.get("scan"), path)]
    return empty | good, problems


def _text_problems(good: dict[str, Any], path: Path) -> Iterator[BenchError]:
    for key, pattern in (("name", CASE_ID), ("version", VERSION)):
        if key in good and not pattern.fullmatch(good[key]):
            what, found = f"bad dataset {key}", repr(good[key])
            yield BenchError("E_NAME", what, where=path, expected=pattern.pattern, found=found)
    for key, longest in LONGEST.items():
        if len(good.get(key, "")) > longest:
            expected, found = f"at most {longest} characters", str(len(good[key]))
            yield BenchError("E_MANIFEST", f"key {key!r} is too long", where=path, expected=expected, found=found)


def _shown(document: dict[str, Any], key: str) -> str:
    return repr(document[key]) if key in document else "nothing"


def scan_description() -> dict[str, Any]:
    """The table [scan] of every `dataset.toml`: the one geometry this version knows."""
    return {
        "pattern": "radial",
        "angles_deg": list(scan_geometry.ANGLES_DEG),
        "lateral_um": scan_geometry.LATERAL_UM,
        "axial_um": scan_geometry.AXIAL_UM,
        "shape": list(scan_geometry.VOLUME_SHAPE),
    }


def _scan_problems(scan: Any, path: Path) -> list[BenchError]:
    expected = scan_description()
    if not isinstance(scan, dict):
        return [BenchError("E_MANIFEST", "table [scan] is missing", where=path, expected=canonical_json(expected))]
    return [
        BenchError("E_MANIFEST", f"scan.{key} differs", where=path, expected=str(value), found=_shown(scan, key))
        for key, value in expected.items()
        if scan.get(key) != value
    ]


def _sha256(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()
