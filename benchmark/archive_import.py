"""Pictures handed in instead of code, as a run: a challenge archive (`submit.zip`) or a folder in the same layout.

Nothing is extracted by the archive's own names. What is wrong with the whole refuses it; what is wrong with one case's
pictures fails that case and follows the failure policy.
"""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.challenge_folder import folder_pictures
from fundus2oct.benchmark.challenge_layout import (
    LAYOUT,
    MAX_PROBLEMS,
    STRAY,
    PictureIndex,
    Pictures,
)
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.progress import progress, say
from fundus2oct.benchmark.run_folder import RunFolder, make_plan
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.metrics.durable_file import sha256_file
from fundus2oct.metrics.errors import BenchError, BenchErrors

MAX_DIRECTORY_BYTES_PER_MEMBER = 400
MAX_CASES = 100_000
"""Cases that an archive may hold when nobody says which are wanted."""


def import_archive(source: Path, dataset: Dataset, split: str, folder: Path, submission: Submission) -> dict[str, Any]:
    """Convert handed-in pictures into a run's folder, resuming what an earlier call left.

    Args:
        source: `submit.zip` with ``<source_id>/<source_id>_{0..5}.jpg`` (or .png), greyscale 448 x 320, at its root;
            or a folder of the same layout, or a submission's folder with it in ``images/``.
        dataset: names the expected cases; no truth is needed.
        split: name of the split.
        folder: the run's folder.
        submission: who hands it in.

    Returns:
        the content of `run.json`.

    Raises:
        BenchError: E_ARCHIVE, E_EMPTY, E_EXTRA, E_DUPLICATE, E_COLLISION or E_FILETYPE with every problem; exit code 3.
    """
    run = RunFolder(folder)
    with opened_pictures(source, {case.source_id for case in dataset.split(split)}) as pictures:
        plan = make_plan(
            dataset=dataset,
            split=split,
            submission=submission,
            generator={
                "target": "images",
                "hash": pictures.digest,
                "device": "not-applicable",
                "isolation": "not-applicable",
            },
            seed=None,
            container="jpeg" if pictures.index.jpeg else "png",
            limits={},
            versions={},
        )
        with run.locked(), progress("read pictures", len(plan["cases"])) as advance:
            run.begin(plan)
            unfinished = set(run.unfinished())
            for case in dataset.split(split):
                if case.case_id in unfinished:
                    _import_case(pictures, case, run)
                advance(1)
            return run.finish()


@contextlib.contextmanager
def opened_pictures(source: Path, wanted: Collection[str] | None) -> Iterator[Pictures]:
    """The pictures in a zip archive or a folder, judged by their names; nothing is unpacked yet.

    Args:
        source: the archive or the folder.
        wanted: source ids of the split; None takes any.

    Raises:
        BenchError: what is wrong with the whole; several problems come as BenchErrors.
    """
    if source.is_dir():
        yield folder_pictures(source, wanted)
        return
    digest = archive_digest(source)
    most = _max_members(MAX_CASES if wanted is None else len(wanted))
    with _opened(source, most) as opened:
        index = _read_index(opened, wanted, source, most)
        yield Pictures(
            where=str(source), index=index, read=lambda name, most: _read(opened, name, most, source), digest=digest
        )


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


def pictures_digest(source: Path) -> str:
    """Content hash of handed-in pictures: of an archive's bytes, or of the pictures in a folder."""
    return folder_pictures(source, None).digest if source.is_dir() else archive_digest(source)


class _ArchiveFile(io.BufferedReader):
    """An open archive that hands out no read larger than ``most`` bytes: zipfile reads a whole directory at once."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.most:
            raise zipfile.BadZipFile(f"too many members: more than {self.most} bytes asked for at once")
        return super().read(size)


def _max_members(cases: int) -> int:
    return 40 * cases + 1000


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


def _read_index(opened: zipfile.ZipFile, wanted: Collection[str] | None, archive: Path, most: int) -> PictureIndex:
    """Judge an archive by its directory and list its B-scans; nothing is unpacked."""
    members = opened.infolist()
    if len(members) > most:
        found = str(len(members))
        raise BenchError("E_ARCHIVE", "too many members", where=archive, expected=f"<= {most}", found=found)
    index, problems = PictureIndex(), []
    for member in members:
        if member.is_dir() or STRAY.search(member.filename):
            continue
        where = f"{archive}: {member.filename[:200]!r}"
        problem = _member_problem(member, where) or index.place(member.filename, wanted, where)
        if problem is not None:
            problems.append(problem)
    if problems:
        raise problems[0] if len(problems) == 1 else BenchErrors(problems[:MAX_PROBLEMS], where=archive)
    if not index.bscans:
        raise BenchError("E_EMPTY", "archive holds no B-scan", where=archive, expected=LAYOUT)
    return index


def _member_problem(member: zipfile.ZipInfo, where: str) -> BenchError | None:
    """What is wrong with a member as a member of an archive."""
    if not _is_plain_name(member):
        return BenchError("E_ARCHIVE", "member's name leaves the archive or hides a part", where=where)
    if stat.S_ISLNK(member.external_attr >> 16):
        return BenchError("E_ARCHIVE", "member is a link", where=where)
    if member.flag_bits & 1:
        return BenchError("E_ARCHIVE", "member is encrypted", where=where)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return BenchError("E_ARCHIVE", "unknown compression", where=where, expected="stored or deflated")
    return None


def _is_plain_name(member: zipfile.ZipInfo) -> bool:
    name = member.orig_filename
    return name == member.filename and "\\" not in name and not name.startswith("/") and ".." not in name.split("/")


def _read(opened: zipfile.ZipFile, name: str, most: int, archive: Path) -> bytes:
    """The bytes of a member, capped while it is unpacked: declared sizes are not believed."""
    try:
        with opened.open(name) as stream:
            return stream.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, struct.error) as error:
        where = f"{archive}: {name}"
        raise BenchError("E_ARCHIVE", "member cannot be unpacked", where=where, found=str(error)) from None


def _import_case(pictures: Pictures, case: Case, run: RunFolder) -> None:
    try:
        volume = pictures.volume(case.source_id)
    except BenchError as error:
        say(f"{case.case_id}: {error.line()}")
        with open(run.log_path, "a", encoding="utf-8") as log:
            log.write(f"{case.case_id}: {error.line()}\n")
        run.store_failure(case.case_id, error.code)
    else:
        run.store_volume(case.case_id, volume)
