"""Forks until it may not, at most 150 times; the children sleep."""

from __future__ import annotations

import os
import time

from attack import attempt, carry_token, generator_that

MOST = 150


def attack() -> None:
    attempt("fork 150 times", storm)
    time.sleep(1.5)


def storm() -> int:
    for _ in range(MOST):
        if os.fork() == 0:
            carry_token()
            time.sleep(30)
            os._exit(0)
    return MOST


make_generator = generator_that(attack)
