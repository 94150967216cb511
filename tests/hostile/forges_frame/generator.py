"""Writes an answer of its own into the pipe of answers, and more after it."""

from __future__ import annotations

from attack import generator_that, write_answer


def attack() -> None:
    header, volume = b'{"status": "ok"}', bytes(6 * 320 * 448)
    for part in (len(header).to_bytes(8, "little"), header, len(volume).to_bytes(8, "little"), volume, b"more"):
        write_answer(part)


make_generator = generator_that(attack)
