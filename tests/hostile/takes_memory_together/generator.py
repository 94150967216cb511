"""Takes memory in several processes, each within its limit."""

from __future__ import annotations

import os
import time

import numpy as np

from attack import TARGETS, carry_token, generator_that

PROCESSES = 4


def attack() -> None:
    for _ in range(PROCESSES):
        if os.fork() == 0:
            carry_token()
            held = np.ones(TARGETS["memory_bytes"] // 3, np.uint8)
            time.sleep(30)
            os._exit(int(held[0]))
    time.sleep(30)


make_generator = generator_that(attack)
