"""Announces 2^63 bytes."""

from __future__ import annotations

import time

from attack import generator_that, write_answer


def attack() -> None:
    write_answer((2**63).to_bytes(8, "little"))
    time.sleep(30)


make_generator = generator_that(attack)
