"""Makes namespaces, mounts and devices of its own, in which it would be root."""

from __future__ import annotations

import os
import signal
import stat

from attack import attempt, generator_that, system_call

NEW_USER, NEW_NAMESPACE = 0x10000000, 0x00020000
UNSHARE, CLONE, MOUNT = {"x86_64": (272, 56, 165), "aarch64": (97, 220, 40)}[os.uname().machine]


def attack() -> None:
    attempt("unshare", lambda: system_call(UNSHARE, NEW_USER))
    attempt("clone", lambda: end_child(system_call(CLONE, NEW_USER | NEW_NAMESPACE | signal.SIGCHLD, 0, 0, 0, 0)))
    attempt("mount", lambda: system_call(MOUNT, b"none", os.environb[b"TMPDIR"], b"tmpfs", 0, 0) + 1)
    attempt(
        "device", lambda: os.mknod(os.path.join(os.environ["TMPDIR"], "disk"), stat.S_IFBLK | 0o600, os.makedev(8, 0))
    )
    attempt("chroot", lambda: os.chroot(os.environ["TMPDIR"]))


def end_child(pid: int) -> int:
    if pid == 0:
        os._exit(0)
    return pid


make_generator = generator_that(attack)
