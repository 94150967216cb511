"""Takes on other users and capabilities, and asks the kernel for things of an administrator."""

from __future__ import annotations

import os
import resource
import socket

from attack import attempt, generator_that, system_call

REBOOT, BPF, IO_URING = *{"x86_64": (169, 321), "aarch64": (142, 280)}[os.uname().machine], 425


def attack() -> None:
    attempt("become another user", lambda: os.setresuid(1, 1, 1))
    attempt("change the host's name", lambda: socket.sethostname("mine"))
    attempt("raise a limit", raise_limit)
    attempt("load a kernel program", lambda: system_call(BPF, 0, 0, 0))
    attempt("io_uring", lambda: system_call(IO_URING, 1, bytes(120)))
    attempt("be first in the queue", lambda: os.nice(-10))


def raise_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most + 1))


make_generator = generator_that(attack)
