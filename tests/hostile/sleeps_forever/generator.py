"""Never answers."""

from __future__ import annotations

import time

from attack import generator_that


def attack() -> None:
    time.sleep(3600)


make_generator = generator_that(attack)
