"""The reduced walls: a script that puts Landlock, a seccomp filter and limits around a worker, and sweeps up after it.

Started as a script by `benchmark.sandbox_reduced`, with its wishes as JSON in a pipe; it needs nothing but Python's own
library. It stays as the worker's parent: there is no process namespace that would end what the worker leaves behind,
so every orphan comes to this process (PR_SET_CHILD_SUBREAPER), which ends them all when the worker ends, when it is
asked to (SIGTERM), and when the harness dies.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import struct
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NoReturn

LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
LANDLOCK_VERSION = 1
PATH_BENEATH = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE, IOCTL_DEVICE = 1, 2, 4, 8, 1 << 14, 1 << 15
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
"""Rights that exist for a file; all others are a folder's."""

RIGHTS = {
    "list": READ_DIR,
    "read": READ_FILE | READ_DIR,
    "run": READ_FILE | READ_DIR | EXECUTE,
    "device": READ_FILE | WRITE_FILE | IOCTL_DEVICE,
    "own": ~EXECUTE & ~IOCTL_DEVICE,
}
"""What a rule may allow; "own" is everything but running programs and talking to devices."""

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
SECCOMP_FILTER = 2
CAPABILITY_VERSION = 0x20080522
LAST_CAPABILITY = 63

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Read the wishes, start the worker behind walls, wait for it, sweep, remove its folder, end as it ended."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with os.fdopen(int(sys.argv[1]), "rb") as pipe:
        wishes = json.load(pipe)

    def end(code: int) -> NoReturn:
        sweep()
        shutil.rmtree(wishes["folder"], ignore_errors=True)
        os._exit(code)

    signal.signal(signal.SIGTERM, lambda number, frame: end(128 + number))
    worker = os.fork()
    if worker == 0:
        _become_worker(wishes, [*wishes["command"], *sys.argv[2:]])
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # the worker's pipes are to end when it does
        os.dup2(null, descriptor)
    status = 0
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, 0))[0] != worker:
            pass
        status = ended[1]
    code = os.waitstatus_to_exitcode(status)
    end(code if code >= 0 else 128 - code)


def sweep() -> None:
    """End every descendant, until there is none: one that forks meanwhile is met in the next round."""
    while True:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return


def descendants(pid: int) -> Iterator[int]:
    """Every process that ``pid`` started, directly or not."""
    children: dict[int, list[int]] = defaultdict(list)
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                children[int(file.read().rpartition(b")")[2].split()[1])].append(int(name))
    waiting = list(children[pid])
    while waiting:
        found = waiting.pop()
        yield found
        waiting += children[found]


def _become_worker(wishes: dict[str, Any], command: list[str]) -> NoReturn:
    """Take every wall and become the worker; what fails here ends the process before it ran anything else."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.chdir(wishes["folder"])
        for name, value in wishes["limits"].items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (value, value))
        _require(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
        _restrict_files(wishes["rules"])
        _drop_capabilities()
        _restrict_calls(base64.b64decode(wishes["filter"]))
        os.execve(command[0], command, wishes["environment"])
    except BaseException as error:
        print(f"reduced walls: {error}", file=sys.stderr, flush=True)
    os._exit(1)


def landlock_version() -> int:
    """The version of Landlock that the kernel knows; 0 where there is none."""
    return max(0, int(libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION)))


def _restrict_files(rules: list[tuple[str, str]]) -> None:
    """Allow the files that the rules name and no others; and, as far as the kernel knows how, no TCP and no signals."""
    version = landlock_version()
    if version == 0:
        raise OSError("the kernel has no Landlock")
    handled = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    wanted = struct.pack("<QQQ", handled, 0b11, 0b11)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _require(libc.syscall(LANDLOCK_CREATE_RULESET, wanted, len(wanted), 0), "Landlock")
    for path, right in rules:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        allowed = RIGHTS[right] & handled & (-1 if os.path.isdir(path) else FILE_RIGHTS)
        rule = struct.pack("<Qi", allowed, descriptor)
        _require(libc.syscall(LANDLOCK_ADD_RULE, ruleset, PATH_BENEATH, rule, 0), f"Landlock for {path}")
        os.close(descriptor)
    _require(libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0), "Landlock")
    os.close(ruleset)


def _drop_capabilities() -> None:
    """Give up every capability for good: root keeps its files and nothing else."""
    for number in range(LAST_CAPABILITY + 1):
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    header, none = struct.pack("<Ii", CAPABILITY_VERSION, 0), bytes(24)
    _require(libc.capset(header, none), "capset")


def _restrict_calls(program: bytes) -> None:
    """Install the seccomp filter: ``struct sock_fprog``."""
    code = ctypes.create_string_buffer(program)
    wanted = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    _require(libc.prctl(PR_SET_SECCOMP, SECCOMP_FILTER, wanted, 0, 0), "seccomp")


def _require(result: int, what: str) -> int:
    if result < 0:
        raise OSError(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


if __name__ == "__main__":
    main()
