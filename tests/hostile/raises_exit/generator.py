"""Raises SystemExit, which no `except Exception` catches."""

from __future__ import annotations

import sys

from attack import generator_that


def attack() -> None:
    sys.exit(0)


make_generator = generator_that(attack)
