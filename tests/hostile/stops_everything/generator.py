"""Stops itself and whatever it may signal."""

from __future__ import annotations

import os
import signal

from attack import TARGETS, attempt, generator_that


def attack() -> None:
    attempt("signal the harness", lambda: os.kill(TARGETS["harness"], 0))
    os.kill(os.getpid(), signal.SIGSTOP)


make_generator = generator_that(attack)
