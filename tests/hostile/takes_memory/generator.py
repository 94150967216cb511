"""Asks for twice the memory it may have."""

from __future__ import annotations

from typing import Any

import numpy as np

from attack import TARGETS, generator_that


def attack() -> Any:
    return np.ones(2 * TARGETS["memory_bytes"], np.uint8)


make_generator = generator_that(attack)
