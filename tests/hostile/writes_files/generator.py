"""Opens for writing what is not its own: its photograph's dataset, its code, the interpreter, the kernel's settings."""

from __future__ import annotations

import os
from pathlib import Path

from attack import TARGETS, attempt, generator_that


def attack() -> None:
    for name in ("photograph", "truth", "python", "worker"):
        attempt(f"write the {name}", lambda name=name: os.open(TARGETS[name], os.O_WRONLY))
    attempt("write its own code", lambda: os.open(__file__, os.O_WRONLY))
    attempt("write beside its code", lambda: Path(__file__).with_name("new").touch())
    attempt("write to /usr", lambda: Path("/usr/bin/new").touch())
    attempt("write to /", lambda: Path("/new").touch())
    for path in (
        "/proc/sys/kernel/core_pattern",
        "/proc/sysrq-trigger",
        "/dev/kmsg",
        "/dev/mem",
        "/dev/sda",
        "/dev/vda",
    ):
        attempt(f"open {path}", lambda path=path: os.open(path, os.O_WRONLY))


make_generator = generator_that(attack)
