"""The limits of a worker, as a table that is kept in the plan and in the record of a run.

Who holds which limit: the kernel (`resource_limits`, set before the worker's first instruction), the sandbox (the size
of its private folders), and the harness (wall clocks, memory of all processes together, length of the log).
"""

from __future__ import annotations

import contextlib
import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from fundus2oct.benchmark import picture_file
from fundus2oct.metrics.errors import BenchError

GIB = 2**30
MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a run; docs/sandbox.md says which of them each isolation holds.

    Attributes:
        start_seconds: wall clock for importing the generator and loading its weights.
        case_seconds: wall clock for one case; a batch gets it once for each of its cases.
        run_seconds: wall clock of all cases together; what is left then fails with E_TIMEOUT.
        cpu_seconds: processor time of one process.
        memory_bytes: memory of all processes together, and address space of each where no GPU is used: CUDA reserves
            far more addresses than memory.
        processes: processes and threads together.
        file_bytes: the largest file.
        open_files: open files of one process.
        tmp_bytes: the private folder /tmp.
        log_bytes: what is kept of stdout and stderr; the rest is read and forgotten.
        threads: threads of numerical libraries in the worker.
    """

    start_seconds: float = 600.0
    case_seconds: float = 600.0
    run_seconds: float = 86_400.0
    cpu_seconds: int = 86_400
    memory_bytes: int = 16 * GIB
    processes: int = 512
    file_bytes: int = GIB
    open_files: int = 1024
    tmp_bytes: int = GIB
    log_bytes: int = MIB
    threads: int = 2


def read_limits(path: Path) -> Limits:
    """Limits from a TOML file that names some of them; the others keep their defaults.

    Raises:
        BenchError: E_MISSING, E_FORMAT for what is not TOML, E_CONFIG naming the key and what it may be.
    """
    try:
        document = tomllib.loads(picture_file.read_bytes(path, max_bytes=2**16).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError("E_FORMAT", "not valid TOML", where=path, found=str(error)) from None
    for key, value in document.items():
        default = getattr(Limits(), key, None)
        known, kind = default is not None, "a number" if isinstance(default, float) else "a whole number"
        right = type(value) is int or (isinstance(default, float) and isinstance(value, float))
        if not (known and right and 0 < value < 2**62):
            expected = f"{kind} above 0" if known else f"one of {', '.join(vars(Limits()))}"
            raise BenchError("E_CONFIG", f"limit {key!r}", where=path, expected=expected, found=repr(value)[:120])
    return replace(Limits(), **{key: type(getattr(Limits(), key))(value) for key, value in document.items()})


def resource_limits(limits: Limits, *, device: str, tasks: int = 0) -> dict[str, int]:
    """The limits that the kernel holds: name of an rlimit, as `prlimit` and `resource` call it, and its value.

    Args:
        limits: of the run.
        device: of the worker.
        tasks: what the kernel counts against the number of processes before the worker has started any.

    >>> resource_limits(Limits(processes=64), device="cpu")["nproc"]
    64
    """
    found = {
        "core": 0,
        "cpu": limits.cpu_seconds,
        "fsize": limits.file_bytes,
        "nofile": limits.open_files,
        "nproc": limits.processes + tasks,
    }
    return found if device.startswith("cuda") else found | {"as": limits.memory_bytes}


def tasks_of_user() -> int:
    """Processes and threads that this user runs: they count against a worker that runs as the same user."""
    total = 0
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == os.geteuid():
                total += len(os.listdir(f"{entry.path}/task"))
    return total
