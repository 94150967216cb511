"""Looks for the harness's variables and arguments, in its own process and in all others."""

from __future__ import annotations

import os
from pathlib import Path

from attack import TARGETS, attempt, generator_that, require


def attack() -> None:
    secret = TARGETS["secret"].encode()
    attempt("own variables", lambda: require([name for name, value in os.environb.items() if secret in name + value]))
    for name in ("environ", "cmdline"):
        attempt(
            f"/proc/*/{name}", lambda name=name: require([path for path in processes(name) if secret in read(path)])
        )
    attempt("the harness's variables", lambda: Path(f"/proc/{TARGETS['harness']}/environ").read_bytes()[:9])
    attempt("the harness's memory", lambda: os.open(f"/proc/{TARGETS['harness']}/mem", os.O_RDONLY))


def processes(name: str) -> list[Path]:
    return [Path("/proc", pid, name) for pid in os.listdir("/proc") if pid.isdigit()]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


make_generator = generator_that(attack)
