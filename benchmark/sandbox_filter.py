"""The seccomp filter: calls of the kernel that no generator needs and that are ways out of walls.

A classic BPF program as the kernel takes it (Documentation/userspace-api/seccomp_filter.rst). It answers "not
permitted" instead of killing, so that a library which only tries goes on. Used by both kinds of walls; behind Landlock
sockets are closed too, which bubblewrap's own network namespace makes needless.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass

ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
UNKNOWN = 0x00050000 | errno.ENOSYS

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
"""Offsets in `struct seccomp_data`; the first argument's lower half, as on every little-endian machine."""

NEW_NAMESPACES = 0x7E020000
"""Every CLONE_NEW* flag that clone() knows."""

X32_CALLS = 0x40000000


@dataclass(frozen=True)
class Machine:
    """Numbers of one processor architecture: the kernel's name for it, and its calls."""

    audit_number: int
    calls: dict[str, int]


COMMON = {
    "pidfd_getfd": 438,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "clone3": 435,
    "mount_setattr": 442,
}
"""Calls since Linux 5.1 have one number everywhere."""

X86_64 = {
    "socket": 41,
    "clone": 56,
    "ptrace": 101,
    "pivot_root": 155,
    "acct": 163,
    "settimeofday": 164,
    "mount": 165,
    "umount2": 166,
    "swapon": 167,
    "swapoff": 168,
    "reboot": 169,
    "init_module": 175,
    "delete_module": 176,
    "clock_settime": 227,
    "kexec_load": 246,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "unshare": 272,
    "perf_event_open": 298,
    "name_to_handle_at": 303,
    "open_by_handle_at": 304,
    "setns": 308,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "kcmp": 312,
    "finit_module": 313,
    "kexec_file_load": 320,
    "bpf": 321,
    "userfaultfd": 323,
}
AARCH64 = {
    "umount2": 39,
    "mount": 40,
    "pivot_root": 41,
    "acct": 89,
    "unshare": 97,
    "kexec_load": 104,
    "init_module": 105,
    "delete_module": 106,
    "clock_settime": 112,
    "ptrace": 117,
    "reboot": 142,
    "settimeofday": 170,
    "socket": 198,
    "add_key": 217,
    "request_key": 218,
    "keyctl": 219,
    "clone": 220,
    "swapon": 224,
    "swapoff": 225,
    "perf_event_open": 241,
    "name_to_handle_at": 264,
    "open_by_handle_at": 265,
    "setns": 268,
    "process_vm_readv": 270,
    "process_vm_writev": 271,
    "kcmp": 272,
    "finit_module": 273,
    "bpf": 280,
    "userfaultfd": 282,
    "kexec_file_load": 294,
}
MACHINES = {
    "x86_64": Machine(0xC000003E, X86_64 | COMMON),
    "aarch64": Machine(0xC00000B7, AARCH64 | COMMON),
}
JUDGED = ("clone", "clone3")
"""Calls that are not refused as such."""


def filter_program(*, sockets: bool) -> bytes | None:
    """The filter for this machine's processor; None for one whose numbers are not in the table.

    Args:
        sockets: whether sockets may be made. Without them pairs of sockets still work, which is what Python's own
            modules need; the services that listen on this machine, some of them root's, cannot be reached.
    """
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return None
    calls = machine.calls
    body = [
        *_if(EQUAL, machine.audit_number, otherwise=REFUSE),
        _step(LOAD, NUMBER),
        *_if(AT_LEAST, X32_CALLS, then=UNKNOWN),
        *_if(EQUAL, calls["clone3"], then=UNKNOWN),  # the C library then asks clone(), whose flags can be judged
    ]
    for name, number in calls.items():
        if name not in JUDGED and not (sockets and name == "socket"):
            body += _if(EQUAL, number, then=REFUSE)
    clone = [_step(LOAD, FIRST_ARGUMENT), *_if(ANY_BIT, NEW_NAMESPACES, then=REFUSE)]
    body += [_step(EQUAL, calls["clone"], 0, len(clone)), *clone]
    return b"".join([_step(LOAD, ARCHITECTURE), *body, _step(RETURN, ALLOW)])


def _step(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    """One instruction: ``struct sock_filter``."""
    return struct.pack("<HBBI", code, true, false, value)


def _if(test: int, value: int, *, then: int | None = None, otherwise: int | None = None) -> list[bytes]:
    """Answer ``then`` where the test holds, or ``otherwise`` where it does not; go on in the other case."""
    if then is not None:
        return [_step(test, value, 0, 1), _step(RETURN, then)]
    return [_step(test, value, 1, 0), _step(RETURN, otherwise or REFUSE)]
