"""Ends with status 0 and no answer."""

from __future__ import annotations

import os

from attack import generator_that


def attack() -> None:
    os._exit(0)


make_generator = generator_that(attack)
