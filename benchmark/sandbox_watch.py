"""Watching what a worker and everything it started take together, which no limit of the kernel's counts for us.

Looks twice a second at the resident memory and the number of the process's descendants; above a limit it ends the
worker. Private folders in memory (/tmp, /dev/shm) have sizes of their own and are not counted.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fundus2oct.benchmark.sandbox_launcher import descendants
from fundus2oct.benchmark.sandbox_limits import MIB, Limits

INTERVAL_SECONDS = 0.5
OWN_PROCESSES = 4
"""What bubblewrap or the launcher adds to a worker's family."""

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Peak:
    """The most that a worker and everything it started took; 0 where the system does not say.

    Attributes:
        memory_bytes: resident, all processes together; pages that several share count for each.
        address_bytes: addresses of the process that reserved most, which the kernel limits where no GPU is used.
    """

    memory_bytes: int = 0
    address_bytes: int = 0

    def __or__(self, other: Peak) -> Peak:
        """The larger of both in each."""
        return Peak(*map(max, vars(self).values(), vars(other).values()))


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
        self.peak = Peak()
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
        """Look for the last time and end the watch, before the process's number may belong to another."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self.peak |= family_peak([self._pid, *descendants(self._pid)])

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL_SECONDS):
            self.excess = self._found()
            if self.excess:
                self._end()
                return

    def _found(self) -> tuple[str, str] | None:
        """What is beyond its limit: (public code, words for the private log)."""
        family = [self._pid, *descendants(self._pid)]
        self.peak |= family_peak(family)
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


def family_peak(pids: Sequence[int]) -> Peak:
    """What living processes have taken at most so far, as the kernel remembers it."""
    peaks = [_peaks(pid) for pid in pids]
    return Peak(sum(memory for memory, _ in peaks), max((addresses for _, addresses in peaks), default=0))


def _peaks(pid: int) -> tuple[int, int]:
    """Most resident memory and most addresses of a process, bytes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
    except OSError:
        return 0, 0
    found = {name: value for name, _, value in (line.partition(":") for line in lines)}
    memory, addresses = (int(found.get(name, "0 kB").split()[0]) * 1024 for name in ("VmHWM", "VmPeak"))
    return memory, addresses


def proportional_bytes(pid: int) -> int:
    """Memory of a process in which a page that n processes share counts 1/n; resident memory where that is secret."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
        return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return resident_bytes(pid)
