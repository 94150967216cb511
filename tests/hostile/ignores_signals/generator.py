"""Ignores every signal that can be ignored, and never answers."""

from __future__ import annotations

import signal
import time

from attack import generator_that


def attack() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(3600)


make_generator = generator_that(attack)
