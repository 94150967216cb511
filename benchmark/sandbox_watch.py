"""Watching what a worker and everything it started take together, which no limit of the kernel's counts for us.

Looks twice a second at the resident memory and the number of the process's descendants; above a limit it ends the
whole group. Private folders in memory (/tmp, /dev/shm) have sizes of their own and are not counted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from fundus2oct.benchmark.sandbox_limits import MIB, Limits

INTERVAL_SECONDS = 0.5
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class MemoryWatch:
    """A thread that ends a process group when it takes too much.

    Args:
        pid: the group's leader; its descendants are counted.
        limits: memory and number of processes.
    """

    def __init__(self, pid: int, limits: Limits) -> None:
        self.excess = ""
        self._pid = pid
        self._limits = limits
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
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._pid, signal.SIGKILL)
                return

    def _found(self) -> str:
        """What is beyond its limit, in words; empty when nothing is."""
        family = [self._pid, *descendants(self._pid)]
        memory = sum(map(resident_bytes, family))
        if memory > self._limits.memory_bytes:
            return f"{memory // MIB} MiB of memory, at most {self._limits.memory_bytes // MIB} MiB are allowed"
        if len(family) > 2 * self._limits.processes:
            return f"{len(family)} processes, at most {self._limits.processes} are allowed"
        return ""


def descendants(pid: int) -> Iterator[int]:
    """Every process that ``pid`` started, directly or not, as far as its parents live."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                fields = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
                children[int(fields[1])].append(int(entry.name))
    waiting = list(children[pid])
    while waiting:
        found = waiting.pop()
        yield found
        waiting += children[found]


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 when it is gone. Pages that two processes share count twice."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
