"""Watching what a worker and everything it started take together, which no limit of the kernel's counts for us.

Looks twice a second at the resident memory and the number of the process's descendants; above a limit it ends the
worker. Private folders in memory (/tmp, /dev/shm) have sizes of their own and are not counted.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from fundus2oct.benchmark.sandbox_launcher import descendants
from fundus2oct.benchmark.sandbox_limits import MIB, Limits

INTERVAL_SECONDS = 0.5
OWN_PROCESSES = 4
"""What bubblewrap or the launcher adds to a worker's family."""

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Watch:
    """A thread that ends a worker when it and everything it started take too much.

    Args:
        pid: its process; all descendants are counted.
        limits: memory, number of processes, size of the scratch folder.
        end: ends it.
        scratch: its private folder, where that is not in memory with a size of its own.
    """

    def __init__(self, pid: int, limits: Limits, end: Callable[[], None], scratch: Path | None = None) -> None:
        self.excess: tuple[str, str] | None = None
        self._pid = pid
        self._limits = limits
        self._end = end
        self._scratch = scratch
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to look; nothing happens on a system without /proc."""
        if Path("/proc/self/stat").exists():
            self._thread.start()

    def stop(self) -> None:
        """End the watch, before the process's number may belong to another."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL_SECONDS):
            self.excess = self._found()
            if self.excess:
                self._end()
                return

    def _found(self) -> tuple[str, str] | None:
        """What is beyond its limit: (public code, words for the private log)."""
        family = [self._pid, *descendants(self._pid)]
        memory = sum(map(resident_bytes, family))
        if memory > self._limits.memory_bytes:  # pages that several share have been counted for each: look closer
            memory = sum(map(proportional_bytes, family))
        if memory > self._limits.memory_bytes:
            return (
                "E_MEMORY",
                f"{memory // MIB} MiB of memory, at most {self._limits.memory_bytes // MIB} MiB are allowed",
            )
        if len(family) > self._limits.processes + OWN_PROCESSES:
            return "E_LIMIT", f"{len(family)} processes, at most {self._limits.processes} are allowed"
        if self._scratch is not None and folder_bytes(self._scratch) > self._limits.tmp_bytes:
            return "E_LIMIT", f"more than {self._limits.tmp_bytes // MIB} MiB in its private folder"
        return None


def folder_bytes(folder: Path) -> int:
    """Bytes that the files below a folder take on disk; links are not followed."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return total


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 when it is gone. Pages that two processes share count twice."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0


def proportional_bytes(pid: int) -> int:
    """Memory of a process in which a page that n processes share counts 1/n; resident memory where that is secret."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
        return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return resident_bytes(pid)
