"""Leaves a process behind that has a session of its own."""

from __future__ import annotations

import os
import time

from attack import carry_token, generator_that


def attack() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            carry_token()
            time.sleep(60)
        os._exit(0)
    os.wait()


make_generator = generator_that(attack)
