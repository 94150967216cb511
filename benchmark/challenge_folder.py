"""A folder of pictures in the challenge's layout, read file by file; links and what is no plain file are refused."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.challenge_layout import (
    LAYOUT,
    MAX_PICTURE_BYTES,
    MAX_PROBLEMS,
    MEMBER,
    STRAY,
    PictureIndex,
    Pictures,
)
from fundus2oct.benchmark.submission_file import FILE_NAME, Submission, read_submission
from fundus2oct.metrics.durable_file import canonical_json, sha256_file
from fundus2oct.metrics.errors import BenchError, BenchErrors

IMAGES = "images"
"""Where a submission's folder keeps its pictures, beside `submission.toml`."""


def picture_root(folder: Path) -> Path:
    """Where the eyes' folders lie: ``images/`` beside a `submission.toml`, else the folder itself."""
    return folder / IMAGES if (folder / FILE_NAME).exists() else folder


def is_picture_folder(folder: Path) -> bool:
    """Whether a folder hands in pictures: `submission.toml` names no generator, or it has the challenge's layout."""
    if not folder.is_dir():
        return False
    if (folder / FILE_NAME).is_file():
        return not read_submission(folder).generator
    return any(MEMBER.fullmatch(name) for name in _names(folder))


def picture_submission(source: Path, *, team: str, method: str) -> Submission:
    """Who hands in pictures: a folder's `submission.toml` where there is one, else the names given."""
    if (source / FILE_NAME).is_file():
        return read_submission(source)
    return Submission(team=team, method=method, description="Handed in as images.")


def folder_pictures(folder: Path, wanted: Collection[str] | None) -> Pictures:
    """The pictures in a folder, judged by their names.

    Args:
        folder: a submission's folder, or one in the challenge's layout.
        wanted: source ids of the split; None takes any.

    Raises:
        BenchError: E_MISSING, E_EMPTY, E_EXTRA, E_DUPLICATE, E_COLLISION or E_FILETYPE; several come as BenchErrors.
    """
    root = picture_root(folder)
    if not root.is_dir():
        raise BenchError("E_MISSING", "no such folder of pictures", where=root, expected=LAYOUT)
    index = PictureIndex()
    found = (_place(root, name, index, wanted) for name in _names(root))
    problems = [problem for problem in found if problem is not None]
    if problems:
        raise problems[0] if len(problems) == 1 else BenchErrors(problems[:MAX_PROBLEMS], where=root)
    if not index.bscans:
        raise BenchError("E_EMPTY", "folder holds no B-scan", where=root, expected=LAYOUT)

    def read(name: str, most: int) -> bytes:
        try:
            return picture_file.read_bytes(root / name, max_bytes=most)
        except BenchError as error:
            if error.code != "E_EMPTY":
                raise
            return b""

    return Pictures(where=str(root), index=index, read=read, digest=_digest(root, index))


def _names(root: Path) -> Iterator[str]:
    """Every name below a folder but folders and litter, sorted; links are named, not followed."""
    for parent, folders, files in os.walk(root):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        folders.sort()
        for name in sorted([*files, *links]):
            relative = Path(parent, name).relative_to(root).as_posix()
            if not STRAY.search(relative):
                yield relative


def _place(root: Path, name: str, index: PictureIndex, wanted: Collection[str] | None) -> BenchError | None:
    path = root / name
    if path.is_symlink() or not path.is_file() or path.stat().st_nlink != 1:
        return BenchError("E_FILETYPE", "a link, or no file", where=path, fix="put the picture itself there")
    return index.place(name, wanted, str(path))


def _digest(root: Path, index: PictureIndex) -> str:
    """Content hash of a folder's pictures: names and sha256; a file too large to be read counts by its size."""

    def content(path: Path) -> str:
        size = path.stat().st_size
        return sha256_file(path) if size <= MAX_PICTURE_BYTES else f"{size} bytes"

    names = sorted(name for bscans in index.bscans.values() for name in bscans.values())
    return hashlib.sha256(canonical_json({name: content(root / name) for name in names}).encode()).hexdigest()
