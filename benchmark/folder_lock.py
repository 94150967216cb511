"""One process at a time in a folder, by a lock that a kill frees. Runs and scores are written under it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from fundus2oct.metrics.errors import BenchError


@contextlib.contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Hold ``folder`` against a second process; it must exist.

    Raises:
        BenchError: E_LOCKED when another process holds it; E_DISK when nothing can be written there.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        fix = "wait for it to end, or choose another folder"
        raise BenchError("E_LOCKED", "another process works in this folder", where=folder, fix=fix) from None
    except OSError as error:
        raise BenchError("E_DISK", f"cannot lock the folder: {error.strerror}", where=folder) from None
    try:
        yield
    finally:
        lock.release()
