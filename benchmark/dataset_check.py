"""The exhaustive check of a dataset folder: every file the table names is read, every problem is collected.

Called by `bench data check` and by the importers' tests. The rules of the table itself are in `benchmark.case_table`,
the rules of a single picture in `benchmark.picture_file`; here they meet the files. Nothing is printed or written.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.case_table import EYES, Case, stays_inside
from fundus2oct.benchmark.dataset import Dataset, inspect_dataset
from fundus2oct.benchmark.scan_place import column_problems
from fundus2oct.metrics import scan_geometry
from fundus2oct.metrics.errors import BenchError, BenchErrors

MIN_FUNDUS_SIDE = 224
UNCHECKED_FOLDERS = ("sidecar",)
UNCHECKED_NAMES = ("README", "LICENSE")

OnProgress = Callable[[int, int], None]
"""Told how many cases have been read, and how many there are."""


@dataclass(frozen=True, kw_only=True)
class SplitCount:
    """What one split holds: one row of the table that a clean check prints."""

    split: str
    cases: int
    patients: int
    left: int
    right: int
    with_truth: int


@dataclass(frozen=True, kw_only=True)
class DatasetReport:
    """What `check_dataset` found.

    Attributes:
        folder: the folder checked.
        problems: every problem; empty when the folder is clean.
        name, version: of the dataset, as far as they could be read.
        splits: counts per split, in the table's order.
        inputs_hash: content hash of photographs and table; None unless clean.
        truth_hash: content hash of the truth; None unless clean, and None in a copy without any truth.
    """

    folder: Path
    problems: tuple[BenchError, ...]
    name: str = ""
    version: str = ""
    splits: tuple[SplitCount, ...] = ()
    inputs_hash: str | None = None
    truth_hash: str | None = None

    def raise_problems(self) -> None:
        """Raise all problems together, if there are any."""
        if self.problems:
            raise BenchErrors(list(self.problems), where=self.folder)


@dataclass(frozen=True)
class _Picture:
    """One picture that could be read: what it shows (`pixels`) and how it is hashed (`digest`)."""

    case_id: str
    kind: str
    path: Path
    pixels: str
    digest: str


@dataclass
class _CaseFiles:
    """What reading one case's files gave."""

    pictures: list[_Picture] = field(default_factory=list)
    problems: list[BenchError] = field(default_factory=list)


def check_dataset(folder: Path, *, on_progress: OnProgress | None = None, workers: int | None = None) -> DatasetReport:
    """Read everything in a dataset folder and report all that is wrong with it.

    Args:
        folder: the dataset folder.
        on_progress: told (cases read, cases in all).
        workers: threads that decode pictures; the number of processors by default.
    """
    if not folder.is_dir():
        problem = BenchError("E_MISSING", "no such folder", where=folder, fix="give the folder that holds cases.csv")
        return DatasetReport(folder=folder, problems=(problem,))
    dataset, problems = inspect_dataset(folder)
    if dataset is None:
        return DatasetReport(folder=folder, problems=tuple(problems))
    files = _read_cases(dataset, on_progress or (lambda done, total: None), workers)
    pictures = [picture for case in files for picture in case.pictures]
    problems += [problem for case in files for problem in case.problems]
    problems += [*_identical_pictures(pictures), *_extra_files(dataset)]
    inputs_hash, truth_hash = (None, None) if problems else _hashes(dataset, pictures)
    return DatasetReport(
        folder=folder,
        problems=tuple(problems),
        name=dataset.name,
        version=dataset.version,
        splits=count_splits(dataset),
        inputs_hash=inputs_hash,
        truth_hash=truth_hash,
    )


def count_splits(dataset: Dataset) -> tuple[SplitCount, ...]:
    """Cases, patients and eyes of every split."""
    return tuple(_count(split, [case for case in dataset.cases if case.split == split]) for split in dataset.splits)


def _count(split: str, cases: list[Case]) -> SplitCount:
    left, right = (sum(case.eye == eye for case in cases) for eye in EYES)
    patients = len({case.patient_id for case in cases})
    with_truth = sum(case.has_truth for case in cases)
    return SplitCount(split=split, cases=len(cases), patients=patients, left=left, right=right, with_truth=with_truth)


def _hashes(dataset: Dataset, pictures: list[_Picture]) -> tuple[str, str | None]:
    """Both hashes, from the digests taken while every file was read."""
    digest = {picture.path: picture.digest for picture in pictures}.__getitem__
    has_truth = any(case.has_truth for case in dataset.cases)
    return dataset.inputs_hash(digest=digest), dataset.truth_hash(digest=digest) if has_truth else None


def _read_cases(dataset: Dataset, on_progress: OnProgress, workers: int | None) -> list[_CaseFiles]:
    files = []
    pool = ThreadPoolExecutor(workers or os.cpu_count())
    try:
        for found in pool.map(lambda case: _read_case(dataset, case), dataset.cases):
            files.append(found)
            on_progress(len(files), len(dataset.cases))
    finally:
        pool.shutdown(cancel_futures=True)
    return files


