"""Putting a whole site in place at once: a temporary sibling folder, then one exchange.

A kill at any moment leaves the old site or the new one. A folder that this module did not make is never touched. Two
builds beside each other wait for one another. Called by `leaderboard.site`.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from fundus2oct.metrics.durable_file import TEMPORARY_PREFIX, write_bytes
from fundus2oct.metrics.errors import BenchError

MARKER = ".fundus2oct-site"
MARKER_TEXT = "This folder is made by `bench leaderboard build` and replaced as a whole: keep nothing of yours in it.\n"
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def replace_site(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make ``folder`` hold exactly ``files`` (path with forward slashes -> bytes) and the marker.

    Raises:
        BenchError: E_SITE when something else lies there; E_DISK when it cannot be written. The old site stays.
    """
    folder = folder.resolve()
    check_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _only_builder_in(folder.parent):
            _remove_leftovers(folder)
            temporary = folder.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}-{folder.name}"
            try:
                _write_files(temporary, files)
                _put_in_place(temporary, folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise BenchError(
            "E_DISK", f"cannot write the site: {error.strerror or error}", where=folder, fix="check the folder"
        ) from error


def check_replaceable(folder: Path) -> None:
    """Refuse a place where something lies that is not a site of ours.

    Raises:
        BenchError: E_SITE.
    """
    if not folder.exists() or is_site(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    raise BenchError(
        "E_SITE",
        "will not replace what is not a site made here",
        where=folder,
        expected=f"no folder, an empty one, or one with {MARKER}",
        found="a folder without it" if folder.is_dir() else "a file",
        fix="choose another --out",
    )


def is_site(folder: Path) -> bool:
    """Whether ``folder`` is a site that `replace_site` made."""
    return (folder / MARKER).is_file()


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below ``folder``; 0 where it is not there."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """The marker goes first, so that a leftover of a killed build is known as ours."""
    folder.mkdir()
    write_bytes(folder / MARKER, MARKER_TEXT.encode("utf-8"))
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _put_in_place(temporary: Path, folder: Path) -> None:
    """Exchange the two folders in one step, or rename where there is nothing to exchange with."""
    if not folder.exists():
        os.rename(temporary, folder)
    elif not _exchange(temporary, folder):
        # No exchange on this file system: the old site is aside for an instant.
        aside = temporary.with_name(temporary.name + ".old")
        os.rename(folder, aside)
        os.rename(temporary, folder)
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(a: Path, b: Path) -> bool:
    """Swap two paths atomically (Linux); False where the system cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    return bool(renameat2(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE) == 0)


@contextlib.contextmanager
def _only_builder_in(parent: Path) -> Iterator[None]:
    """Hold a lock on the folder itself, which leaves no file and ends with the process."""
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed builds of this site left. Call it under the lock."""
    for leftover in folder.parent.glob(f"{TEMPORARY_PREFIX}*-{folder.name}*"):
        if is_site(leftover):
            shutil.rmtree(leftover, ignore_errors=True)
