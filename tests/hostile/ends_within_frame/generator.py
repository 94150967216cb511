"""Writes half an answer and ends as if all were well."""

from __future__ import annotations

import os

from attack import generator_that, write_answer


def attack() -> None:
    write_answer((16).to_bytes(8, "little") + b'{"stat')
    os._exit(0)


make_generator = generator_that(attack)
