"""Leaves threads, and functions to be called at the end, that never end."""

from __future__ import annotations

import atexit
import threading
import time

from attack import generator_that


def attack() -> None:
    atexit.register(time.sleep, 3600)
    for _ in range(4):
        threading.Thread(target=time.sleep, args=(3600,)).start()


make_generator = generator_that(attack)
