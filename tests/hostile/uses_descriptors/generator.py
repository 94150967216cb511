"""Looks for open files that the harness left it, and for the next photograph in the pipe."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat

from attack import attempt, generator_that, require


def attack() -> None:
    attempt("a file of the harness", lambda: require(outside("self")))
    attempt("read ahead", read_ahead)
    attempt("a file of the first process", lambda: require(outside(1)))


def outside(process: int | str) -> list[str]:
    """Open files of a process that lie outside."""
    links = []
    for number in os.listdir(f"/proc/{process}/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/{process}/fd/{number}"))
    return [link for link in links if link.startswith("/") and not link.startswith(("/dev/null", "/proc/"))]


def read_ahead() -> bytes:
    """What is in the pipe of questions beyond this one."""
    for number in range(3, 32):
        with contextlib.suppress(OSError):
            if (
                stat.S_ISFIFO(os.fstat(number).st_mode)
                and fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
            ):
                os.set_blocking(number, False)
                try:
                    return require(os.read(number, 9))
                finally:
                    os.set_blocking(number, True)
    raise LookupError("no pipe")


make_generator = generator_that(attack)
