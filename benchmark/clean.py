"""What may go from an organiser's disk without losing a result: leftovers, merged shards, and a cache beyond its limit.

Nothing here is a record, a volume of a run or a value per case: a run's folder, ``PRIVATE/<team>`` and the public tree
are never candidates. Links are not followed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fundus2oct.benchmark.folder_lock import only_process
from fundus2oct.benchmark.shard_merge import SHARDS
from fundus2oct.benchmark.value_cache import ABANDONED_SECONDS
from fundus2oct.metrics.durable_file import TEMPORARY_PREFIX
from fundus2oct.metrics.errors import BenchError

CACHED = re.compile(r"[0-9a-f]{62}\.f64")


@dataclass(frozen=True)
class Leftover:
    """Something that may go.

    Attributes:
        path: a file, or the folder ``shards`` of a merged run.
        reason: why it may.
        size: bytes.
    """

    path: Path
    reason: str
    size: int

    def remove(self) -> bool:
        """Remove it; False where another process works in the run or was quicker."""
        if self.path.name != SHARDS:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
                return True
            return False
        try:
            with only_process(self.path.parent):
                if not _is_merged(self.path):
                    return False
                shutil.rmtree(self.path)
        except BenchError as error:
            if error.code != "E_LOCKED":
                raise
            return False
        return True


def find_leftovers(runs: Path, private: Path, cache_bytes: int | None = None) -> list[Leftover]:
    """Everything that may go, sorted by path.

    Args:
        runs: where runs lie.
        private: the organiser's folder.
        cache_bytes: what the cache of features may take; the values that were written first go first.
    """
    found = {leftover.path: leftover for root in (runs, private) for leftover in _walk(root)}
    if cache_bytes is not None:
        found |= {leftover.path: leftover for leftover in _beyond(private / "cache", cache_bytes)}
    return [found[path] for path in sorted(found)]


def _walk(root: Path) -> Iterator[Leftover]:
    abandoned = time.time() - ABANDONED_SECONDS
    for parent, folders, names in os.walk(root):
        if SHARDS in folders and _is_merged(Path(parent, SHARDS)):
            folders.remove(SHARDS)
            shards = Path(parent, SHARDS)
            size = sum(path.lstat().st_size for path in shards.rglob("*") if path.is_file())
            yield Leftover(shards, "shards of a merged run", size)
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(FileNotFoundError):  # its writer has just renamed it
                status = path.lstat()
                if name.endswith(".corrupt"):
                    yield Leftover(path, "damaged, set aside", status.st_size)
                elif name.startswith(TEMPORARY_PREFIX) and status.st_mtime < abandoned:
                    yield Leftover(path, "left by a killed writer", status.st_size)


def _is_merged(shards: Path) -> bool:
    """Whether the run around a folder of shards is complete."""
    run = shards.parent
    return (
        shards.is_dir() and not shards.is_symlink() and (run / "plan.json").is_file() and (run / "run.json").is_file()
    )


def _beyond(cache: Path, most: int) -> Iterator[Leftover]:
    """The oldest values of a cache, until what stays fits."""
    files = [(path.lstat(), path) for path in cache.glob("??/*.f64") if CACHED.fullmatch(path.name)]
    size = sum(status.st_size for status, _ in files)
    for status, path in sorted(files, key=lambda file: (file[0].st_mtime_ns, file[1])):
        if size <= most:
            return
        size -= status.st_size
        yield Leftover(path, "cache beyond its limit", status.st_size)
