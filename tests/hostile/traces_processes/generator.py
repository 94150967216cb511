"""Attaches a debugger to the first process, to its parent and to the harness."""

from __future__ import annotations

import os

from attack import TARGETS, attempt, generator_that, system_call

PTRACE, PTRACE_ATTACH = {"x86_64": 101, "aarch64": 117}[os.uname().machine], 16


def attack() -> None:
    for name, pid in (("the first process", 1), ("its parent", os.getppid()), ("the harness", TARGETS["harness"])):
        attempt(f"trace {name}", lambda pid=pid: system_call(PTRACE, PTRACE_ATTACH, pid, 0, 0))


make_generator = generator_that(attack)
