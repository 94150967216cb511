"""A challenge archive (`submit.zip`) as a run: read member by member, judged case by case, converted once.

Nothing is extracted by the archive's own names. What is wrong with the archive as a whole refuses it; what is wrong
with one case's pictures fails that case and follows the failure policy.
"""

from __future__ import annotations

import contextlib
import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.progress import progress, say
from fundus2oct.benchmark.run_folder import RunFolder, make_plan
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.benchmark.volume import Volume
from fundus2oct.benchmark.worker import VOLUME_SHAPE
from fundus2oct.metrics.durable_file import sha256_file
from fundus2oct.metrics.errors import BenchError, BenchErrors

MEMBER = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,127})/\1_([0-5])\.(jpg|jpeg|png)")
STRAY = re.compile(r"(^|/)(\.DS_Store|Thumbs\.db|desktop\.ini|\._[^/]*)$|^__MACOSX/")
FORMATS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG"}
MAX_MEMBER_BYTES = 4 * 2**20
MAX_MEMBER_SIDE = 2_048
"""Pixels a side by a picture's header: a B-scan of another size is a wrong shape, one beyond this is not decoded."""
MAX_DIRECTORY_BYTES_PER_MEMBER = 400
MAX_PROBLEMS = 20


@dataclass
class ArchiveIndex:
    """What an archive holds, from its directory alone.

    Attributes:
        bscans: source id -> B-scan number -> member.
        jpeg: whether any B-scan is a JPEG.
    """

    bscans: dict[str, dict[int, zipfile.ZipInfo]] = field(default_factory=dict)
    jpeg: bool = False


def import_archive(archive: Path, dataset: Dataset, split: str, folder: Path, submission: Submission) -> dict[str, Any]:
    """Convert a challenge archive into a run's folder, resuming what an earlier call left.

    Args:
        archive: `submit.zip`: ``<source_id>/<source_id>_{0..5}.jpg`` (or .png), greyscale 448 x 320, at its root.
        dataset: names the expected cases; no truth is needed.
        split: name of the split.
        folder: the run's folder.
        submission: who hands it in.

    Returns:
        the content of `run.json`.

    Raises:
        BenchError: E_ARCHIVE, E_EMPTY, E_EXTRA, E_DUPLICATE or E_COLLISION with every problem; exit code 3.
    """
    run = RunFolder(folder)
    digest = archive_digest(archive)
    with _opened(archive, _max_members(dataset.split(split))) as opened:
        index = read_index(opened, dataset.split(split), archive)
        plan = make_plan(
            dataset=dataset,
            split=split,
            submission=submission,
            generator={"target": "images", "hash": digest, "device": "not-applicable", "isolation": "not-applicable"},
            seed=None,
            container="jpeg" if index.jpeg else "png",
            limits={},
            versions={},
        )
        with run.locked(), progress("read archive", len(plan["cases"])) as advance:
            run.begin(plan)
            unfinished = set(run.unfinished())
            for case in dataset.split(split):
                if case.case_id in unfinished:
                    _import_case(opened, index, case, run, archive)
                advance(1)
            return run.finish()


def archive_digest(archive: Path) -> str:
    """Hexadecimal sha256 of an archive.

    Raises:
        BenchError: E_MISSING, or E_FILETYPE for anything but a plain file (a pipe would never end).
    """
    if not archive.exists():
        raise BenchError("E_MISSING", "no such archive", where=archive)
    if not archive.is_file():
        raise BenchError("E_FILETYPE", "not a plain file", where=archive)
    return sha256_file(archive)


