"""Reads address zero."""

from __future__ import annotations

import ctypes

from attack import generator_that


def attack() -> None:
    ctypes.string_at(0)


make_generator = generator_that(attack)
