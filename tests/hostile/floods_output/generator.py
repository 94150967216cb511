"""Prints 300 MB."""

from __future__ import annotations

import os

from attack import generator_that


def attack() -> None:
    line = b"x" * 2**20
    for _ in range(300):
        os.write(1, line)


make_generator = generator_that(attack)
