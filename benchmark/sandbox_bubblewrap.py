"""The strong walls: bubblewrap's arguments, as they were tried out, for an ordinary user and for root.

A worker sees its interpreter, the worker file, its own folder and our code, all read-only, and a private /tmp; no
network, no other process, no variable of ours. The arguments go through a pipe, because a command line can be read
from inside. docs/sandbox.md says what these walls promise.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from fundus2oct.benchmark import sandbox_view
from fundus2oct.benchmark.sandbox_limits import MIB, resource_limits, tasks_of_user
from fundus2oct.benchmark.worker_setup import WorkerSetup

INNER_FOLDER = "/plugin"
INNER_CODE = "/harness/code"
INNER_WORKER = "/harness/worker.py"
SHARED_MEMORY_BYTES = 256 * MIB

SEPARATE = [
    *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL", "--hostname", "sandbox"),
]
AS_USER = ["--unshare-user", "--disable-userns"]
AS_ROOT = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
"""Root must not stay root: inside a user namespace it could still write the host's kernel settings. `setpriv` drops
these three and every other capability before Python starts."""

FIRST_USER, USERS = 61_184, 4_336
"""The range that systemd sets aside for users that live as long as one process. Each sandbox draws its own, so that
no sandbox uses up another's number of processes."""


def arguments(setup: WorkerSetup, variables: Mapping[str, str], filter_pipe: int | None) -> Iterator[str]:
    """The arguments before the program: what is separate, what is shown, what is set.

    Args:
        setup: the worker.
        variables: all that it gets.
        filter_pipe: descriptor from which bubblewrap reads the seccomp filter.
    """
    yield from SEPARATE
    yield from () if filter_pipe is None else ("--seccomp", str(filter_pipe))
    yield from AS_ROOT if os.geteuid() == 0 else AS_USER
    yield from ("--proc", "/proc", "--dev", "/dev")
    yield from ("--perms", "1777", "--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm")
    yield from ("--perms", "1777", "--size", str(setup.limits.tmp_bytes), "--tmpfs", "/tmp")
    yield from _shown(setup)  # after /tmp, or what lies below it would be covered
    for node in sandbox_view.gpu_nodes(setup.device):
        yield from ("--dev-bind", str(node), str(node))
    for name, value in variables.items():
        yield from ("--setenv", name, value)
    yield from ("--chdir", "/tmp", "--remount-ro", "/")


def _shown(setup: WorkerSetup) -> Iterator[str]:
    """Binds, each below folders that anybody may pass through: bubblewrap would make them for root alone."""
    made: set[PurePosixPath] = {PurePosixPath("/"), PurePosixPath("/tmp")}
    for source, target in shown(setup):
        for parent in reversed(PurePosixPath(target).parents):
            if parent not in made:
                made.add(parent)
                yield from ("--perms", "0755", "--dir", str(parent))
        if source.is_symlink():
            yield from ("--symlink", os.readlink(source), target)
        else:
            yield from ("--ro-bind", str(source), target)


def shown(setup: WorkerSetup) -> Iterator[tuple[Path, str]]:
    """(path outside, path inside) of everything that is bound; a link stays a link, resolved inside alone."""
    system = (*sandbox_view.system_folders(), *sandbox_view.system_links())
    hardware = [Path("/sys")] if sandbox_view.gpu_nodes(setup.device) else []
    for part in (*system, *hardware, *sandbox_view.interpreter_parts(setup), *setup.read_only):
        yield part, str(part)
    yield sandbox_view.WORKER_FILE, INNER_WORKER
    for folder in sandbox_view.our_code(setup):
        yield folder, f"{INNER_CODE}/fundus2oct/{folder.name}"
    if setup.import_paths:
        for entry in sandbox_view.submission_entries(setup):
            yield entry, f"{INNER_FOLDER}/{entry.name}"


def program(setup: WorkerSetup) -> list[str]:
    """The program before Python and its arguments: sets the kernel's limits; as root, becomes nobody."""
    tasks = 0 if os.geteuid() == 0 or counts_by_namespace() else tasks_of_user()
    values = resource_limits(setup.limits, device=setup.device, tasks=tasks)
    limits = [f"--{name}={value}" for name, value in values.items()]
    command = [tool("prlimit"), *limits]
    if os.geteuid() == 0:
        user = str(FIRST_USER + secrets.randbelow(USERS))
        command += [tool("setpriv"), "--reuid", user, "--regid", user, "--clear-groups"]
        command += ["--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs"]
    return command


def counts_by_namespace() -> bool:
    """Whether the kernel counts a user's processes in each user namespace by itself, as it does since Linux 5.14."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int("".join(filter(str.isdigit, minor)) or 0)) >= (5, 14)


def open_namespace(pid: int) -> int | None:
    """A descriptor that can be read from once a sandbox's processes are all gone; None when they are already.

    The first process of the namespace, the one child of bubblewrap's outer process, ends last: the kernel lets it end
    only after it has ended and reaped every other.

    Args:
        pid: of the outer process, whose sandbox has started.
    """
    with contextlib.suppress(OSError, ValueError):
        (first,) = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        return os.pidfd_open(int(first))
    return None


def tool(name: str) -> str:
    """Path of a program of the system."""
    return shutil.which(name) or f"/usr/bin/{name}"
