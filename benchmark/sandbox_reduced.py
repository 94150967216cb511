"""The reduced walls' wishes: which files a worker may read behind Landlock, and everything else its launcher needs.

For machines where bubblewrap does not start. Weaker on purpose and marked so: names and sizes of files everywhere can
still be asked for, and nothing but the harness's sweep ends what a worker leaves behind. docs/sandbox.md has the list.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from fundus2oct.benchmark import sandbox_filter, sandbox_launcher, sandbox_view
from fundus2oct.benchmark.sandbox_limits import resource_limits, tasks_of_user
from fundus2oct.benchmark.worker_setup import WorkerSetup
from fundus2oct.metrics.errors import BenchError

LAUNCHER_FILE = Path(sandbox_launcher.__file__)

FACTS = (
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm/overcommit_memory"),
    *("/sys/devices/system/cpu", "/sys/devices/system/node", "/etc/ld.so.cache", "/etc/alternatives"),
)
"""What numerical libraries ask about the machine."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def shown(setup: WorkerSetup) -> Iterator[Path]:
    """Everything of this setup's own that the worker may read, at the path that it has outside."""
    yield from (*sandbox_view.interpreter_parts(setup), *setup.read_only, *sandbox_view.our_code(setup))
    yield sandbox_view.WORKER_FILE
    if setup.import_paths:
        yield from sandbox_view.submission_entries(setup)


def wishes(setup: WorkerSetup, command: list[str], environment: Mapping[str, str], scratch: Path) -> bytes:
    """What the launcher reads from its pipe.

    Args:
        setup: the worker.
        command: the program and its arguments.
        environment: its variables.
        scratch: the one folder it may write to.

    Raises:
        BenchError: E_SANDBOX on a processor for which there is no filter.
    """
    program = sandbox_filter.filter_program(sockets=False)
    if program is None:
        raise BenchError("E_SANDBOX", "no filter of system calls for this processor", found=os.uname().machine)
    run = [*sandbox_view.system_folders(), *sandbox_view.system_links(), *shown(setup)]
    rules = [(path, "run") for path in run]
    rules += [(Path(fact), "read") for fact in FACTS]
    rules += [(device, "device") for device in (*map(Path, DEVICES), *sandbox_view.gpu_nodes(setup.device))]
    rules += [(scratch, "own"), *([(setup.folder, "list")] if setup.import_paths else [])]
    return json.dumps(
        {
            "command": command,
            "environment": dict(environment),
            "folder": str(scratch),
            "limits": resource_limits(setup.limits, device=setup.device, tasks=tasks_of_user()),
            "rules": [(str(path), right) for path, right in rules if path.exists()],
            "filter": base64.b64encode(program).decode("ascii"),
        }
    ).encode("utf-8", "surrogateescape")