def _read_case(dataset: Dataset, case: Case) -> _CaseFiles:
    found = _CaseFiles()
    if stays_inside(case.fundus):
        pixels = _read_picture(found, case, "photograph", dataset.folder / case.fundus, _fundus_pixels)
        found.problems += [] if pixels is None else _place_problems(dataset, case, pixels)
    if case.has_truth and stays_inside(case.oct):
        if not (dataset.folder / case.oct).is_dir():
            what = f"folder of the {scan_geometry.N_BSCANS} B-scans of case {case.case_id} is missing"
            found.problems.append(BenchError("E_MISSING", what, where=dataset.folder / case.oct))
            return found
        for path in dataset.bscan_paths(case):
            _read_picture(found, case, "B-scan", path, _bscan_pixels)
    return found


def _read_picture(
    found: _CaseFiles,
    case: Case,
    kind: str,
    path: Path,
    pixels_of: Callable[[Image.Image, Path], NDArray[np.uint8]],
) -> NDArray[np.uint8] | None:
    try:
        data = picture_file.read_bytes(path)
        picture = picture_file.decode(data, where=path)
        pixels = pixels_of(picture, path)
    except BenchError as error:
        found.problems.append(_naming_case(error, case, kind))
        return None
    seen = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()
    found.pictures.append(_Picture(case.case_id, kind, path, seen, picture_file.content_digest(data, picture)))
    return pixels


def _naming_case(error: BenchError, case: Case, kind: str) -> BenchError:
    what = f"{kind} of case {case.case_id}: {error.what}"
    return BenchError(error.code, what, where=error.where, expected=error.expected, found=error.found, fix=error.fix)


def _fundus_pixels(picture: Image.Image, path: Path) -> NDArray[np.uint8]:
    pixels = picture_file.rgb_array(picture, where=path)
    if min(pixels.shape[:2]) < MIN_FUNDUS_SIDE:
        found = f"{pixels.shape[0]} high x {pixels.shape[1]} wide"
        expected = f"both sides >= {MIN_FUNDUS_SIDE}"
        raise BenchError("E_SHAPE", "picture is too small", where=path, expected=expected, found=found)
    return pixels


def _bscan_pixels(picture: Image.Image, path: Path) -> NDArray[np.uint8]:
    return picture_file.grey_array(picture, where=path, shape=scan_geometry.VOLUME_SHAPE[1:])


def _place_problems(dataset: Dataset, case: Case, fundus: NDArray[np.uint8]) -> Iterator[BenchError]:
    height, width = fundus.shape[:2]
    for column, expected, found in column_problems(case, width=width, height=height):
        where = f"{dataset.folder / 'cases.csv'}, case {case.case_id}"
        yield BenchError("E_COLUMN", f"bad value in {column}", where=where, expected=expected, found=found)


def _identical_pictures(pictures: Iterable[_Picture]) -> Iterator[BenchError]:
    """One problem for each pair of cases that share a picture, and one for each case that has a picture twice."""
    first: dict[tuple[str, str], _Picture] = {}
    reported: set[tuple[str, str, str]] = set()
    for picture in pictures:
        other = first.setdefault((picture.kind, picture.pixels), picture)
        pair = (picture.kind, other.case_id, picture.case_id)
        if other is picture or pair in reported:
            continue
        reported.add(pair)
        same_case = other.case_id == picture.case_id and other.path != picture.path
        who = f"one case ({picture.case_id})" if same_case else f"two cases ({other.case_id}, {picture.case_id})"
        what = f"{who} with identical {picture.kind}s"
        yield BenchError("E_DUPLICATE", what, where=picture.path, found=f"the same pixels as {other.path}")


def _extra_files(dataset: Dataset) -> Iterator[BenchError]:
    """Files the table does not name; the sidecar, a README and a LICENSE may lie there."""
    named = {dataset.folder / "dataset.toml", dataset.folder / "cases.csv"}
    for case in dataset.cases:
        named.add(dataset.folder / case.fundus)
        named.update(dataset.bscan_paths(case) if case.has_truth else ())
    for path in _files_below(dataset.folder):
        if path.is_symlink() and path.is_dir():
            yield BenchError("E_FILETYPE", "a link to a folder", where=path, fix="put the folder itself there")
        elif path not in named:
            fix = "remove it, or name it in cases.csv"
            yield BenchError("E_EXTRA", "file is not named by the table", where=path, fix=fix)


def _files_below(folder: Path) -> Iterator[Path]:
    """Every file, and every link to a folder, in a fixed order."""
    for place, folders, names in os.walk(folder):
        top = Path(place) == folder
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if not (top and name in UNCHECKED_FOLDERS))
        for name in sorted(names + links):
            if not (top and name.startswith(UNCHECKED_NAMES)):
                yield Path(place) / name