class _ArchiveFile(io.BufferedReader):
    """An open archive that hands out no read larger than ``most`` bytes: zipfile reads a whole directory at once."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.most:
            raise zipfile.BadZipFile(f"too many members: more than {self.most} bytes asked for at once")
        return super().read(size)


def _max_members(cases: tuple[Case, ...]) -> int:
    return 40 * len(cases) + 1000


@contextlib.contextmanager
def _opened(archive: Path, max_members: int) -> Iterator[zipfile.ZipFile]:
    with _ArchiveFile(io.FileIO(archive)) as file:
        file.most = MAX_DIRECTORY_BYTES_PER_MEMBER * max_members
        try:
            opened = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, struct.error) as error:
            raise BenchError("E_ARCHIVE", "not a readable zip archive", where=archive, found=str(error)) from None
        with opened:
            yield opened


def read_index(opened: zipfile.ZipFile, cases: tuple[Case, ...], archive: Path) -> ArchiveIndex:
    """Judge an archive by its directory and list its B-scans; nothing is unpacked.

    Raises:
        BenchError: E_ARCHIVE, E_EMPTY, E_EXTRA, E_DUPLICATE or E_COLLISION; several come as BenchErrors.
    """
    members = opened.infolist()
    most = _max_members(cases)
    if len(members) > most:
        found = str(len(members))
        raise BenchError("E_ARCHIVE", "too many members", where=archive, expected=f"<= {most}", found=found)
    wanted = {case.source_id for case in cases}
    index, problems = ArchiveIndex(), []
    for member in members:
        if member.is_dir() or STRAY.search(member.filename):
            continue
        problem = _place(member, index, wanted, archive)
        if problem is not None:
            problems.append(problem)
    if problems:
        raise problems[0] if len(problems) == 1 else BenchErrors(problems[:MAX_PROBLEMS], where=archive)
    if not index.bscans:
        expected = "<source_id>/<source_id>_{0..5}.jpg or .png at the archive's root"
        raise BenchError("E_EMPTY", "archive holds no B-scan", where=archive, expected=expected)
    return index


def _place(member: zipfile.ZipInfo, index: ArchiveIndex, wanted: set[str], archive: Path) -> BenchError | None:
    """Enter one member into the index, or say what is wrong with it."""
    where = f"{archive}: {member.filename[:200]!r}"
    if not _is_plain_name(member):
        return BenchError("E_ARCHIVE", "member's name leaves the archive or hides a part", where=where)
    if stat.S_ISLNK(member.external_attr >> 16):
        return BenchError("E_ARCHIVE", "member is a link", where=where)
    if member.flag_bits & 1:
        return BenchError("E_ARCHIVE", "member is encrypted", where=where)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return BenchError("E_ARCHIVE", "unknown compression", where=where, expected="stored or deflated")
    match = MEMBER.fullmatch(member.filename)
    if match is None:
        expected = "<source_id>/<source_id>_{0..5}.jpg or .png at the archive's root"
        return BenchError("E_EXTRA", "unexpected member", where=where, expected=expected)
    source_id, number = match[1], int(match[2])
    if source_id not in wanted:
        near = [name for name in wanted if name.lower() == source_id.lower()]
        code, fix = ("E_COLLISION", f"write it {near[0]}") if near else ("E_EXTRA", "remove it")
        return BenchError(code, "not a case of this split", where=where, found=source_id, fix=fix)
    bscans = index.bscans.setdefault(source_id, {})
    if number in bscans:
        return BenchError("E_DUPLICATE", f"B-scan {number} is there twice", where=where)
    bscans[number] = member
    index.jpeg |= match[3] != "png"
    return None


def _is_plain_name(member: zipfile.ZipInfo) -> bool:
    name = member.orig_filename
    return name == member.filename and "\\" not in name and not name.startswith("/") and ".." not in name.split("/")


def _import_case(opened: zipfile.ZipFile, index: ArchiveIndex, case: Case, run: RunFolder, archive: Path) -> None:
    try:
        volume = _read_volume(opened, index.bscans.get(case.source_id, {}), case, archive)
    except BenchError as error:
        say(f"{case.case_id}: {error.line()}")
        with open(run.log_path, "a", encoding="utf-8") as log:
            log.write(f"{case.case_id}: {error.line()}\n")
        run.store_failure(case.case_id, error.code)
    else:
        run.store_volume(case.case_id, volume)


def _read_volume(opened: zipfile.ZipFile, bscans: Mapping[int, zipfile.ZipInfo], case: Case, archive: Path) -> Volume:
    missing = [i for i in range(VOLUME_SHAPE[0]) if i not in bscans]
    if missing:
        what = "case is missing" if not bscans else f"B-scans missing: {', '.join(map(str, missing))}"
        raise BenchError("E_MISSING", what, where=f"{archive}: {case.source_id}/")
    return np.stack([_read_bscan(opened, bscans[i], archive) for i in range(VOLUME_SHAPE[0])])


def _read_bscan(opened: zipfile.ZipFile, member: zipfile.ZipInfo, archive: Path) -> Volume:
    where = f"{archive}: {member.filename}"
    try:
        with opened.open(member) as stream:
            data = stream.read(MAX_MEMBER_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, struct.error) as error:
        raise BenchError("E_ARCHIVE", "member cannot be unpacked", where=where, found=str(error)) from None
    if len(data) > MAX_MEMBER_BYTES:
        raise BenchError("E_SIZE", "member is too large", where=where, expected=f"<= {MAX_MEMBER_BYTES} bytes")
    if not data:
        raise BenchError("E_EMPTY", "member is empty", where=where)
    picture = picture_file.decode(data, where=where, max_side=MAX_MEMBER_SIDE)
    expected = FORMATS[member.filename.rpartition(".")[2]]
    if picture.format != expected:
        raise BenchError("E_FORMAT", "name and content differ", where=where, expected=expected, found=picture.format)
    return picture_file.grey_array(picture, where=where, shape=VOLUME_SHAPE[1:])
